/* SPDX-License-Identifier: ISC
 *
 * NAME      opening - a call begins
 * PURPOSE   Where a header leads: to a call on the gateway's DG-ID, to another DG-ID, or nowhere
 *           because the DG-ID is taken (YSF protocol: DG-ID change by header, call life cycle).
 * OWNER     ysf workers
 * CONTRACT  one transaction decides who has the DG-ID; what the call changes (move, saved DG-ID,
 *           wild PTT) is in the same one. A call that changes the DG-ID is heard by nobody, so that
 *           it never waits for the new DG-ID and never keeps it busy
 * LIMITS    limits.streams
 */
#include <string.h>

#include "shm/log.h"
#include "shm/fault.h"
#include "shm/store/saved.h"
#include "workers/ysf/ysf.h"

/* What an attempt comes to. */
struct opening {
	struct attempt *by;
	bool moved;
	bool wild; /* it was one call too many: the caller is blocked, this call goes on */
	struct stream_record record;
};

static void fill_record(struct ysf *ysf, struct opening *o, const struct client_record *client)
{
	struct stream_record *record = &o->record;
	const struct attempt *by = o->by;

	*record = (struct stream_record){.dgid = o->moved ? by->fich->sq : client->dgid,
					 .client = client->id,
					 .owner = by->gateway->key,
					 .started = ysf->now,
					 .started_real = clock_real()};
	record->flags = by->late ? STREAM_LATE : 0;
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
	ysf_name(by->in->data, record->tag);
	memcpy(record->source, by->source, sizeof(record->source));
	memcpy(record->dest, by->dest, sizeof(record->dest));
	memcpy(record->fich, by->fich->info, sizeof(record->fich));
	memcpy(record->header, by->in->data, sizeof(record->header));
}

/* DG-ID change by radio: the header of a movable gateway names another DG-ID of the list. */
static bool asks_to_move(const struct ysf *ysf, const struct attempt *by, uint8_t dgid,
			 unsigned flags)
{
	unsigned asked = by->fich->sq;

	if (by->late || asked == 0 || asked == dgid)
		return false;
	if (!conf_dgid_in(&ysf->set.list, asked)) {
		log_limited(LOG_LEVEL_INFO, "invalid DG-ID %u of %s, stays on %u", asked,
			    by->gateway->name, dgid);
		return false;
	}
	return (flags & (CLIENT_STATIC | CLIENT_FIXED | CLIENT_AUX)) == 0;
}

/* It stays there beyond this link. */
static void move(struct ysf *ysf, struct store_txn *txn, const struct opening *o)
{
	const struct gateway *gateway = o->by->gateway;
	uint8_t dgid = o->record.dgid;

	if (clients_move(txn, &gateway->key, dgid, REASON_RADIO) != STORE_OK)
		return;
	page_count(ysf->page, COUNT_YSF_DGID_CHANGES);
	if (gateway->name[0] != '\0')
		saved_put(txn, gateway->name, gateway->key.ip, dgid, clock_real());
}

static enum store_error open_in_store(struct ysf *ysf, struct store_txn *txn, struct opening *o)
{
	struct gateway *gateway = o->by->gateway;
	struct client_record client;

	enum store_error error = clients_get(txn, &gateway->key, &client);
	if (error == STORE_OK && client.id != gateway->id)
		error = STORE_NOT_FOUND;
	if (error != STORE_OK)
		return error;
	o->moved = asks_to_move(ysf, o->by, client.dgid, client.flags);
	fill_record(ysf, o, &client);
	error = streams_open(txn, &o->record);
	if (error != STORE_OK)
		return error;
	news_begin(txn, &o->record, o->by->late ? NULL : &o->by->csd);
	if (o->moved)
		move(ysf, txn, o);
	o->wild = protect_count(ysf, txn, o->record.source);
	register_heard(ysf, txn, gateway);
	return STORE_OK;
}

static void say_not_opened(struct ysf *ysf, const struct opening *o, enum store_error error)
{
	switch (error) {
	case STORE_EXISTS:
		page_count(ysf->page, COUNT_YSF_DROP_BUSY);
		tell_busy(ysf, o->by, o->record.dgid);
		break;
	case STORE_LIMIT:
		page_count(ysf->page, COUNT_YSF_DROP_STREAMS);
		log_limited(LOG_LEVEL_WARNING, "%s at %s not relayed: limits.streams reached",
			    o->by->source, o->by->gateway->name);
		break;
	case STORE_NOT_FOUND:
		page_count(ysf->page, COUNT_YSF_DROP_UNLINKED);
		break;
	default:
		ysf_store_failed(ysf, error, "opening a stream");
	}
}

static void say_opened(struct ysf *ysf, const struct opening *o)
{
	page_count(ysf->page, o->by->late ? COUNT_YSF_LATE_ENTRIES : COUNT_YSF_STREAMS);
	if (!o->wild)
		return;
	page_count(ysf->page, COUNT_YSF_PARKED_WILD_PTT);
	log_warning("%s blocked: %u transmissions within protection.wild_ptt_time", o->by->source,
		    ysf->set.wild_ptt_count);
}

/* The terminator of the call that has the DG-ID was relayed, its end in the store waits for the
 * gate: who comes after it is not refused, but waits too. */
static bool about_to_end(const struct ysf *ysf, uint32_t key)
{
	uint32_t lane = key < FANOUT_DGIDS ? ysf->room[key] : 0;

	return lane != 0 && ysf->call[lane - 1].closing != REASON_NONE;
}

/* The call is in the mirror by now. */
static bool pass_on_first(struct ysf *ysf, const struct opening *o, const struct client_key *key)
{
	struct gateway *gateway = gateways_find(&ysf->gateways, key);
	struct call *call = gateway != NULL ? calls_of(ysf, gateway) : NULL;

	if (call == NULL)
		return true;
	gateway->good_frames = 0; /* used up */
	if (ysf->relay.active)
		return false; /* the terminator of a call that was cut goes first */
	voice_pass_on(ysf, call, o->by->in, o->by->fich);
	return true;
}

/* One transaction decides who has the DG-ID. */
static bool open_call(struct ysf *ysf, struct opening *o)
{
	struct client_key key = o->by->gateway->key;
	struct store_txn txn;

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
	say_opened(ysf, o);
	fault_point(FAULT_YSF_OPENED);
	worker_ring(ysf->worker);
	fault_point(FAULT_YSF_OPENED_RUNG);
	follow(ysf);
	return pass_on_first(ysf, o, &key);
}

/* Is the DG-ID taken by a living call? Asked of the mirror, so that a crowd that talks over each
 * other costs no transactions; the store has the last word. */
static bool room_is_busy(struct ysf *ysf, struct opening *o)
{
	const struct gateway *gateway = o->by->gateway;
	uint32_t lane = ysf->room[gateway->dgid];

	if (lane == 0 || gateway->dgid == ysf->set.dgid_local ||
	    asks_to_move(ysf, o->by, gateway->dgid, gateway->flags))
		return false;
	if (about_to_end(ysf, gateway->dgid))
		return false;
	o->record.dgid = gateway->dgid;
	say_not_opened(ysf, o, STORE_EXISTS);
	return true;
}

bool opening(struct ysf *ysf, struct attempt *by)
{
	struct opening o = {.by = by};

	return room_is_busy(ysf, &o) || open_call(ysf, &o);
}
