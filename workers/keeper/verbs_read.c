/* SPDX-License-Identifier: ISC
 *
 * NAME      verbs (reading) - clients, streams, blocked
 * PURPOSE   Tables of the voice store as JSON, a slice at a time.
 * OWNER     keeper
 * CONTRACT  a table that changes while it is being read shows each record at most once
 * LIMITS    none known
 */
#include <string.h>

#include "shm/clock.h"
#include "shm/store/blocks.h"
#include "shm/store/infos.h"
#include "workers/callsign.h"
#include "workers/keeper/request.h"
#include "workers/keeper/show.h"

/* What a visitor needs besides its request. */
struct reading {
	struct request *request;
	struct store_txn *txn;
	uint64_t now;
	unsigned seen;
};

/* The common end of a step: SEEN of SLICE records were added. */
static enum answer array_step(struct request *request, struct store_txn *txn, unsigned seen)
{
	enum store_error error = store_end(txn);

	if (error != STORE_OK)
		return request_failed(request, error);
	if (seen == SLICE)
		return ANSWER_MORE;
	request_array_end(request);
	store_forget_pages(request->keeper->worker->voice);
	return ANSWER_DONE;
}

/* ---- clients ---- */

/* What the access list, the blocks and the open calls say of it. */
static bool add_client(const struct client_key *key, const struct client_record *record, void *arg)
{
	struct reading *reading = arg;
	const struct access *access = reading->request->keeper->access;
	struct show_more more = {.blocked = false};
	struct stream_record stream;
	struct block_record block;
	struct callsign call;

	callsign_split(record->name, &call);
	more.blocked = access_has(access, ACCESS_GWB, record->name) ||
		       access_has_ip(access, ACCESS_IPB, key->ip) ||
		       (strlen(call.base) < CALL_MAX &&
			blocks_get(reading->txn, call.base, &block) == STORE_OK &&
			block.until > reading->now);
	more.muted = access_has(access, ACCESS_GW, record->name) ||
		     access_has(access, ACCESS_GWB, record->name) ||
		     access_has_ip(access, ACCESS_IP, key->ip) ||
		     access_has_ip(access, ACCESS_IPB, key->ip) ||
		     streams_get(reading->txn, STREAM_PRIVATE | record->id, &stream) == STORE_OK;
	more.has_info = infos_get(reading->txn, key, &more.info) == STORE_OK;
	request_element(reading->request, show_client(key, record, &more, reading->now));
	return true;
}

static enum answer clients_step(struct request *request)
{
	struct store_txn txn;
	struct reading reading = {request, &txn, clock_mono(), 0};

	if (store_read(request->keeper->worker->voice, &txn) == STORE_OK)
		reading.seen = clients_walk(&txn, &request->client, SLICE, add_client, &reading);
	return array_step(request, &txn, reading.seen);
}

const struct verb verb_clients = {.name = "clients", .words = 1, .step = clients_step};

/* ---- streams ---- */

/* The walk has no cursor of its own, so records up to the last key are skipped. */
static bool add_stream(const struct stream_record *record, void *arg)
{
	struct reading *reading = arg;
	struct request *request = reading->request;
	struct stream_totals totals;

	if (request->started && record->key <= request->stream_key)
		return true;
	lanes_totals(request->keeper->worker, record, &totals);
	request_element(request, show_stream(record, totals.frames, totals.lost));
	request->stream_key = record->key;
	return ++reading->seen < SLICE;
}

static enum answer streams_step(struct request *request)
{
	struct store_txn txn;
	struct reading reading = {request, &txn, clock_mono(), 0};

	if (store_read(request->keeper->worker->voice, &txn) == STORE_OK)
		streams_walk(&txn, add_stream, &reading);
	return array_step(request, &txn, reading.seen);
}

const struct verb verb_streams = {.name = "streams", .words = 1, .step = streams_step};

/* ---- blocked ---- */

static bool add_block(const char *call, const struct block_record *record, void *arg)
{
	struct reading *reading = arg;

	if (record->until > reading->now) /* else over, and about to be removed */
		request_element(reading->request, show_block(call, record));
	return true;
}

static enum answer blocked_step(struct request *request)
{
	struct store_txn txn;
	struct reading reading = {request, &txn, clock_mono(), 0};

	if (store_read(request->keeper->worker->voice, &txn) == STORE_OK)
		reading.seen = blocks_walk(&txn, request->call, SLICE, add_block, &reading);
	return array_step(request, &txn, reading.seen);
}

const struct verb verb_blocked = {.name = "blocked", .words = 1, .step = blocked_step};
