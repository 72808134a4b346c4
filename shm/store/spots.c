/* SPDX-License-Identifier: ISC
 *
 * NAME      spots - the log of spots
 * PURPOSE   Appends and walks spots; notes how far the pipeline came with the rings of the feeds.
 * OWNER     spot appends; dxc, feed and keeper read
 * CONTRACT  see spots.h. Where the log begins and ends is found once a transaction.
 * LIMITS    see spots.h
 */
#include "shm/store/spots.h"

#include <stdio.h>
#include <string.h>

#include "shm/store/inside.h"

#define META_MOST "spots_most"

static const struct numlog spots_log = {DB_SPOTS, "spots"};

/* The ends of the log; of a write they are kept. NULL: there is no log. */
static struct numlog_ends *ends_now(struct store_txn *txn, struct numlog_ends *room)
{
	struct numlog_ends *ends = txn->writing ? &txn->store->spots : room;

	if (store_serves(txn, DB_SPOTS))
		return NULL;
	if (ends->loaded)
		return ends;
	if (numlog_ends(txn, &spots_log, ends))
		return NULL;
	if (txn->writing)
		txn->store->spots_most = spots_bounded(txn);
	return ends;
}

static uint64_t bound_now(const struct store *store)
{
	uint64_t bound = store->config.max_spots;

	return store->spots_most && store->spots_most < bound ? store->spots_most : bound;
}

enum store_error spots_append(struct store_txn *txn, const struct spot *spot, uint64_t *number_r)
{
	struct numlog_ends *ends = txn->writing ? ends_now(txn, NULL) : NULL;
	const size_t size = spot_size(spot);
	enum store_error error;

	*number_r = 0;
	if (!ends)
		return store_fail(txn, txn->error ? txn->error : STORE_FAILED);
	/* whoever reads it checks it whole, which costs as much as the append */
	if (spot->version != SPOT_VERSION || spot->comment_length > SPOT_COMMENT_MAX) {
		store_bad_record(txn, spots_log.what);
		return STORE_BAD_RECORD;
	}
	numlog_trim(txn, &spots_log, ends, bound_now(txn->store));
	error = numlog_append(txn, &spots_log, ends, spot, size);
	if (!error)
		*number_r = ends->newest;
	return error;
}

uint64_t spots_newest(struct store_txn *txn)
{
	struct numlog_ends room = {.loaded = false}, *ends = ends_now(txn, &room);

	return ends ? ends->newest : 0;
}

uint64_t spots_oldest(struct store_txn *txn)
{
	struct numlog_ends room = {.loaded = false}, *ends = ends_now(txn, &room);

	return ends ? ends->oldest : 0;
}

uint64_t spots_count(struct store_txn *txn)
{
	return store_serves(txn, DB_SPOTS) ? 0 : store_entries(txn, DB_SPOTS);
}

enum store_error spots_get(struct store_txn *txn, uint64_t number, struct spot *spot_r)
{
	struct number_key key = number_key_make(number);
	enum store_error error = store_serves(txn, DB_SPOTS);
	MDB_val value;

	memset(spot_r, 0, sizeof(*spot_r));
	if (!error)
		error = store_get(txn, DB_SPOTS, &key, sizeof(key), &value);
	if (error || spot_check(value.mv_data, value.mv_size, spot_r))
		return error;
	store_bad_record(txn, spots_log.what);
	return STORE_BAD_RECORD;
}

struct spot_visit {
	struct store_txn *txn;
	spots_visitor *visit;
	void *arg;
};

static bool visit_spot(uint64_t number, const MDB_val *value, void *arg)
{
	const struct spot_visit *visiting = arg;
	struct spot spot;

	if (spot_check(value->mv_data, value->mv_size, &spot))
		return visiting->visit(number, &spot, visiting->arg);
	store_bad_record(visiting->txn, spots_log.what);
	return true;
}

unsigned spots_each(struct store_txn *txn, uint64_t from, unsigned most, spots_visitor *visit,
		    void *arg)
{
	struct spot_visit visiting = {txn, visit, arg};

	if (store_serves(txn, DB_SPOTS))
		return 0;
	return numlog_each(txn, &spots_log, from, most, false, visit_spot, &visiting);
}

unsigned spots_each_back(struct store_txn *txn, uint64_t from, unsigned most, spots_visitor *visit,
			 void *arg)
{
	struct spot_visit visiting = {txn, visit, arg};

	if (store_serves(txn, DB_SPOTS))
		return 0;
	return numlog_each(txn, &spots_log, from, most, true, visit_spot, &visiting);
}

void spots_bound(struct store_txn *txn, uint64_t most)
{
	if (spots_bounded(txn) == most || txn->error)
		return;
	store_meta_put(txn, META_MOST, most);
	txn->store->spots_most = most;
}

uint64_t spots_bounded(struct store_txn *txn)
{
	return store_meta_get(txn, META_MOST);
}

/* ---- tails ---- */

struct tail_record {
	uint64_t ring;
	uint64_t tail;
};

struct tail_key {
	char slot[16];
};

static struct tail_key tail_key_make(const char *slot)
{
	struct tail_key key = {.slot = ""};

	memcpy(key.slot, slot, strnlen(slot, sizeof(key.slot) - 1));
	return key;
}

uint64_t tails_get(struct store_txn *txn, const char *slot, uint64_t ring_id)
{
	struct tail_key key = tail_key_make(slot);
	struct tail_record record;
	MDB_val value;

	if (store_serves(txn, DB_TAILS) || store_get(txn, DB_TAILS, &key, sizeof(key), &value))
		return 0;
	if (value.mv_size != sizeof(record)) {
		store_bad_record(txn, "tails");
		return 0;
	}
	memcpy(&record, value.mv_data, sizeof(record));
	return record.ring == ring_id ? record.tail : 0;
}

void tails_put(struct store_txn *txn, const char *slot, uint64_t ring_id, uint64_t tail)
{
	const struct tail_record record = {ring_id, tail};
	struct tail_key key = tail_key_make(slot);

	if (store_serves(txn, DB_TAILS))
		store_fail(txn, STORE_FAILED);
	else
		store_put(txn, DB_TAILS, &key, sizeof(key), &record, sizeof(record), 0);
}
