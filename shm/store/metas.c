/* SPDX-License-Identifier: ISC
 *
 * NAME      metas - what the frames of open streams told
 * PURPOSE   The table of what is known of open calls.
 * OWNER     ysf workers write
 * CONTRACT  see metas.h
 * LIMITS    none known
 */
#include "shm/store/metas.h"

#include <string.h>

#include "shm/store/inside.h"
#include "shm/store/streams.h"

enum store_error metas_get(struct store_txn *txn, uint32_t stream, struct meta_record *record_r)
{
	enum store_error error = store_serves(txn, DB_METAS);
	struct id_key key = id_key_make(stream);
	MDB_val value;

	memset(record_r, 0, sizeof(*record_r));
	if (!error)
		error = store_get(txn, DB_METAS, &key, sizeof(key), &value);
	if (error || (meta_record_check(value.mv_data, value.mv_size, record_r) &&
		      record_r->stream == stream))
		return error;
	memset(record_r, 0, sizeof(*record_r));
	store_bad_record(txn, "metas");
	return store_fail(txn, STORE_BAD_RECORD);
}

enum store_error metas_put(struct store_txn *txn, uint32_t key, const struct meta_record *record)
{
	enum store_error error = store_serves(txn, DB_METAS);
	struct id_key name = id_key_make(record->stream);
	struct meta_record added = *record, checked;
	struct stream_record stream;

	added.version = RECORD_VERSION;
	if (!error)
		error = streams_get(txn, key, &stream);
	if (error)
		return error;
	if (stream.id != record->stream)
		return store_fail(txn, STORE_NOT_FOUND);
	if (!meta_record_check(&added, sizeof(added), &checked))
		return store_fail(txn, STORE_BAD_RECORD);
	return store_put(txn, DB_METAS, &name, sizeof(name), &added, sizeof(added), 0);
}

enum store_error metas_del(struct store_txn *txn, uint32_t stream)
{
	enum store_error error = store_serves(txn, DB_METAS);
	struct id_key key = id_key_make(stream);

	return error ? error : store_del(txn, DB_METAS, &key, sizeof(key));
}

uint64_t metas_count(struct store_txn *txn)
{
	return store_serves(txn, DB_METAS) ? 0 : store_entries(txn, DB_METAS);
}

uint64_t metas_tidy(struct store_txn *txn)
{
	uint64_t count = metas_count(txn);

	if (count == 0 || streams_count(txn) > 0)
		return 0;
	store_clear(txn, DB_METAS);
	return count;
}
