/* SPDX-License-Identifier: ISC
 *
 * NAME      away - gateways that are not on their home DG-ID
 * PURPOSE   The table of who is away.
 * OWNER     ysf workers and keeper write
 * CONTRACT  see away.h
 * LIMITS    none known
 */
#include "shm/store/away.h"

#include <string.h>

#include "shm/store/inside.h"

enum store_error away_get(struct store_txn *txn, const struct client_key *key,
			  struct away_record *record_r)
{
	enum store_error error = store_serves(txn, DB_AWAY);
	MDB_val value;

	memset(record_r, 0, sizeof(*record_r));
	if (!error)
		error = store_get(txn, DB_AWAY, key, sizeof(*key), &value);
	if (error || away_record_check(value.mv_data, value.mv_size, record_r))
		return error;
	store_bad_record(txn, "away");
	return store_fail(txn, STORE_BAD_RECORD);
}

static enum store_error away_store(struct store_txn *txn, const struct client_key *key,
				   const struct away_record *record)
{
	struct away_record checked;

	if (!away_record_check(record, sizeof(*record), &checked))
		return store_fail(txn, STORE_BAD_RECORD);
	return store_put(txn, DB_AWAY, key, sizeof(*key), record, sizeof(*record), 0);
}

enum store_error away_put(struct store_txn *txn, const struct client_key *key, uint32_t client,
			  uint64_t heard)
{
	struct away_record record = {.version = RECORD_VERSION, .client = client, .heard = heard};
	enum store_error error = store_serves(txn, DB_AWAY);

	return error ? error : away_store(txn, key, &record);
}

enum store_error away_heard(struct store_txn *txn, const struct client_key *key, uint64_t heard)
{
	struct away_record record;
	enum store_error error = away_get(txn, key, &record);

	if (error || heard <= record.heard)
		return error;
	record.heard = heard;
	return away_store(txn, key, &record);
}

enum store_error away_del(struct store_txn *txn, const struct client_key *key)
{
	enum store_error error = store_serves(txn, DB_AWAY);

	return error ? error : store_del(txn, DB_AWAY, key, sizeof(*key));
}

uint64_t away_count(struct store_txn *txn)
{
	return store_serves(txn, DB_AWAY) ? 0 : store_entries(txn, DB_AWAY);
}

struct away_visit {
	struct store_txn *txn;
	away_visitor *visit;
	void *arg;
};

static bool visit_away(const void *key, const MDB_val *value, void *arg)
{
	const struct away_visit *visiting = arg;
	struct away_record record;

	if (away_record_check(value->mv_data, value->mv_size, &record))
		return visiting->visit(key, &record, visiting->arg);
	store_bad_record(visiting->txn, "away");
	return true;
}

unsigned away_walk(struct store_txn *txn, struct client_key *key, unsigned most,
		   away_visitor *visit, void *arg)
{
	static const struct walk walk = {DB_AWAY, "away", sizeof(*key), NULL};
	struct away_visit visiting = {txn, visit, arg};

	if (store_serves(txn, DB_AWAY))
		return 0;
	return store_walk(txn, &walk, key, most, visit_away, &visiting);
}
