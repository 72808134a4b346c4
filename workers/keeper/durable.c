/* SPDX-License-Identifier: ISC
 *
 * NAME      durable - the durable store follows the volatile one
 * PURPOSE   Blocks and saved DG-IDs must outlive a boot: keeper applies their events of the voice log
 *           to the state store, and at start fills the voice store from it.
 * OWNER     keeper, the only writer of the state store
 * CONTRACT  The number of the last event applied is written in the same durable transaction as what
 *           it changed, with the identity of the voice store that it counts in; so each event takes
 *           effect, and repeating one changes nothing. A commit here may wait for the disk.
 * LIMITS    events that are no blocks move the number only now and then (SAVE_EVERY): after a crash
 *           they are read again
 */
#include <string.h>

#include "shm/clock.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/store/blocks.h"
#include "shm/store/saved.h"
#include "shm/text.h"
#include "workers/keeper/keeper.h"
#include "workers/keeper/restored.h"

#define META_STORE   "voice_store"
#define META_APPLIED "voice_applied"
#define SAVE_EVERY   500

/* Events of one slice of the log that matter: of blocks, and choices of DG-IDs. */
struct batch {
	unsigned count;
	struct event_record event[SLICE];
};

static void collect(uint64_t number, const struct event_record *event, void *arg)
{
	struct batch *batch = arg;

	(void)number;
	if (event->type == EVENT_BLOCK_ADD || event->type == EVENT_BLOCK_REMOVE ||
	    (event->type == EVENT_CLIENT_DGID && event->reason == REASON_RADIO))
		batch->event[batch->count++] = *event;
}

void durable_note(struct keeper *keeper, struct store_txn *txn, uint64_t number)
{
	store_meta_put(txn, META_STORE, store_id(keeper->worker->voice));
	store_meta_put(txn, META_APPLIED, number);
}

static void apply(const struct keeper *keeper, struct store_txn *txn,
		  const struct event_record *event)
{
	struct block_record record = {
		.version = RECORD_VERSION,
		.reason = event->block_reason,
		.until = event->block_until,
		.until_real = judge_end(keeper, event->block_until, event->until),
	};

	if (event->type == EVENT_CLIENT_DGID) {
		saved_put(txn, event->gateway, event->key.ip, event->dgid, event->time);
		return;
	}
	if (event->type == EVENT_BLOCK_REMOVE) {
		blocks_remove(txn, event->call);
		return;
	}
	text_copy(record.by, sizeof(record.by),
		  event->block_reason == BLOCK_OPERATOR ? "operator" : event->slot);
	blocks_add(txn, event->call, &record);
}

/* Writes a batch and its number down. */
static enum store_error save(struct keeper *keeper, const struct batch *batch, uint64_t number)
{
	struct store_txn txn;
	enum store_error error;

	fault_point(FAULT_KEEPER_FOLLOWED);
	if (store_write(keeper->worker->state, &txn) == STORE_BUSY)
		return STORE_BUSY;
	for (unsigned i = 0; i < batch->count; i++)
		apply(keeper, &txn, &batch->event[i]);
	durable_note(keeper, &txn, number);
	error = store_end(&txn);
	keeper_saved(keeper, error);
	fault_point(FAULT_KEEPER_APPLIED);
	if (error == STORE_OK) {
		keeper->saved = number;
		page_count_by(keeper->worker->page, COUNT_KEEPER_APPLIED, batch->count);
	}
	return error;
}

/* ---- slices of the table of blocks ---- */

struct list {
	unsigned count;
	struct {
		char call[CALL_MAX];
		struct block_record record;
	} block[SLICE];
};

static bool gather(const char *call, const struct block_record *record, void *arg)
{
	struct list *list = arg;

	text_copy(list->block[list->count].call, CALL_MAX, call);
	list->block[list->count++].record = *record;
	return true;
}

/* The next slice after CURSOR; a short one is the last. */
static enum store_error next_slice(struct store *store, char cursor[CALL_MAX], struct list *list_r,
				   bool *last_r)
{
	struct store_txn txn;

	list_r->count = 0;
	*last_r = true;
	if (store_read(store, &txn) == STORE_OK)
		*last_r = blocks_walk(&txn, cursor, SLICE, gather, list_r) < SLICE;
	return store_end(&txn);
}

/* Removes from the durable store what is listed. */
static enum store_error remove_listed(struct keeper *keeper, const struct list *list)
{
	struct store_txn txn;

