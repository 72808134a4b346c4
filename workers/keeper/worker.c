/* SPDX-License-Identifier: ISC
 *
 * NAME      worker (keeper) - the rounds and messages of the keeper
 * PURPOSE   Runs the jobs of each second in slices, notes when slots come and go, checks readers
 *           after a death, and passes control requests on.
 * OWNER     keeper
 * CONTRACT  a tick works at most BUDGET; what is left waits for the next
 * LIMITS    SLOT_EVENTS slot events wait for the gate, the oldest makes room
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/store/away.h"
#include "shm/store/blocks.h"
#include "shm/store/saved.h"
#include "shm/store/stations.h"
#include "shm/text.h"
#include "workers/keeper/cluster.h"
#include "workers/keeper/control.h"
#include "workers/keeper/keeper.h"
#include "workers/keeper/quarantine.h"
#include "workers/roles.h"

#define ROUND	NS_PER_SEC
#define BUDGET	(4 * NS_PER_MS)
#define RESERVE (1024 * 1024)

enum step keeper_step(struct keeper *keeper, enum store_error error, const char *what)
{
	switch (error) {
	case STORE_OK:
		return STEP_DONE;
	case STORE_BUSY:
		return STEP_BUSY;
	case STORE_LOST:
		worker_store_lost(keeper->worker, what);
		return STEP_LOST;
	default:
		log_limited(LOG_LEVEL_ERROR, "%s: %s", what, store_error_text(error));
		return STEP_DONE; /* the next round tries again */
	}
}

static uint64_t trouble(const struct keeper *keeper)
{
	return atomic_load(&keeper->worker->page->gauge[GAUGE_STATE_TROUBLE]);
}

void keeper_saved(struct keeper *keeper, enum store_error error)
{
	struct page *page = keeper->worker->page;

	if (error == STORE_OK && trouble(keeper) == STATE_UNWRITTEN) {
		log_info("the durable store can be written again");
		page_gauge(page, GAUGE_STATE_TROUBLE, STATE_GOOD);
	} else if (error != STORE_OK && error != STORE_BUSY && trouble(keeper) == STATE_GOOD) {
		page_gauge(page, GAUGE_STATE_TROUBLE, STATE_UNWRITTEN);
	}
}

/* A store that was set aside is told of until it is restored, or the daemon starts anew. */
static void show_trouble(struct keeper *keeper)
{
	unsigned found = keeper->worker->state_trouble;

	if (found != STATE_GOOD || trouble(keeper) != STATE_ASIDE)
		page_gauge(keeper->worker->page, GAUGE_STATE_TROUBLE, found);
}

/* ---- events of the master's ---- */

static struct event_record *queue_event(struct keeper *keeper)
{
	struct event_record *event;

	if (keeper->slot_events == SLOT_EVENTS) {
		memmove(&keeper->slot_event[0], &keeper->slot_event[1],
			(SLOT_EVENTS - 1) * sizeof(keeper->slot_event[0]));
		keeper->slot_events--;
		keeper->slot_events_lost++;
		log_limited(LOG_LEVEL_WARNING, "%llu slot events lost: the gate is never free",
			    (unsigned long long)keeper->slot_events_lost);
	}
	event = &keeper->slot_event[keeper->slot_events++];
	memset(event, 0, sizeof(*event));
	event->version = RECORD_VERSION;
	event->time = clock_real();
	return event;
}

static void queue_slot_event(struct keeper *keeper, const struct msg_slot *slot)
{
	struct event_record *event = queue_event(keeper);

	event->type = slot->up ? EVENT_SLOT_UP : EVENT_SLOT_DOWN;
	event->generation = slot->generation;
	event->pid = slot->pid;
	event->signal = slot->up ? 0 : slot->signal;
	text_copy(event->slot, sizeof(event->slot), slot->slot);
	text_copy(event->call, sizeof(event->call), msg_hang_name(slot->hang));
}

