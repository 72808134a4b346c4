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

enum store_error blocks_get(struct store_txn *txn, const char *call, struct block_record *record_r)
{
	enum store_error error;
	struct call_key key;
	MDB_val value;

	memset(record_r, 0, sizeof(*record_r));
	if (!call_key_make(&key, call))
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
	struct call_key key;
	uint64_t until;
	bool found;
};

static bool earliest_note(const char *call, const struct block_record *record, void *arg)
{
	struct earliest *earliest = arg;

	if (!earliest->found || record->until_real < earliest->until) {
		earliest->found = call_key_make(&earliest->key, call);
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
	struct call_key key;

	added.version = RECORD_VERSION;
	if (!call_key_make(&key, call) || !block_record_check(&added, sizeof(added), &present))
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
	struct call_key key;

	error = blocks_get(txn, call, &record);
	if (error == STORE_BAD_RECORD)
		memset(&record, 0, sizeof(record));
	else if (error)
		return error;
	call_key_make(&key, call);
	store_del(txn, DB_BLOCKS, &key, sizeof(key));
	block_tell(txn, EVENT_BLOCK_REMOVE, call, &record);
	return txn->error;
}

uint64_t blocks_count(struct store_txn *txn)
{
	return store_entries(txn, DB_BLOCKS);
}

struct block_visit {
	struct store_txn *txn;
	blocks_visitor *visit;
	void *arg;
};

static bool visit_block(const void *key, const MDB_val *value, void *arg)
{
	const struct block_visit *visiting = arg;
	struct block_record record;

	if (block_record_check(value->mv_data, value->mv_size, &record))
		return visiting->visit(key, &record, visiting->arg);
	store_bad_record(visiting->txn, "blocks");
	return true;
}

unsigned blocks_walk(struct store_txn *txn, char call[CALL_MAX], unsigned most,
		     blocks_visitor *visit, void *arg)
{
	static const struct walk walk = {DB_BLOCKS, "blocks", CALL_MAX, call_key_ok};
	struct block_visit visiting = {txn, visit, arg};
	struct call_key key;
	unsigned seen;

	if (!call_key_make(&key, call))
		memset(&key, 0, sizeof(key));
	seen = store_walk(txn, &walk, &key, most, visit_block, &visiting);
	memcpy(call, key.call, CALL_MAX);
	return seen;
}
