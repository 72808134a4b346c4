/* SPDX-License-Identifier: ISC
 *
 * NAME      stations - callers that sent their position
 * PURPOSE   The table of the stations, and its index by age.
 * OWNER     link writes
 * CONTRACT  see stations.h
 * LIMITS    none known
 */
#include "shm/store/stations.h"

#include <string.h>

#include "shm/store/inside.h"

static bool station_age(const void *record, size_t size, uint64_t *age_r)
{
	struct station_record checked;

	*age_r = 0;
	if (!station_record_check(record, size, &checked))
		return false;
	*age_r = checked.heard_real;
	return true;
}

static const struct aged table = {
	.db = DB_STATIONS,
	.ages = DB_STATION_AGES,
	.what = "stations",
	.key_size = sizeof(struct call_key),
	.made_room = COUNT_STORE_ROOM_STATIONS,
	.age = station_age,
};

enum store_error stations_get(struct store_txn *txn, const char *call,
			      struct station_record *record_r)
{
	enum store_error error = store_serves(txn, DB_STATIONS);
	struct call_key key;
	MDB_val value;

	memset(record_r, 0, sizeof(*record_r));
	if (!error && !call_key_make(&key, call))
		error = STORE_NOT_FOUND;
	if (!error)
		error = store_get(txn, DB_STATIONS, &key, sizeof(key), &value);
	if (error || station_record_check(value.mv_data, value.mv_size, record_r))
		return error;
	store_bad_record(txn, "stations");
	return store_fail(txn, STORE_BAD_RECORD);
}

enum store_error stations_put(struct store_txn *txn, const char *call,
			      const struct station_record *record)
{
	enum store_error error = store_serves(txn, DB_STATIONS);
	struct station_record added = *record;
	struct call_key key;

	if (error)
		return error;
	if (!call_key_make(&key, call))
		return store_fail(txn, STORE_BAD_RECORD);
	added.version = RECORD_VERSION;
	return aged_put(txn, &table, &key, &added, sizeof(added), txn->store->config.max_stations);
}

uint64_t stations_count(struct store_txn *txn)
{
	return store_serves(txn, DB_STATIONS) ? 0 : store_entries(txn, DB_STATIONS);
}

struct station_visit {
	struct store_txn *txn;
	stations_visitor *visit;
	void *arg;
};

static bool visit_station(const void *key, const MDB_val *value, void *arg)
{
	const struct station_visit *visiting = arg;
	struct station_record record;

	if (station_record_check(value->mv_data, value->mv_size, &record))
		return visiting->visit(key, &record, visiting->arg);
	store_bad_record(visiting->txn, "stations");
	return true;
}

unsigned stations_walk(struct store_txn *txn, char call[CALL_MAX], unsigned most,
		       stations_visitor *visit, void *arg)
{
	static const struct walk walk = {DB_STATIONS, "stations", CALL_MAX, call_key_ok};
	struct station_visit visiting = {txn, visit, arg};
	struct call_key key;
	unsigned seen;

	if (store_serves(txn, DB_STATIONS))
		return 0;
	if (!call_key_make(&key, call))
		memset(&key, 0, sizeof(key));
	seen = store_walk(txn, &walk, &key, most, visit_station, &visiting);
	memcpy(call, key.call, CALL_MAX);
	return seen;
}

unsigned stations_expire(struct store_txn *txn, uint64_t before, unsigned most)
{
	return store_serves(txn, DB_STATIONS) ? 0 : aged_expire(txn, &table, before, most);
}