static_assert((int)EVENT_CONFIG_RELOAD == (int)MSG_NOTE_RELOAD, "the master's own number");
static_assert((int)EVENT_UPGRADE == (int)MSG_NOTE_UPGRADE, "the master's own number");

/* The durable store began empty, or is none. */
static void queue_trouble(struct keeper *keeper)
{
	struct event_record *event;

	if (keeper->worker->state_trouble == STATE_GOOD)
		return;
	event = queue_event(keeper);
	event->type = EVENT_LIST_LOADED;
	event->reason = REASON_FAILED;
	snprintf(event->note, sizeof(event->note), "state: %s",
		 keeper->worker->state_trouble == STATE_ASIDE ? "set aside, begun anew"
							      : "server.state_dir can't be used");
}

static void queue_note(struct keeper *keeper, const struct msg_note *note)
{
	struct event_record *event = queue_event(keeper);

	event->type = (uint8_t)note->type;
	event->reason = note->failed ? REASON_FAILED : REASON_NONE;
	event->generation = keeper->worker->generation;
	text_copy(event->slot, sizeof(event->slot), "master");
	text_from_field(event->note, note->text, strnlen(note->text, sizeof(event->note) - 1));
}

static enum step write_slot_events(struct keeper *keeper)
{
	struct store_txn txn;
	enum store_error error;

	if (keeper->slot_events == 0)
		return STEP_DONE;
	if (store_write(keeper->worker->voice, &txn) == STORE_BUSY)
		return STEP_BUSY;
	for (unsigned i = 0; i < keeper->slot_events; i++)
		events_append(&txn, &keeper->slot_event[i]);
	error = store_end(&txn);
	if (error == STORE_OK) {
		keeper->slot_events = 0;
		worker_ring(keeper->worker);
	}
	return keeper_step(keeper, error, "events of slots");
}

/* ---- the rounds ---- */

static enum step check_readers(struct keeper *keeper, uint64_t now)
{
	int cleared = store_check_readers(keeper->worker->voice);

	(void)now;
	if (cleared >= 0)
		page_count_by(keeper->worker->page, COUNT_KEEPER_READERS, (uint64_t)cleared);
	if (cleared < 0 || store_check_readers(keeper->worker->state) < 0 ||
	    (keeper->worker->spots != NULL && store_check_readers(keeper->worker->spots) < 0))
		return keeper_step(keeper, STORE_FAILED, "checking readers");
	return STEP_DONE;
}

/* A log that can't grow to limits.events any more, because others filled the file system, must not
 * eat the reserve that calls are opened and closed with: from here on it uses its own pages again.
 */
static enum step keep_room(struct keeper *keeper, uint64_t now)
{
	struct store *voice = keeper->worker->voice;
	bool room = store_reserve(voice, RESERVE);
	struct store_generations generations = {0};
	struct store_txn txn;
	uint64_t entries;

	(void)now;
	if (store_read(voice, &txn) == STORE_OK)
		store_generations(&txn, &generations);
	entries = store_entries(&txn, DB_EVENTS);
	enum store_error error = store_end(&txn);
	if (error != STORE_OK)
		return keeper_step(keeper, error, "looking at the event log");
	if (room == (generations.events_most == 0))
		return STEP_DONE;
	if (store_write(voice, &txn) == STORE_BUSY)
		return STEP_BUSY;
	uint64_t most = room ? 0 : entries - entries / 8 + 1;
	store_bound_events(&txn, most);
	error = store_end(&txn);
	if (error == STORE_OK && room)
		log_warning("room again in server.shm_dir: the event log may grow again");
	else if (error == STORE_OK)
		log_warning("server.shm_dir is full: the event log is held at %llu events",
			    (unsigned long long)most);
	return keeper_step(keeper, error, "bounding the event log");
}

/* A store that somebody doubts is looked at as a whole. */
static enum step check_doubts(struct keeper *keeper, uint64_t now)
{
	struct worker *worker = keeper->worker;
	struct store *const stores[] = {worker->voice, worker->state, worker->spots};
	char why[256];

