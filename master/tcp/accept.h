/* SPDX-License-Identifier: ISC
 *
 * NAME      accept - TCP connections come in
 * PURPOSE   Listens for every vaulted kind, accepts within a budget, refuses above the caps, and
 *           gives each connection to the slot that has the fewest.
 * OWNER     master
 * CONTRACT  reads nothing of a client. Who is refused is told so in one line. When descriptors run
 *           out it pauses instead of spinning; nobody is turned away for that, the backlog waits.
 * LIMITS    CONF_LISTEN_MAX listeners a kind; ACCEPT_BUDGET connections a turn and listener
 */
#ifndef SHACKD_MASTER_TCP_ACCEPT_H
#define SHACKD_MASTER_TCP_ACCEPT_H

#include "master/master.h"

struct acceptor {
	struct master *master;
	enum slot_kind kind;
	int fd;
	struct addr addr; /* really bound */
	ev_io watch;
	ev_timer pause;
};

/* Binds and listens for every enabled kind that has no listeners yet; nobody is accepted. False after
 * master_why. */
bool accept_open(struct master *master);

/* The daemon serves, or stops to. */
void accept_start(struct master *master);
void accept_stop(struct master *master);

/* Stops and closes. */
void accept_close(struct master *master);

/* The listening sockets, for a record of all descriptors. COUNT_R may be 0. */
const struct acceptor *accept_list(const struct master *master, unsigned *count_r);

/* Takes one over from such a record, in place of accept_open: FD becomes ours. False: one too many,
 * or no memory. */
bool accept_adopt(struct master *master, enum slot_kind kind, int fd, const struct addr *addr);

#endif
