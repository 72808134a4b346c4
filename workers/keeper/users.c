/* SPDX-License-Identifier: ISC
 *
 * NAME      users (keeper) - what users set becomes durable
 * PURPOSE   Moves fresh records of users and filters from the spots store into the durable one, and
 *           forgets who was away for USER_DAYS.
 * OWNER     keeper, the only writer of the durable store
 * CONTRACT  A record leaves the spots store only after the durable commit, and only if it is still
 *           what was moved: a death on the way repeats the move, which changes nothing. What the disk
 *           does not take stays where it is and is tried again. A damaged durable record is kept
 *           aside before a new one takes its place.
 * LIMITS    MOVE_SLICE records at a time; a user at most once per MOVE_ROUND
 */
#include <stdlib.h>
#include <string.h>

#include "shm/clock.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/store/users.h"
#include "workers/keeper/cluster.h"

#define MOVE_ROUND   (2 * NS_PER_SEC)
#define MOVE_SLICE   64
#define USER_DAYS    400
#define FORGET_ROUND (3600 * NS_PER_SEC)

enum move_phase {
	MOVE_IDLE,
	MOVE_USERS,   /* read a slice of users */
	MOVE_FILTERS, /* read a slice of filters */
	MOVE_SAVE,    /* write it to the durable store */
	MOVE_REMOVE,  /* and remove it from the other */
};

struct moved {
	char call[CALL_TEXT_SIZE];
	size_t length;
	uint8_t bytes[FILTER_BYTES_MAX]; /* of a user: struct user_record */
};

struct moving {
	enum move_phase phase;
	bool filters;		     /* the slice is of these */
	bool last;		     /* and the last one */
	char cursor[CALL_TEXT_SIZE]; /* walked up to here */
	uint64_t next;		     /* clock_mono: not before */
	uint64_t next_forget;
	unsigned count;
	struct moved slice[MOVE_SLICE];
};

struct moving *users_moving(void)
{
	return calloc(1, sizeof(struct moving));
}

static bool gather(struct moving *moving, const char *call, const void *bytes, size_t length)
{
	struct moved *moved = &moving->slice[moving->count++];

	memcpy(moved->call, call, sizeof(moved->call));
	memcpy(moved->bytes, bytes, length);
	moved->length = length;
	return true;
}

static bool gather_user(const char *call, const struct user_record *record, void *arg)
{
	return gather(arg, call, record, sizeof(*record));
}

static bool gather_filter(const char *call, const void *bytes, size_t length, void *arg)
{
	return gather(arg, call, bytes, length);
}

static enum store_error read_slice(struct keeper *keeper, struct moving *moving)
{
	struct store_txn txn;
	unsigned seen = 0;

	moving->count = 0;
	moving->filters = moving->phase == MOVE_FILTERS;
	if (store_read(keeper->worker->spots, &txn) == STORE_OK)
		seen = moving->filters
			       ? filters_walk(&txn, moving->cursor, MOVE_SLICE, gather_filter,
					      moving)
			       : users_walk(&txn, moving->cursor, MOVE_SLICE, gather_user, moving);
	moving->last = seen < MOVE_SLICE;
	return store_end(&txn);
}

/* False: the durable store has no such table; its disk was full when it was to be made. */
static bool save_user(struct keeper *keeper, struct store_txn *txn, const char *call,
		      const struct user_record *record)
{
	struct user_record dated = *record;

	/* a wrong date would make the user old, or young for years */
	if (judge_doubts(keeper))
		dated.changed = judge_now(keeper);
	if (users_set_aside(txn, call)) {
		page_count(keeper->worker->page, COUNT_KEEPER_USERS_ASIDE);
		log_warning("the record of user %s was damaged: kept aside, begun anew", call);
	}
	return users_put(txn, call, &dated) != STORE_NOT_FOUND;
}

/* Filters go with their user, so there must be one. */
static bool save_filter(struct keeper *keeper, struct store_txn *txn, const struct moved *moved)
{
	struct user_record record;

	if (users_get(txn, NULL, moved->call, &record) != STORE_OK) {
		user_record_blank(&record);
		record.created = clock_real();
		if (!save_user(keeper, txn, moved->call, &record))
			return false;
	}
	return filters_put(txn, moved->call, moved->bytes, moved->length) != STORE_NOT_FOUND;
}

static enum store_error save_slice(struct keeper *keeper, const struct moving *moving)
{
	struct user_record record;
	enum store_error error;
	struct store_txn txn;
	bool kept = true;