	(void)now;
	for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
		if (stores[i] == NULL || store_sound(stores[i], why))
			continue;
		worker_store_lost(worker, why);
		return STEP_LOST;
	}
	return STEP_DONE;
}

static enum step measure(struct keeper *keeper, uint64_t now)
{
	struct page *page = keeper->worker->page;
	struct store *voice = keeper->worker->voice;
	uint64_t pages, bytes;
	struct store_txn txn;

	(void)now;
	store_size(voice, &pages, &bytes);
	page_gauge(page, GAUGE_STORE_PAGES, pages);
	page_gauge(page, GAUGE_STORE_BYTES, bytes);
	store_size(keeper->worker->state, &pages, &bytes);
	page_gauge(page, GAUGE_STATE_BYTES, bytes);
	if (store_read(voice, &txn) == STORE_OK) {
		page_gauge(page, GAUGE_EVENTS, store_entries(&txn, DB_EVENTS));
		page_gauge(page, GAUGE_BLOCKS, blocks_count(&txn));
		page_gauge(page, GAUGE_SAVED, saved_count(&txn));
		page_gauge(page, GAUGE_AWAY, away_count(&txn));
		page_gauge(page, GAUGE_STATIONS, stations_count(&txn));
	}
	enum store_error error = store_end(&txn);
	store_forget_pages(voice); /* the rounds have walked it all */
	return keeper_step(keeper, error, "measuring the store");
}

static enum step tidy_control(struct keeper *keeper, uint64_t now)
{
	control_tidy(keeper->control, now);
	return STEP_DONE;
}

typedef enum step job(struct keeper *keeper, uint64_t now);

static job *const jobs[] = {
	check_doubts,  judge_round,    check_readers,  expire_streams,	   expire_clients,
	expire_blocks, durable_follow, durable_redate, durable_expire,	   expire_events,
	keep_room,     measure,	       tidy_control,   quarantine_collect, home_round,
	home_expire,   cluster_round,
};

#define JOBS (sizeof(jobs) / sizeof(jobs[0]))

static void run_jobs(struct keeper *keeper, uint64_t began)
{
	uint64_t now = began;

	if (keeper->job == JOBS && now >= keeper->next_round) {
		keeper->job = 0;
		keeper->next_round = now + ROUND;
	}
	while (keeper->job < JOBS && now - began < BUDGET) {
		enum step step = jobs[keeper->job](keeper, now);

		if (step == STEP_BUSY || step == STEP_LOST)
			return;
		if (step == STEP_DONE)
			keeper->job++;
		now = clock_mono();
	}
}

static void run_settle(struct keeper *keeper, uint64_t began)
{
	enum step step = STEP_AGAIN;

	while (step == STEP_AGAIN && clock_mono() - began < BUDGET)
		step = settle_step(keeper, clock_mono());
}

static void keeper_tick(struct worker *worker)
{
	struct keeper *keeper = worker->own;

	if (write_slot_events(keeper) == STEP_LOST)
		return;
	run_settle(keeper, clock_mono());
	edition_tick(keeper);
	run_jobs(keeper, clock_mono());
	control_tick(keeper->control);
}

/* ---- messages ---- */

static void answer_check(struct keeper *keeper, const struct msg *msg)
{
	struct worker *worker = keeper->worker;

	check_readers(keeper, 0);
	fault_point(FAULT_KEEPER_CHECKED);
	if (msg_send(worker->control, MSG_CHECKED, worker->generation, msg->body, msg->length,
		     -1) != 0)
		log_warning("can't tell the master that readers were checked: %m");
}

