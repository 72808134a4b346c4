/* SPDX-License-Identifier: ISC
 *
 * NAME      edition - the stores change their edition
 * PURPOSE   Up, when a newer build has taken over for good; down, before an older one is tried:
 *           then what that one has never heard of is taken out first.
 * OWNER     keeper
 * CONTRACT  The numbers go down before the cleaning: from that commit on no worker writes anything
 *           that is newer, and what lies there stays readable to us. They go up before what the
 *           newer edition has more is filled in. In slices; interrupted, it is asked for again, and
 *           begins again.
 * LIMITS    saved DG-IDs stay where they are: an older build does not look at them
 */
#include <stdio.h>
#include <string.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "shm/store/away.h"
#include "shm/store/clients.h"
#include "shm/text.h"
#include "workers/keeper/keeper.h"

#define BUDGET (3 * NS_PER_MS)

/* A number in the volatile store: 1 from a step up until what it adds is filled in. */
#define TO_FILL "edition.fill"

/* What is done after the numbers are changed. */
enum stage { STAGE_NUMBER, STAGE_CLIENTS, STAGE_EVENTS, STAGE_TABLES, STAGE_DONE };

struct found {
	unsigned edition, count;
	uint64_t number[SLICE];
};

static void answer(struct keeper *keeper, const char *error)
{
	struct worker *worker = keeper->worker;
	struct msg_schema result = {.schema = keeper->edition_wanted};

	text_copy(result.error, sizeof(result.error), error);
	keeper->edition_wanted = 0;
	if (msg_send(worker->control, MSG_SCHEMED, worker->generation, &result, sizeof(result),
		     -1) != 0)
		log_warning("can't tell the master of the stores' edition: %m");
}

/* ---- the numbers ---- */

static enum store_error set_edition(struct keeper *keeper, struct store *store)
{
	struct store_txn txn;

	if (store_write(store, &txn) == STORE_BUSY)
		return STORE_BUSY;
	unsigned before = store_edition(&txn);
	if (before != keeper->edition_wanted)
		store_set_edition(&txn, keeper->edition_wanted);
	if (before < 3 && keeper->edition_wanted >= 3)
		store_meta_put(&txn, TO_FILL, 1);
	enum store_error error = store_end(&txn);
	if (error == STORE_OK && before != keeper->edition_wanted)
		log_info("%s: edition %u becomes %u", store_config(store)->path, before,
			 keeper->edition_wanted);
	return error;
}

static enum store_error set_both(struct keeper *keeper)
{
	enum store_error error = set_edition(keeper, keeper->worker->state);

	return error == STORE_OK ? set_edition(keeper, keeper->worker->voice) : error;
}

/* ---- down: what newer editions have more goes ---- */

static void collect(uint64_t number, const struct event_record *event, void *arg)
{
	struct found *found = arg;

	if (event_edition(event) > found->edition)
		found->number[found->count++] = number;
}

static enum store_error remove_found(struct keeper *keeper, const struct found *found)
{
	struct store_txn txn;

	if (found->count == 0)
		return STORE_OK;
	if (store_write(keeper->worker->voice, &txn) == STORE_BUSY)
		return STORE_BUSY;
	for (unsigned i = 0; i < found->count; i++)
		events_remove(&txn, found->number[i]);
	return store_end(&txn);
}

/* One slice of the log. DONE_R: there is nothing of a later edition any more. */
static enum store_error clean_events(struct keeper *keeper, bool *done_r)
{
	struct found found = {.edition = keeper->edition_wanted};
	uint64_t cursor = keeper->edition_cursor;
	struct store_txn txn;
	enum store_error error;

	if (store_read(keeper->worker->voice, &txn) == STORE_OK)
		*done_r = events_walk(&txn, &cursor, SLICE, collect, &found) < SLICE;
	error = store_end(&txn);
	if (error == STORE_OK)
		error = remove_found(keeper, &found);
	if (error == STORE_OK)
		keeper->edition_cursor = cursor;
	return error;
}

static enum store_error clean_tables(struct keeper *keeper)
{
	struct store_txn txn;

