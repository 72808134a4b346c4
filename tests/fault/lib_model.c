/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_model - what the store must hold after a writer's nth batch
 * PURPOSE   see lib_model.h
 * OWNER     tests/fault/writer_kill
 * CONTRACT  see lib_model.h
 * LIMITS    see lib_model.h
 */
#include "tests/fault/lib_model.h"

#include <stdio.h>
#include <string.h>

#include "shm/clock.h"
#include "shm/store/blocks.h"
#include "shm/store/clients.h"
#include "shm/store/streams.h"

#define MODEL_BATCH 8 /* changes in a batch, at most */

enum model_kind { LINK, UNLINK, MOVE, BLOCK, UNBLOCK, KINDS };

struct model_change {
	enum model_kind kind;
	unsigned gateway;
	uint8_t dgid;
};

/* Numbers that follow from their place alone (the finalizer of MurmurHash3). */
static uint64_t model_mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

static unsigned model_changes(unsigned writer, uint64_t batch, struct model_change *change_r)
{
	uint64_t seed = model_mix(batch * MODEL_WRITERS + writer + 1);
	unsigned n = 1 + (unsigned)(seed % MODEL_BATCH);

	for (unsigned i = 0; i < n; i++) {
		seed = model_mix(seed + i);
		change_r[i].kind = (enum model_kind)(seed % KINDS);
		change_r[i].gateway = (unsigned)(seed >> 8) % MODEL_GATEWAYS;
		change_r[i].dgid = (uint8_t)(1 + (seed >> 40) % 99);
	}
	return n;
}

/* A gateway that links opens the stream of its own number too; with it both go. */
static void model_change_one(struct model_gateway *g, const struct model_change *change)
{
	switch (change->kind) {
	case LINK:
		if (g->dgid == 0) {
			g->dgid = 22;
			g->streams = true;
		}
		break;
	case UNLINK:
		g->dgid = 0;
		g->streams = false;
		break;
	case MOVE:
		if (g->dgid != 0)
			g->dgid = change->dgid;
		break;
	case BLOCK:
		g->blocked = true;
		break;
	default:
		g->blocked = false;
	}
}

void model_advance(struct model *model)
{
	struct model_change change[MODEL_BATCH];
	unsigned n = model_changes(model->writer, ++model->batch, change);

	for (unsigned i = 0; i < n; i++)
		model_change_one(&model->gateway[change[i].gateway], &change[i]);
}

/* 127.0.W.G */
static struct client_key model_key(unsigned writer, unsigned gateway)
{
	struct addr addr = {.port = 42000};
	struct client_key key;

	addr.ip[10] = addr.ip[11] = 0xff;
	addr.ip[12] = 127;
	addr.ip[14] = (uint8_t)writer;
	addr.ip[15] = (uint8_t)gateway;
	client_key_make(&key, &addr, 0);
	return key;
}

static void model_call(char call[CALL_MAX], unsigned writer, unsigned gateway)
{
	snprintf(call, CALL_MAX, "Q%uA%c", writer % 10, 'A' + (int)(gateway % 26));
}

static void model_link(struct store_txn *txn, unsigned writer, unsigned gateway)
{
	struct client_key key = model_key(writer, gateway);
	struct client_record client = {.dgid = 22, .name = "DB0ABC", .polled = clock_mono()};
	struct stream_record stream = {.dgid = 22,
				       .key = 1 + writer * MODEL_GATEWAYS + gateway,
				       .owner = key,
				       .gateway = "DB0ABC",
				       .tag = "DB0ABC",
				       .source = "DL1ABC",
				       .dest = "ALL",
				       .started = clock_mono()};

	client.linked = client.polled;
	client.linked_real = stream.started_real = clock_real();
	if (clients_link(txn, &key, &client) != STORE_OK)
		return;
	stream.client = client.id;
	streams_open(txn, &stream);
}

static void model_write_one(struct store_txn *txn, unsigned writer, const struct model_change *c)
{
	struct client_key key = model_key(writer, c->gateway);
	struct block_record block = {.reason = BLOCK_OPERATOR,
				     .until = BLOCK_FOREVER,
				     .until_real = BLOCK_FOREVER,
				     .by = "test"};
	char call[CALL_MAX];

	model_call(call, writer, c->gateway);
	if (c->kind == LINK)
		model_link(txn, writer, c->gateway);
	else if (c->kind == UNLINK)
		clients_unlink(txn, &key, REASON_UNLINK);
	else if (c->kind == MOVE)
		clients_move(txn, &key, c->dgid, REASON_RADIO);
	else if (c->kind == BLOCK)
		blocks_add(txn, call, &block);
	else
		blocks_remove(txn, call);
}

