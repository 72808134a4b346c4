/* SPDX-License-Identifier: ISC
 *
 * NAME      infos - what gateways say of themselves (YSFI)
 * PURPOSE   The table of what they said.
 * OWNER     ysf workers write
 * CONTRACT  see infos.h
 * LIMITS    none known
 */
#include "shm/store/infos.h"

#include <string.h>

#include "shm/store/clients.h"
#include "shm/store/inside.h"

enum store_error infos_get(struct store_txn *txn, const struct client_key *key,
			   struct info_record *record_r)
{
	enum store_error error = store_serves(txn, DB_INFOS);
	MDB_val value;

	memset(record_r, 0, sizeof(*record_r));
	if (!error)
		error = store_get(txn, DB_INFOS, key, sizeof(*key), &value);
	if (error || info_record_check(value.mv_data, value.mv_size, record_r))
		return error;
	store_bad_record(txn, "infos");
	return store_fail(txn, STORE_BAD_RECORD);
}

enum store_error infos_put(struct store_txn *txn, const struct client_key *key,
			   const struct info_record *record)
{
	struct info_record added = *record, there;
	enum store_error error = store_serves(txn, DB_INFOS);
	struct client_record client;

	added.version = RECORD_VERSION;
	if (!error)
		error = clients_get(txn, key, &client);
	if (error)
		return error;
	if (!info_record_check(&added, sizeof(added), &there))
		return store_fail(txn, STORE_BAD_RECORD);
	if (infos_get(txn, key, &there) == STORE_OK && memcmp(&there, &added, sizeof(added)) == 0)
		return STORE_OK;
	return store_put(txn, DB_INFOS, key, sizeof(*key), &added, sizeof(added), 0);
}

enum store_error infos_del(struct store_txn *txn, const struct client_key *key)
{
	enum store_error error = store_serves(txn, DB_INFOS);

	return error ? error : store_del(txn, DB_INFOS, key, sizeof(*key));
}

uint64_t infos_count(struct store_txn *txn)
{
	return store_serves(txn, DB_INFOS) ? 0 : store_entries(txn, DB_INFOS);
}
