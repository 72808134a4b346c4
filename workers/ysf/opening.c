/* SPDX-License-Identifier: ISC
 *
 * NAME      opening - a call begins
 * PURPOSE   Where a header leads: to a call on the gateway's DG-ID, to another DG-ID, or nowhere for
 *           the DG-ID is taken (YSF protocol: DG-ID change by header, call life cycle).
 * OWNER     ysf workers
 * CONTRACT  one transaction decides who has the DG-ID
 * LIMITS    limits.streams
 */
#include <string.h>

#include "shm/log.h"
#include "workers/ysf/ysf.h"

/* What an attempt comes to. */
struct opening {
	struct attempt *by;
	bool moved;
	struct stream_record record;
};

static void fill_record(struct ysf *ysf, struct opening *o, const struct client_record *client)
{
	struct stream_record *record = &o->record;
	const uint8_t *frame = o->by->in->data;

	*record = (struct stream_record){.dgid = o->moved ? o->by->fich->sq : client->dgid,
					 .client = client->id,
					 .owner = o->by->gateway->key,
					 .started = ysf->now,
					 .started_real = clock_real()};
	record->flags = o->by->late ? STREAM_LATE : 0;
	if (record->dgid == ysf->set.dgid_local)
		record->flags |= STREAM_LOCAL;
	if (o->moved)
		record->flags |= STREAM_MUTED;
	if (record->dgid == ysf->set.dgid_parrot)
		record->flags |= STREAM_PARROT;
	record->key = record->flags & (STREAM_LOCAL | STREAM_MUTED | STREAM_PARROT)
			      ? STREAM_PRIVATE | client->id
			      : record->dgid;
	memcpy(record->gateway, client->name, sizeof(record->gateway));
	ysf_name(frame, record->tag);
	ysf_source(frame, record->source);
	ysf_dest(frame, record->dest);
	memcpy(record->fich, o->by->fich->info, sizeof(record->fich));
	memcpy(record->header, frame, sizeof(record->header));
}

/* DG-ID change by radio: the header of a movable gateway names another DG-ID of the list. */
static bool asks_to_move(const struct ysf *ysf, const struct attempt *by,
			 const struct client_record *client)
{
	unsigned asked = by->fich->sq;

	if (by->late || asked == 0 || asked == client->dgid)
		return false;
	if (!conf_dgid_in(&ysf->set.list, asked)) {
		log_limited(LOG_LEVEL_INFO, "invalid DG-ID %u of %s, stays on %u", asked,
			    by->gateway->name, client->dgid);
		return false;
	}
	return (client->flags & CLIENT_STATIC) == 0;
}

static enum store_error open_in_store(struct ysf *ysf, struct store_txn *txn, struct opening *o)
{
	struct client_record client;
	struct csd csd;

	enum store_error error = clients_get(txn, &o->by->gateway->key, &client);
	if (error == STORE_OK && client.id != o->by->gateway->id)
		error = STORE_NOT_FOUND;
	if (error != STORE_OK)
		return error;
	o->moved = asks_to_move(ysf, o->by, &client);
	fill_record(ysf, o, &client);
	error = streams_open(txn, &o->record);
	if (error != STORE_OK)
		return error;
	csd_decode(o->by->in->data + YSF_PAYLOAD_AT, &csd);
	news_begin(txn, &o->record, o->by->late ? NULL : &csd);
	if (o->moved && clients_move(txn, &o->by->gateway->key, o->record.dgid, REASON_RADIO) ==
				STORE_OK)
		page_count(ysf->page, COUNT_YSF_DGID_CHANGES);
	register_heard(ysf, txn, o->by->gateway);
	return STORE_OK;
}

static void say_not_opened(struct ysf *ysf, const struct opening *o, enum store_error error)
{
	switch (error) {
	case STORE_EXISTS:
		page_count(ysf->page, COUNT_YSF_DROP_BUSY);
		log_limited(LOG_LEVEL_INFO, "%s at %s not relayed: DG-ID %u is busy",
			    o->record.source, o->by->gateway->name, o->record.dgid);
		break;
	case STORE_LIMIT:
		page_count(ysf->page, COUNT_YSF_DROP_STREAMS);
		log_limited(LOG_LEVEL_WARNING, "%s at %s not relayed: limits.streams reached",
			    o->record.source, o->by->gateway->name);
		break;
	case STORE_NOT_FOUND:
		page_count(ysf->page, COUNT_YSF_DROP_UNLINKED);
		break;
	default:
		ysf_store_failed(ysf, error, "opening a stream");
	}
}

/* The terminator of the call that has the DG-ID was relayed, its end in the store waits for the gate:
 * who comes after it is not refused, but waits too. */
static bool about_to_end(const struct ysf *ysf, uint32_t key)
{
	uint32_t lane = key < FANOUT_DGIDS ? ysf->room[key] : 0;

	return lane != 0 && ysf->call[lane - 1].closing != REASON_NONE;
}

/* One transaction decides who has the DG-ID. */
static bool open_call(struct ysf *ysf, struct opening *o)
{
	struct store_txn txn;
	struct client_key key = o->by->gateway->key;

	if (ysf->no_calls) {
		page_count(ysf->page, COUNT_YSF_DROP_NO_CALLS);
		return true;
	}
	if (store_write(ysf->voice, &txn) == STORE_BUSY)
		return false;
	enum store_error error = open_in_store(ysf, &txn, o);
	if (error != STORE_OK) {
		store_abort(&txn);
		if (error == STORE_EXISTS && about_to_end(ysf, o->record.key))
			return false;
		say_not_opened(ysf, o, error);
		follow(ysf);
		return true;
	}
	error = store_end(&txn);
	if (error != STORE_OK) {
		ysf_store_failed(ysf, error, "opening a stream");
		return error != STORE_BUSY;
	}
	page_count(ysf->page, o->by->late ? COUNT_YSF_LATE_ENTRIES : COUNT_YSF_STREAMS);
	worker_ring(ysf->worker);
	follow(ysf);
	struct gateway *gateway = gateways_find(&ysf->gateways, &key);
	struct call *call = gateway != NULL ? calls_of(ysf, gateway) : NULL;
	if (call == NULL)
		return true;
	gateway->good_frames = 0; /* used up */
	if (ysf->relay.active)
		return false; /* the terminator of a call that was cut goes first */
	voice_pass_on(ysf, call, o->by->in, o->by->fich);
	return true;
}

/* Is the DG-ID taken by a living call? Asked of the mirror, so that a crowd that talks over each
 * other costs no transactions; the store has the last word. */
static bool room_is_busy(struct ysf *ysf, struct opening *o)
{
	struct gateway *gateway = o->by->gateway;
	const struct client_record client = {.dgid = gateway->dgid, .flags = gateway->flags};
	uint32_t lane = ysf->room[gateway->dgid];

	if (lane == 0 || gateway->dgid == ysf->set.dgid_local || asks_to_move(ysf, o->by, &client))
		return false;
	if (about_to_end(ysf, gateway->dgid))
		return false;
	o->record.dgid = gateway->dgid;
	ysf_source(o->by->in->data, o->record.source);
	say_not_opened(ysf, o, STORE_EXISTS);
	return true;
}

bool opening(struct ysf *ysf, struct attempt *attempt)
{
	struct opening o = {.by = attempt};

	return room_is_busy(ysf, &o) || open_call(ysf, &o);
}
