/* SPDX-License-Identifier: ISC
 *
 * NAME      events - the log of what changed (outbox)
 * PURPOSE   Appends, follows and expires events.
 * OWNER     every writer appends; every process may follow
 * CONTRACT  see events.h. The newest number lives with the generations, so numbers go on even when
 *           the log was emptied.
 * LIMITS    a log that is over its bound (limits were lowered) shrinks by SHRINK_STEP an append
 */
#include "shm/store/events.h"

#include <string.h>

#include "shm/clock.h"
#include "shm/store/inside.h"

#define SHRINK_STEP 16

struct event_key {
	uint8_t bytes[8];
};

static struct event_key event_key_make(uint64_t number)
{
	struct event_key key;
	int i;

	for (i = 0; i < 8; i++)
		key.bytes[i] = (uint8_t)(number >> (56 - 8 * i));
	return key;
}

/* 0 for a key that is none */
static uint64_t event_key_number(const MDB_val *name)
{
	const uint8_t *bytes = name->mv_data;
	uint64_t number = 0;
	int i;

	if (name->mv_size != sizeof(struct event_key))
		return 0;
	for (i = 0; i < 8; i++)
		number = number << 8 | bytes[i];
	return number;
}

/* Makes room for one more. */
static void events_trim(struct store_txn *txn)
{
	uint64_t entries = store_entries(txn, DB_EVENTS), bound = txn->store->config.max_events;
	struct store_generations generations;
	MDB_val name, value;
	MDB_cursor *cursor;
	unsigned step;
	int rc;

	if (store_generations(txn, &generations) == STORE_OK && generations.events_most)
		bound = generations.events_most < bound ? generations.events_most : bound;
	if (!bound || entries < bound)
		return;
	cursor = store_cursor(txn, DB_EVENTS);
	for (step = 0; cursor && step < SHRINK_STEP && entries >= bound; step++, entries--) {
		if (!store_step(txn, cursor, &name, &value, MDB_FIRST))
			break;
		rc = mdb_cursor_del(cursor, 0);
		if (rc) {
			store_fail(txn, store_translate(txn->store, rc, "delete"));
			break;
		}
	}
	if (cursor)
		mdb_cursor_close(cursor);
}

unsigned event_edition(const struct event_record *event)
{
	unsigned edition = event_type_edition(event->type);

	if (event_reason_edition(event->reason) > edition)
		edition = event_reason_edition(event->reason);
	while (edition < SCHEMA_VERSION && event->flags & ~stream_flags(edition))
		edition++;
	return edition;
}

/* Makes of it what EDITION can tell. */
static void event_mask(struct event_record *event, unsigned edition)
{
	event->flags &= (uint8_t)stream_flags(edition);
	if (event_reason_edition(event->reason) > edition)
		event->reason = event->type == EVENT_ACCESS_REFUSED ? REASON_CALL : REASON_NONE;
}

enum store_error events_append(struct store_txn *txn, struct event_record *event)
{
	const struct store_config *config = &txn->store->config;
	unsigned edition = store_edition(txn);
	struct event_record checked;
	enum store_error error;
	struct event_key key;
	uint64_t number;

	if (txn->error)
		return txn->error;
	if (event_type_edition(event->type) > edition)
		return STORE_OK;
	event_mask(event, edition);
	event->version = RECORD_VERSION;
	if (!event->time)
		event->time = clock_real();
	if (!event->slot[0])
		memcpy(event->slot, config->slot, strlen(config->slot) + 1);
	if (!event->generation)
		event->generation = config->generation;
	/* an event that no follower would believe must not get a number */
	if (!event_record_check(event, sizeof(*event), &checked)) {
		store_bad_record(txn, "events");
		return store_fail(txn, STORE_FAILED);
	}
	events_trim(txn);
	number = store_next_event(txn);
	if (!number)
		return store_fail(txn, STORE_FAILED);
	key = event_key_make(number);
	error = store_put(txn, DB_EVENTS, &key, sizeof(key), event, sizeof(*event), MDB_APPEND);
	if (error != STORE_EXISTS)
		return error;
	/* only a key that nobody wrote through here can lie beyond the newest number */
	store_bad_record(txn, "events");
	return store_put(txn, DB_EVENTS, &key, sizeof(key), event, sizeof(*event), 0);
}