static void keeper_message(struct worker *worker, struct msg *msg)
{
	struct keeper *keeper = worker->own;
	struct msg_slot slot;
	struct msg_schema schema;
	struct msg_note note;

	switch (msg->type) {
	case MSG_CHECK:
		answer_check(keeper, msg);
		break;
	case MSG_SLOT:
		memcpy(&slot, msg->body, sizeof(slot));
		slot.slot[sizeof(slot.slot) - 1] = '\0';
		queue_slot_event(keeper, &slot);
		write_slot_events(keeper);
		break;
	case MSG_NOTE:
		memcpy(&note, msg->body, sizeof(note));
		note.text[sizeof(note.text) - 1] = '\0';
		if (note.type == MSG_NOTE_RELOAD || note.type == MSG_NOTE_UPGRADE)
			queue_note(keeper, &note);
		write_slot_events(keeper);
		break;
	case MSG_CRASH:
		quarantine_crash(keeper, msg);
		break;
	case MSG_SCHEMA:
		memcpy(&schema, msg->body, sizeof(schema));
		edition_ask(keeper, &schema);
		break;
	case MSG_REQUEST:
		control_request(keeper->control, msg);
		break;
	default:
		page_count(worker->page, COUNT_MESSAGES_BAD);
		log_limited(LOG_LEVEL_WARNING, "unexpected message %s", msg_type_name(msg->type));
	}
	if (msg->fd >= 0)
		close(msg->fd);
	msg->fd = -1;
}

/* ---- lists ---- */

/* What can't be used leaves the former list in force. */
static void map_list(struct keeper *keeper, unsigned index)
{
	int fd = keeper->worker->list_fd[index];
	struct access *access = index == LIST_ACCESS && fd >= 0 ? access_map(fd) : NULL;
	struct homes *homes = index == LIST_HOMES && fd >= 0 ? homes_map(fd) : NULL;

	if (access != NULL) {
		access_unmap(&keeper->access);
		keeper->access = access;
	} else if (homes != NULL) {
		homes_unmap(&keeper->homes);
		keeper->homes = homes;
	} else if (fd >= 0) {
		log_error("the list \"%s\" can't be used: %s", list_name((enum list_kind)index),
			  strerror(errno));
	}
}

static void keeper_list(struct worker *worker, unsigned index)
{
	if (index != LIST_ACCESS && index != LIST_HOMES)
		return;
	map_list(worker->own, index);
	if (index == LIST_HOMES)
		settle_begin(worker->own, false);
}

/* ---- life ---- */

static bool keeper_open(struct worker *worker)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));

	if (keeper == NULL)
		return worker_failed(worker, "out of memory");
	worker->own = keeper;
	keeper->worker = worker;
	keeper->job = JOBS;
	map_list(keeper, LIST_ACCESS);
	map_list(keeper, LIST_HOMES);
	keeper->control = control_create(keeper);
	if (keeper->control == NULL)
		return worker_failed(worker, "out of memory");
	show_trouble(keeper);
	queue_trouble(keeper);
	return start_all(keeper) && cluster_open(keeper);
}

static void keeper_go(struct worker *worker)
{
	keeper_tick(worker);
}

static void keeper_commit(struct worker *worker, const struct conf *before)
{
	(void)before;
	settle_begin(worker->own, false);
}

static void keeper_stop(struct worker *worker)
{
	struct keeper *keeper = worker->own;
	enum step step = STEP_AGAIN;

	/* last chance for what must outlive a boot; a busy gate leaves it to the successor */
	keeper->frozen = NULL;
	while (step == STEP_AGAIN)
		step = durable_follow(keeper, 0);
	cluster_flush(keeper);
	judge_save(keeper);
	fault_point(FAULT_STOP_SAVED);
	worker_finish(worker, 0);
}

static void keeper_close(struct worker *worker)
{
	struct keeper *keeper = worker->own;

	control_destroy(&keeper->control);
	cluster_close(keeper);
	homes_unmap(&keeper->homes);
	access_unmap(&keeper->access);
	free(keeper);
	worker->own = NULL;
}

const struct worker_kind keeper_kind = {
	.name = "keeper",
	.wants_voice = true,
	.creates_stores = true,
	.open = keeper_open,
	.go = keeper_go,
	.tick = keeper_tick,
	.message = keeper_message,
	.list = keeper_list,
	.commit = keeper_commit,
	.stop = keeper_stop,
	.close = keeper_close,
};
