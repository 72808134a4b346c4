/* SPDX-License-Identifier: ISC
 *
 * NAME      aides - processes for one task each
 * PURPOSE   Starts them for workers that must not start a process themselves, and sees that they end.
 * OWNER     master
 * CONTRACT  A task comes with one end of a socket, which goes to the process unread. Who is refused,
 *           and whose aide dies, sees the other end close.
 * LIMITS    AIDES_RUNNING at a time, AIDES_WAITING wait, AIDES_SECONDS each for a password,
 *           AIDES_SECONDS_LONG for what copies files
 */
#ifndef SHACKD_MASTER_AIDES_H
#define SHACKD_MASTER_AIDES_H

#include "master/master.h"

#define AIDES_RUNNING 2
#define AIDES_WAITING 64
#define AIDES_SECONDS 10.0
#define AIDES_SECONDS_LONG 600.0

/* MSG_AIDE of SLOT's holder: takes its descriptor. */
void aides_take(struct slot *slot, struct msg *msg);

/* Ends all of them and forgets who waits: before an exec, and at the end. */
void aides_end(struct master *master);

#endif
