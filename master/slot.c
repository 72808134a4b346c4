/* SPDX-License-Identifier: ISC
 *
 * NAME      slot - an identity that outlives its holders
 * PURPOSE   Pages, doorbells, the conversation with the holder, and the events that tell keeper.
 * OWNER     master
 * CONTRACT  see master/slot.h
 * LIMITS    MASTER_EVENTS events wait for keeper; the oldest makes room and is counted
 */
#include "master/slot.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "master/adopt.h"
#include "master/aides.h"
#include "master/autopsy.h"
#include "master/feeds.h"
#include "master/lists.h"
#include "master/reap.h"
#include "master/reload/reload.h"
#include "master/spawn.h"
#include "master/upgrade/net.h"
#include "master/upgrade/upgrade.h"
#include "master/tcp/vault.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/ring.h"
#include "shm/text.h"
#include "shm/watch.h"

#define RETRY_SECONDS 0.02 /* until the kernel is asked again to take a message */

const char *slot_kind_name(enum slot_kind kind)
{
	return kind_table[kind].name;
}

const char *slot_state_name(enum slot_state state)
{
	/* operators ask whether it serves: READY without GO is still "starting" for them */
	static const char *const names[] = {"empty",	"waiting", "starting",
					    "starting", "ready",   "stopping"};

	return names[state];
}

struct slot *slot_single(struct master *master, enum slot_kind kind)
{
	for (unsigned i = 0; i < master->slots; i++)
		if (master->slot[i].kind == kind)
			return &master->slot[i];
	return NULL;
}

bool slot_has_neighbour(const struct slot *slot)
{
	const struct master *master = slot->master;

	for (unsigned i = 0; i < master->slots; i++)
		if (&master->slot[i] != slot && master->slot[i].kind == slot->kind &&
		    master->slot[i].state == SLOT_SERVING)
			return true;
	return false;
}

static int slot_ring(const struct master *master, const char *name)
{
	return ring_create(name, (uint32_t)config_number(master->config, CONF_LIMITS_CLIENTS),
			   (uint32_t)config_number(master->config, CONF_LIMITS_STREAMS));
}

void slot_begin(struct master *master, struct slot *slot, enum slot_kind kind, unsigned index)
{
	slot->master = master;
	slot->kind = kind;
	slot->index = index;
	slot->page_fd = slot->page_readonly = slot->bell = -1;
	slot->pidfd = slot->control = slot->table_fd = slot->table_readonly = -1;
	slot->ring_fd = slot->spotring_fd = -1;
	slot->heir.pidfd = slot->heir.control = -1;
	for (unsigned i = 0; i < CONF_LISTEN_MAX; i++)
		slot->udp[i] = -1;
	snprintf(slot->name, sizeof(slot->name), kind_table[kind].many ? "%s.%u" : "%s",
		 slot_kind_name(kind), index % 1000);
	breaker_init(&slot->breaker,
		     (unsigned)config_number(master->config, CONF_SERVER_RESPAWN_TOKENS),
		     clock_mono());
}

bool slot_furnish(struct slot *slot)
{
	const struct master *master = slot->master;
	int64_t lanes = kind_table[slot->kind].lanes
				? config_number(master->config, CONF_LIMITS_STREAMS)
				: 0;

	if (slot->page_fd < 0)
		slot->page_fd = page_create(slot->name, (uint32_t)lanes);
	if (slot->page_fd >= 0) {
		slot->page_readonly = page_reopen_readonly(slot->page_fd);
		slot->page = page_map(slot->page_fd);
	}
	if (slot->bell < 0)
		slot->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (slot->kind == SLOT_YSF && slot->ring_fd < 0)
		slot->ring_fd = slot_ring(master, slot->name);
	return slot->page_readonly >= 0 && slot->page != NULL && slot->bell >= 0 &&
	       (slot->kind != SLOT_YSF || slot->ring_fd >= 0) && vault_make(slot);
}

static bool slot_make_at(struct master *master, struct slot *slot, enum slot_kind kind,
			 unsigned index)
{
	slot_begin(master, slot, kind, index);
	return slot_furnish(slot);
}

