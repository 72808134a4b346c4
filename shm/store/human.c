/* SPDX-License-Identifier: ISC
 *
 * NAME      human - the durable log of spots that people typed
 * PURPOSE   Appends and walks them, and notes how far keeper came.
 * OWNER     keeper writes; dxc reads
 * CONTRACT  see human.h
 * LIMITS    see human.h
 */
#include "shm/store/human.h"

#include <string.h>

#include "shm/store/inside.h"

#define META_STORE  "human_store"
#define META_NUMBER "human_number"

static const struct numlog human_log = {DB_HUMAN, "human"};

struct human_value {
	struct human_origin origin;
	struct spot spot;
};

/* Origin and spot of an entry; false: it is damaged. */
static bool value_take(const MDB_val *value, struct human_origin *origin_r, struct spot *spot_r)
{
	const uint8_t *bytes = value->mv_data;

	if (value->mv_size < sizeof(*origin_r))
		return false;
	memcpy(origin_r, bytes, sizeof(*origin_r));
	return spot_check(bytes + sizeof(*origin_r), value->mv_size - sizeof(*origin_r), spot_r);
}

static bool is_newest(struct store_txn *txn, uint64_t newest, const struct human_origin *origin)
{
	struct number_key key = number_key_make(newest);
	struct human_origin there;
	struct spot spot;
	MDB_val value;

	return newest > 0 && !store_get(txn, DB_HUMAN, &key, sizeof(key), &value) &&
	       value_take(&value, &there, &spot) && there.store == origin->store &&
	       there.number >= origin->number;
}

enum store_error human_append(struct store_txn *txn, const struct human_origin *origin,
			      const struct spot *spot)
{
	struct human_value value = {.origin = *origin, .spot = *spot};
	struct numlog_ends ends = {.loaded = false};
	enum store_error error = store_serves(txn, DB_HUMAN);
	struct spot checked;

	if (!error)
		error = numlog_ends(txn, &human_log, &ends);
	if (error)
		return error;
	if (!spot_check(spot, spot_size(spot), &checked)) {
		store_bad_record(txn, human_log.what);
		return STORE_BAD_RECORD;
	}
	if (is_newest(txn, ends.newest, origin))
		return STORE_EXISTS;
	numlog_trim(txn, &human_log, &ends, txn->store->config.max_human);
	return numlog_append(txn, &human_log, &ends, &value,
			     offsetof(struct human_value, spot) + spot_size(spot));
}

uint64_t human_newest(struct store_txn *txn)
{
	struct numlog_ends ends = {.loaded = false};

	if (store_serves(txn, DB_HUMAN) || numlog_ends(txn, &human_log, &ends))
		return 0;
	return ends.newest;
}

uint64_t human_count(struct store_txn *txn)
{
	return store_serves(txn, DB_HUMAN) ? 0 : store_entries(txn, DB_HUMAN);
}

struct human_visit {
	struct store_txn *txn;
	human_visitor *visit;
	void *arg;
};

static bool visit_human(uint64_t number, const MDB_val *value, void *arg)
{
	const struct human_visit *visiting = arg;
	struct human_origin origin;
	struct spot spot;

	if (value_take(value, &origin, &spot))
		return visiting->visit(number, &origin, &spot, visiting->arg);
	store_bad_record(visiting->txn, human_log.what);
	return true;
}

unsigned human_each_back(struct store_txn *txn, uint64_t from, unsigned most, human_visitor *visit,
			 void *arg)
{
	struct human_visit visiting = {txn, visit, arg};

	if (store_serves(txn, DB_HUMAN))
		return 0;
	return numlog_each(txn, &human_log, from, most, true, visit_human, &visiting);
}

void human_note(struct store_txn *txn, const struct human_origin *upto)
{
	store_meta_put(txn, META_STORE, upto->store);
	store_meta_put(txn, META_NUMBER, upto->number);
}

void human_noted(struct store_txn *txn, struct human_origin *upto_r)
{
	upto_r->store = store_meta_get(txn, META_STORE);
	upto_r->number = store_meta_get(txn, META_NUMBER);
}