static void model_number(char name[16], unsigned writer)
{
	snprintf(name, 16, "writer.%u", writer);
}

void model_write(struct store_txn *txn, unsigned writer, uint64_t batch)
{
	struct model_change change[MODEL_BATCH];
	unsigned n = model_changes(writer, batch, change);
	char name[16];

	for (unsigned i = 0; i < n; i++)
		model_write_one(txn, writer, &change[i]);
	model_number(name, writer);
	store_meta_put(txn, name, batch);
}

uint64_t model_committed(struct store_txn *txn, unsigned writer)
{
	char name[16];

	model_number(name, writer);
	return store_meta_get(txn, name);
}

/* ---- the tables against the models ---- */

static bool model_wrong(struct model_view *view, const char *what)
{
	if (view->wrong == NULL)
		view->wrong = what;
	return false;
}

static bool model_see_client(const struct client_key *key, const struct client_record *record,
			     void *arg)
{
	struct model_view *view = arg;
	unsigned writer = key->ip[14], gateway = key->ip[15];
	struct client_key back;

	view->clients++;
	if (writer >= MODEL_WRITERS || gateway >= MODEL_GATEWAYS)
		return model_wrong(view, "a gateway that nobody linked");
	if (view->model[writer].gateway[gateway].dgid == 0)
		return model_wrong(view, "a gateway that was unlinked is there");
	if (view->model[writer].gateway[gateway].dgid != record->dgid)
		return model_wrong(view, "a gateway is on another DG-ID");
	if (clients_by_id(view->txn, record->id, &back) != STORE_OK ||
	    memcmp(key, &back, sizeof(back)) != 0)
		return model_wrong(view, "a gateway is not found by its id");
	return true;
}

static bool model_see_stream(const struct stream_record *record, void *arg)
{
	struct model_view *view = arg;
	unsigned number = record->key - 1;
	struct client_key owner;

	view->streams++;
	if (record->lane >= sizeof(view->lanes) || view->lanes[record->lane]++ > 0)
		return model_wrong(view, "two streams in one lane");
	if (number >= MODEL_WRITERS * MODEL_GATEWAYS ||
	    !view->model[number / MODEL_GATEWAYS].gateway[number % MODEL_GATEWAYS].streams)
		return model_wrong(view, "a stream that was closed is there");
	if (clients_by_id(view->txn, record->client, &owner) != STORE_OK ||
	    memcmp(&owner, &record->owner, sizeof(owner)) != 0)
		return model_wrong(view, "a stream without its gateway");
	return true;
}

static bool model_see_block(const char *call, const struct block_record *record, void *arg)
{
	struct model_view *view = arg;
	unsigned writer = (unsigned)(call[1] - '0'), gateway = (unsigned)(call[3] - 'A');

	view->blocks++;
	if (record->reason != BLOCK_OPERATOR || writer >= MODEL_WRITERS ||
	    gateway >= MODEL_GATEWAYS || !view->model[writer].gateway[gateway].blocked)
		return model_wrong(view, "a block that was removed is there");
	return true;
}

/* Nothing that should be there is missing; each table agrees with its count. */
static void model_compare_counts(struct model_view *view)
{
	unsigned clients = 0, streams = 0, blocks = 0;

	for (unsigned i = 0; i < MODEL_WRITERS * MODEL_GATEWAYS; i++) {
		const struct model_gateway *g =
			&view->model[i / MODEL_GATEWAYS].gateway[i % MODEL_GATEWAYS];

		clients += g->dgid != 0;
		streams += g->streams;
		blocks += g->blocked;
	}
	if (clients != view->clients || clients != clients_count(view->txn) ||
	    clients != store_entries(view->txn, DB_CLIENT_IDS))
		model_wrong(view, "a gateway is missing");
	if (streams != view->streams || streams != streams_count(view->txn))
		model_wrong(view, "a stream is missing");
	if (blocks != view->blocks || blocks != blocks_count(view->txn))
		model_wrong(view, "a block is missing");
}

const char *model_compare(struct store_txn *txn, const struct model model[MODEL_WRITERS])
{
	struct model_view view = {.model = model, .txn = txn};
	struct client_key key = {{0}, {0}, {0}};
	char call[CALL_MAX] = "";

	clients_walk(txn, &key, 100000, model_see_client, &view);
	streams_walk(txn, model_see_stream, &view);
	blocks_walk(txn, call, 100000, model_see_block, &view);
	if (view.wrong == NULL)
		model_compare_counts(&view);
	return view.wrong;
}
