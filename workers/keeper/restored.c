/* SPDX-License-Identifier: ISC
 *
 * NAME      restored - another durable store takes the place of the one in use
 * PURPOSE   See restored.h.
 * OWNER     keeper
 * CONTRACT  see restored.h. Every phase may be repeated; the mark goes last, in the transaction that
 *           says up to which event the durable store knows all.
 * LIMITS    see restored.h
 */
#include "workers/keeper/restored.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "shm/store/blocks.h"
#include "shm/store/copy.h"
#include "shm/store/human.h"
#include "shm/store/saved.h"
#include "shm/store/spots.h"
#include "shm/store/users.h"
#include "shm/text.h"
#include "workers/errand.h"
#include "workers/keeper/cluster.h"

#define PATIENCE (3 * NS_PER_SEC)

/* The DX cluster's workers look once a second whether theirs is still the store. */
#define SETTLE (1500 * NS_PER_MS)

enum phase {
	PHASE_NONE,
	PHASE_BEGIN,
	PHASE_BLOCKS_GO,   /* those that the backup does not have */
	PHASE_BLOCKS_COME, /* those that it has */
	PHASE_SAVED_GO,
	PHASE_SAVED_COME,
	PHASE_NOTE,
	PHASE_SETTLE,
};

/* ---- the exchange ---- */

static void flush(struct keeper *keeper)
{
	enum step step = STEP_AGAIN;

	while (step == STEP_AGAIN)
		step = durable_follow(keeper, 0);
	cluster_flush(keeper);
}

bool restored_exchange(struct keeper *keeper, bool keep, char *why_r, size_t size)
{
	struct worker *worker = keeper->worker;
	char fresh[CONF_TEXT_MAX + 32], path[CONF_TEXT_MAX + 32], error[256];
	const char *dir = conf_text(worker->conf, CONF_SERVER_STATE_DIR);

	snprintf(fresh, sizeof(fresh), "%s/" ERRAND_STORE, dir);
	snprintf(path, sizeof(path), "%s", store_config(worker->state)->path);
	/* nothing may be written to one that was copied already */
	if (keep)
		flush(keeper);
	if (store_exchange(path, fresh, keep, error) != STORE_OK) {
		snprintf(why_r, size, "%s", error);
		log_error("the durable store can't be exchanged: %s", error);
		return false;
	}
	if (!worker_reopen_state(worker) || restored_look(keeper) != STORE_OK) {
		snprintf(why_r, size, "the new store can't be opened; see the log");
		worker_finish(worker, 1);
		return false;
	}
	return true;
}

/* ---- blocks ---- */

struct blocks {
	unsigned count;
	struct {
		char call[CALL_MAX];
		struct block_record record;
	} block[SLICE];
};

static bool gather_block(const char *call, const struct block_record *record, void *arg)
{
	struct blocks *list = arg;

	text_copy(list->block[list->count].call, CALL_MAX, call);
	list->block[list->count++].record = *record;
	return true;
}

static bool same_block(const struct block_record *one, const struct block_record *other)
{
	return one->reason == other->reason && one->until_real == other->until_real;
}

/* The next slice of FROM, but for those that OTHER has just so. */
static enum store_error differing_blocks(struct store *from, struct store *other,
					 char cursor[CALL_MAX], struct blocks *list, bool *last_r)
{
	enum store_error error;
	struct store_txn txn;
	unsigned kept = 0;

	list->count = 0;
	*last_r = true;
	if (store_read(from, &txn) == STORE_OK)
		*last_r = blocks_walk(&txn, cursor, SLICE, gather_block, list) < SLICE;
	error = store_end(&txn);
	if (error == STORE_OK)
		error = store_read(other, &txn);
	for (unsigned i = 0; error == STORE_OK && i < list->count; i++) {
		struct block_record there;

		if (blocks_get(&txn, list->block[i].call, &there) == STORE_OK &&
		    same_block(&there, &list->block[i].record))
			continue;
		list->block[kept++] = list->block[i];
	}
	list->count = kept;
	if (error == STORE_OK)
		error = store_end(&txn);
	return error;
}

/* Its end on the clock of this boot; false: it is over. */
static bool block_lasts(const struct keeper *keeper, struct block_record *record)
{
	uint64_t now_real = judge_now(keeper);

	if (record->until_real <= now_real)
		return false;
	record->until = BLOCK_FOREVER;
	if (record->until_real != BLOCK_FOREVER)
		record->until = clock_mono() + (record->until_real - now_real);
	return true;
}

static enum store_error change_blocks(struct keeper *keeper, bool come, bool *last_r)
{
	struct store *voice = keeper->worker->voice, *state = keeper->worker->state;
	char cursor[CALL_MAX];
	enum store_error error;
	struct blocks list;
	struct store_txn txn;

