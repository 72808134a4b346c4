/* SPDX-License-Identifier: ISC
 *
 * NAME      saved - DG-IDs that gateways chose by radio
 * PURPOSE   The table of the choices, and its index by age.
 * OWNER     ysf workers and keeper write
 * CONTRACT  see saved.h
 * LIMITS    none known
 */
#include "shm/store/saved.h"

#include <string.h>

#include "shm/clock.h"
#include "shm/store/inside.h"

/* What bears a time that is still to come was chosen before the clock was set back. */
bool saved_newer(const struct saved_record *one, const struct saved_record *other)
{
	uint64_t now = clock_real();

	if ((one->when > now) != (other->when > now))
		return other->when > now;
	return one->when > other->when;
}

static bool saved_age(const void *record, size_t size, uint64_t *age_r)
{
	struct saved_record checked;

	*age_r = 0;
	if (!saved_record_check(record, size, &checked))
		return false;
	*age_r = checked.when;
	return true;
}

static const struct aged table = {
	.db = DB_SAVED,
	.ages = DB_SAVED_AGES,
	.what = "saved",
	.key_size = sizeof(struct saved_key),
	.made_room = COUNT_STORE_ROOM_SAVED,
	.age = saved_age,
};

/* IP NULL: from anywhere. */
static bool saved_key_make(struct saved_key *key_r, const char *name, const uint8_t ip[16])
{
	struct call_key call;

	memset(key_r, 0, sizeof(*key_r));
	if (!call_key_make(&call, name))
		return false;
	memcpy(key_r->name, call.call, sizeof(key_r->name));
	if (ip)
		memcpy(key_r->ip, ip, sizeof(key_r->ip));
	return true;
}

enum store_error saved_get(struct store_txn *txn, const char *name, const uint8_t ip[16],
			   struct saved_record *record_r)
{
	enum store_error error = store_serves(txn, DB_SAVED);
	struct saved_key key;
	MDB_val value;

	memset(record_r, 0, sizeof(*record_r));
	if (!error && !saved_key_make(&key, name, ip))
		error = STORE_NOT_FOUND;
	if (!error)
		error = store_get(txn, DB_SAVED, &key, sizeof(key), &value);
	if (error || saved_record_check(value.mv_data, value.mv_size, record_r))
		return error;
	store_bad_record(txn, "saved");
	return store_fail(txn, STORE_BAD_RECORD);
}

enum store_error saved_lookup(struct store_txn *txn, const char *name, const uint8_t ip[16],
			      struct saved_record *record_r)
{
	enum store_error error = saved_get(txn, name, ip, record_r);

	if (error == STORE_NOT_FOUND || error == STORE_BAD_RECORD)
		error = saved_get(txn, name, NULL, record_r);
	return error;
}

static void saved_put_one(struct store_txn *txn, const char *name, const uint8_t ip[16],
			  const struct saved_record *record)
{
	struct saved_record there;
	struct saved_key key;

	if (saved_get(txn, name, ip, &there) == STORE_OK && saved_newer(&there, record))
		return;
	saved_key_make(&key, name, ip);
	aged_put(txn, &table, &key, record, sizeof(*record), txn->store->config.max_saved);
}

enum store_error saved_put(struct store_txn *txn, const char *name, const uint8_t ip[16],
			   uint8_t dgid, uint64_t when)
{
	struct saved_record record = {.version = RECORD_VERSION, .dgid = dgid, .when = when};
	enum store_error error = store_serves(txn, DB_SAVED);
	struct saved_record checked;
	struct saved_key key;

	if (error)
		return error;
	if (!saved_key_make(&key, name, ip) ||
	    !saved_record_check(&record, sizeof(record), &checked))
		return store_fail(txn, STORE_BAD_RECORD);
	if (ip)
		saved_put_one(txn, name, ip, &record);
	saved_put_one(txn, name, NULL, &record);
	return txn->error;
}

enum store_error saved_remove(struct store_txn *txn, const struct saved_key *key)
{
	enum store_error error = store_serves(txn, DB_SAVED);

	return error ? error : aged_remove(txn, &table, key);
}

uint64_t saved_count(struct store_txn *txn)
{
	return store_serves(txn, DB_SAVED) ? 0 : store_entries(txn, DB_SAVED);
}

static bool saved_key_ok(const void *key)
{
	return call_key_ok(key); /* the name comes first */
}

struct saved_visit {
	struct store_txn *txn;
	saved_visitor *visit;
	void *arg;
};

static bool visit_saved(const void *key, const MDB_val *value, void *arg)
{
	const struct saved_visit *visiting = arg;
	struct saved_record record;

	if (saved_record_check(value->mv_data, value->mv_size, &record))
		return visiting->visit(key, &record, visiting->arg);
	store_bad_record(visiting->txn, "saved");
	return true;
}

unsigned saved_walk(struct store_txn *txn, struct saved_key *key, unsigned most,
		    saved_visitor *visit, void *arg)
{
	static const struct walk walk = {DB_SAVED, "saved", sizeof(*key), saved_key_ok};
	struct saved_visit visiting = {txn, visit, arg};

	if (store_serves(txn, DB_SAVED))
		return 0;
	return store_walk(txn, &walk, key, most, visit_saved, &visiting);
}
