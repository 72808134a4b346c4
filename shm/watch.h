/* SPDX-License-Identifier: ISC
 *
 * NAME      watch - a watcher that the kernel had no room for
 * PURPOSE   When epoll_ctl() fails (no memory, too many watches) libev stops the watcher and says so to
 *           its callback, once. A process would be deaf on that descriptor for ever: a worker that hears
 *           no STOP, a listener that accepts nobody. So it is started again.
 * OWNER     every callback of an ev_io
 * CONTRACT  if (watch_lost(loop, io, events)) return;   first thing in the callback
 * LIMITS    while the kernel has no room the loop turns every few milliseconds
 */
#ifndef SHACKD_SHM_WATCH_H
#define SHACKD_SHM_WATCH_H

#include <errno.h>
#include <ev.h>
#include <stdbool.h>
#include <string.h>

#include "shm/log.h"
#include "shm/reserve.h"

/* True: nothing happened on the descriptor, the watcher was lost and is started again. */
static inline bool watch_lost(struct ev_loop *loop, ev_io *io, int events)
{
	if (!(events & EV_ERROR))
		return false;
	log_limited(LOG_LEVEL_ERROR, "descriptor %d can't be watched, later again: %s", io->fd,
		    strerror(errno));
	reserve_pause();
	/* set anew: else the library believes that the kernel knows it already */
	ev_io_set(io, io->fd, io->events & (EV_READ | EV_WRITE));
	ev_io_start(loop, io);
	return true;
}

#endif