	if (store_write(keeper->worker->voice, &txn) == STORE_BUSY)
		return STORE_BUSY;
	streams_strip(&txn, keeper->edition_wanted);
	store_clear_newer(&txn, keeper->edition_wanted);
	return store_end(&txn);
}

/* ---- up: what the newer edition knows of the gateways that are there ---- */

struct fill {
	struct keeper *keeper;
	struct store_txn *txn;
};

/* Before edition 3 nothing but options gave a home, and nobody noted who is away. */
static bool fill_client(const struct client_key *key, const struct client_record *record, void *arg)
{
	const struct fill *fill = arg;
	struct client_place place = client_place(record);
	struct away_record away;
	struct home_rule rule;

	if (place.home == 0)
		return true;
	if (!homes_get(fill->keeper->homes, record->name, &rule))
		place.flags |= CLIENT_OPTIONED;
	clients_place(fill->txn, key, &place, REASON_NONE);
	if (place.home != place.dgid && away_get(fill->txn, key, &away) == STORE_NOT_FOUND)
		away_put(fill->txn, key, record->id, clock_mono());
	return true;
}

/* One slice; returns how many gateways were seen. */
static unsigned fill_slice(struct keeper *keeper, struct store_txn *txn, struct client_key *key)
{
	struct fill fill = {keeper, txn};
	unsigned seen;

	if (store_meta_get(txn, TO_FILL) == 0)
		return 0;
	seen = clients_walk(txn, key, SLICE, fill_client, &fill);
	if (seen < SLICE)
		store_meta_put(txn, TO_FILL, 0);
	return seen;
}

/* One slice of the gateways, in either direction. */
static enum store_error change_clients(struct keeper *keeper, bool *done_r)
{
	struct client_key key = keeper->edition_client;
	struct store_txn txn;

	if (store_write(keeper->worker->voice, &txn) == STORE_BUSY)
		return STORE_BUSY;
	unsigned seen = keeper->edition_wanted < 3
				? clients_strip(&txn, &key, SLICE, keeper->edition_wanted)
				: fill_slice(keeper, &txn, &key);
	enum store_error error = store_end(&txn);
	if (error == STORE_OK)
		keeper->edition_client = key;
	*done_r = seen < SLICE;
	return error;
}

/* ---- step by step ---- */

static enum store_error do_stage(struct keeper *keeper, bool *done_r)
{
	*done_r = true;
	switch (keeper->edition_stage) {
	case STAGE_NUMBER:
		return set_both(keeper);
	case STAGE_CLIENTS:
		return change_clients(keeper, done_r);
	case STAGE_EVENTS:
		return clean_events(keeper, done_r);
	default:
		return clean_tables(keeper);
	}
}

void edition_tick(struct keeper *keeper)
{
	uint64_t began = clock_mono();
	enum store_error error = STORE_OK;
	bool done;

	if (keeper->edition_wanted == 0)
		return;
	while (error == STORE_OK && keeper->edition_stage < STAGE_DONE &&
	       clock_age(clock_mono(), began) < BUDGET) {
		error = do_stage(keeper, &done);
		if (error == STORE_OK && done)
			keeper->edition_stage++;
	}
	if (error == STORE_BUSY || (error == STORE_OK && keeper->edition_stage < STAGE_DONE))
		return;
	if (error == STORE_OK)
		error = durable_stepped(keeper);
	keeper_step(keeper, error, "changing the edition of the stores");
	answer(keeper, error == STORE_OK ? "" : store_error_text(error));
	settle_begin(keeper, false);
	worker_ring(keeper->worker);
}

void edition_ask(struct keeper *keeper, const struct msg_schema *wanted)
{
	unsigned oldest, newest;

	store_editions(&oldest, &newest);
	keeper->frozen = NULL; /* whoever compacts it must begin anew */
	keeper->edition_wanted = wanted->schema;
	keeper->edition_stage = STAGE_NUMBER;
	keeper->edition_cursor = 0;
	memset(&keeper->edition_client, 0, sizeof(keeper->edition_client));
	if (wanted->schema < oldest || wanted->schema > newest)
		answer(keeper, "this build does not know that edition");
	else
		edition_tick(keeper);
}