	if (store_write(keeper->worker->state, &txn) == STORE_BUSY)
		return STORE_BUSY;
	for (unsigned i = 0; kept && i < moving->count; i++) {
		const struct moved *moved = &moving->slice[i];

		memcpy(&record, moved->bytes, sizeof(record));
		kept = moving->filters ? save_filter(keeper, &txn, moved)
				       : save_user(keeper, &txn, moved->call, &record);
	}
	if (!kept) {
		store_abort(&txn);
		return STORE_NO_SPACE;
	}
	error = store_end(&txn);
	keeper_saved(keeper, error);
	fault_point(FAULT_USER_SAVED);
	if (error == STORE_OK)
		page_count_by(keeper->worker->page,
			      moving->filters ? COUNT_KEEPER_FILTERS : COUNT_KEEPER_USERS,
			      moving->count);
	return error;
}

static enum store_error remove_slice(struct keeper *keeper, const struct moving *moving)
{
	struct user_record record;
	struct store_txn txn;

	if (store_write(keeper->worker->spots, &txn) == STORE_BUSY)
		return STORE_BUSY;
	for (unsigned i = 0; i < moving->count; i++) {
		const struct moved *moved = &moving->slice[i];

		memcpy(&record, moved->bytes, sizeof(record));
		if (moving->filters)
			filters_moved(&txn, moved->call, moved->bytes, moved->length);
		else
			users_moved(&txn, moved->call, &record);
	}
	return store_end(&txn);
}

/* What comes after the phase that is done. */
static void next_phase(struct moving *moving)
{
	switch (moving->phase) {
	case MOVE_IDLE:
		memset(moving->cursor, 0, sizeof(moving->cursor));
		moving->phase = MOVE_USERS;
		return;
	case MOVE_USERS:
	case MOVE_FILTERS:
		if (moving->count > 0) {
			moving->phase = MOVE_SAVE;
			return;
		}
		break;
	case MOVE_SAVE:
		moving->phase = MOVE_REMOVE;
		return;
	default:
		break;
	}
	/* a slice is through */
	if (!moving->last) {
		moving->phase = moving->filters ? MOVE_FILTERS : MOVE_USERS;
		return;
	}
	memset(moving->cursor, 0, sizeof(moving->cursor));
	moving->phase = moving->filters ? MOVE_IDLE : MOVE_FILTERS;
}

static enum store_error do_phase(struct keeper *keeper, struct moving *moving)
{
	switch (moving->phase) {
	case MOVE_USERS:
	case MOVE_FILTERS:
		return read_slice(keeper, moving);
	case MOVE_SAVE:
		return save_slice(keeper, moving);
	case MOVE_REMOVE:
		return remove_slice(keeper, moving);
	default:
		return STORE_OK;
	}
}

enum step users_follow(struct keeper *keeper, uint64_t now)
{
	struct moving *moving = keeper->cluster->moving;
	enum store_error error;

	if (keeper->frozen != NULL || (moving->phase == MOVE_IDLE && now != 0 && now < moving->next))
		return STEP_DONE;
	if (moving->phase == MOVE_IDLE)
		moving->next = now + MOVE_ROUND;
	error = do_phase(keeper, moving);
	if (error == STORE_BUSY)
		return STEP_BUSY;
	if (error != STORE_OK) {
		/* all of it is still in the spots store */
		moving->phase = MOVE_IDLE;
		page_count(keeper->worker->page, COUNT_KEEPER_NOT_MOVED);
		return keeper_step(keeper, error, "settings of users are not saved yet");
	}
	if (moving->phase == MOVE_REMOVE)
		fault_point(FAULT_USER_REMOVED);
	next_phase(moving);
	return moving->phase == MOVE_IDLE ? STEP_DONE : STEP_AGAIN;
}

enum step users_forget(struct keeper *keeper, uint64_t now)
{
	const uint64_t age = USER_DAYS * 24 * 3600 * NS_PER_SEC;
	struct moving *moving = keeper->cluster->moving;
	uint64_t now_real = judge_now(keeper);
	enum store_error error;
	struct store_txn txn;
	unsigned gone;

	if (keeper->frozen != NULL || now < moving->next_forget || now_real < age ||
	    judge_doubts(keeper))
		return STEP_DONE;
	if (store_write(keeper->worker->state, &txn) == STORE_BUSY)
		return STEP_BUSY;
	gone = users_expire(&txn, now_real - age, SLICE);
	error = store_end(&txn);
	if (error != STORE_OK)
		return keeper_step(keeper, error, "forgetting users");
	page_count_by(keeper->worker->page, COUNT_KEEPER_USERS_EXPIRED, gone);
	if (gone == SLICE)
		return STEP_AGAIN;
	moving->next_forget = now + FORGET_ROUND;
	return STEP_DONE;
}