static bool slot_make(struct master *master, enum slot_kind kind, unsigned index)
{
	struct slot *slot = &master->slot[master->slots++];

	if (slot_make_at(master, slot, kind, index))
		return true;
	return master_why(master, EXIT_START, "can't make the memory of slot %s: %s", slot->name,
			  strerror(errno));
}

bool slot_make_more(struct master *master, unsigned index)
{
	struct slot *slot = &master->ysf[index];
	uint64_t generation = slot->generation; /* of an earlier try */
	int error;

	memset(slot, 0, sizeof(*slot));
	slot->generation = generation;
	if (slot_make_at(master, slot, SLOT_YSF, index))
		return true;
	error = errno;
	slot_unmake(slot);
	errno = error;
	return false;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void slot_unmake(struct slot *slot)
{
	page_unmap((const struct page **)&slot->page);
	close_fd(&slot->page_fd);
	close_fd(&slot->page_readonly);
	close_fd(&slot->bell);
	close_fd(&slot->ring_fd);
	close_fd(&slot->spotring_fd);
	slot->master = NULL;
}

bool slot_kind_wanted(const struct config *config, enum slot_kind kind)
{
	const struct kind *row = &kind_table[kind];

	if (row->enabled == KIND_NO_KEY && !row->cluster)
		return true;
	return (row->enabled != KIND_NO_KEY &&
		config_bool(config, (enum conf_key)row->enabled)) ||
	       (row->cluster && config_wants_cluster(config));
}

static unsigned slots_wanted(const struct master *master, enum slot_kind kind)
{
	const struct kind *row = &kind_table[kind];
	int64_t most = kind == SLOT_YSF ? MASTER_YSF_MAX : MASTER_VAULTED_MAX;
	int64_t count;

	if (!slot_kind_wanted(master->config, kind))
		return 0;
	if (row->count == KIND_NO_KEY)
		return 1;
	count = config_number(master->config, (enum conf_key)row->count);
	return (unsigned)(count < most ? count : most);
}

bool slot_make_kind(struct master *master, enum slot_kind kind)
{
	unsigned count = slots_wanted(master, kind);

	if (kind == SLOT_FEED)
		return count == 0 || feeds_make(master);
	if (kind == SLOT_YSF)
		master->ysf_count = count;
	for (unsigned i = 0; i < count; i++)
		if (!slot_make(master, kind, i))
			return false;
	return true;
}

bool slot_make_all(struct master *master)
{
	fault_point(FAULT_BOOT_PIDFILE);
	for (unsigned kind = 0; kind < SLOT_KINDS; kind++) {
		if (kind == SLOT_YSF)
			master->ysf = &master->slot[master->slots];
		if (!slot_make_kind(master, (enum slot_kind)kind))
			return false;
	}
	master->log = &master->slot[SLOT_LOG];
	master->keeper = &master->slot[SLOT_KEEPER];
	return true;
}

void slot_signal(struct slot *slot, int number)
{
	if (slot->pidfd >= 0 && pidfd_send_signal(slot->pidfd, number, NULL, 0) != 0 &&
	    errno != ESRCH)
		log_error("can't send signal %d to %s (pid %d): %s", number, slot->name,
			  (int)slot->pid, strerror(errno));
}

/* ---- what keeper is told ---- */

static void queue_event(struct master *master, const struct master_event *event)
{
	if (master->events == MASTER_EVENTS) {
		master->event_first = (master->event_first + 1) % MASTER_EVENTS;
		master->events--;
		master->events_dropped++;
		log_limited(LOG_LEVEL_WARNING, "an event of a slot was dropped: keeper is away");
	}
	master->event[(master->event_first + master->events++) % MASTER_EVENTS] = *event;
	slot_flush(master->keeper);
}

void slot_event(struct slot *slot, bool up, int signal, int status)
{
	struct master_event event = {.type = MSG_SLOT,
				     .slot = {.generation = slot->generation,
					      .pid = slot->pid,
					      .up = up,
					      .signal = (uint8_t)signal,
					      .status = (uint8_t)status,
					      .hang = up ? 0 : (uint8_t)slot->hang}};

	text_copy(event.slot.slot, sizeof(event.slot.slot), slot->name);
	queue_event(slot->master, &event);
}

void slot_note(struct master *master, enum msg_note_type type, bool failed, const char *format, ...)
{
	struct master_event event = {.type = MSG_NOTE,
				     .note = {.type = (uint16_t)type, .failed = failed}};
	va_list args;

	va_start(args, format);
	vsnprintf(event.note.text, sizeof(event.note.text), format, args);
	va_end(args);
	queue_event(master, &event);
}

/* Sends waiting events. False with errno when the socket took one not. */
static bool flush_events(struct slot *keeper)
{
	struct master *master = keeper->master;

	while (master->events > 0) {
		const struct master_event *event = &master->event[master->event_first];
		bool slot = event->type == MSG_SLOT;

		if (msg_send(keeper->control, event->type, keeper->generation,
			     slot ? (const void *)&event->slot : &event->note,
			     slot ? sizeof(event->slot) : sizeof(event->note), -1) != 0)
			return false;
		master->event_first = (master->event_first + 1) % MASTER_EVENTS;
		master->events--;
	}
	return true;
}

/* ---- what the holder is told ---- */

bool slot_send_start(const struct slot *slot, int control, uint64_t generation, bool standby,
		     unsigned *passed)
{
	struct spawn_item items[SPAWN_ITEMS];
	struct msg_start start;
	unsigned count;

	/* what comes into being later is given by other messages */
	if (*passed == SLOT_STARTED)
		return true;
	count = spawn_items(slot, items);
	for (; *passed < count; ++*passed) {
		struct spawn_item *item = &items[*passed];

		if (*passed == count / 2)
			fault_point(FAULT_SPAWN_HALF_TOLD);
		if (msg_send(control, MSG_FD, generation, &item->head, sizeof(item->head),
			     item->fd) != 0)
			return false;
	}
	if (*passed == count) {
		spawn_start(slot, &start);
		start.generation = generation;
		start.standby = standby;
		if (msg_send(control, MSG_START, generation, &start, sizeof(start), -1) != 0)
			return false;
		*passed = SLOT_STARTED;
	}
	return true;
}

static bool flush_start(struct slot *slot)
{
	return slot_send_start(slot, slot->control, slot->generation, false, &slot->passed);
}

/* Sends an empty message that is wanted. */
static bool flush_flag(struct slot *slot, bool *wanted, enum msg_type type)
{
	if (*wanted && msg_send(slot->control, type, slot->generation, NULL, 0, -1) != 0)
		return false;
	*wanted = false;
	return true;
}

static void slot_watch(struct slot *slot, int events)
{
	struct ev_loop *loop = slot->master->loop;

	if (ev_is_active(&slot->control_watch) && (slot->control_watch.events & 3) == events)
		return;
	ev_io_stop(loop, &slot->control_watch);
	ev_io_set(&slot->control_watch, slot->control, events);
	ev_io_start(loop, &slot->control_watch);
}

void slot_flush(struct slot *slot)
{
	bool serving = slot->state == SLOT_SERVING;
	int error;

	if (slot->control < 0)
		return;
	if (flush_start(slot) &&
	    lists_send(slot->master, slot->control, slot->generation, &slot->lists) &&
	    vault_flush(slot) && flush_flag(slot, &slot->want_go, MSG_GO) &&
	    slot_send_posts(slot) &&
	    (slot->kind != SLOT_KEEPER || !serving ||
	     (flush_events(slot) && autopsy_flush(slot))) &&
	    (!serving || adopt_flush(slot)) && flush_flag(slot, &slot->want_stop, MSG_STOP)) {
		slot_watch(slot, EV_READ);
		return;
	}
	error = errno;
	slot_watch(slot, error == EAGAIN ? EV_READ | EV_WRITE : EV_READ);
	if (error == EAGAIN || error == EPIPE || error == ECONNRESET)
		return;
	/* Too many descriptors in flight, of all workers together, or no memory: the socket looks
	 * writable. Who is not told would wait for ever. */
	if (error != ETOOMANYREFS)
		log_limited(LOG_LEVEL_ERROR, "can't speak with %s, later again: %s", slot->name,
			    strerror(error));
	ev_timer_stop(slot->master->loop, &slot->timer);
	ev_timer_set(&slot->timer, RETRY_SECONDS, 0);
	ev_timer_start(slot->master->loop, &slot->timer);
}

void slot_go(struct slot *slot)
{
	if (!adopt_give_back(slot))
		return; /* comes here again when nobody else reads its sockets */
	slot->state = SLOT_SERVING;
	slot->want_go = true;
	slot_flush(slot);
	reload_slot_serves(slot);
	drain_slot_serves(slot);
	adopt_look(slot->master);
}

void slot_stop(struct slot *slot)
{
	slot->state = SLOT_STOPPING;
	slot->want_stop = true;
	slot_flush(slot);
}

/* ---- what the holder says ---- */

static void on_ready(struct slot *slot)
{
	uint64_t now = clock_mono();

	if (slot->state != SLOT_STARTING)
		return;
	slot->state = SLOT_READY;
	slot->ready_ns = clock_age(now, atomic_load(&slot->page->forked));
	atomic_store(&slot->page->ready_ns, slot->ready_ns);
	slot->watch = (struct watch){0};
	breaker_ready(&slot->breaker, now);
	if (slot->kind == SLOT_KEEPER)
		reap_checked(slot->master, UINT64_MAX);
	if (!slot->coming)
		slot_event(slot, true, 0, 0);
	boot_slot_ready(slot);
}

static void on_failed(struct slot *slot, const struct msg *msg)
{
	text_from_field(slot->failed, msg->body,
			msg->length < sizeof(slot->failed) ? msg->length
							   : sizeof(slot->failed) - 1);
	log_error("%s can't serve: %s", slot->name, slot->failed);
}

static void on_message(struct slot *slot, struct msg *msg)
{
	struct msg_release release;
	struct msg_schema schema;
	struct msg_check check;
	struct msg_closed closed;
	struct msg_staged staged;
	struct msg_drain drain;

	if (msg->type == MSG_LIST)
		lists_take(slot, msg);
	if (msg->type == MSG_AIDE && (slot->kind == SLOT_DXC || slot->kind == SLOT_KEEPER)) {
		aides_take(slot, msg);
		return;
	}
	if (msg->type == MSG_DIALED && kind_table[slot->kind].service == KIND_DIALS) {
		vault_dialed(slot, msg);
		return;
	}
	if (msg->fd >= 0)
		close(msg->fd); /* no worker has any other to give */
	if (msg->type == MSG_READY) {
		on_ready(slot);
	} else if (msg->type == MSG_FAILED) {
		on_failed(slot, msg);
	} else if (msg->type == MSG_CHECKED && slot->kind == SLOT_KEEPER) {
		memcpy(&check, msg->body, sizeof(check));
		reap_checked(slot->master, check.serial);
	} else if (msg->type == MSG_STAGED) {
		memcpy(&staged, msg->body, sizeof(staged));
		reload_staged(slot, &staged);
	} else if (msg->type == MSG_DRAINED) {
		memcpy(&drain, msg->body, sizeof(drain));
		reload_drained(slot, &drain);
	} else if (msg->type == MSG_CLOSED && kind_has_table(slot->kind)) {
		memcpy(&closed, msg->body, sizeof(closed));
		vault_over(slot, &closed);
	} else if (msg->type == MSG_KNOWN && kind_vaulted(slot->kind)) {
		memcpy(&closed, msg->body, sizeof(closed));
		vault_known(slot, &closed);
	} else if (msg->type == MSG_SCHEMED && slot->kind == SLOT_KEEPER) {
		memcpy(&schema, msg->body, sizeof(schema));
		schema.error[sizeof(schema.error) - 1] = '\0';
		upgrade_schemed(slot->master, &schema);
	} else if (msg->type == MSG_RELEASED) {
		memcpy(&release, msg->body, sizeof(release));
		adopt_released(slot, &release);
	} else if (msg->type != MSG_LIST) {
		slot->master->messages_bad++;
		log_limited(LOG_LEVEL_WARNING, "%s sent a message that is not its to send: %s",
			    slot->name, msg_type_name(msg->type));
	}
}

/* We had no room for it. Who passes what it will not pass again is replaced by one that does. */
static void descriptor_lost(struct slot *slot)
{
	bool once = slot->kind == SLOT_DATA || kind_table[slot->kind].service == KIND_DIALS;

	log_limited(LOG_LEVEL_ERROR, "no descriptor left for what %s passes%s", slot->name,
		    once ? ": sending KILL, a successor passes it again" : "");
	if (once)
		slot_signal(slot, SIGKILL);
}

void slot_read(struct slot *slot)
{
	struct msg msg;

	for (unsigned i = 0; i < 64 && slot->control >= 0; i++) {
		int got = msg_recv(slot->control, &msg);

		if (got > 0) {
			on_message(slot, &msg);
		} else if (got < 0 && errno == EMFILE) {
			descriptor_lost(slot);
		} else if (got < 0 && errno == EBADMSG) {
			slot->master->messages_bad++;
			log_limited(LOG_LEVEL_WARNING, "%s sent a broken message", slot->name);
		} else {
			/* end of file: it closed its end, its death follows; don't spin until then
			 */
			if (got == 0)
				ev_io_stop(slot->master->loop, &slot->control_watch);
			return;
		}
	}
}

static void on_control(struct ev_loop *loop, ev_io *io, int events)
{
	struct slot *slot = io->data;

	if (watch_lost(loop, io, events))
		return;
	if (events & EV_READ)
		slot_read(slot);
	if (events & EV_WRITE)
		slot_flush(slot);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct slot *slot = timer->data;

	(void)loop;
	(void)events;
	if (slot->state == SLOT_WAITING)
		slot_spawn(slot);
	else
		slot_flush(slot);
}

/* ---- a new holder ---- */

static void slot_reset(struct slot *slot)
{
	slot->generation++;
	slot->former = false;
	slot->state = SLOT_STARTING;
	slot->passed = slot->lists = 0;
	slot->want_go = slot->want_stop = slot->condemned = slot->planned = false;
	slot->hang = MSG_HANG_NONE;
	breaker_spawned(&slot->breaker);
	slot->watch = (struct watch){0};
	slot->failed[0] = '\0';
	atomic_store(&slot->page->generation, slot->generation);
	atomic_store(&slot->page->forked, clock_mono());
}

pid_t slot_fork(const struct slot *slot, int *pidfd_r, int *control_r)
{
	int pair[2] = {-1, -1};
	pid_t pid;
	int saved;

	*pidfd_r = *control_r = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return 0;
	pid = spawn_fork(slot, pair[1]);
	saved = errno;
	net_spawned(pid);
	close(pair[1]);
	if (pid > 0) {
		*pidfd_r = pidfd_open(pid, 0);
		*control_r = pair[0];
		if (*pidfd_r >= 0)
			return pid;
		saved = errno;
		kill(pid, SIGKILL); /* not reaped, so it is still the same process */
		reap_orphan(pid);
	}
	close(pair[0]);
	*control_r = -1;
	errno = saved;
	return 0;
}

void slot_follow(struct slot *slot)
{
	struct ev_loop *loop = slot->master->loop;

	ev_timer_stop(loop, &slot->timer);
	ev_timer_init(&slot->timer, on_timer, 0, 0);
	slot->timer.data = slot;
	ev_init(&slot->control_watch, on_control);
	slot->control_watch.data = slot;
	ev_io_init(&slot->pid_watch, reap_on_death, slot->pidfd, EV_READ);
	slot->pid_watch.data = slot;
	ev_io_start(loop, &slot->pid_watch);
	slot_flush(slot);
}

void slot_spawn(struct slot *slot)
{
	struct ev_loop *loop = slot->master->loop;

	ev_timer_stop(loop, &slot->timer);
	ev_timer_init(&slot->timer, on_timer, 0, 0);
	slot->timer.data = slot;
	slot_reset(slot);
	slot->pid = slot_fork(slot, &slot->pidfd, &slot->control);
	fault_point(FAULT_SPAWN_FORKED);
	if (slot->pid == 0) {
		snprintf(slot->failed, sizeof(slot->failed), "can't start a process: %s",
			 strerror(errno));
		log_error("%s: %s", slot->name, slot->failed);
		reap_unborn(slot);
		return;
	}
	slot_follow(slot);
}
