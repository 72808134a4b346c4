/* SPDX-License-Identifier: ISC
 *
 * NAME      expire - what has had its time
 * PURPOSE   Gateways that went silent, blocks that ran out, old events, and calls whose worker died
 *           before it could close them.
 * OWNER     keeper
 * CONTRACT  Candidates are found in a read transaction and looked at again inside the write: in
 *           between a worker may have heard of them.
 * LIMITS    EVENT_DAYS for events
 */
#include <string.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "shm/store/blocks.h"
#include "shm/store/clients.h"
#include "workers/keeper/keeper.h"

#define EVENT_DAYS 7
#define DROPS	   64 /* in one transaction: each looks through the open streams */

/* The workers write polls once a second. */
#define CLIENT_GRACE NS_PER_SEC
/* Workers close their own streams; keeper only what nobody closed. */
#define STREAM_GRACE (500 * NS_PER_MS)

/* ---- gateways ---- */

static uint64_t client_deadline(const struct keeper *keeper, uint64_t now)
{
	uint64_t patience =
		(uint64_t)conf_number(keeper->worker->conf, CONF_YSF_CLIENT_TIMEOUT) + CLIENT_GRACE;

	return now > patience ? now - patience : 0;
}

struct client_search {
	struct expiry *expiry;
	uint64_t before;
};

static bool find_client(const struct client_key *key, const struct client_record *record, void *arg)
{
	struct client_search *search = arg;

	if (record->polled < search->before)
		search->expiry->clients[search->expiry->found++] = *key;
	return true;
}

/* Fills the list from the next slice. */
static enum store_error find_clients(struct keeper *keeper, uint64_t before)
{
	struct expiry *expiry = &keeper->expiry;
	struct client_search search = {expiry, before};
	struct store_txn txn;

	if (store_read(keeper->worker->voice, &txn) == STORE_OK)
		expiry->last =
			clients_walk(&txn, &expiry->client, SLICE, find_client, &search) < SLICE;
	return store_end(&txn);
}

/* Commits what was dropped of the list, and tells of it. */
static enum store_error end_drops(struct keeper *keeper, struct store_txn *txn, unsigned dropped,
				  enum page_counter counter)
{
	enum store_error error = store_end(txn);

	if (error != STORE_OK)
		keeper->expiry.found = 0; /* the next round finds them again */
	if (error == STORE_OK && dropped > 0) {
		page_count_by(keeper->worker->page, counter, dropped);
		worker_ring(keeper->worker);
	}
	return error;
}

static enum store_error drop_clients(struct keeper *keeper, uint64_t before)
{
	struct expiry *expiry = &keeper->expiry;
	struct store_txn txn;
	unsigned dropped = 0;

	if (store_write(keeper->worker->voice, &txn) == STORE_BUSY)
		return STORE_BUSY;
	for (unsigned n = 0; n < DROPS && expiry->found > 0; n++) {
		const struct client_key *key = &expiry->clients[--expiry->found];
		struct client_record record;

		if (clients_get(&txn, key, &record) != STORE_OK || record.polled >= before)
			continue;
		lanes_close_client(keeper->worker, &txn, record.id, REASON_EXPIRED);
		if (clients_unlink(&txn, key, REASON_EXPIRED) == STORE_OK)
			dropped++;
	}
	return end_drops(keeper, &txn, dropped, COUNT_KEEPER_EXPIRED);
}

enum step expire_clients(struct keeper *keeper, uint64_t now)
{
	struct expiry *expiry = &keeper->expiry;
	uint64_t before = client_deadline(keeper, now);
	enum store_error error = STORE_OK;

	if (expiry->found == 0)
		error = find_clients(keeper, before);
	if (error == STORE_OK && expiry->found > 0)
		error = drop_clients(keeper, before);
	if (error != STORE_OK)
		return keeper_step(keeper, error, "expiry of gateways");
	if (!expiry->last || expiry->found > 0)
		return STEP_AGAIN;
	memset(&expiry->client, 0, sizeof(expiry->client));
	return STEP_DONE;
}

/* ---- blocks ---- */

struct block_search {
	struct expiry *expiry;
	uint64_t now;
};

static bool find_block(const char *call, const struct block_record *record, void *arg)
{
	struct block_search *search = arg;

	if (record->until <= search->now)
		memcpy(search->expiry->blocks[search->expiry->found++], call, strlen(call) + 1);
	return true;
}

static enum store_error find_blocks(struct keeper *keeper, uint64_t now)
{
	struct expiry *expiry = &keeper->expiry;
	struct block_search search = {expiry, now};
	struct store_txn txn;

	if (store_read(keeper->worker->voice, &txn) == STORE_OK)
		expiry->last = blocks_walk(&txn, expiry->block, SLICE, find_block, &search) < SLICE;
	return store_end(&txn);
}

static enum store_error drop_blocks(struct keeper *keeper, uint64_t now)
{
	struct expiry *expiry = &keeper->expiry;
	struct store_txn txn;
	unsigned dropped = 0;

	if (store_write(keeper->worker->voice, &txn) == STORE_BUSY)
		return STORE_BUSY;
	for (unsigned n = 0; n < DROPS && expiry->found > 0; n++) {
		const char *call = expiry->blocks[--expiry->found];
		struct block_record record;

		if (blocks_get(&txn, call, &record) == STORE_OK && record.until <= now &&
		    blocks_remove(&txn, call) == STORE_OK)
			dropped++;
	}
	return end_drops(keeper, &txn, dropped, COUNT_KEEPER_BLOCKS_EXPIRED);
}