uint64_t events_newest(struct store_txn *txn)
{
	struct store_generations generations;

	return store_generations(txn, &generations) ? 0 : generations.events;
}

uint64_t events_oldest(struct store_txn *txn)
{
	MDB_cursor *cursor = store_cursor(txn, DB_EVENTS);
	uint64_t number = 0;
	MDB_val name, value;
	bool more;

	if (!cursor)
		return 0;
	more = store_step(txn, cursor, &name, &value, MDB_FIRST);
	while (more && !number) {
		number = event_key_number(&name);
		if (!number)
			more = store_step(txn, cursor, &name, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return number <= events_newest(txn) ? number : 0;
}

/* Visits the events NUMBER .. NEWEST, at most MOST. */
static unsigned events_visit(struct store_txn *txn, uint64_t newest, uint64_t *cursor_at,
			     unsigned most, events_visitor *visit, void *arg)
{
	MDB_cursor *cursor = store_cursor(txn, DB_EVENTS);
	struct event_key key = event_key_make(*cursor_at + 1);
	MDB_val name = {sizeof(key), &key}, value;
	struct event_record event;
	unsigned seen = 0;
	uint64_t number;
	bool more;

	if (!cursor)
		return 0;
	more = most > 0 && store_step(txn, cursor, &name, &value, MDB_SET_RANGE);
	while (more) {
		number = event_key_number(&name);
		if (number > newest)
			break;
		if (number <= *cursor_at ||
		    !event_record_check(value.mv_data, value.mv_size, &event))
			store_bad_record(txn, "events");
		else
			visit(number, &event, arg);
		if (number > *cursor_at)
			*cursor_at = number;
		more = ++seen < most && store_step(txn, cursor, &name, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return seen;
}

unsigned events_walk(struct store_txn *txn, uint64_t *cursor, unsigned most, events_visitor *visit,
		     void *arg)
{
	uint64_t newest = events_newest(txn);

	return txn->error ? 0 : events_visit(txn, newest, cursor, most, visit, arg);
}

enum store_error events_remove(struct store_txn *txn, uint64_t number)
{
	struct event_key key = event_key_make(number);

	return store_del(txn, DB_EVENTS, &key, sizeof(key));
}

unsigned events_follow(struct store_txn *txn, uint64_t *cursor, unsigned most, bool *lapped_r,
		       events_visitor *visit, void *arg)
{
	uint64_t newest = events_newest(txn), oldest;

	*lapped_r = false;
	if (txn->error || newest == *cursor)
		return 0;
	oldest = events_oldest(txn);
	if (txn->error)
		return 0;
	/* a number that was never given belongs to another store */
	if (*cursor > newest || !oldest || oldest > *cursor + 1) {
		store_count(txn->store, COUNT_EVENTS_LAPPED);
		*lapped_r = true;
		return 0;
	}
	return events_visit(txn, newest, cursor, most, visit, arg);
}

unsigned events_expire(struct store_txn *txn, uint64_t before, unsigned most)
{
	MDB_cursor *cursor = store_cursor(txn, DB_EVENTS);
	struct event_record event;
	unsigned removed = 0;
	MDB_val name, value;
	int rc;

	while (cursor && removed < most && store_step(txn, cursor, &name, &value, MDB_FIRST)) {
		/* a damaged one tells no age; at the front it would stop expiry for ever */
		if (!event_record_check(value.mv_data, value.mv_size, &event))
			store_bad_record(txn, "events");
		else if (event.time >= before)
			break;
		rc = mdb_cursor_del(cursor, 0);
		if (rc) {
			store_fail(txn, store_translate(txn->store, rc, "delete"));
			break;
		}
		removed++;
	}
	if (cursor)
		mdb_cursor_close(cursor);
	return removed;
}
