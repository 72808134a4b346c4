/* SPDX-License-Identifier: ISC
 *
 * NAME      streams - open calls
 * PURPOSE   Opens and closes streams, gives them ids and lanes, and writes their events.
 * OWNER     ysf workers and keeper write
 * CONTRACT  see streams.h. Ids count up from a random start and wrap at STREAM_ID_MAX: none comes
 *           again before nearly ten million others.
 * LIMITS    finding a free lane looks at all open streams
 */
#include "shm/store/streams.h"

#include <string.h>

#include "shm/clock.h"
#include "shm/store/events.h"
#include "shm/store/inside.h"
#include "shm/store/metas.h"

#define PUBLIC_KEYS 128

enum store_error streams_get(struct store_txn *txn, uint32_t key, struct stream_record *record_r)
{
	struct id_key name = id_key_make(key);
	enum store_error error;
	MDB_val value;

	memset(record_r, 0, sizeof(*record_r));
	error = store_get(txn, DB_STREAMS, &name, sizeof(name), &value);
	if (error)
		return error;
	if (stream_record_check(value.mv_data, value.mv_size, record_r) && record_r->key == key)
		return STORE_OK;
	store_bad_record(txn, "streams");
	return store_fail(txn, STORE_BAD_RECORD);
}

uint64_t streams_count(struct store_txn *txn)
{
	return store_entries(txn, DB_STREAMS);
}

/* One record at the cursor; false when it is damaged. */
static bool stream_take(struct store_txn *txn, const MDB_val *name, const MDB_val *value,
			struct stream_record *record_r)
{
	struct id_key key;

	if (name->mv_size == sizeof(key) &&
	    stream_record_check(value->mv_data, value->mv_size, record_r)) {
		key = id_key_make(record_r->key);
		if (memcmp(name->mv_data, &key, sizeof(key)) == 0)
			return true;
	}
	store_bad_record(txn, "streams");
	return false;
}

