/* SPDX-License-Identifier: ISC
 *
 * NAME      follow - what was committed, by others and by ourselves
 * PURPOSE   Keeps the worker's tables equal to the voice store: one way in for every change, whoever
 *           made it.
 * OWNER     ysf workers
 * CONTRACT  the store is asked for one word first; only if that moved, for the number of the newest
 *           event; only if that moved, events are read. An event only says where to look: what is
 *           true is read from the store. Nothing changes while a fan-out is under way.
 * LIMITS    a worker that was overtaken by the event log reads everything anew
 */
#include <string.h>

#include "shm/log.h"
#include "workers/ysf/ysf.h"

#define FOLLOW_SLICE 256
/* What a home list or an operator may change of a gateway that is linked. */
#define NAILS	     (CLIENT_STATIC | CLIENT_FIXED | CLIENT_AUX | CLIENT_OPTIONED)
#define WALK_SLICE   1024
#define FORGET_AFTER 256
#define SAY_RATE     20 /* log lines about links a second */
#define SAY_BURST    100

struct following {
	struct ysf *ysf;
	struct store_txn *txn;
};

static void forget(struct ysf *ysf, struct gateway *gateway)
{
	if (gateway->call != 0)
		ysf->call[gateway->call - 1].owner = NULL;
	fanout_remove(&ysf->fanout, gateway);
	gateways_remove(&ysf->gateways, gateway);
}

/* Who is locked hears nothing. */
static void enter_fan(struct ysf *ysf, struct gateway *gateway)
{
	if (!gateway->locked && !fanout_add(&ysf->fanout, gateway))
		ysf_no_memory(ysf, "the fan-out");
}

static void take_over(struct ysf *ysf, struct gateway *gateway, const struct client_record *record)
{
	gateway->id = record->id;
	gateway->flags = record->flags;
	gateway->dgid = record->dgid;
	gateway->home_dgid = record->home_dgid;
	gateway->linked = record->linked;
	gateway->polled = record->polled;
	gateway->listener = client_key_listener(&gateway->key);
	memcpy(gateway->name, record->name, sizeof(gateway->name));
	memcpy(gateway->local, record->local, sizeof(gateway->local));
	if (!(gateway->flags & CLIENT_PROVEN))
		gateways_unproven(&ysf->gateways, gateway);
	/* its call was open before we knew it */
	for (uint32_t lane = 0; lane < ysf->set.streams && ysf->calls > 0; lane++) {
		struct call *call = &ysf->call[lane];

		if (call->open && call->owner == NULL && call->client == gateway->id) {
			call->owner = gateway;
			gateway->call = lane + 1;
		}
	}
	listed_judge(ysf, gateway);
	enter_fan(ysf, gateway);
}

static void move(struct ysf *ysf, struct gateway *gateway, uint8_t dgid)
{
	fanout_remove(&ysf->fanout, gateway);
	gateway->dgid = dgid;
	enter_fan(ysf, gateway);
}

/* Makes our entry of KEY equal to RECORD; NULL: it is not linked. */
static struct gateway *mirror(struct ysf *ysf, const struct client_key *key,
			      const struct client_record *record)
{
	struct gateway *gateway = gateways_find(&ysf->gateways, key);

	if (gateway != NULL && (record == NULL || record->id != gateway->id)) {
		forget(ysf, gateway);
		gateway = NULL;
	}
	if (record == NULL || client_key_listener(key) >= WORKER_LISTENERS)
		return NULL;
	if (gateway == NULL) {
		gateway = gateways_add(&ysf->gateways, key);
		if (gateway == NULL) {
			ysf_no_memory(ysf, "the table of gateways");
			return NULL;
		}
		take_over(ysf, gateway, record);
		return gateway;
	}
	gateway->home_dgid = record->home_dgid;
	gateway->flags = (uint8_t)((gateway->flags & ~NAILS) | (record->flags & NAILS));
	if (gateway->dgid != record->dgid)
		move(ysf, gateway, record->dgid);
	else
		fanout_suit(&ysf->fanout, gateway);
	return gateway;
}

