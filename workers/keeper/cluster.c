/* SPDX-License-Identifier: ISC
 *
 * NAME      cluster - keeper's part in the DX cluster
 * PURPOSE   Readers, room, events, gauges and sessions of the spots store.
 * OWNER     keeper
 * CONTRACT  see cluster.h
 * LIMITS    SLICE sessions that nobody holds are removed a round
 */
#include "workers/keeper/cluster.h"

#include <stdlib.h>
#include <string.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "shm/store/human.h"
#include "shm/store/sessions.h"
#include "shm/store/spots.h"
#include "shm/store/users.h"

/* The pipeline writes batches. */
#define RESERVE (4 * 1024 * 1024)

/* ---- readers, room ---- */

static enum step check_readers(struct keeper *keeper, uint64_t now)
{
	int cleared = store_check_readers(keeper->worker->spots);

	(void)now;
	if (cleared < 0)
		return keeper_step(keeper, STORE_FAILED, "checking readers of the spots store");
	page_count_by(keeper->worker->page, COUNT_KEEPER_READERS, (uint64_t)cleared);
	return STEP_DONE;
}

static uint64_t bound(uint64_t entries)
{
	return entries - entries / 8 + 1;
}

/* As of the voice store (keep_room): logs that can't grow use their own pages again. */
static enum step keep_room(struct keeper *keeper, uint64_t now)
{
	struct store *spots = keeper->worker->spots;
	bool room = store_reserve(spots, RESERVE);
	uint64_t events, entries, bounded;
	enum store_error error;
	struct store_txn txn;

	(void)now;
	store_read(spots, &txn);
	bounded = spots_bounded(&txn);
	events = store_entries(&txn, DB_EVENTS);
	entries = spots_count(&txn);
	error = store_end(&txn);
	if (error != STORE_OK)
		return keeper_step(keeper, error, "looking at the log of spots");
	if (room == (bounded == 0))
		return STEP_DONE;
	if (store_write(spots, &txn) == STORE_BUSY)
		return STEP_BUSY;
	spots_bound(&txn, room ? 0 : bound(entries));
	store_bound_events(&txn, room ? 0 : bound(events));
	error = store_end(&txn);
	if (error == STORE_OK && room)
		log_warning("room again in server.shm_dir: the log of spots may grow again");
	else if (error == STORE_OK)
		log_warning("server.shm_dir is full: the log of spots is held at %llu spots",
			    (unsigned long long)bound(entries));
	return keeper_step(keeper, error, "bounding the log of spots");
}

static enum step expire_events_too(struct keeper *keeper, uint64_t now)
{
	(void)now;
	return expire_events_of(keeper, keeper->worker->spots);
}

/* ---- sessions that nobody holds ---- */

bool cluster_is_held(const struct worker *worker, const struct session_record *record)
{
	for (unsigned i = 0; i < worker->slot_tables; i++) {
		const struct table *table = &worker->slot_table[i].table;

		if (strcmp(worker->slot_table[i].slot, record->slot) == 0)
			return record->index < table->entries &&
			       atomic_load(&table->block->entry[record->index].session) ==
				       record->session;
	}
	return false;
}

struct stray_search {
	const struct worker *worker;
	struct stray stray[SLICE];
	unsigned found;
};

static bool find_stray(const char *call, const struct session_record *record, void *arg)
{
	struct stray_search *search = arg;
	struct stray *stray = &search->stray[search->found];

	if (cluster_is_held(search->worker, record))
		return true;
	memcpy(stray->call, call, sizeof(stray->call));
	stray->session = record->session;
	return ++search->found < SLICE;
}

static bool was_stray(const struct cluster *cluster, const struct stray *stray)
{
	for (unsigned i = 0; i < cluster->strays; i++)
		if (cluster->stray[i].session == stray->session &&
		    strcmp(cluster->stray[i].call, stray->call) == 0)
			return true;
	return false;
}

static enum store_error remove_strays(struct keeper *keeper, const struct stray_search *search)
{
	enum store_error error;
	unsigned removed = 0;
	struct store_txn txn;

	if (store_write(keeper->worker->spots, &txn) == STORE_BUSY)
		return STORE_BUSY;
	for (unsigned i = 0; i < search->found; i++)
		if (was_stray(keeper->cluster, &search->stray[i]) &&
		    sessions_del(&txn, search->stray[i].call, search->stray[i].session,
				 REASON_LOST) == STORE_OK)
			removed++;
	error = store_end(&txn);
	if (error == STORE_OK)
		page_count_by(keeper->worker->page, COUNT_KEEPER_SESSIONS_LOST, removed);
	if (error == STORE_OK && removed > 0)
		worker_ring_spots(keeper->worker, NULL);
	return error;
}

