/* SPDX-License-Identifier: ISC
 *
 * NAME      reap - the death of a worker
 * PURPOSE   Look how it died without reaping, have its readers cleared, fill the slot again,
 *           reap.
 * OWNER     master
 * CONTRACT  a pid is not given back to the kernel before keeper has cleared what is registered
 *           under it in the stores, or 200 ms have passed
 * LIMITS    MASTER_ZOMBIES at a time; the oldest is reaped early
 */
#ifndef SHACKD_MASTER_REAP_H
#define SHACKD_MASTER_REAP_H

#include "master/master.h"

/* The pidfd of a slot's holder is readable. */
void reap_on_death(struct ev_loop *loop, ev_io *io, int events);

/* The slot's holder could not even be forked. */
void reap_unborn(struct slot *slot);

/* The body of a dead or dying process: reaped after keeper has looked. PIDFD is ours from here. */
void reap_later(struct master *master, pid_t pid, int pidfd);

/* A child that no slot knows, killed already. */
void reap_orphan(pid_t pid);

/* Keeper has cleared the readers of all that died up to check SERIAL. */
void reap_checked(struct master *master, uint64_t serial);

/* At the end: everything. */
void reap_all(struct master *master);

#endif