static void say_client(struct ysf *ysf, const struct event_record *event)
{
	char text[ADDR_TEXT_MAX];
	struct addr addr;
	const char *name = event->gateway[0] ? event->gateway : "??????????";

	if (strcmp(event->slot, ysf->worker->slot) != 0 ||
	    !bucket_take(&ysf->say_link, ysf->now, SAY_RATE, SAY_BURST))
		return;
	client_key_addr(&event->key, &addr);
	addr_text(&addr, text);
	if (event->type == EVENT_CLIENT_LINK)
		log_info("gateway %s (%s) linked on DG-ID %u", name, text, event->dgid);
	else if (event->type == EVENT_CLIENT_UNLINK)
		log_info("gateway %s (%s) gone: %s", name, text, event_reason_name(event->reason));
	else
		log_info("gateway %s (%s) moved from DG-ID %u to %u: %s", name, text,
			 event->old_dgid, event->dgid, event_reason_name(event->reason));
}

static void say_stream(const struct ysf *ysf, const struct event_record *event)
{
	if (strcmp(event->slot, ysf->worker->slot) != 0)
		return;
	if (event->type == EVENT_STREAM_START)
		log_info("stream %07u: %s at %s on DG-ID %u%s%s%s", event->stream, event->source,
			 event->gateway, event->dgid, event->flags & STREAM_MUTED ? ", muted" : "",
			 event->flags & STREAM_LOCAL ? ", local" : "",
			 event->flags & STREAM_LATE ? ", late entry" : "");
	else
		log_info("stream %07u: %s ended (%s) after %u.%u s, %u frames, %u lost",
			 event->stream, event->source, event_reason_name(event->reason),
			 event->duration_ms / 1000, event->duration_ms / 100 % 10, event->frames,
			 event->lost);
}

static void on_client(struct following *f, const struct event_record *event)
{
	struct client_record record;
	bool linked = clients_get(f->txn, &event->key, &record) == STORE_OK;

	mirror(f->ysf, &event->key, linked ? &record : NULL);
	say_client(f->ysf, event);
}

static void on_stream(struct following *f, const struct event_record *event)
{
	struct stream_record record;
	bool open = streams_get(f->txn, event->stream_key, &record) == STORE_OK;

	calls_mirror(f->ysf, event->stream_key, open ? &record : NULL, event->reason);
	say_stream(f->ysf, event);
}

static void on_block(struct following *f, const char *call)
{
	struct block_record record;

	if (blocks_get(f->txn, call, &record) != STORE_OK)
		blocked_unset(&f->ysf->blocked, call);
	else if (!blocked_set(&f->ysf->blocked, call, record.until))
		ysf_no_memory(f->ysf, "the blocked callers");
}

static void on_event(uint64_t number, const struct event_record *event, void *arg)
{
	struct following *f = arg;

	(void)number;
	switch (event->type) {
	case EVENT_CLIENT_LINK:
	case EVENT_CLIENT_UNLINK:
	case EVENT_CLIENT_DGID:
		on_client(f, event);
		break;
	case EVENT_STREAM_START:
	case EVENT_STREAM_END:
		on_stream(f, event);
		break;
	case EVENT_BLOCK_ADD:
	case EVENT_BLOCK_REMOVE:
		on_block(f, event->call);
		break;
	default:
		break; /* concerns others */
	}
}

static bool rebuild_client(const struct client_key *key, const struct client_record *record,
			   void *arg)
{
	struct gateway *gateway = mirror(arg, key, record);

	if (gateway != NULL)
		gateway->seen = true;
	return true;
}

static bool rebuild_stream(const struct stream_record *record, void *arg)
{
	calls_mirror(arg, record->key, record, REASON_NONE);
	return true;
}

static bool rebuild_block(const char *call, const struct block_record *record, void *arg)
{
	struct ysf *ysf = arg;

	return blocked_set(&ysf->blocked, call, record->until);
}

