/* SPDX-License-Identifier: ISC
 *
 * NAME      edition - the stores change their edition
 * PURPOSE   Up, when a newer build has taken over for good; down, before an older one is tried:
 * then what that one has never heard of is taken out first. OWNER     keeper, who alone writes what
 * newer editions have more than older ones CONTRACT  in slices, each of which leaves a store that
 * its edition describes; the numbers change last. Interrupted, it is asked for again. LIMITS
 * editions 1 and 2 differ in their event types alone
 */
#include <stdio.h>
#include <string.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "shm/text.h"
#include "workers/keeper/keeper.h"

#define BUDGET (3 * NS_PER_MS)

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

static void collect(uint64_t number, const struct event_record *event, void *arg)
{
	struct found *found = arg;

	if (event_type_edition(event->type) > found->edition)
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
static enum store_error clean_slice(struct keeper *keeper, bool *done_r)
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

static enum store_error set_edition(struct keeper *keeper, struct store *store)
{
	struct store_txn txn;

	if (store_write(store, &txn) == STORE_BUSY)
		return STORE_BUSY;
	unsigned before = store_edition(&txn);
	if (before != keeper->edition_wanted)
		store_set_edition(&txn, keeper->edition_wanted);
	enum store_error error = store_end(&txn);
	if (error == STORE_OK && before != keeper->edition_wanted)
		log_info("%s: edition %u becomes %u", store_config(store)->path, before,
			 keeper->edition_wanted);
	return error;
}

/* The durable store first: what is left half done has the volatile one at the old number, and that
 * is where the events are. */
static enum store_error set_both(struct keeper *keeper)
{
	enum store_error error = set_edition(keeper, keeper->worker->state);

	return error == STORE_OK ? set_edition(keeper, keeper->worker->voice) : error;
}

void edition_tick(struct keeper *keeper)
{
	uint64_t began = clock_mono();
	enum store_error error = STORE_OK;
	bool clean = false;

	if (keeper->edition_wanted == 0)
		return;
	while (error == STORE_OK && !clean && clock_age(clock_mono(), began) < BUDGET)
		error = clean_slice(keeper, &clean);
	if (error == STORE_OK && !clean)
		return;
	if (error == STORE_OK)
		error = set_both(keeper);
	if (error == STORE_BUSY)
		return;
	keeper_step(keeper, error, "changing the edition of the stores");
	answer(keeper, error == STORE_OK ? "" : store_error_text(error));
}

void edition_ask(struct keeper *keeper, const struct msg_schema *wanted)
{
	unsigned oldest, newest;

	store_editions(&oldest, &newest);
	keeper->edition_wanted = wanted->schema;
	keeper->edition_cursor = 0;
	if (wanted->schema < oldest || wanted->schema > newest)
		answer(keeper, "this build does not know that edition");
	else
		edition_tick(keeper);
}