	memcpy(cursor, keeper->restored_block, sizeof(cursor));
	error = come ? differing_blocks(state, voice, cursor, &list, last_r)
		     : differing_blocks(voice, state, cursor, &list, last_r);
	if (error == STORE_OK && list.count > 0) {
		if (store_write(voice, &txn) == STORE_BUSY)
			return STORE_BUSY;
		for (unsigned i = 0; i < list.count; i++) {
			if (!come)
				blocks_remove(&txn, list.block[i].call);
			else if (block_lasts(keeper, &list.block[i].record))
				blocks_add(&txn, list.block[i].call, &list.block[i].record);
		}
		error = store_end(&txn);
	}
	if (error == STORE_OK)
		memcpy(keeper->restored_block, cursor, sizeof(cursor));
	return error;
}

/* ---- saved DG-IDs ---- */

struct choices {
	unsigned count;
	struct {
		struct saved_key key;
		struct saved_record record;
	} saved[SLICE];
};

static bool gather_choice(const struct saved_key *key, const struct saved_record *record, void *arg)
{
	struct choices *list = arg;

	list->saved[list->count].key = *key;
	list->saved[list->count++].record = *record;
	return true;
}

static bool in_state(struct store_txn *txn, const struct saved_key *key,
		     const struct saved_record *record)
{
	static const uint8_t anywhere[16];
	const uint8_t *ip = memcmp(key->ip, anywhere, sizeof(anywhere)) == 0 ? NULL : key->ip;
	struct saved_record there;

	return saved_get(txn, key->name, ip, &there) == STORE_OK && there.dgid == record->dgid &&
	       there.when == record->when;
}

/* A slice of choices that the backup does not have goes. */
static enum store_error remove_choices(struct keeper *keeper, bool *last_r)
{
	struct saved_key cursor = keeper->restored_saved;
	struct choices list = {.count = 0};
	enum store_error error;
	struct store_txn txn;
	unsigned kept = 0;

	*last_r = true;
	if (store_read(keeper->worker->voice, &txn) == STORE_OK)
		*last_r = saved_walk(&txn, &cursor, SLICE, gather_choice, &list) < SLICE;
	error = store_end(&txn);
	if (error == STORE_OK && store_read(keeper->worker->state, &txn) == STORE_OK) {
		for (unsigned i = 0; i < list.count; i++)
			if (!in_state(&txn, &list.saved[i].key, &list.saved[i].record))
				list.saved[kept++] = list.saved[i];
		error = store_end(&txn);
	}
	if (error == STORE_OK && kept > 0) {
		if (store_write(keeper->worker->voice, &txn) == STORE_BUSY)
			return STORE_BUSY;
		for (unsigned i = 0; i < kept; i++)
			saved_remove(&txn, &list.saved[i].key);
		error = store_end(&txn);
	}
	if (error == STORE_OK)
		keeper->restored_saved = cursor;
	return error;
}

/* ---- the end ---- */

struct counts {
	uint64_t blocks, saved, users, human;
};

static void tell(struct keeper *keeper, const struct counts *counts)
{
	struct event_record event = {.version = RECORD_VERSION, .type = EVENT_LIST_LOADED};
	struct store_txn txn;

	snprintf(event.note, sizeof(event.note),
		 "state: restored, %" PRIu64 " blocks %" PRIu64 " users", counts->blocks,
		 counts->users);
	log_info("a backup of the durable store is in force: %" PRIu64 " blocks, %" PRIu64
		 " saved DG-IDs, %" PRIu64 " users, %" PRIu64 " human spots",
		 counts->blocks, counts->saved, counts->users, counts->human);
	if (store_write(keeper->worker->voice, &txn) == STORE_OK)
		events_append(&txn, &event);
	if (store_end(&txn) != STORE_OK)
		log_warning("no event tells of it: %s", store_error_text(txn.error));
}

/* What the spots store has of before is not copied once more. */
static enum store_error newest_spot(struct keeper *keeper, struct human_origin *origin_r)
{
	struct store *spots = keeper->worker->spots;
	struct store_txn txn;

	memset(origin_r, 0, sizeof(*origin_r));
	if (spots == NULL)
		return STORE_OK;
	origin_r->store = store_id(spots);
	if (store_read(spots, &txn) == STORE_OK)
		origin_r->number = spots_newest(&txn);
	return store_end(&txn);
}

static enum store_error note(struct keeper *keeper)
{
	struct counts counts = {0};
	struct human_origin origin;
	enum store_error error = newest_spot(keeper, &origin);
	struct store_txn txn;

