/* SPDX-License-Identifier: ISC
 *
 * NAME      lists - the compiled lists that data makes and others look things up in
 * PURPOSE   See master/lists.h.
 * OWNER     master
 * CONTRACT  see master/lists.h
 * LIMITS    see master/lists.h
 */
#include "master/lists.h"

#include <string.h>
#include <unistd.h>

#include "master/slot.h"
#include "master/upgrade/heir.h"
#include "master/upgrade/net.h"
#include "shm/fault.h"
#include "shm/log.h"

static void let_go(struct master *master, unsigned kind)
{
	/* the image before us needs its own if it has to come back */
	bool lent = master->list_lent[kind] && net_armed();

	if (master->list_fd[kind] >= 0 && !lent)
		close(master->list_fd[kind]);
	master->list_fd[kind] = -1;
	master->list_lent[kind] = false;
}

/* Slots that a reload is just making lie beyond the table's end. */
static void tell_all(struct master *master, unsigned kind)
{
	for (unsigned i = 0; i < MASTER_SLOTS_MAX; i++) {
		struct slot *slot = &master->slot[i];

		if (slot->master == NULL || !kind_shares(slot->kind))
			continue;
		if (slot_alive(slot)) {
			slot->lists |= 1U << kind;
			slot_flush(slot);
			fault_point(FAULT_LIST_HALF_TOLD);
		}
		if (heir_there(slot)) {
			slot->heir.lists |= 1U << kind;
			heir_flush(slot);
		}
	}
}

void lists_take(struct slot *slot, struct msg *msg)
{
	struct master *master = slot->master;
	struct msg_list what;

	memcpy(&what, msg->body, sizeof(what));
	if (slot->kind != SLOT_DATA || what.index >= LIST_KINDS || !list_sealed(msg->fd)) {
		master->lists_refused++;
		log_limited(LOG_LEVEL_WARNING, "%s sent a list of kind %u that is none: refused",
			    slot->name, what.index);
		return;
	}
	let_go(master, what.index);
	master->list_fd[what.index] = msg->fd;
	msg->fd = -1;
	fault_point(FAULT_LIST_TAKEN);
	log_debug("a new list of kind %s", list_name((enum list_kind)what.index));
	tell_all(master, what.index);
}

bool lists_send(const struct master *master, int control, uint64_t generation, unsigned *news)
{
	for (unsigned kind = 0; kind < LIST_KINDS; kind++) {
		const struct msg_fd head = {.role = FD_LIST, .index = (uint16_t)kind};

		if ((*news >> kind & 1) == 0)
			continue;
		if (msg_send(control, MSG_FD, generation, &head, sizeof(head),
			     master->list_fd[kind]) != 0)
			return false;
		*news &= ~(1U << kind);
	}
	return true;
}

void lists_close(struct master *master)
{
	for (unsigned kind = 0; kind < LIST_KINDS; kind++)
		let_go(master, kind);
}
