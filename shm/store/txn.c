/* SPDX-License-Identifier: ISC
 *
 * NAME      txn - transactions of a store
 * PURPOSE   Begins and ends them, behind the gate where they write; remembers the first error.
 * OWNER     every process that opened a store
 * CONTRACT  see env.h; no call here waits for another process
 * LIMITS    one read and one write transaction at a time; a write longer than HOLD_BUDGET is logged
 */
#include <string.h>

#include "shm/clock.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/store/inside.h"

#define HOLD_BUDGET (5 * NS_PER_MS)

static const char generations_key[] = "generations";

/* Another process may have opened the store with a bigger map, or a check of the readers may have
 * taken our slot for that of a dead one. Both are mended by beginning anew. */
static int reader_mend(struct store *store, int rc)
{
	if (rc == MDB_MAP_RESIZED) {
		rc = mdb_env_set_mapsize(store->env, 0);
		if (rc)
			return rc;
		room_find_map(store);
	} else if (rc != MDB_BAD_RSLOT && rc != MDB_BAD_TXN) {
		return rc;
	}
	mdb_txn_abort(store->reader);
	store->reader = NULL;
	return mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->reader);
}

static int reader_renew(struct store *store)
{
	int rc;

	if (store->reader) {
		rc = mdb_txn_renew(store->reader);
		return rc ? reader_mend(store, rc) : 0;
	}
	rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->reader);
	if (rc == MDB_READERS_FULL) {
		mdb_reader_check(store->env, NULL);
		rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->reader);
	}
	if (rc)
		store->reader = NULL;
	return rc;
}

enum store_error store_read(struct store *store, struct store_txn *txn_r)
{
	int rc;

	memset(txn_r, 0, sizeof(*txn_r));
	txn_r->store = store;
	if (store->reading) {
		log_limited(LOG_LEVEL_ERROR, "%s: a read was begun inside a read", store->path);
		return store_fail(txn_r, STORE_FAILED);
	}
	rc = reader_renew(store);
	if (rc)
		return store_fail(txn_r, store_translate(store, rc, "begin of a read"));
	txn_r->mdb = store->reader;
	store->reading = true;
	return STORE_OK;
}

static bool gate_enter(struct store *store, struct store_txn *txn_r)
{
	switch (gate_try(store->gate)) {
	case GATE_TAKEN:
		return true;
	case GATE_RECOVERED:
		store_count(store, COUNT_STORE_RECOVERED);
		log_limited(LOG_LEVEL_WARNING,
			    "%s: a writer died inside a transaction; nothing of it counts",
			    store->path);
		return true;
	case GATE_BUSY:
		store_count(store, COUNT_STORE_BUSY);
		txn_r->error = STORE_BUSY;
		return false;
	default:
		log_limited(LOG_LEVEL_ERROR, "%s: the gate can't be taken any more", store->path);
		store->lost = true;
		txn_r->error = STORE_LOST;
		return false;
	}
}

static void gate_exit(struct store *store)
{
	gate_leave(store->gate);
	if (store->config.page)
		page_set_state(store->config.page, (enum page_state)store->former_state);
}

enum store_error store_write(struct store *store, struct store_txn *txn_r)
{
	struct page *page = store->config.page;
	int rc;

	memset(txn_r, 0, sizeof(*txn_r));
	txn_r->store = store;
	txn_r->writing = true;
	if (!gate_enter(store, txn_r))
		return txn_r->error;
	if (page) {
		store->former_state = atomic_load_explicit(&page->state, memory_order_relaxed);
		page_set_state(page, PAGE_LMDB_HOLD);
	}
	fault_point(FAULT_STORE_GATE);
	txn_r->began = clock_mono();
	store->generations_loaded = false;
	store->generations_changed = false;
	store->spots.loaded = false;
	rc = mdb_txn_begin(store->env, NULL, 0, &txn_r->mdb);
	if (rc == MDB_MAP_RESIZED && !store->reading) {
		rc = mdb_env_set_mapsize(store->env, 0);
		if (!rc)
			rc = mdb_txn_begin(store->env, NULL, 0, &txn_r->mdb);
		room_find_map(store);
	}
	fault_point(FAULT_STORE_BEGUN);
	if (!rc)
		return STORE_OK;
	txn_r->mdb = NULL;
	gate_exit(store);
	return store_fail(txn_r, store_translate(store, rc, "begin of a write"));
}