	if (list->count == 0)
		return STORE_OK;
	if (store_write(keeper->worker->state, &txn) == STORE_BUSY)
		return STORE_BUSY;
	for (unsigned i = 0; i < list->count; i++)
		blocks_remove(&txn, list->block[i].call);
	return store_end(&txn);
}

/* ---- when the log can't tell any more: the durable store becomes a copy of the other ---- */

/* Keeps on the list what the voice store does not have. */
static enum store_error keep_vanished(struct keeper *keeper, struct list *list)
{
	struct store_txn txn;
	unsigned kept = 0;

	if (store_read(keeper->worker->voice, &txn) == STORE_OK) {
		for (unsigned i = 0; i < list->count; i++) {
			struct block_record record;

			if (blocks_get(&txn, list->block[i].call, &record) == STORE_NOT_FOUND)
				list->block[kept++] = list->block[i];
		}
	}
	list->count = kept;
	return store_end(&txn);
}

static enum store_error copy_listed(struct keeper *keeper, const struct list *list)
{
	struct store_txn txn;

	if (store_write(keeper->worker->state, &txn) == STORE_BUSY)
		return STORE_BUSY;
	for (unsigned i = 0; i < list->count; i++) {
		struct block_record record = list->block[i].record;

		record.until_real = judge_end(keeper, record.until, record.until_real);
		blocks_add(&txn, list->block[i].call, &record);
	}
	return store_end(&txn);
}

static enum store_error copy_blocks(struct keeper *keeper)
{
	enum store_error error = STORE_OK;
	char copied[CALL_MAX] = "";
	struct list list;
	bool last = false;

	while (error == STORE_OK && !last) {
		error = next_slice(keeper->worker->voice, copied, &list, &last);
		if (error == STORE_OK && list.count > 0)
			error = copy_listed(keeper, &list);
	}
	return error;
}

/* A crash on the way repeats it from the start: the number is written last. */
static enum store_error take_over(struct keeper *keeper)
{
	static const struct batch none;
	char purged[CALL_MAX] = "";
	enum store_error error = STORE_OK;
	struct store_txn txn;
	struct list list;
	uint64_t newest = 0;
	bool last = false;

	if (store_read(keeper->worker->voice, &txn) == STORE_OK)
		newest = events_newest(&txn);
	error = store_end(&txn);
	while (error == STORE_OK && !last) {
		error = next_slice(keeper->worker->state, purged, &list, &last);
		if (error == STORE_OK)
			error = keep_vanished(keeper, &list);
		if (error == STORE_OK)
			error = remove_listed(keeper, &list);
	}
	if (error == STORE_OK)
		error = copy_blocks(keeper);
	if (error == STORE_OK)
		error = saved_copy(keeper->worker->voice, keeper->worker->state, false);
	if (error == STORE_OK)
		error = save(keeper, &none, newest);
	if (error == STORE_OK)
		keeper->applied = newest;
	return error;
}

/* ---- following ---- */

/* One slice of the log. MORE_R: there may be more. */
static enum store_error follow_slice(struct keeper *keeper, bool *more_r)
{
	uint64_t cursor = keeper->applied;
	struct store_txn txn;
	struct batch batch = {.count = 0};
	enum store_error error;
	bool lapped = false;

	*more_r = false;
	if (store_read(keeper->worker->voice, &txn) == STORE_OK)
		*more_r = events_follow(&txn, &cursor, SLICE, &lapped, collect, &batch) == SLICE;
	error = store_end(&txn);
	if (error != STORE_OK)
		return error;
	if (lapped)
		return take_over(keeper);
	if (batch.count > 0 || cursor - keeper->saved >= SAVE_EVERY)
		error = save(keeper, &batch, cursor);
	if (error == STORE_OK)
		keeper->applied = cursor;
	return error;
}

enum step durable_follow(struct keeper *keeper, uint64_t now)
{
	enum store_error error;
	bool more;

	(void)now;
	if (keeper->frozen != NULL)
		return STEP_DONE;
	if (restored_pending(keeper))
		return restored_step(keeper, now);
	error = follow_slice(keeper, &more);
	if (error != STORE_OK)
		return keeper_step(keeper, error, "writing to the durable store");
	return more ? STEP_AGAIN : STEP_DONE;
}

enum step durable_redate(struct keeper *keeper, uint64_t now)
{
	enum store_error error;

