/* SPDX-License-Identifier: ISC
 *
 * NAME      numlog - logs whose keys are numbers
 * PURPOSE   Appends at one end, removes at the other, walks in both directions.
 * OWNER     the record modules of this folder
 * CONTRACT  see inside.h. The log is never emptied, so its newest key tells which number is next.
 * LIMITS    a full log loses its TRIM_STEP oldest entries at once, which is cheaper than one by one
 */
#include <string.h>

#include "shm/store/inside.h"

#define TRIM_STEP 32

/* 0 for a key that is none */
static uint64_t number_of(const MDB_val *name)
{
	uint64_t number;

	if (name->mv_size != sizeof(number))
		return 0;
	memcpy(&number, name->mv_data, sizeof(number));
	return __builtin_bswap64(number);
}

/* The first key from OP on that is one, in direction NEXT. */
static uint64_t end_of(struct store_txn *txn, const struct numlog *log, MDB_cursor_op op,
		       MDB_cursor_op next)
{
	MDB_cursor *cursor = store_cursor(txn, log->db);
	uint64_t number = 0;
	MDB_val name, value;
	bool more;

	if (!cursor)
		return 0;
	more = store_step(txn, cursor, &name, &value, op);
	while (more && !(number = number_of(&name))) {
		store_bad_record(txn, log->what);
		more = store_step(txn, cursor, &name, &value, next);
	}
	mdb_cursor_close(cursor);
	return number;
}

enum store_error numlog_ends(struct store_txn *txn, const struct numlog *log,
			     struct numlog_ends *ends_r)
{
	ends_r->oldest = end_of(txn, log, MDB_FIRST, MDB_NEXT);
	ends_r->newest = ends_r->oldest ? end_of(txn, log, MDB_LAST, MDB_PREV) : 0;
	ends_r->loaded = !txn->error;
	return txn->error;
}

enum store_error numlog_append(struct store_txn *txn, const struct numlog *log,
			       struct numlog_ends *ends, const void *data, size_t size)
{
	struct number_key key = number_key_make(ends->newest + 1);
	enum store_error error;

	error = store_put(txn, log->db, &key, sizeof(key), data, size, MDB_APPEND);
	if (error == STORE_EXISTS) {
		/* only a key that nobody wrote through here can lie beyond the newest number */
		store_bad_record(txn, log->what);
		error = store_put(txn, log->db, &key, sizeof(key), data, size, 0);
	}
	if (error)
		return error;
	ends->newest++;
	if (!ends->oldest)
		ends->oldest = ends->newest;
	return STORE_OK;
}

/* Removes the first COUNT entries that there are. */
static void remove_first(struct store_txn *txn, const struct numlog *log, uint64_t count)
{
	MDB_cursor *cursor = store_cursor(txn, log->db);
	unsigned removed = 0;
	MDB_val name, value;
	bool more;
	int rc;

	if (!cursor)
		return;
	more = count > 0 && store_step(txn, cursor, &name, &value, MDB_FIRST);
	while (more) {
		rc = mdb_cursor_del(cursor, 0);
		if (rc)
			store_fail(txn, store_translate(txn->store, rc, "delete"));
		else
			removed++;
		more = removed < count && store_step(txn, cursor, &name, &value, MDB_GET_CURRENT);
	}
	mdb_cursor_close(cursor);
}

void numlog_trim(struct store_txn *txn, const struct numlog *log, struct numlog_ends *ends,
		 uint64_t bound)
{
	uint64_t entries = store_entries(txn, log->db);
	uint64_t most = TRIM_STEP;

	if (txn->error || entries < bound)
		return;
	/* the newest stays: its number must not be given twice */
	if (most >= entries)
		most = entries - 1;
	remove_first(txn, log, most);
	numlog_ends(txn, log, ends);
}

/* Puts the cursor at FROM, or at the next one in the direction of the walk. */
static bool seek(struct store_txn *txn, MDB_cursor *cursor, uint64_t from, bool back,
		 MDB_val *name_r, MDB_val *value_r)
{
	struct number_key key = number_key_make(from);
	MDB_val name = {sizeof(key), &key};

	if (back && from == UINT64_MAX)
		return store_step(txn, cursor, name_r, value_r, MDB_LAST);
	if (!store_step(txn, cursor, &name, value_r, MDB_SET_RANGE))
		return back && store_step(txn, cursor, name_r, value_r, MDB_LAST);
	*name_r = name; /* where it lies in the store */
	if (!back || number_of(name_r) == from)
		return true;
	return store_step(txn, cursor, name_r, value_r, MDB_PREV);
}

unsigned numlog_each(struct store_txn *txn, const struct numlog *log, uint64_t from, unsigned most,
		     bool back, numlog_visitor *visit, void *arg)
{
	const MDB_cursor_op next = back ? MDB_PREV : MDB_NEXT;
	MDB_cursor *cursor = store_cursor(txn, log->db);
	MDB_val name, value;
	unsigned seen = 0;
	bool more;

	if (!cursor)
		return 0;
	more = most > 0 && seek(txn, cursor, from, back, &name, &value);
	while (more) {
		uint64_t number = number_of(&name);

		if (number == 0)
			store_bad_record(txn, log->what);
		else if (!visit(number, &value, arg))
			most = 0;
		seen++;
		more = seen < most && store_step(txn, cursor, &name, &value, next);
	}
	mdb_cursor_close(cursor);
	return seen;
}
