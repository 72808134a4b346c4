/* SPDX-License-Identifier: ISC
 *
 * NAME      spawn - one worker process
 * PURPOSE   Every worker is a fresh execution of the file that the master itself runs: its own
 *           address layout, no heap of ours, never newer than its master.
 * OWNER     master; between fork and exec the child
 * CONTRACT  see master/spawn.h
 * LIMITS    none known
 */
#include "master/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "master/reload/reload.h"
#include "shm/fault.h"
#include "shm/role.h"
#include "shm/text.h"

extern char **environ;

struct list {
	struct spawn_item *item;
	unsigned count;
};

static struct spawn_item *give(struct list *list, enum msg_fd_role role, unsigned index, int fd)
{
	struct spawn_item *item = &list->item[list->count++];

	memset(item, 0, sizeof(*item));
	item->head.role = (uint16_t)role;
	item->head.index = (uint16_t)index;
	item->fd = fd;
	return item;
}

/* Doorbells of everybody who follows the voice store, but for the slot's own. */
static void give_bells(struct list *list, const struct slot *slot, const struct reload_view *view)
{
	const struct master *master = slot->master;
	unsigned index = 0;

	for (unsigned i = 0; i < view->slots; i++) {
		const struct slot *other = &master->slot[i];

		if (other == slot || !kind_table[other->kind].follows)
			continue;
		struct spawn_item *item = give(list, FD_PEER_BELL, index++, other->bell);
		text_copy(item->head.slot, sizeof(item->head.slot), other->name);
	}
}

/* And those of everybody who follows the spots store. */
static void give_spot_bells(struct list *list, const struct slot *slot)
{
	const struct master *master = slot->master;
	unsigned index = 0;

	for (unsigned i = 0; i < master->slots; i++) {
		const struct slot *other = &master->slot[i];

		if (other == slot || !kind_table[other->kind].spots || other->retired)
			continue;
		struct spawn_item *item = give(list, FD_SPOT_BELL, index++, other->bell);
		text_copy(item->head.slot, sizeof(item->head.slot), other->name);
	}
}

/* Of a feed that went, too: what it left there is still to be taken out. */
static void give_spotrings(struct list *list, const struct slot *slot)
{
	const struct master *master = slot->master;

	for (unsigned i = 0; i < master->feed_places; i++) {
		const struct slot *feed = &master->feed_place[i];

		if (feed->spotring_fd < 0 || (feed != slot && slot->kind != SLOT_SPOT))
			continue;
		struct spawn_item *item = give(list, FD_SPOTRING, i, feed->spotring_fd);
		text_copy(item->head.slot, sizeof(item->head.slot), feed->name);
	}
}

/* What belongs to the DX cluster. */
static void give_spots(struct list *list, const struct slot *slot)
{
	const struct master *master = slot->master;

	if (!kind_table[slot->kind].spots || master->gate_fd[2] < 0)
		return;
	give_spot_bells(list, slot);
	give_spotrings(list, slot);
	for (unsigned i = 0; slot->kind == SLOT_KEEPER && i < master->slots; i++) {
		const struct slot *other = &master->slot[i];

		if (!kind_vaulted(other->kind) || other->table_readonly < 0)
			continue;
		struct spawn_item *item = give(list, FD_TABLE_OF_SLOT, i, other->table_readonly);
		text_copy(item->head.slot, sizeof(item->head.slot), other->name);
	}
}

/* Of retired slots too: what they counted of a call that goes on still counts. */
static void give_pages(struct list *list, const struct slot *slot, const struct reload_view *view)
{
	const struct master *master = slot->master;

	for (unsigned i = 0; i < view->slots; i++)
		if (master->slot[i].kind == SLOT_YSF)
			give(list, FD_PEER_PAGE, master->slot[i].index,
			     master->slot[i].page_readonly);
	for (unsigned i = 0; slot->kind == SLOT_KEEPER && i < view->slots; i++) {
		if (master->slot[i].page_readonly < 0)
			continue; /* an empty place */
		struct spawn_item *item =
			give(list, FD_PAGE_OF_SLOT, i, master->slot[i].page_readonly);
		text_copy(item->head.slot, sizeof(item->head.slot), master->slot[i].name);
	}
}

/* Before all that a reload may add to while it is sent. dxc and spot read what keeper writes into the
 * durable store, and need no more than the gate for it. */
static void give_gates(struct list *list, const struct slot *slot)
{
	const int *gate = slot->master->gate_fd;

	if (kind_table[slot->kind].store)
		give(list, FD_GATE_VOICE, 0, gate[0]);
	if (slot->kind == SLOT_KEEPER || slot->kind == SLOT_DXC || slot->kind == SLOT_SPOT)
		give(list, FD_GATE_STATE, 0, gate[1]);
	if (kind_table[slot->kind].spots && gate[2] >= 0)
		give(list, FD_GATE_SPOTS, 0, gate[2]);
}

