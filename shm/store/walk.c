/* SPDX-License-Identifier: ISC
 *
 * NAME      walk - through a table in slices
 * PURPOSE   One walk for all tables with keys of one size.
 * OWNER     the record modules of this folder
 * CONTRACT  see inside.h. In a write each step searches anew: the visitor may change the table, and
 *           a cursor under which records are deleted is not to be trusted.
 * LIMITS    WALK_KEY_MAX bytes of key
 */
#include <string.h>

#include "shm/store/inside.h"

/* Finds the first key after KEY; all zero: the first of all. */
static bool walk_seek(struct store_txn *txn, MDB_cursor *cursor, const struct walk *walk,
		      const void *key, MDB_val *name_r, MDB_val *value_r)
{
	static const uint8_t start[WALK_KEY_MAX];

	if (memcmp(key, start, walk->key_size) == 0)
		return store_step(txn, cursor, name_r, value_r, MDB_FIRST);
	name_r->mv_size = walk->key_size;
	name_r->mv_data = (void *)key;
	if (!store_step(txn, cursor, name_r, value_r, MDB_SET_RANGE))
		return false;
	if (name_r->mv_size != walk->key_size || memcmp(name_r->mv_data, key, walk->key_size) != 0)
		return true;
	return store_step(txn, cursor, name_r, value_r, MDB_NEXT);
}

/* Skips keys that are none. */
static bool walk_skip(struct store_txn *txn, MDB_cursor *cursor, const struct walk *walk,
		      MDB_val *name, MDB_val *value_r, bool more)
{
	while (more && (name->mv_size != walk->key_size ||
			(walk->key_ok && !walk->key_ok(name->mv_data)))) {
		store_bad_record(txn, walk->what);
		more = store_step(txn, cursor, name, value_r, MDB_NEXT);
	}
	return more;
}

unsigned store_walk(struct store_txn *txn, const struct walk *walk, void *key, unsigned most,
		    walk_visitor *visit, void *arg)
{
	MDB_cursor *cursor = store_cursor(txn, walk->db);
	MDB_val name, value;
	unsigned seen = 0;
	bool more;

	if (!cursor)
		return 0;
	more = most > 0 && walk_seek(txn, cursor, walk, key, &name, &value);
	while (walk_skip(txn, cursor, walk, &name, &value, more)) {
		memcpy(key, name.mv_data, walk->key_size);
		seen++;
		if (!visit(key, &value, arg) || seen >= most)
			break;
		more = txn->writing ? walk_seek(txn, cursor, walk, key, &name, &value)
				    : store_step(txn, cursor, &name, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return seen;
}
