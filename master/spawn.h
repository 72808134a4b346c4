/* SPDX-License-Identifier: ISC
 *
 * NAME      spawn - one worker process
 * PURPOSE   fork and execveat of the master's own executable, and the list of what a worker is
 *           given.
 * OWNER     master
 * CONTRACT  the child has 0, 1 (/dev/null), 2 and ROLE_CONTROL_FD, everything else comes by message
 * LIMITS    SPAWN_ITEMS descriptors
 */
#ifndef SHACKD_MASTER_SPAWN_H
#define SHACKD_MASTER_SPAWN_H

#include "master/master.h"

#define SPAWN_ITEMS                                                                                \
	(16 + LIST_KINDS + CONF_LISTEN_MAX + 2 * MASTER_YSF_MAX + 3 * MASTER_SLOTS_MAX +           \
	 MASTER_FEEDS_MAX)

struct spawn_item {
	struct msg_fd head;
	int fd;
};

/* Everything that SLOT's holder is given, in order. Returns how many. */
unsigned spawn_items(const struct slot *slot, struct spawn_item items_r[SPAWN_ITEMS]);

/* The message that ends the start sequence. */
void spawn_start(const struct slot *slot, struct msg_start *start_r);

/* Forks a process of ROLE. CONTROL is its end of a socket pair. Its pid, or -1 with errno. */
pid_t spawn_process(const struct master *master, enum kind_program program, const char *role,
		    int control);

/* The same for a slot. CONTROL is the child's end. Returns its pid, or -1 with errno. */
pid_t spawn_fork(const struct slot *slot, int control);

#endif