static void rebuild_tables(struct ysf *ysf, struct store_txn *txn)
{
	struct client_key key = {0};
	char call[CALL_MAX] = "";

	for (uint32_t n = 0; n < ysf->gateways.top; n++)
		if (gateways_at(&ysf->gateways, n) != NULL)
			gateways_at(&ysf->gateways, n)->seen = false;
	while (clients_walk(txn, &key, WALK_SLICE, rebuild_client, ysf) == WALK_SLICE)
		;
	for (uint32_t n = 0; n < ysf->gateways.top; n++) {
		struct gateway *gateway = gateways_at(&ysf->gateways, n);

		if (gateway != NULL && !gateway->seen)
			forget(ysf, gateway);
	}
	if (!gateways_sort_unproven(&ysf->gateways))
		ysf_no_memory(ysf, "the order of linking");
	for (uint32_t lane = 0; lane < ysf->set.streams; lane++)
		if (ysf->call[lane].open)
			calls_mirror(ysf, ysf->call[lane].key, NULL, REASON_NONE);
	streams_walk(txn, rebuild_stream, ysf);
	blocked_clear(&ysf->blocked);
	while (blocks_walk(txn, call, WALK_SLICE, rebuild_block, ysf) == WALK_SLICE)
		;
}

enum store_error follow_rebuild(struct ysf *ysf)
{
	struct store_txn txn;

	store_read(ysf->voice, &txn);
	ysf->cursor = events_newest(&txn);
	rebuild_tables(ysf, &txn);
	enum store_error error = store_end(&txn);
	store_forget_pages(ysf->voice);
	return error;
}

void follow_forget_pages(struct ysf *ysf)
{
	if (ysf->events_read < FORGET_AFTER)
		return;
	ysf->events_read = 0;
	store_forget_pages(ysf->voice);
}

static void on_missed(uint64_t number, const struct event_record *event, void *arg)
{
	struct following *f = arg;

	(void)number;
	if (event->type == EVENT_STREAM_END)
		calls_missed(f->ysf, event->stream, event->reason);
}

void follow_missed(struct ysf *ysf, uint64_t since)
{
	struct store_txn txn;
	struct following f = {ysf, &txn};
	bool lapped = false;
	unsigned read = since != 0;

	store_read(ysf->voice, &txn);
	while (!lapped && since < ysf->cursor && read > 0)
		read = events_follow(&txn, &since, FOLLOW_SLICE, &lapped, on_missed, &f);
	enum store_error error = store_end(&txn);
	if (error != STORE_OK)
		ysf_store_failed(ysf, error, "reading what was missed");
	ring_follow(ysf->ring, store_id(ysf->voice), ysf->cursor);
}

void follow(struct ysf *ysf)
{
	struct store_generations generations;
	struct store_txn txn;
	struct following f = {ysf, &txn};
	bool lapped = false;

	if (ysf->relay.active || !store_moved(ysf->voice, &ysf->seen))
		return;
	store_read(ysf->voice, &txn);
	if (store_generations(&txn, &generations) == STORE_OK) {
		unsigned read = 1;

		while (!lapped && ysf->cursor < generations.events && read > 0) {
			read = events_follow(&txn, &ysf->cursor, FOLLOW_SLICE, &lapped, on_event,
					     &f);
			ysf->events_read += read;
		}
	}
	enum store_error error = store_end(&txn);
	if (error == STORE_OK && lapped)
		error = follow_rebuild(ysf);
	if (error != STORE_OK)
		ysf_store_failed(ysf, error, "following the event log");
	if (!ysf->recovering)
		ring_follow(ysf->ring, store_id(ysf->voice), ysf->cursor);
	page_gauge(ysf->page, GAUGE_CLIENTS, ysf->gateways.count);
	page_gauge(ysf->page, GAUGE_STREAMS, ysf->calls);
	relay_farewells(ysf);
}
