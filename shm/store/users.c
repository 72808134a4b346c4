/* SPDX-License-Identifier: ISC
 *
 * NAME      users - what users have set
 * PURPOSE   The table of users in both stores, and those that were found damaged.
 * OWNER     dxc workers and keeper write the spots store; keeper alone writes the durable one
 * CONTRACT  see users.h
 * LIMITS    see users.h
 */
#include "shm/store/users.h"

#include <string.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "shm/store/inside.h"

static const struct walk walk = {DB_USERS, "users", sizeof(struct user_key), user_key_ok};
static const struct numlog aside_log = {DB_USERS_ASIDE, "users_aside"};

/* Whoever was made by an operator and never came counts from then on. */
static bool user_age(const void *record, size_t size, uint64_t *age_r)
{
	struct user_record checked;

	*age_r = 0;
	if (!user_record_check(record, size, &checked))
		return false;
	*age_r = checked.last_login > checked.created ? checked.last_login : checked.created;
	return true;
}

static void user_gone(struct store_txn *txn, const void *key)
{
	store_del(txn, DB_FILTERS, key, sizeof(struct user_key));
}

static const struct aged table = {
	.db = DB_USERS,
	.ages = DB_USER_AGES,
	.what = "users",
	.key_size = sizeof(struct user_key),
	.made_room = COUNT_STORE_ROOM_USERS,
	.age = user_age,
	.gone = user_gone,
};

static enum store_error get(struct store_txn *txn, const struct user_key *key,
			    struct user_record *record_r)
{
	enum store_error error = store_serves(txn, DB_USERS);
	MDB_val value;

	if (!error)
		error = store_get(txn, DB_USERS, key, sizeof(*key), &value);
	if (error || user_record_check(value.mv_data, value.mv_size, record_r))
		return error;
	store_count(txn->store, COUNT_STORE_BAD_RECORD);
	return STORE_BAD_RECORD;
}

enum store_error users_get(struct store_txn *spots, struct store_txn *state, const char *call,
			   struct user_record *record_r)
{
	enum store_error error;
	struct user_key key;

	memset(record_r, 0, sizeof(*record_r));
	if (!user_key_make(&key, call))
		return STORE_NOT_FOUND;
	error = get(spots, &key, record_r);
	if (error == STORE_NOT_FOUND && state)
		error = get(state, &key, record_r);
	return error;
}

enum store_error users_lookup(struct store_txn *spots, struct store_txn *state, const char *call,
			      struct user_record *record_r, char found_r[CALL_TEXT_SIZE])
{
	enum store_error error = users_get(spots, state, call, record_r);
	char base[CALL_TEXT_SIZE];

	if (found_r)
		memset(found_r, 0, CALL_TEXT_SIZE);
	if (found_r && error != STORE_NOT_FOUND)
		memcpy(found_r, call, strlen(call));
	if (error != STORE_NOT_FOUND)
		return error;
	call_base(call, base);
	error = users_get(spots, state, base, record_r);
	if (found_r && error != STORE_NOT_FOUND)
		memcpy(found_r, base, CALL_TEXT_SIZE);
	return error;
}

enum store_error users_read(struct store *spots, struct store *state, const char *call,
			    struct user_record *record_r, char found_r[CALL_TEXT_SIZE])
{
	struct store_txn fresh, durable;
	enum store_error found = STORE_NOT_FOUND, error;

	memset(record_r, 0, sizeof(*record_r));
	error = store_read(spots, &fresh);
	if (!error && state)
		error = store_read(state, &durable);
	if (!error)
		found = users_lookup(&fresh, state ? &durable : NULL, call, record_r, found_r);
	if (state && !store_end(&fresh))
		error = store_end(&durable);
	else
		error = store_end(&fresh);
	return error ? error : found;
}

/* Waits in the spots store for keeper. */
static enum store_error put_fresh(struct store_txn *txn, const struct user_key *key,
				  struct user_record *record)
{
	MDB_val there;

	if (store_get(txn, DB_USERS, key, sizeof(*key), &there) == STORE_NOT_FOUND &&
	    users_count(txn) >= USERS_FRESH_MAX)
		return STORE_LIMIT;
	txn->changed_access = true;
	record->changed = clock_real();
	return store_put(txn, DB_USERS, key, sizeof(*key), record, sizeof(*record), 0);
}

