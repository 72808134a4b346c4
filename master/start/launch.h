/* SPDX-License-Identifier: ISC
 *
 * NAME      launch - into the background, with word of how it went
 * PURPOSE   The process that the operator started waits until the daemon serves, so that its exit
 *           status means something.
 * OWNER     launcher and master
 * CONTRACT  exit 0 of the launcher means serving
 * LIMITS    none known
 */
#ifndef SHACKD_MASTER_START_LAUNCH_H
#define SHACKD_MASTER_START_LAUNCH_H

/* Forks. In the daemon returns the pipe to the launcher, with 0, 1, 2 on /dev/null, in a session of
 * its own and in "/". The launcher does not return. -1 when the fork failed (errno). */
int launch_detach(void);

/* The daemon's word to the launcher: STATUS 0 and "" when it serves. Closes the pipe. */
void launch_tell(int *pipe, int status, const char *text);

#endif
