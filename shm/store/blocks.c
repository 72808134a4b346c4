/* SPDX-License-Identifier: ISC
 *
 * NAME      blocks - callers that may not transmit for a time
 * PURPOSE   The table of the blocks; on the volatile store with their events.
 * OWNER     ysf workers and keeper write the volatile one, keeper the durable one
 * CONTRACT  see blocks.h
 * LIMITS    ROOM_LOOK blocks are looked at for the one that makes room
 */
#include "shm/store/blocks.h"

#include <string.h>

#include "shm/store/events.h"
#include "shm/store/inside.h"

#define ROOM_LOOK 1024

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

struct victim {
	struct call_key key;
	uint64_t until;
	bool operators; /* nobody but an operator may end it before its time */
	bool found;
};

static bool victim_note(const char *call, const struct block_record *record, void *arg)
{
	bool operators = record->reason == BLOCK_OPERATOR;
	struct victim *victim = arg;
	bool sooner = operators == victim->operators ? record->until_real < victim->until
						     : victim->operators;

	if (victim->found && !sooner)
		return true;
	victim->found = call_key_make(&victim->key, call);
	victim->until = record->until_real;
	victim->operators = operators;
	return true;
}

/* The block that ends first makes room for that of CALL, an operator's only for another of his. In
 * a large table that is the first to end of ROOM_LOOK: others wait for the gate meanwhile. */
static enum store_error blocks_make_room(struct store_txn *txn, const char *call, bool operators)
{
	struct victim victim = {.found = false};
	char at[CALL_MAX] = "";
	unsigned seen;

	if (blocks_count(txn) < txn->store->config.max_blocks)
		return txn->error;
	strncpy(at, call, sizeof(at) - 1);
	seen = blocks_walk(txn, at, ROOM_LOOK, victim_note, &victim);
	at[0] = '\0';
	if (seen < ROOM_LOOK)
		blocks_walk(txn, at, ROOM_LOOK - seen, victim_note, &victim);
	if (!victim.found || (victim.operators && !operators))
		return store_fail(txn, STORE_LIMIT);
	if (txn->store->config.page)
		page_count(txn->store->config.page, COUNT_STORE_ROOM_BLOCKS);
	return blocks_remove(txn, victim.key.call);
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
		error = blocks_make_room(txn, call, added.reason == BLOCK_OPERATOR);
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
