/* SPDX-License-Identifier: ISC
 *
 * NAME      filters - the stored filters of users
 * PURPOSE   Opaque bytes by call, in both stores.
 * OWNER     dxc workers and keeper write the spots store; keeper alone writes the durable one
 * CONTRACT  see users.h; what the bytes mean is checked by who reads them (filter_check). A filter
 *           of the durable store goes with its user (users.c).
 * LIMITS    see users.h
 */
#include <string.h>

#include "shm/store/inside.h"
#include "shm/store/users.h"

static const struct walk walk = {DB_FILTERS, "filters", sizeof(struct user_key), user_key_ok};

static enum store_error get(struct store_txn *txn, const struct user_key *key, MDB_val *value_r)
{
	enum store_error error = store_serves(txn, DB_FILTERS);

	if (!error)
		error = store_get(txn, DB_FILTERS, key, sizeof(*key), value_r);
	if (error || value_r->mv_size <= FILTER_BYTES_MAX)
		return error;
	store_bad_record(txn, walk.what);
	return STORE_BAD_RECORD;
}

enum store_error filters_get(struct store_txn *spots, struct store_txn *state, const char *call,
			     void *bytes_r, size_t *length_r)
{
	enum store_error error;
	struct user_key key;
	MDB_val value;

	*length_r = 0;
	if (!user_key_make(&key, call))
		return STORE_NOT_FOUND;
	error = get(spots, &key, &value);
	if (error == STORE_NOT_FOUND && state)
		error = get(state, &key, &value);
	if (error)
		return error;
	memcpy(bytes_r, value.mv_data, value.mv_size);
	*length_r = value.mv_size;
	return STORE_OK;
}

enum store_error filters_put(struct store_txn *txn, const char *call, const void *bytes,
			     size_t length)
{
	enum store_error error = store_serves(txn, DB_FILTERS);
	struct user_key key;
	MDB_val there;

	if (error)
		return error;
	if (!user_key_make(&key, call) || length > FILTER_BYTES_MAX) {
		store_bad_record(txn, walk.what);
		return STORE_BAD_RECORD;
	}
	if (txn->store->config.kind == STORE_SPOTS) {
		if (store_get(txn, DB_FILTERS, &key, sizeof(key), &there) == STORE_NOT_FOUND &&
		    filters_count(txn) >= USERS_FRESH_MAX)
			return STORE_LIMIT;
		txn->changed_access = true;
	}
	return store_put(txn, DB_FILTERS, &key, sizeof(key), bytes, length, 0);
}

uint64_t filters_count(struct store_txn *txn)
{
	return store_serves(txn, DB_FILTERS) ? 0 : store_entries(txn, DB_FILTERS);
}

struct filter_visit {
	struct store_txn *txn;
	filters_visitor *visit;
	void *arg;
};

static bool visit_filter(const void *key, const MDB_val *value, void *arg)
{
	const struct filter_visit *visiting = arg;

	if (value->mv_size <= FILTER_BYTES_MAX)
		return visiting->visit(key, value->mv_data, value->mv_size, visiting->arg);
	store_bad_record(visiting->txn, walk.what);
	return true;
}

unsigned filters_walk(struct store_txn *txn, char call[CALL_TEXT_SIZE], unsigned most,
		      filters_visitor *visit, void *arg)
{
	struct filter_visit visiting = {txn, visit, arg};
	struct user_key key;
	unsigned seen;

	if (store_serves(txn, DB_FILTERS))
		return 0;
	if (!user_key_make(&key, call))
		memset(&key, 0, sizeof(key));
	seen = store_walk(txn, &walk, &key, most, visit_filter, &visiting);
	memcpy(call, key.call, CALL_TEXT_SIZE);
	return seen;
}

void filters_moved(struct store_txn *txn, const char *call, const void *bytes, size_t length)
{
	struct user_key key;
	MDB_val value;

	if (!user_key_make(&key, call) || get(txn, &key, &value))
		return;
	if (value.mv_size == length && memcmp(value.mv_data, bytes, length) == 0)
		store_del(txn, DB_FILTERS, &key, sizeof(key));
}
