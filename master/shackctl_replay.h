/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_replay - sends a quarantined datagram
 * PURPOSE   To see a crash happen in a daemon under a debugger, from nothing but the file.
 * OWNER     shackctl
 * CONTRACT  talks to the address it is given and to no daemon's control socket
 * LIMITS    what needed other datagrams before it (an open call, say) needs them again
 */
#ifndef SHACKD_MASTER_SHACKCTL_REPLAY_H
#define SHACKD_MASTER_SHACKCTL_REPLAY_H

/* WORDS: the file and ADDRESS:PORT. Returns shackctl's exit code, having said why. */
int replay(const char *const words[], int count);

#endif
