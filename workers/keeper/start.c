/* SPDX-License-Identifier: ISC
 *
 * NAME      start (keeper) - the stores as they must be before anybody serves
 * PURPOSE   Clears what dead processes left, removes gateways of listeners that are gone, closes
 *           calls that nobody carries on, and brings the blocks back.
 * OWNER     keeper, before READY
 * CONTRACT  Workers may be running already (keeper was replaced): everything is looked at again
 *           inside the write. Only here may keeper wait for a gate, and only PATIENCE long.
 * LIMITS    WORKER_LISTENERS listeners
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "shm/store/clients.h"
#include "workers/keeper/keeper.h"

/* A gate is held for 5 ms at most, or its holder is killed within a second. */
#define PATIENCE (3 * NS_PER_SEC)

enum store_error start_write(struct store *store, struct store_txn *txn_r)
{
	uint64_t end = clock_mono() + PATIENCE;
	enum store_error error;

	while ((error = store_write(store, txn_r)) == STORE_BUSY && clock_mono() < end)
		poll(NULL, 0, 1);
	return error;
}

/* ---- listeners ---- */

/* FNV-1a: tells addresses apart, no enemy chooses them. */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t length)
{
	const uint8_t *byte = data;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3ULL;
	return hash;
}

/* Never 0, which stands for "no such listener". */
static uint64_t fingerprint(const struct worker *worker, const struct addr *addr)
{
	uint64_t hash = hash_bytes(0xcbf29ce484222325ULL, addr->ip, sizeof(addr->ip));

	hash = hash_bytes(hash, &addr->port, sizeof(addr->port));
	/* the kernel chooses another port for each master */
	if (addr->port == 0)
		hash = hash_bytes(hash, &worker->master_pid, sizeof(worker->master_pid));
	return hash | 1;
}

static const char *meta_name(unsigned listener, char buf[24])
{
	snprintf(buf, 24, "listener.%u", listener);
	return buf;
}

struct listeners {
	uint64_t now[WORKER_LISTENERS]; /* 0: none */
	bool gone[WORKER_LISTENERS];
	bool any_gone;
	bool any_new;
};

static enum store_error compare(struct keeper *keeper, struct listeners *listeners_r)
{
	struct store_txn txn;
	size_t count;
	const struct addr *addr = conf_listen(keeper->worker->conf, CONF_YSF_LISTEN, &count);

	memset(listeners_r, 0, sizeof(*listeners_r));
	store_read(keeper->worker->voice, &txn);
	for (unsigned i = 0; i < WORKER_LISTENERS; i++) {
		char name[24];
		uint64_t before = store_meta_get(&txn, meta_name(i, name));

		if (i < count)
			listeners_r->now[i] = fingerprint(keeper->worker, &addr[i]);
		listeners_r->gone[i] = before != 0 && before != listeners_r->now[i];
		listeners_r->any_gone |= listeners_r->gone[i];
		listeners_r->any_new |= before != listeners_r->now[i];
	}
	return store_end(&txn);
}

struct search {
	const struct listeners *listeners;
	unsigned found;
	struct client_key key[SLICE];
};

static bool find_orphan(const struct client_key *key, const struct client_record *record, void *arg)
{
	struct search *search = arg;
	uint16_t listener = client_key_listener(key);

	(void)record;
	if (listener >= WORKER_LISTENERS || search->listeners->gone[listener])
		search->key[search->found++] = *key;
	return true;
}

static enum store_error drop_slice(struct keeper *keeper, const struct search *search)
{
	struct store_txn txn;
	enum store_error error = start_write(keeper->worker->voice, &txn);

	if (error != STORE_OK)
		return error;
	for (unsigned i = 0; i < search->found; i++)
		clients_unlink(&txn, &search->key[i], REASON_LISTENERS);
	return store_end(&txn);
}

static enum store_error drop_orphans(struct keeper *keeper, const struct listeners *listeners)
{
	struct client_key cursor;
	enum store_error error = STORE_OK;
	unsigned dropped = 0;
	bool last = false;

	memset(&cursor, 0, sizeof(cursor));
	while (error == STORE_OK && !last) {
		struct search search = {.listeners = listeners};
		struct store_txn txn;

		if (store_read(keeper->worker->voice, &txn) == STORE_OK)
			last = clients_walk(&txn, &cursor, SLICE, find_orphan, &search) < SLICE;
		error = store_end(&txn);
		if (error == STORE_OK && search.found > 0)
			error = drop_slice(keeper, &search);
		dropped += search.found;
	}
	if (dropped > 0)
		log_info("%u gateways of listeners that are gone were removed", dropped);
	return error;
}

static enum store_error note_listeners(struct keeper *keeper, const struct listeners *listeners)
{
	struct store_txn txn;
	enum store_error error = start_write(keeper->worker->voice, &txn);
	char name[24];

	if (error != STORE_OK)
		return error;
	for (unsigned i = 0; i < WORKER_LISTENERS; i++)
		store_meta_put(&txn, meta_name(i, name), listeners->now[i]);
	return store_end(&txn);
}

static enum store_error check_listeners(struct keeper *keeper)
{
	struct listeners listeners;
	enum store_error error = compare(keeper, &listeners);

	if (error == STORE_OK && listeners.any_gone)
		error = drop_orphans(keeper, &listeners);
	if (error == STORE_OK && listeners.any_new)
		error = note_listeners(keeper, &listeners);
	return error;
}

/* ---- calls ---- */

static bool close_dead_calls(struct keeper *keeper)
{
	uint64_t end = clock_mono() + PATIENCE;
	uint64_t watchdog = (uint64_t)conf_number(keeper->worker->conf, CONF_YSF_WATCHDOG);
	enum step step = STEP_AGAIN;

	while (step == STEP_AGAIN || step == STEP_BUSY) {
		step = expire_streams_after(keeper, clock_mono(), watchdog);
		if (clock_mono() > end)
			return false;
		if (step == STEP_BUSY)
			poll(NULL, 0, 1);
	}
	return step == STEP_DONE;
}

bool start_all(struct keeper *keeper)
{
	struct worker *worker = keeper->worker;
	int cleared = store_check_readers(worker->voice);
	enum store_error error;

	if (cleared < 0 || store_check_readers(worker->state) < 0)
		return worker_failed(worker, "can't check the readers of the stores");
	page_count_by(worker->page, COUNT_KEEPER_READERS, (uint64_t)cleared);
	error = check_listeners(keeper);
	if (error != STORE_OK)
		return worker_failed(worker, "can't check the gateways' listeners: %s",
				     store_error_text(error));
	if (!close_dead_calls(keeper))
		return worker_failed(worker, "can't close dead calls");
	error = durable_start(keeper);
	if (error != STORE_OK)
		return worker_failed(worker, "can't bring the blocks in line: %s",
				     store_error_text(error));
	return true;
}
