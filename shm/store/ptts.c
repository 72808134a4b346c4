/* SPDX-License-Identifier: ISC
 *
 * NAME      ptts - the last transmissions of each caller
 * PURPOSE   The table of the transmissions, and its index by age.
 * OWNER     ysf workers and keeper write
 * CONTRACT  see ptts.h
 * LIMITS    none known
 */
#include "shm/store/ptts.h"

#include <string.h>

#include "shm/clock.h"
#include "shm/store/inside.h"

/* Age is the last start: before that a record is of no use. */
static bool ptt_age(const void *record, size_t size, uint64_t *age_r)
{
	struct ptt_record checked;

	*age_r = 0;
	if (!ptt_record_check(record, size, &checked))
		return false;
	*age_r = checked.start[checked.count - 1];
	return true;
}

static const struct aged table = {
	.db = DB_PTTS,
	.ages = DB_PTT_AGES,
	.what = "ptts",
	.key_size = sizeof(struct call_key),
	.made_room = COUNT_STORE_ROOM_PTTS,
	.age = ptt_age,
};

enum store_error ptts_get(struct store_txn *txn, const char *call, struct ptt_record *record_r)
{
	enum store_error error = store_serves(txn, DB_PTTS);
	struct call_key key;
	MDB_val value;

	memset(record_r, 0, sizeof(*record_r));
	if (!error && !call_key_make(&key, call))
		error = STORE_NOT_FOUND;
	if (!error)
		error = store_get(txn, DB_PTTS, &key, sizeof(key), &value);
	if (error || ptt_record_check(value.mv_data, value.mv_size, record_r))
		return error;
	store_bad_record(txn, "ptts");
	return store_fail(txn, STORE_BAD_RECORD);
}

/* Starts that are longer than WINDOW_NS ago count no more; where there is no room the oldest goes.
 */
static void ptt_forget(struct ptt_record *record, uint64_t now, uint64_t window_ns)
{
	unsigned gone = 0;

	while (gone < record->count && clock_age(now, record->start[gone]) > window_ns)
		gone++;
	if (gone == 0 && record->count == PTT_STARTS)
		gone = 1;
	record->count = (uint8_t)(record->count - gone);
	memmove(&record->start[0], &record->start[gone], record->count * sizeof(record->start[0]));
	memset(&record->start[record->count], 0,
	       (PTT_STARTS - record->count) * sizeof(record->start[0]));
}

enum store_error ptts_add(struct store_txn *txn, const char *call, uint64_t now, uint64_t window_ns,
			  unsigned *count_r)
{
	enum store_error error = store_serves(txn, DB_PTTS);
	struct ptt_record record;
	struct call_key key;

	*count_r = 0;
	if (error)
		return error;
	if (!call_key_make(&key, call))
		return store_fail(txn, STORE_BAD_RECORD);
	error = ptts_get(txn, call, &record);
	if (error == STORE_BAD_RECORD)
		memset(&record, 0, sizeof(record));
	else if (error && error != STORE_NOT_FOUND)
		return error;
	record.version = RECORD_VERSION;
	ptt_forget(&record, now, window_ns);
	/* two workers may have read the clock in another order than they got the gate */
	if (record.count > 0 && now < record.start[record.count - 1])
		now = record.start[record.count - 1];
	record.start[record.count++] = now;
	*count_r = record.count;
	return aged_put(txn, &table, &key, &record, sizeof(record), txn->store->config.max_ptts);
}

enum store_error ptts_remove(struct store_txn *txn, const char *call)
{
	enum store_error error = store_serves(txn, DB_PTTS);
	struct call_key key;

	if (!error && !call_key_make(&key, call))
		error = STORE_NOT_FOUND;
	return error ? error : aged_remove(txn, &table, &key);
}

uint64_t ptts_count(struct store_txn *txn)
{
	return store_serves(txn, DB_PTTS) ? 0 : store_entries(txn, DB_PTTS);
}

unsigned ptts_expire(struct store_txn *txn, uint64_t before, unsigned most)
{
	return store_serves(txn, DB_PTTS) ? 0 : aged_expire(txn, &table, before, most);
}