	(void)now;
	if (!keeper->redate || keeper->frozen != NULL || restored_pending(keeper))
		return STEP_DONE;
	error = copy_blocks(keeper);
	keeper_saved(keeper, error);
	if (error != STORE_OK)
		return keeper_step(keeper, error, "dating the durable blocks");
	keeper->redate = false;
	return STEP_DONE;
}

/* Those in force end by the voice store's clock, and their events remove them here. */
enum step durable_expire(struct keeper *keeper, uint64_t now)
{
	uint64_t now_real = judge_now(keeper);
	enum store_error error;
	struct list list;
	unsigned kept = 0;
	bool last;

	(void)now;
	if (keeper->frozen != NULL)
		return STEP_DONE;
	error = next_slice(keeper->worker->state, keeper->durable_block, &list, &last);
	for (unsigned i = 0; i < list.count; i++)
		if (list.block[i].record.until_real <= now_real)
			list.block[kept++] = list.block[i];
	list.count = kept;
	if (error == STORE_OK && kept > 0)
		error = keep_vanished(keeper, &list);
	if (error == STORE_OK)
		error = remove_listed(keeper, &list);
	if (error != STORE_OK)
		return keeper_step(keeper, error, "expiry of durable blocks");
	if (!last)
		return STEP_AGAIN;
	keeper->durable_block[0] = '\0';
	return STEP_DONE;
}

/* ---- at start ---- */

/* Adds what is listed and not there, with its end on this boot's clock. */
static enum store_error fill_listed(struct keeper *keeper, const struct list *list)
{
	uint64_t now = clock_mono(), now_real = judge_now(keeper);
	enum store_error error;
	struct store_txn txn;

	error = start_write(keeper->worker->voice, &txn);
	if (error != STORE_OK)
		return error;
	for (unsigned i = 0; i < list->count; i++) {
		struct block_record record = list->block[i].record, there;
		const char *call = list->block[i].call;

		if (record.until_real <= now_real ||
		    blocks_get(&txn, call, &there) != STORE_NOT_FOUND)
			continue;
		record.until = BLOCK_FOREVER;
		if (record.until_real != BLOCK_FOREVER)
			record.until = now + (record.until_real - now_real);
		blocks_add(&txn, call, &record);
	}
	return store_end(&txn);
}

static enum store_error fill_voice(struct keeper *keeper)
{
	enum store_error error = STORE_OK;
	char cursor[CALL_MAX] = "";
	struct list list;
	bool last = false;

	while (error == STORE_OK && !last) {
		error = next_slice(keeper->worker->state, cursor, &list, &last);
		if (error == STORE_OK && list.count > 0)
			error = fill_listed(keeper, &list);
	}
	return error;
}

enum store_error durable_start(struct keeper *keeper)
{
	enum store_error error;
	struct store_txn txn;
	uint64_t voice = 0;
	bool more = true;

	error = restored_all(keeper);
	if (error != STORE_OK)
		return error;
	if (store_read(keeper->worker->state, &txn) == STORE_OK) {
		voice = store_meta_get(&txn, META_STORE);
		keeper->applied = keeper->saved = store_meta_get(&txn, META_APPLIED);
	}
	error = store_end(&txn);
	if (error == STORE_OK && voice != store_id(keeper->worker->voice)) {
		/* a new voice store: it starts with our blocks, and its log at its first event */
		keeper->applied = keeper->saved = 0;
		error = fill_voice(keeper);
		if (error == STORE_OK)
			error = saved_copy(keeper->worker->state, keeper->worker->voice, true);
		/* one that was just made, beside a voice store that has lived: it learns all of that */
		if (error == STORE_OK && voice == 0)
			error = take_over(keeper);
	}
	while (error == STORE_OK && more)
		error = follow_slice(keeper, &more);
	if (error == STORE_NO_SPACE || error == STORE_MAP_FULL) {
		/* the rounds try again; a full disk must not keep the reflector from serving */
		log_warning("blocks and DG-IDs can't be written to the durable store: %s",
			    store_error_text(error));
		error = STORE_OK;
	}
	return error;
}

/* Below edition 3 there were no saved DG-IDs, whatever lay there. */
enum store_error durable_stepped(struct keeper *keeper)
{
	enum store_error error = saved_copy(keeper->worker->state, keeper->worker->voice, false);

	return error == STORE_OK ? saved_copy(keeper->worker->voice, keeper->worker->state, false)
				 : error;
}