void streams_walk(struct store_txn *txn, streams_visitor *visit, void *arg)
{
	MDB_cursor *cursor = store_cursor(txn, DB_STREAMS);
	struct stream_record record;
	struct id_key key;
	MDB_val name, value;
	bool more;

	if (!cursor)
		return;
	more = store_step(txn, cursor, &name, &value, MDB_FIRST);
	while (more) {
		key = (struct id_key){{0xff, 0xff, 0xff, 0xff}};
		if (name.mv_size == sizeof(key))
			memcpy(&key, name.mv_data, sizeof(key));
		if (stream_take(txn, &name, &value, &record) && !visit(&record, arg))
			break;
		if (!txn->writing || name.mv_size != sizeof(key)) {
			more = store_step(txn, cursor, &name, &value, MDB_NEXT);
			continue;
		}
		/* the visitor may have closed streams: search for the next key anew */
		name.mv_size = sizeof(key);
		name.mv_data = &key;
		more = store_step(txn, cursor, &name, &value, MDB_SET_RANGE);
		if (more && name.mv_size == sizeof(key) &&
		    memcmp(name.mv_data, &key, sizeof(key)) == 0)
			more = store_step(txn, cursor, &name, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
}

static bool lane_note(const struct stream_record *record, void *arg)
{
	uint8_t *taken = arg;

	taken[record->lane / 8] |= (uint8_t)(1U << record->lane % 8);
	return true;
}

/* The lowest lane that no open stream has; LIMIT when all are taken. */
static uint32_t lane_find(struct store_txn *txn, uint32_t limit)
{
	uint8_t taken[(STREAM_LANES_MAX + 7) / 8];
	uint32_t lane;

	memset(taken, 0, sizeof(taken));
	streams_walk(txn, lane_note, taken);
	for (lane = 0; lane < limit; lane++) {
		if (!(taken[lane / 8] >> lane % 8 & 1))
			break;
	}
	return lane;
}

/* What the frames told, as far as the store knows it: the position, and the radio. */
static void stream_tell_meta(struct store_txn *txn, uint32_t id, struct event_record *event)
{
	struct meta_record meta;

	if (metas_get(txn, id, &meta) != STORE_OK)
		return;
	event->latitude = meta.latitude;
	event->longitude = meta.longitude;
	event->radio = meta.radio;
}

static enum store_error stream_tell(struct store_txn *txn, enum event_type type,
				    enum event_reason reason, const struct stream_record *record,
				    const struct stream_totals *totals)
{
	struct event_record event = {
		.type = (uint8_t)type,
		.reason = (uint8_t)reason,
		.dgid = record->dgid,
		.flags = record->flags,
		.has_key = 1,
		.client = record->client,
		.stream = record->id,
		.stream_key = record->key,
		.key = record->owner,
	};
	uint64_t end;

	memcpy(event.gateway, record->gateway, sizeof(event.gateway));
	memcpy(event.source, record->source, sizeof(event.source));
	memcpy(event.dest, record->dest, sizeof(event.dest));
	if (type == EVENT_STREAM_END) {
		end = totals && totals->last ? totals->last : clock_mono();
		event.duration_ms = (uint32_t)(clock_age(end, record->started) / NS_PER_MS);
		event.frames = totals ? totals->frames : 0;
		event.lost = totals ? totals->lost : 0;
		stream_tell_meta(txn, record->id, &event);
	} else {
		memcpy(event.call, record->tag, sizeof(event.call));
		memcpy(event.fich, record->fich, sizeof(event.fich));
	}
	return events_append(txn, &event);
}

static bool stream_key_allowed(const struct stream_record *record)
{
	if (record->key & STREAM_PRIVATE)
		return record->key == (STREAM_PRIVATE | record->client);
	return record->key < PUBLIC_KEYS;
}

enum store_error streams_open(struct store_txn *txn, struct stream_record *record)
{
	uint32_t limit = txn->store->config.max_streams;
	struct stream_record checked;
	enum store_error error;
	struct id_key name;
	uint32_t number;

	if (limit > STREAM_LANES_MAX)
		limit = STREAM_LANES_MAX;
	if (!stream_key_allowed(record))
		return store_fail(txn, STORE_BAD_RECORD);
	error = streams_get(txn, record->key, &checked);
	if (error == STORE_OK)
		return store_fail(txn, STORE_EXISTS);
	if (error != STORE_NOT_FOUND && error != STORE_BAD_RECORD)
		return error;
	/* calls that nobody hears must not take the last lanes from those that are heard */
	if (streams_count(txn) >= (record->key & STREAM_PRIVATE ? limit - limit / 4 : limit))
		return store_fail(txn, STORE_LIMIT);
	record->lane = lane_find(txn, limit);
	if (record->lane >= limit)
		return store_fail(txn, STORE_LIMIT);
	record->version = RECORD_VERSION;
	record->id = 1;
	if (!stream_record_check(record, sizeof(*record), &checked))
		return store_fail(txn, STORE_BAD_RECORD);
	number = store_next_id(txn, "stream");
	if (!number)
		return txn->error;
	record->id = (uint32_t)((txn->store->id % STREAM_ID_MAX + number) % STREAM_ID_MAX + 1);
	name = id_key_make(record->key);
	record->flags &= (uint8_t)stream_flags(store_edition(txn));
	store_put(txn, DB_STREAMS, &name, sizeof(name), record, sizeof(*record), 0);
	stream_tell(txn, EVENT_STREAM_START, REASON_NONE, record, NULL);
	txn->changed_streams = true;
	return txn->error;
}

static enum store_error stream_remove(struct store_txn *txn, const struct stream_record *record,
				      enum event_reason reason, const struct stream_totals *totals)
{
	struct id_key name = id_key_make(record->key);

	store_del(txn, DB_STREAMS, &name, sizeof(name));
	stream_tell(txn, EVENT_STREAM_END, reason, record, totals);
	metas_del(txn, record->id);
	txn->changed_streams = true;
	return txn->error;
}

enum store_error streams_close(struct store_txn *txn, uint32_t key, uint32_t id,
			       enum event_reason reason, const struct stream_totals *totals)
{
	struct stream_record record;
	enum store_error error;

	error = streams_get(txn, key, &record);
	if (error)
		return error;
	if (record.id != id)
		return store_fail(txn, STORE_NOT_FOUND);
	return stream_remove(txn, &record, reason, totals);
}

struct close_client {
	struct store_txn *txn;
	uint32_t client;
	enum event_reason reason;
};

static bool close_if_owned(const struct stream_record *record, void *arg)
{
	struct close_client *closing = arg;

	/* private keys come after the public ones, and a client has but one, known by name */
	if (record->key & STREAM_PRIVATE)
		return false;
	if (record->client == closing->client)
		stream_remove(closing->txn, record, closing->reason, NULL);
	return true;
}

enum store_error streams_close_client(struct store_txn *txn, uint32_t client,
				      enum event_reason reason)
{
	struct close_client closing = {txn, client, reason};
	struct stream_record record;

	if (streams_count(txn) == 0)
		return txn->error;
	if (streams_get(txn, STREAM_PRIVATE | client, &record) == STORE_OK)
		stream_remove(txn, &record, reason, NULL);
	streams_walk(txn, close_if_owned, &closing);
	return txn->error;
}

struct stream_strip {
	struct store_txn *txn;
	unsigned edition;
};

static bool strip_stream(const struct stream_record *record, void *arg)
{
	const struct stream_strip *strip = arg;
	struct id_key name = id_key_make(record->key);
	struct stream_record stripped = *record;

	stripped.flags &= (uint8_t)stream_flags(strip->edition);
	if (stripped.flags != record->flags) {
		store_put(strip->txn, DB_STREAMS, &name, sizeof(name), &stripped, sizeof(stripped),
			  0);
		strip->txn->changed_streams = true;
	}
	return true;
}

void streams_strip(struct store_txn *txn, unsigned edition)
{
	struct stream_strip strip = {txn, edition};

	streams_walk(txn, strip_stream, &strip);
}
