/* SPDX-License-Identifier: ISC
 *
 * NAME      blocks - callers that may not transmit for a time
 * PURPOSE   The table of the blocks; on the volatile store with their events.
 * OWNER     ysf workers and keeper write the volatile one, keeper the durable one
 * CONTRACT  see blocks.h
 * LIMITS    making room in a full table looks at every block
 */
#include "shm/store/blocks.h"

#include <string.h>

#include "shm/store/events.h"
#include "shm/store/inside.h"

struct block_key {
	char call[CALL_MAX];
};

/* False when it is no base call: empty, too long, or with signs that no record may have. */
static bool block_key_make(struct block_key *key_r, const char *call)
{
	size_t i;

	memset(key_r, 0, sizeof(*key_r));
	for (i = 0; call[i]; i++) {
		if (i >= CALL_MAX - 1 || call[i] < 0x20 || call[i] > 0x7e)
			return false;
		key_r->call[i] = call[i];
	}
	return i > 0;
}

static bool block_key_ok(const MDB_val *name)
{
	struct block_key key, again;

	if (name->mv_size != sizeof(key))
		return false;
	memcpy(&key, name->mv_data, sizeof(key));
	return key.call[CALL_MAX - 1] == '\0' && block_key_make(&again, key.call) &&
	       memcmp(&key, &again, sizeof(key)) == 0;
}

enum store_error blocks_get(struct store_txn *txn, const char *call, struct block_record *record_r)
{
	enum store_error error;
	struct block_key key;
	MDB_val value;

	memset(record_r, 0, sizeof(*record_r));
	if (!block_key_make(&key, call))
		return store_fail(txn, STORE_NOT_FOUND);
	error = store_get(txn, DB_BLOCKS, &key, sizeof(key), &value);
	if (error || block_record_check(value.mv_data, value.mv_size, record_r))
		return error;
	store_bad_record(txn, "blocks");
	return store_fail(txn, STORE_BAD_RECORD);
}

static void block_tell(struct store_txn *txn, enum event_type type, const char *call,
		       const struct block_record *record)
{
	struct event_record event = {
		.type = (uint8_t)type,
		.until = record->until_real,
		.block_until = record->until,
		.block_reason = record->reason,
	};

	txn->changed_access = true;
	if (txn->store->config.kind != STORE_VOICE)
		return;
	strncpy(event.call, call, sizeof(event.call) - 1);
	events_append(txn, &event);
}

struct earliest {
	struct block_key key;
	uint64_t until;
	bool found;
};

static bool earliest_note(const char *call, const struct block_record *record, void *arg)
{
	struct earliest *earliest = arg;

	if (!earliest->found || record->until_real < earliest->until) {
		earliest->found = block_key_make(&earliest->key, call);
		earliest->until = record->until_real;
	}
	return true;
}

/* The block that ends first makes room. */
static enum store_error blocks_make_room(struct store_txn *txn)
{
	struct earliest earliest = {.found = false};
	char call[CALL_MAX] = "";

	if (blocks_count(txn) < txn->store->config.max_blocks)
		return txn->error;
	blocks_walk(txn, call, UINT32_MAX, earliest_note, &earliest);
	if (!earliest.found)
		return store_fail(txn, STORE_LIMIT);
	return blocks_remove(txn, earliest.key.call);
}

enum store_error blocks_add(struct store_txn *txn, const char *call,
			    const struct block_record *record)
{
	struct block_record present, added = *record;
	enum store_error error;
	struct block_key key;

	added.version = RECORD_VERSION;
	if (!block_key_make(&key, call) || !block_record_check(&added, sizeof(added), &present))
		return store_fail(txn, STORE_BAD_RECORD);
	error = blocks_get(txn, call, &present);
	if (error == STORE_NOT_FOUND)
		error = blocks_make_room(txn);
	if (error && error != STORE_BAD_RECORD)
		return error;
	store_put(txn, DB_BLOCKS, &key, sizeof(key), &added, sizeof(added), 0);
	block_tell(txn, EVENT_BLOCK_ADD, call, &added);
	return txn->error;
}

enum store_error blocks_remove(struct store_txn *txn, const char *call)
{
	struct block_record record;
	enum store_error error;
	struct block_key key;

	error = blocks_get(txn, call, &record);
	if (error == STORE_BAD_RECORD)
		memset(&record, 0, sizeof(record));
	else if (error)
		return error;
	block_key_make(&key, call);
	store_del(txn, DB_BLOCKS, &key, sizeof(key));
	block_tell(txn, EVENT_BLOCK_REMOVE, call, &record);
	return txn->error;
}

uint64_t blocks_count(struct store_txn *txn)
{
	return store_entries(txn, DB_BLOCKS);
}

static bool block_seek(struct store_txn *txn, MDB_cursor *cursor, const char *call, MDB_val *name_r,
		       MDB_val *value_r)
{
	struct block_key key;
	MDB_val at = {sizeof(key), &key};

	if (!block_key_make(&key, call))
		return store_step(txn, cursor, name_r, value_r, MDB_FIRST);
	if (!store_step(txn, cursor, &at, value_r, MDB_SET_RANGE))
		return false;
	*name_r = at;
	if (name_r->mv_size != sizeof(key) || memcmp(name_r->mv_data, &key, sizeof(key)) != 0)
		return true;
	return store_step(txn, cursor, name_r, value_r, MDB_NEXT);
}

static bool block_next(struct store_txn *txn, MDB_cursor *cursor, MDB_val *name, MDB_val *value_r,
		       bool more)
{
	while (more && !block_key_ok(name)) {
		store_bad_record(txn, "blocks");
		more = store_step(txn, cursor, name, value_r, MDB_NEXT);
	}
	return more;
}

unsigned blocks_walk(struct store_txn *txn, char call[CALL_MAX], unsigned most,
		     blocks_visitor *visit, void *arg)
{
	MDB_cursor *cursor = store_cursor(txn, DB_BLOCKS);
	struct block_record record;
	bool more, go_on = true;
	MDB_val name, value;
	unsigned seen = 0;

	if (!cursor)
		return 0;
	more = most > 0 && block_seek(txn, cursor, call, &name, &value);
	while (block_next(txn, cursor, &name, &value, more)) {
		memcpy(call, name.mv_data, CALL_MAX);
		seen++;
		if (block_record_check(value.mv_data, value.mv_size, &record))
			go_on = visit(call, &record, arg);
		else
			store_bad_record(txn, "blocks");
		if (!go_on || seen >= most)
			break;
		/* the visitor may remove blocks: search anew */
		more = txn->writing ? block_seek(txn, cursor, call, &name, &value)
				    : store_step(txn, cursor, &name, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return seen;
}