enum step expire_blocks(struct keeper *keeper, uint64_t now)
{
	struct expiry *expiry = &keeper->expiry;
	enum store_error error = STORE_OK;

	if (expiry->found == 0)
		error = find_blocks(keeper, now);
	if (error == STORE_OK && expiry->found > 0)
		error = drop_blocks(keeper, now);
	if (error != STORE_OK)
		return keeper_step(keeper, error, "expiry of blocks");
	if (!expiry->last || expiry->found > 0)
		return STEP_AGAIN;
	expiry->block[0] = '\0';
	return STEP_DONE;
}

/* ---- events ---- */

static void note_time(uint64_t number, const struct event_record *event, void *arg)
{
	uint64_t *time = arg;

	(void)number;
	*time = event->time;
}

/* Asks for the oldest event before the gate is taken for nothing. */
static enum store_error oldest_time(struct store *store, uint64_t *time_r)
{
	struct store_txn txn;
	bool lapped;

	*time_r = UINT64_MAX;
	if (store_read(store, &txn) == STORE_OK) {
		uint64_t oldest = events_oldest(&txn);
		uint64_t cursor = oldest > 0 ? oldest - 1 : 0;

		if (oldest > 0)
			events_follow(&txn, &cursor, 1, &lapped, note_time, time_r);
	}
	return store_end(&txn);
}

enum step expire_events_of(struct keeper *keeper, struct store *store)
{
	const uint64_t age = EVENT_DAYS * 24 * 3600 * NS_PER_SEC;
	uint64_t before = clock_age(judge_now(keeper), age), oldest;
	struct store_txn txn;
	enum store_error error;
	unsigned gone;

	if (judge_doubts(keeper))
		return STEP_DONE;
	error = oldest_time(store, &oldest);
	if (error == STORE_OK && oldest >= before)
		return STEP_DONE;
	if (error == STORE_OK) {
		if (store_write(store, &txn) == STORE_BUSY)
			return STEP_BUSY;
		gone = events_expire(&txn, before, SLICE);
		error = store_end(&txn);
	}
	if (error != STORE_OK)
		return keeper_step(keeper, error, "expiry of events");
	page_count_by(keeper->worker->page, COUNT_KEEPER_EVENTS_EXPIRED, gone);
	return gone == SLICE ? STEP_AGAIN : STEP_DONE;
}

enum step expire_events(struct keeper *keeper, uint64_t now)
{
	(void)now;
	return expire_events_of(keeper, keeper->worker->voice);
}

/* ---- calls ---- */

struct stream_search {
	const struct worker *worker;
	uint64_t before;
	unsigned found;
	struct {
		uint32_t key, id;
	} stream[SLICE];
};

/* Silent since before BEFORE, as all slots together know. */
static bool is_dead(const struct worker *worker, const struct stream_record *record,
		    uint64_t before, struct stream_totals *totals_r)
{
	lanes_totals(worker, record, totals_r);
	return (totals_r->last > record->started ? totals_r->last : record->started) < before;
}

static bool find_stream(const struct stream_record *record, void *arg)
{
	struct stream_search *search = arg;
	struct stream_totals totals;

	if (!is_dead(search->worker, record, search->before, &totals))
		return true;
	search->stream[search->found].key = record->key;
	search->stream[search->found].id = record->id;
	return ++search->found < SLICE;
}

static enum store_error close_streams(struct keeper *keeper, const struct stream_search *search)
{
	struct store_txn txn;
	enum store_error error;

	if (store_write(keeper->worker->voice, &txn) == STORE_BUSY)
		return STORE_BUSY;
	for (unsigned i = 0; i < search->found; i++) {
		struct stream_record record;
		struct stream_totals totals;

		if (streams_get(&txn, search->stream[i].key, &record) == STORE_OK &&
		    record.id == search->stream[i].id &&
		    is_dead(keeper->worker, &record, search->before, &totals))
			streams_close(&txn, record.key, record.id, REASON_WATCHDOG, &totals);
	}
	error = store_end(&txn);
	if (error == STORE_OK)
		worker_ring(keeper->worker);
	return error;
}

enum step expire_streams_after(struct keeper *keeper, uint64_t now, uint64_t patience)
{
	struct stream_search search = {
		.worker = keeper->worker,
		.before = now > patience ? now - patience : 0,
	};
	struct store_txn txn;
	enum store_error error;

	if (store_read(keeper->worker->voice, &txn) == STORE_OK)
		streams_walk(&txn, find_stream, &search);
	error = store_end(&txn);
	if (error == STORE_OK && search.found > 0)
		error = close_streams(keeper, &search);
	if (error != STORE_OK)
		return keeper_step(keeper, error, "closing dead streams");
	return search.found == SLICE ? STEP_AGAIN : STEP_DONE;
}

enum step expire_streams(struct keeper *keeper, uint64_t now)
{
	uint64_t watchdog = (uint64_t)conf_number(keeper->worker->conf, CONF_YSF_WATCHDOG);

	return expire_streams_after(keeper, now, watchdog + STREAM_GRACE);
}
