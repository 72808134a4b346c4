/* SPDX-License-Identifier: ISC
 *
 * NAME      aged - tables with a bound whose oldest record makes room
 * PURPOSE   An index by age beside the table, so that a full table costs no walk.
 * OWNER     the record modules of this folder
 * CONTRACT  see inside.h. An entry of the index whose record is another's by now, gone or damaged
 *           is removed when its turn comes; a damaged record goes with it.
 * LIMITS    WALK_KEY_MAX bytes of key
 */
#include <string.h>

#include "shm/store/inside.h"

struct age_key {
	uint8_t bytes[8 + WALK_KEY_MAX]; /* age, big-endian, and the key of the record */
};

static size_t age_key_make(struct age_key *key_r, const struct aged *table, const void *key,
			   uint64_t age)
{
	int i;

	for (i = 0; i < 8; i++)
		key_r->bytes[i] = (uint8_t)(age >> (56 - 8 * i));
	memcpy(key_r->bytes + 8, key, table->key_size);
	return 8 + table->key_size;
}

static uint64_t age_key_age(const struct age_key *key)
{
	uint64_t age = 0;
	int i;

	for (i = 0; i < 8; i++)
		age = age << 8 | key->bytes[i];
	return age;
}

/* Age of the record that is there; false: there is none, or it is damaged. */
static bool aged_age(struct store_txn *txn, const struct aged *table, const void *key,
		     uint64_t *age_r)
{
	MDB_val value;

	return store_get(txn, table->db, key, table->key_size, &value) == STORE_OK &&
	       table->age(value.mv_data, value.mv_size, age_r);
}

/* Takes the oldest entry off the index, with its record unless that is younger by now. True when
 * there was one before BEFORE. REMOVED_R counts records. */
static bool aged_pop(struct store_txn *txn, const struct aged *table, uint64_t before,
		     unsigned *removed_r)
{
	MDB_cursor *cursor = store_cursor(txn, table->ages);
	const size_t size = 8 + table->key_size;
	struct age_key name;
	MDB_val at, value;
	uint64_t age;
	bool found;

	found = cursor && store_step(txn, cursor, &at, &value, MDB_FIRST);
	if (found && at.mv_size == size) {
		memcpy(&name, at.mv_data, size);
		found = age_key_age(&name) < before;
	}
	if (found && at.mv_size != size) {
		store_bad_record(txn, table->what);
		store_fail(txn, store_translate(txn->store, mdb_cursor_del(cursor, 0), "delete"));
		mdb_cursor_close(cursor);
		return !txn->error;
	}
	if (cursor)
		mdb_cursor_close(cursor);
	if (!found)
		return false;
	store_del(txn, table->ages, &name, size);
	if (aged_age(txn, table, name.bytes + 8, &age) && age != age_key_age(&name))
		return !txn->error;
	if (store_del(txn, table->db, name.bytes + 8, table->key_size) == STORE_OK) {
		(*removed_r)++;
		if (table->gone)
			table->gone(txn, name.bytes + 8);
	}
	return !txn->error;
}

/* False: all that are there are younger than AGE. */
static bool aged_make_room(struct store_txn *txn, const struct aged *table, uint64_t age,
			   uint64_t bound)
{
	unsigned removed = 0;
	bool good = true;

	/* limits may have been lowered, and entries may name nothing: not all at once */
	for (unsigned step = 0; good && step < 16 && store_entries(txn, table->db) >= bound; step++)
		good = aged_pop(txn, table, age + 1, &removed);
	if (removed > 0 && txn->store->config.page)
		page_count_by(txn->store->config.page, table->made_room, removed);
	return good;
}

enum store_error aged_put(struct store_txn *txn, const struct aged *table, const void *key,
			  const void *record, size_t size, uint64_t bound)
{
	struct age_key name;
	uint64_t before, age;
	bool there;

	if (!table->age(record, size, &age))
		return store_fail(txn, STORE_BAD_RECORD);
	there = aged_age(txn, table, key, &before);
	if (!there && !aged_make_room(txn, table, age, bound))
		return store_fail(txn, STORE_LIMIT);
	if (there && before != age) {
		age_key_make(&name, table, key, before);
		store_del(txn, table->ages, &name, 8 + table->key_size);
	}
	store_put(txn, table->db, key, table->key_size, record, size, 0);
	age_key_make(&name, table, key, age);
	store_put(txn, table->ages, &name, 8 + table->key_size, "", 0, 0);
	return txn->error;
}

enum store_error aged_remove(struct store_txn *txn, const struct aged *table, const void *key)
{
	struct age_key name;
	uint64_t age;

	if (aged_age(txn, table, key, &age)) {
		age_key_make(&name, table, key, age);
		store_del(txn, table->ages, &name, 8 + table->key_size);
	}
	return store_del(txn, table->db, key, table->key_size);
}

unsigned aged_expire(struct store_txn *txn, const struct aged *table, uint64_t before,
		     unsigned most)
{
	unsigned removed = 0, step;

	for (step = 0; step < most; step++)
		if (!aged_pop(txn, table, before, &removed))
			break;
	return step;
}