/* Its worker removes a session when the connection ends. What is still there a round later was left
 * by the daemon before us, or by a death at the wrong moment. */
static enum step expire_sessions(struct keeper *keeper, uint64_t now)
{
	struct stray_search search = {.worker = keeper->worker};
	struct cluster *cluster = keeper->cluster;
	char cursor[CALL_TEXT_SIZE] = "";
	enum store_error error;
	struct store_txn txn;
	bool due = false;

	(void)now;
	if (store_read(keeper->worker->spots, &txn) == STORE_OK)
		sessions_walk(&txn, cursor, UINT32_MAX, find_stray, &search);
	error = store_end(&txn);
	for (unsigned i = 0; i < search.found; i++)
		due = due || was_stray(cluster, &search.stray[i]);
	if (error == STORE_OK && due)
		error = remove_strays(keeper, &search);
	if (error != STORE_OK)
		return keeper_step(keeper, error, "removing sessions that nobody holds");
	memcpy(cluster->stray, search.stray, sizeof(cluster->stray));
	cluster->strays = search.found;
	return STEP_DONE;
}

/* ---- gauges ---- */

static enum step measure(struct keeper *keeper, uint64_t now)
{
	struct worker *worker = keeper->worker;
	uint64_t pages, bytes;
	struct store_txn txn;
	enum store_error error;

	(void)now;
	store_size(worker->spots, &pages, &bytes);
	page_gauge(worker->page, GAUGE_SPOTS_PAGES, pages);
	page_gauge(worker->page, GAUGE_SPOTS_BYTES, bytes);
	if (store_read(worker->spots, &txn) == STORE_OK) {
		page_gauge(worker->page, GAUGE_SPOTS, spots_count(&txn));
		page_gauge(worker->page, GAUGE_LOGINS, sessions_count(&txn));
	}
	error = store_end(&txn);
	if (error == STORE_OK && store_read(worker->state, &txn) == STORE_OK) {
		page_gauge(worker->page, GAUGE_USERS, users_count(&txn));
		page_gauge(worker->page, GAUGE_HUMAN, human_count(&txn));
		error = store_end(&txn);
	}
	store_forget_pages(worker->spots);
	return keeper_step(keeper, error, "measuring the spots store");
}

/* ---- all of it ---- */

typedef enum step job(struct keeper *keeper, uint64_t now);

static job *const jobs[] = {
	check_readers, keep_room,    expire_sessions,	users_follow,
	human_follow,  users_forget, expire_events_too, measure,
};

#define JOBS (sizeof(jobs) / sizeof(jobs[0]))

enum step cluster_round(struct keeper *keeper, uint64_t now)
{
	enum step step;

	if (keeper->cluster == NULL)
		return STEP_DONE;
	step = jobs[keeper->cluster->job](keeper, now);
	if (step != STEP_DONE)
		return step;
	keeper->cluster->job = (keeper->cluster->job + 1) % JOBS;
	return keeper->cluster->job == 0 ? STEP_DONE : STEP_AGAIN;
}

void cluster_flush(struct keeper *keeper)
{
	enum step step = STEP_AGAIN;

	if (keeper->cluster == NULL)
		return;
	while (step == STEP_AGAIN)
		step = users_follow(keeper, 0);
	step = STEP_AGAIN;
	while (step == STEP_AGAIN)
		step = human_follow(keeper, 0);
}

bool cluster_open(struct keeper *keeper)
{
	struct worker *worker = keeper->worker;
	int cleared;

	if (worker->spots == NULL)
		return true;
	keeper->cluster = calloc(1, sizeof(*keeper->cluster));
	if (keeper->cluster != NULL)
		keeper->cluster->moving = users_moving();
	if (keeper->cluster == NULL || keeper->cluster->moving == NULL)
		return worker_failed(worker, "out of memory");
	cleared = store_check_readers(worker->spots);
	if (cleared < 0)
		return worker_failed(worker, "can't check the readers of the spots store");
	page_count_by(worker->page, COUNT_KEEPER_READERS, (uint64_t)cleared);
	if (human_start(keeper) != STORE_OK)
		return worker_failed(worker, "can't read which human spots are saved");
	return true;
}

void cluster_close(struct keeper *keeper)
{
	if (keeper->cluster != NULL)
		free(keeper->cluster->moving);
	free(keeper->cluster);
	keeper->cluster = NULL;
}