/* What belongs to the reflector. */
static void give_voice(struct list *list, const struct slot *slot, const struct reload_view *view)
{
	if (slot->ring_fd >= 0)
		give(list, FD_RING, 0, slot->ring_fd);
	give_bells(list, slot, view);
	give_pages(list, slot, view);
}

unsigned spawn_items(const struct slot *slot, struct spawn_item items_r[SPAWN_ITEMS])
{
	const struct master *master = slot->master;
	struct list list = {items_r, 0};
	struct reload_view view;

	reload_view(slot, &view);
	give(&list, FD_CONF, 0, view.conf_fd);
	give(&list, FD_PAGE, 0, slot->page_fd);
	give(&list, FD_LOG, 0, master->log_write);
	if (slot->kind == SLOT_LOG) {
		give(&list, FD_LOG_READ, 0, master->log_read);
		give(&list, FD_LOG_ERR, 0, master->log_err);
		return list.count;
	}
	if (slot->table_fd >= 0)
		give(&list, FD_TABLE, 0, slot->table_fd);
	if (!kind_shares(slot->kind))
		return list.count;
	give(&list, FD_BELL, 0, slot->bell);
	give_gates(&list, slot);
	if (kind_table[slot->kind].store)
		give_voice(&list, slot, &view);
	give_spots(&list, slot);
	for (unsigned i = 0; slot->kind == SLOT_YSF && i < view.listeners; i++)
		if (view.used[i] && slot->udp[i] >= 0)
			give(&list, FD_UDP, i, slot->udp[i])->head.addr = master->listener[i];
	for (unsigned i = 0; slot->kind == SLOT_LINK && i < master->feeds; i++)
		give(&list, FD_UDP, i, slot->udp[i])->head.addr = master->feed[i];
	/* the last ones, for their number may change while they are sent (master/lists.h) */
	for (unsigned i = 0; i < LIST_KINDS; i++)
		if (master->list_fd[i] >= 0)
			give(&list, FD_LIST, i, master->list_fd[i]);
	return list.count;
}

static unsigned slot_count(const struct master *master, enum slot_kind kind,
			   const struct reload_view *view)
{
	unsigned count = 0;

	if (kind == SLOT_YSF)
		return view->ysf_count;
	for (unsigned i = 0; i < master->slots; i++)
		count += master->slot[i].kind == kind;
	return count;
}

void spawn_start(const struct slot *slot, struct msg_start *start_r)
{
	const struct master *master = slot->master;
	struct reload_view view;

	reload_view(slot, &view);
	memset(start_r, 0, sizeof(*start_r));
	text_copy(start_r->slot, sizeof(start_r->slot), slot->name);
	start_r->generation = slot->generation;
	start_r->index = (uint16_t)slot->index;
	start_r->count = (uint16_t)slot_count(master, slot->kind, &view);
	start_r->listeners = (uint16_t)(slot->kind == SLOT_YSF	  ? view.listeners
					: slot->kind == SLOT_LINK ? master->feeds
								  : 0);
	start_r->uid = master->worker_uid;
	start_r->gid = master->worker_gid;
	start_r->master_pid = (int32_t)getpid();
	text_copy(start_r->member, sizeof(start_r->member), slot->member);
}

/* Runs in the child; async-signal-safe calls only. */
static void become(const struct master *master, enum kind_program program, const char *role,
		   int control, pid_t parent)
{
	const char *name = program == KIND_NET ? "shackd-net" : "shackd";
	const char *run_dir = config_text(master->config, CONF_SERVER_RUN_DIR);
	char *argv[] = {(char *)(uintptr_t)name, (char[]){ROLE_FLAG}, (char *)(uintptr_t)role,
			(char *)(uintptr_t)run_dir, NULL};
	sigset_t none;

	/* until it executes something it holds every lock and socket of its master */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(EXIT_START);
	/* a session of its own: Ctrl-C at a terminal is for the master alone */
	setsid();
	fault_point(FAULT_SPAWN_CHILD);
	if (dup2(master->null, 0) < 0 || dup2(master->null, 1) < 0)
		_exit(EXIT_START);
	if (control == ROLE_CONTROL_FD)
		fcntl(control, F_SETFD, 0);
	else if (dup2(control, ROLE_CONTROL_FD) < 0)
		_exit(EXIT_START);
	close_range(ROLE_CONTROL_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execveat(master->executable[program], "", argv, environ, AT_EMPTY_PATH);
	_exit(EXIT_START);
}

pid_t spawn_process(const struct master *master, enum kind_program program, const char *role,
		    int control)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0)
		become(master, program, role, control, parent);
	return pid;
}

pid_t spawn_fork(const struct slot *slot, int control)
{
	return spawn_process(slot->master, kind_table[slot->kind].program, slot->name, control);
}