static void generations_load(struct store_txn *txn)
{
	struct store *store = txn->store;
	MDB_val value;

	if (store->generations_loaded)
		return;
	if (store_get(txn, DB_META, generations_key, sizeof(generations_key) - 1, &value) ||
	    value.mv_size != sizeof(store->generations)) {
		doubt_raise(store, "the generations are damaged");
		log_limited(LOG_LEVEL_ERROR, "%s: the generations are damaged", store->path);
		store_fail(txn, STORE_LOST);
		return;
	}
	memcpy(&store->generations, value.mv_data, sizeof(store->generations));
	store->generations_loaded = true;
}

enum store_error store_generations(struct store_txn *txn, struct store_generations *gen_r)
{
	struct store *store = txn->store;
	MDB_val value;

	memset(gen_r, 0, sizeof(*gen_r));
	if (txn->error)
		return txn->error;
	if (txn->writing) {
		generations_load(txn);
		if (!txn->error)
			*gen_r = store->generations;
		return txn->error;
	}
	if (store_get(txn, DB_META, generations_key, sizeof(generations_key) - 1, &value) ||
	    value.mv_size != sizeof(*gen_r))
		return store_fail(txn, STORE_LOST);
	memcpy(gen_r, value.mv_data, sizeof(*gen_r));
	return STORE_OK;
}

uint64_t store_next_event(struct store_txn *txn)
{
	struct store *store = txn->store;

	if (txn->error || !txn->writing)
		return 0;
	generations_load(txn);
	if (txn->error)
		return 0;
	store->generations_changed = true;
	return ++store->generations.events;
}

void store_bound_events(struct store_txn *txn, uint64_t most)
{
	generations_load(txn);
	if (txn->error || txn->store->generations.events_most == most)
		return;
	txn->store->generations.events_most = most;
	txn->store->generations_changed = true;
}

/* In the same transaction as the changes that they tell of. */
static void generations_store(struct store_txn *txn)
{
	struct store *store = txn->store;

	if (!txn->changed_clients && !txn->changed_streams && !txn->changed_access &&
	    !store->generations_changed)
		return;
	generations_load(txn);
	if (txn->error)
		return;
	store->generations.clients += txn->changed_clients;
	store->generations.streams += txn->changed_streams;
	store->generations.access += txn->changed_access;
	store_put(txn, DB_META, generations_key, sizeof(generations_key) - 1, &store->generations,
		  sizeof(store->generations), 0);
}

static void read_end(struct store_txn *txn)
{
	mdb_txn_reset(txn->mdb);
	txn->mdb = NULL;
	txn->store->reading = false;
}

static void write_end(struct store_txn *txn)
{
	uint64_t held;

	txn->mdb = NULL;
	gate_exit(txn->store);
	held = clock_age(clock_mono(), txn->began);
	if (held > HOLD_BUDGET)
		log_limited(LOG_LEVEL_WARNING, "%s: held for %llu us by one transaction",
			    txn->store->path, (unsigned long long)(held / 1000));
}

enum store_error store_end(struct store_txn *txn)
{
	int rc;

	if (!txn->mdb)
		return txn->error;
	if (!txn->writing) {
		read_end(txn);
		return txn->error;
	}
	if (!txn->error)
		generations_store(txn);
	if (txn->error) {
		mdb_txn_abort(txn->mdb);
	} else {
		fault_point(FAULT_STORE_COMMITTING);
		rc = mdb_txn_commit(txn->mdb);
		fault_point(FAULT_STORE_COMMITTED);
		if (rc)
			store_fail(txn, store_translate(txn->store, rc, "commit"));
		else
			store_count(txn->store, COUNT_STORE_COMMITS);
	}
	write_end(txn);
	fault_point(FAULT_STORE_LEFT);
	return txn->error;
}

void store_abort(struct store_txn *txn)
{
	if (!txn->mdb)
		return;
	if (!txn->writing) {
		read_end(txn);
		return;
	}
	mdb_txn_abort(txn->mdb);
	write_end(txn);
}

bool store_moved(struct store *store, uint64_t *seen)
{
	MDB_envinfo info;
	uint64_t id;

	if (mdb_env_info(store->env, &info) || info.me_last_txnid == *seen)
		return false;
	/* A commit shows in the header a moment before readers get it; a writer that dies right
	 * there leaves it so until the next one. What counts is what a reader would see. */
	if (store->reading) {
		id = mdb_txn_id(store->reader);
	} else {
		if (reader_renew(store))
			return true;
		id = mdb_txn_id(store->reader);
		mdb_txn_reset(store->reader);
	}
	if (id == *seen)
		return false;
	*seen = id;
	return true;
}
