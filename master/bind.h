/* SPDX-License-Identifier: ISC
 *
 * NAME      bind - the sockets of every slot
 * PURPOSE   One UDP socket for each listener and ysf slot, bound before anybody is forked and held
 *           for the life of the daemon.
 * OWNER     master
 * CONTRACT  the group of a port has exactly as many members as there are slots; somebody else on
 *           the port is noticed, not joined
 * LIMITS    CONF_LISTEN_MAX listeners
 */
#ifndef SHACKD_MASTER_BIND_H
#define SHACKD_MASTER_BIND_H

#include "master/master.h"
#include "master/reload/listen.h"

#define BIND_WHY_MAX 512

/* Binds everything; fills the listeners and slot->udp. False after master_why. */
bool bind_all(struct master *master);

/* The sockets of the slot that dashboards listen to, if there is one; for the daemon's whole life.
 * False after master_why. */
bool bind_feeds(struct master *master);

/* What of ysf.listen and ysf.aux_ports in CONFIG is there, comes and goes. False: no index for all
 * of them. */
bool bind_plan(const struct master *master, const struct config *config,
	       struct listen_plan *plan_r);

/* Makes the sockets of all new listeners of PLAN for the first COUNT slots. Nothing is in force
 * yet. False with a sentence ("ysf.listen: ...", or "ysf.aux_ports: ..." and PLAN's aux_failed):
 * then nothing was made. */
bool bind_listeners(struct master *master, struct listen_plan *plan, unsigned count,
		    char why_r[BIND_WHY_MAX]);
/* Closes what bind_listeners has made. */
void bind_undo(struct master *master, struct listen_plan *plan);
/* PLAN is in force. The sockets of listeners that go stay until bind_leave. */
void bind_commit(struct master *master, const struct listen_plan *plan);

/* Makes the sockets of slots FIRST to COUNT - 1 for a LISTENER that is there. As bind_listeners. */
bool bind_join(struct master *master, unsigned listener, unsigned first, unsigned count,
	       char why_r[BIND_WHY_MAX]);
/* Closes our ends of LISTENER's sockets from slot FIRST on, the highest first: so the numbers of
 * the others in the port's group stay. */
void bind_leave(struct master *master, unsigned listener, unsigned first);

/* Binds FD to ADDR, which this machine does not have (yet), and with TELL says so. False with errno:
 * not that either. */
bool bind_absent(int fd, const struct addr *addr, bool tell);

/* Why KEY's address ADDR can't be had: WHAT failed with ERROR. Says who has the port. */
void bind_explain(const char *key, const struct addr *addr, bool tcp, const char *what, int error,
		  char why_r[BIND_WHY_MAX]);

/* start/portuser.c: who holds PORT, as a sentence that begins with "in use by". Returns BUF. */
const char *portuser_text(unsigned port, bool tcp, char *buf, size_t size);

#endif