enum store_error users_put(struct store_txn *txn, const char *call,
			   const struct user_record *record)
{
	struct user_record added = *record, checked;
	enum store_error error = store_serves(txn, DB_USERS);
	struct user_key key;

	if (error)
		return error;
	added.version = RECORD_VERSION;
	if (!user_key_make(&key, call) || !user_record_check(&added, sizeof(added), &checked)) {
		store_bad_record(txn, walk.what);
		return STORE_BAD_RECORD;
	}
	if (txn->store->config.kind == STORE_SPOTS)
		return put_fresh(txn, &key, &added);
	return aged_put(txn, &table, &key, &added, sizeof(added), txn->store->config.max_users);
}

uint64_t users_count(struct store_txn *txn)
{
	return store_serves(txn, DB_USERS) ? 0 : store_entries(txn, DB_USERS);
}

struct user_visit {
	struct store_txn *txn;
	users_visitor *visit;
	void *arg;
};

static bool visit_user(const void *key, const MDB_val *value, void *arg)
{
	const struct user_visit *visiting = arg;
	struct user_record record;

	if (user_record_check(value->mv_data, value->mv_size, &record))
		return visiting->visit(key, &record, visiting->arg);
	store_bad_record(visiting->txn, walk.what);
	return true;
}

unsigned users_walk(struct store_txn *txn, char call[CALL_TEXT_SIZE], unsigned most,
		    users_visitor *visit, void *arg)
{
	struct user_visit visiting = {txn, visit, arg};
	struct user_key key;
	unsigned seen;

	if (store_serves(txn, DB_USERS))
		return 0;
	if (!user_key_make(&key, call))
		memset(&key, 0, sizeof(key));
	seen = store_walk(txn, &walk, &key, most, visit_user, &visiting);
	memcpy(call, key.call, CALL_TEXT_SIZE);
	return seen;
}

/* ---- keeper ---- */

void users_moved(struct store_txn *txn, const char *call, const struct user_record *record)
{
	struct user_key key;
	MDB_val value;

	if (store_serves(txn, DB_USERS) || !user_key_make(&key, call) ||
	    store_get(txn, DB_USERS, &key, sizeof(key), &value))
		return;
	if (value.mv_size == sizeof(*record) && memcmp(value.mv_data, record, sizeof(*record)) == 0)
		store_del(txn, DB_USERS, &key, sizeof(key));
}

unsigned users_expire(struct store_txn *txn, uint64_t before, unsigned most)
{
	return store_serves(txn, DB_USERS) ? 0 : aged_expire(txn, &table, before, most);
}

/* What is kept of a damaged record. */
struct aside {
	struct user_key key;
	uint8_t bytes[FILTER_BYTES_MAX];
};

static void keep_aside(struct store_txn *txn, const struct user_key *key, const MDB_val *value)
{
	size_t size = value->mv_size < FILTER_BYTES_MAX ? value->mv_size : FILTER_BYTES_MAX;
	struct numlog_ends ends = {.loaded = false};
	struct aside aside;

	aside.key = *key;
	memcpy(aside.bytes, value->mv_data, size);
	if (numlog_ends(txn, &aside_log, &ends))
		return;
	numlog_trim(txn, &aside_log, &ends, USERS_ASIDE_MAX);
	numlog_append(txn, &aside_log, &ends, &aside, sizeof(aside.key) + size);
}

bool users_set_aside(struct store_txn *txn, const char *call)
{
	struct user_record record;
	struct user_key key;
	MDB_val value;

	if (store_serves(txn, DB_USERS) || store_serves(txn, DB_USERS_ASIDE) ||
	    !user_key_make(&key, call) || store_get(txn, DB_USERS, &key, sizeof(key), &value) ||
	    user_record_check(value.mv_data, value.mv_size, &record))
		return false;
	keep_aside(txn, &key, &value);
	store_del(txn, DB_USERS, &key, sizeof(key));
	return !txn->error;
}

uint64_t users_aside(struct store_txn *txn)
{
	return store_serves(txn, DB_USERS_ASIDE) ? 0 : store_entries(txn, DB_USERS_ASIDE);
}