	if (error != STORE_OK)
		return error;
	if (store_write(keeper->worker->state, &txn) == STORE_BUSY)
		return STORE_BUSY;
	durable_note(keeper, &txn, keeper->restored_from);
	if (origin.store != 0)
		human_note(&txn, &origin);
	store_meta_put(&txn, META_RESTORED, 0);
	counts.blocks = blocks_count(&txn);
	counts.saved = saved_count(&txn);
	counts.users = users_count(&txn);
	counts.human = human_count(&txn);
	error = store_end(&txn);
	if (error != STORE_OK)
		return error;
	keeper->applied = keeper->saved = keeper->restored_from;
	if (keeper->worker->state_trouble != STATE_STAND_IN)
		page_gauge(keeper->worker->page, GAUGE_STATE_TROUBLE, STATE_GOOD);
	if (keeper->cluster != NULL)
		keeper->cluster->human = keeper->cluster->human_noted = origin.number;
	tell(keeper, &counts);
	worker_ring(keeper->worker);
	return STORE_OK;
}

/* Whoever keeps settings of users in mind reads them again. */
static enum store_error settle(struct keeper *keeper)
{
	struct store_txn txn;
	enum store_error error;

	if (keeper->worker->spots == NULL)
		return STORE_OK;
	if (store_write(keeper->worker->spots, &txn) == STORE_BUSY)
		return STORE_BUSY;
	txn.changed_access = true;
	error = store_end(&txn);
	if (error == STORE_OK)
		worker_ring_spots(keeper->worker, NULL);
	return error;
}

/* ---- step by step ---- */

/* Both stores are of one edition, whatever the backup was of. */
static enum store_error begin(struct keeper *keeper)
{
	unsigned edition = 0;
	struct store_txn txn;
	enum store_error error;

	if (store_read(keeper->worker->voice, &txn) == STORE_OK) {
		keeper->restored_from = events_newest(&txn);
		edition = store_edition(&txn);
	}
	error = store_end(&txn);
	if (error != STORE_OK)
		return error;
	if (store_write(keeper->worker->state, &txn) == STORE_BUSY)
		return STORE_BUSY;
	if (store_edition(&txn) != edition)
		store_set_edition(&txn, edition);
	return store_end(&txn);
}

static enum store_error do_phase(struct keeper *keeper, bool *done_r)
{
	*done_r = true;
	switch (keeper->restored_phase) {
	case PHASE_BEGIN:
		return begin(keeper);
	case PHASE_BLOCKS_GO:
		return change_blocks(keeper, false, done_r);
	case PHASE_BLOCKS_COME:
		return change_blocks(keeper, true, done_r);
	case PHASE_SAVED_GO:
		return remove_choices(keeper, done_r);
	case PHASE_SAVED_COME:
		return saved_copy_slice(keeper->worker->state, keeper->worker->voice,
					&keeper->restored_saved, false, done_r);
	case PHASE_NOTE:
		return note(keeper);
	default:
		return settle(keeper);
	}
}

static void next_phase(struct keeper *keeper)
{
	memset(keeper->restored_block, 0, sizeof(keeper->restored_block));
	memset(&keeper->restored_saved, 0, sizeof(keeper->restored_saved));
	keeper->restored_phase++;
	if (keeper->restored_phase == PHASE_SETTLE)
		keeper->restored_until = clock_mono() + SETTLE;
	if (keeper->restored_phase > PHASE_SETTLE)
		keeper->restored_phase = PHASE_NONE;
}

bool restored_pending(const struct keeper *keeper)
{
	return keeper->restored_phase != PHASE_NONE;
}

enum step restored_step(struct keeper *keeper, uint64_t now)
{
	enum store_error error;
	bool done;

	(void)now;
	if (keeper->restored_phase == PHASE_NONE ||
	    (keeper->restored_phase == PHASE_SETTLE && clock_mono() < keeper->restored_until))
		return STEP_DONE;
	error = do_phase(keeper, &done);
	if (error != STORE_OK)
		return keeper_step(keeper, error, "bringing a restored store in force");
	if (done)
		next_phase(keeper);
	return STEP_AGAIN;
}

enum store_error restored_look(struct keeper *keeper)
{
	enum store_error error;
	struct store_txn txn;

	keeper->restored_phase = PHASE_NONE;
	if (store_read(keeper->worker->state, &txn) == STORE_OK &&
	    store_meta_get(&txn, META_RESTORED) != 0)
		keeper->restored_phase = PHASE_BEGIN;
	error = store_end(&txn);
	memset(keeper->restored_block, 0, sizeof(keeper->restored_block));
	memset(&keeper->restored_saved, 0, sizeof(keeper->restored_saved));
	return error;
}

enum store_error restored_all(struct keeper *keeper)
{
	uint64_t end = clock_mono() + PATIENCE;
	enum store_error error = restored_look(keeper);
	bool done;

	while (error == STORE_OK && restored_pending(keeper) &&
	       keeper->restored_phase != PHASE_SETTLE && clock_mono() < end) {
		error = do_phase(keeper, &done);
		if (error == STORE_OK && done)
			next_phase(keeper);
		if (error == STORE_BUSY) {
			poll(NULL, 0, 1);
			error = STORE_OK;
		}
	}
	return error;
}
