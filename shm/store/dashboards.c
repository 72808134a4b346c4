/* SPDX-License-Identifier: ISC
 *
 * NAME      dashboards - subscribers of the dashboard protocol
 * PURPOSE   The table of the subscribers.
 * OWNER     link writes
 * CONTRACT  see dashboards.h
 * LIMITS    none known
 */
#include "shm/store/dashboards.h"

#include <string.h>

#include "shm/store/inside.h"

enum store_error dashboards_get(struct store_txn *txn, const struct client_key *key,
				struct dashboard_record *record_r)
{
	enum store_error error = store_serves(txn, DB_DASHBOARDS);
	MDB_val value;

	memset(record_r, 0, sizeof(*record_r));
	if (!error)
		error = store_get(txn, DB_DASHBOARDS, key, sizeof(*key), &value);
	if (error || dashboard_record_check(value.mv_data, value.mv_size, record_r))
		return error;
	store_bad_record(txn, "dashboards");
	return store_fail(txn, STORE_BAD_RECORD);
}

enum store_error dashboards_put(struct store_txn *txn, const struct client_key *key,
				const struct dashboard_record *record)
{
	struct dashboard_record added = *record, there;
	enum store_error error = store_serves(txn, DB_DASHBOARDS);

	if (error)
		return error;
	added.version = RECORD_VERSION;
	if (dashboards_get(txn, key, &there) == STORE_NOT_FOUND &&
	    dashboards_count(txn) >= DASHBOARDS_MAX)
		return store_fail(txn, STORE_LIMIT);
	return store_put(txn, DB_DASHBOARDS, key, sizeof(*key), &added, sizeof(added), 0);
}

enum store_error dashboards_del(struct store_txn *txn, const struct client_key *key)
{
	enum store_error error = store_serves(txn, DB_DASHBOARDS);

	return error ? error : store_del(txn, DB_DASHBOARDS, key, sizeof(*key));
}

uint64_t dashboards_count(struct store_txn *txn)
{
	return store_serves(txn, DB_DASHBOARDS) ? 0 : store_entries(txn, DB_DASHBOARDS);
}

struct dashboard_visit {
	struct store_txn *txn;
	dashboards_visitor *visit;
	void *arg;
};

static bool visit_dashboard(const void *key, const MDB_val *value, void *arg)
{
	const struct dashboard_visit *visiting = arg;
	struct dashboard_record record;

	if (dashboard_record_check(value->mv_data, value->mv_size, &record))
		return visiting->visit(key, &record, visiting->arg);
	store_bad_record(visiting->txn, "dashboards");
	return true;
}

unsigned dashboards_walk(struct store_txn *txn, struct client_key *key, unsigned most,
			 dashboards_visitor *visit, void *arg)
{
	static const struct walk walk = {DB_DASHBOARDS, "dashboards", sizeof(*key), NULL};
	struct dashboard_visit visiting = {txn, visit, arg};

	if (store_serves(txn, DB_DASHBOARDS))
		return 0;
	return store_walk(txn, &walk, key, most, visit_dashboard, &visiting);
}
