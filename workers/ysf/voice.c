/* SPDX-License-Identifier: ISC
 *
 * NAME      voice - frames
 * PURPOSE   The rules of streams: who may open one, where it is heard, when it ends (YSF protocol:
 *           processing of a frame, DG-ID change by header, call life cycle).
 * OWNER     ysf workers
 * CONTRACT  a frame of an open call costs no transaction; a header costs one. False from voice_frame:
 *           the gate is held by another, or a fan-out has stalled: the frame has to wait.
 * LIMITS    a call without a header opens only with ysf.late_entry
 */
#include <string.h>

#include "shm/log.h"
#include "workers/callsign.h"
#include "workers/ysf/ysf.h"

#define RATE_BURST   10 /* seconds' worth of frames that may come at once */
#define LATE_FRAMES  3
#define REFUSED_QUIET (1500 * NS_PER_MS) /* a refused source is told about again after this pause */

/* What a header asks for, and where that puts the call. */
struct opening {
	struct gateway *gateway;
	struct ring_entry *in;
	const struct fich *fich;
	bool late;
	bool moved;
	struct stream_record record;
};

static bool relayed(const struct call *call)
{
	return (call->flags & (STREAM_MUTED | STREAM_LOCAL)) == 0;
}

/* A predecessor may have counted the frame that it died with. */
static void touch(struct ysf *ysf, struct call *call, const struct ring_entry *in)
{
	uint8_t counter = ysf_frame_counter(in->data);

	if (!ysf->careful || !in->again || !calls_touched(ysf, call, counter))
		calls_touch(ysf, call, counter);
}

static void pass_on(struct ysf *ysf, struct call *call, struct ring_entry *in)
{
	touch(ysf, call, in);
	if (relayed(call))
		relay_start(ysf, call->dgid, in, RING_DONE, call->owner);
}

/* The last frame of a call: it is done when the end of the call is committed. */
static bool end_with(struct ysf *ysf, struct call *call, struct ring_entry *in)
{
	touch(ysf, call, in);
	if (relayed(call))
		relay_start(ysf, call->dgid, in, RING_RELAYED, call->owner);
	return calls_end(ysf, call, REASON_TERMINATOR);
}

/* ---- refusals ---- */

static bool refused_before(struct ysf *ysf, struct gateway *gateway, const char *source)
{
	bool same = strcmp(gateway->refused, source) == 0 &&
		    clock_age(ysf->now, gateway->refused_at) < REFUSED_QUIET;

	gateway->refused_at = ysf->now;
	memcpy(gateway->refused, source, sizeof(gateway->refused));
	return same;
}

/* Tells of a refused caller once per burst. A gate that is busy costs the event, not the voice of
 * others: the counter has it. */
static void tell_refused(struct ysf *ysf, struct gateway *gateway, const char *source,
			 enum event_reason reason)
{
	struct event_record event = {.type = EVENT_ACCESS_REFUSED,
				     .reason = (uint8_t)reason,
				     .dgid = gateway->dgid,
				     .client = gateway->id,
				     .has_key = 1,
				     .key = gateway->key};
	struct store_txn txn;

	if (refused_before(ysf, gateway, source))
		return;
	memcpy(event.gateway, gateway->name, sizeof(event.gateway));
	memcpy(event.source, source, sizeof(event.source));
	log_limited(LOG_LEVEL_INFO, "%s at %s refused: %s", source, gateway->name,
		    event_reason_name(reason));
	if (store_write(ysf->voice, &txn) != STORE_OK)
		return;
	events_append(&txn, &event);
	enum store_error error = store_end(&txn);
	if (error != STORE_OK)
		ysf_store_failed(ysf, error, "noting a refused caller");
	follow(ysf);
}

/* Evaluated for every frame while the gateway has no open call. */
static bool access_granted(struct ysf *ysf, struct gateway *gateway, const struct ring_entry *in,
			   const struct fich *fich)
{
	char source[YSF_NAME_SIZE];
	struct callsign caller;

	ysf_source(in->data, source);
	if (fich->dt == FICH_DT_DATA_FR && (fich->ft == 1 || fich->ft == 2)) {
		page_count(ysf->page, COUNT_YSF_DROP_ACCESS);
		tell_refused(ysf, gateway, source, REASON_DATA);
		return false;
	}
	callsign_split(source, &caller);
	if (blocked_is(&ysf->blocked, caller.base, ysf->now)) {
		page_count(ysf->page, COUNT_YSF_DROP_BLOCKED);
		tell_refused(ysf, gateway, source, REASON_CALL);
		return false;
	}
	return true;
}

/* ---- opening ---- */

static void fill_record(struct ysf *ysf, struct opening *o, const struct client_record *client)
{
	struct stream_record *record = &o->record;
	const uint8_t *frame = o->in->data;

	*record = (struct stream_record){.dgid = o->moved ? o->fich->sq : client->dgid,
					 .client = client->id,
					 .owner = o->gateway->key,
					 .started = ysf->now,
					 .started_real = clock_real()};
	record->flags = o->late ? STREAM_LATE : 0;
	if (record->dgid == ysf->set.dgid_local)
		record->flags |= STREAM_LOCAL;
	if (o->moved)
		record->flags |= STREAM_MUTED;
	record->key = record->flags & (STREAM_LOCAL | STREAM_MUTED) ? STREAM_PRIVATE | client->id
								   : record->dgid;
	memcpy(record->gateway, client->name, sizeof(record->gateway));
	ysf_name(frame, record->tag);
	ysf_source(frame, record->source);
	ysf_dest(frame, record->dest);
	memcpy(record->fich, o->fich->info, sizeof(record->fich));
	memcpy(record->header, frame, sizeof(record->header));
}

/* DG-ID change by radio: the header of a movable gateway names another DG-ID of the list. */
static bool asks_to_move(const struct ysf *ysf, const struct opening *o,
			 const struct client_record *client)
{
	unsigned asked = o->fich->sq;

	if (o->late || asked == 0 || asked == client->dgid)
		return false;
	if (!conf_dgid_in(&ysf->set.list, asked)) {
		log_limited(LOG_LEVEL_INFO, "invalid DG-ID %u of %s, stays on %u", asked,
			    o->gateway->name, client->dgid);
		return false;
	}
	return (client->flags & CLIENT_STATIC) == 0;
}

static enum store_error open_in_store(struct ysf *ysf, struct store_txn *txn, struct opening *o)
{
	struct client_record client;

	enum store_error error = clients_get(txn, &o->gateway->key, &client);
	if (error == STORE_OK && client.id != o->gateway->id)
		error = STORE_NOT_FOUND;
	if (error != STORE_OK)
		return error;
	o->moved = asks_to_move(ysf, o, &client);
	fill_record(ysf, o, &client);
	error = streams_open(txn, &o->record);
	if (error != STORE_OK)
		return error;
	if (o->moved && clients_move(txn, &o->gateway->key, o->fich->sq, REASON_RADIO) == STORE_OK)
		page_count(ysf->page, COUNT_YSF_DGID_CHANGES);
	register_heard(ysf, txn, o->gateway);
	return STORE_OK;
}

static void say_not_opened(struct ysf *ysf, const struct opening *o, enum store_error error)
{
	switch (error) {
	case STORE_EXISTS:
		page_count(ysf->page, COUNT_YSF_DROP_BUSY);
		log_limited(LOG_LEVEL_INFO, "%s at %s not relayed: DG-ID %u is busy",
			    o->record.source, o->gateway->name, o->record.dgid);
		break;
	case STORE_LIMIT:
		page_count(ysf->page, COUNT_YSF_DROP_STREAMS);
		log_limited(LOG_LEVEL_WARNING, "%s at %s not relayed: limits.streams reached",
			    o->record.source, o->gateway->name);
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
	struct client_key key = o->gateway->key;

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
	page_count(ysf->page, o->late ? COUNT_YSF_LATE_ENTRIES : COUNT_YSF_STREAMS);
	worker_ring(ysf->worker);
	follow(ysf);
	struct gateway *gateway = gateways_find(&ysf->gateways, &key);
	struct call *call = gateway != NULL ? calls_of(ysf, gateway) : NULL;
	if (call == NULL)
		return true;
	gateway->good_frames = 0; /* used up */
	if (ysf->relay.active)
		return false; /* the terminator of a call that was cut goes first */
	pass_on(ysf, call, o->in);
	return true;
}

/* Is the DG-ID taken by a living call? Asked of the mirror, so that a crowd that talks over each
 * other costs no transactions; the store has the last word. */
static bool room_is_busy(struct ysf *ysf, struct opening *o)
{
	struct gateway *gateway = o->gateway;
	const struct client_record client = {.dgid = gateway->dgid, .flags = gateway->flags};
	uint32_t lane = ysf->room[gateway->dgid];

	if (lane == 0 || gateway->dgid == ysf->set.dgid_local || asks_to_move(ysf, o, &client))
		return false;
	if (about_to_end(ysf, gateway->dgid))
		return false;
	o->record.dgid = gateway->dgid;
	ysf_source(o->in->data, o->record.source);
	say_not_opened(ysf, o, STORE_EXISTS);
	return true;
}

static bool header(struct ysf *ysf, struct ring_entry *in, struct gateway *gateway,
		   const struct fich *fich)
{
	struct opening o = {.gateway = gateway, .in = in, .fich = fich};

	if (fich->sq == FICH_SQ_WIRESX) {
		page_count(ysf->page, COUNT_YSF_DROP_DGID);
		return true;
	}
	return room_is_busy(ysf, &o) || open_call(ysf, &o);
}

/* FNV-1a over tag and source: do these frames belong together? */
static uint32_t voice_hash(const uint8_t *frame)
{
	uint32_t hash = 2166136261U;

	for (unsigned i = YSF_TAG_AT; i < YSF_DEST_AT; i++)
		hash = (hash ^ frame[i]) * 16777619U;
	return hash;
}

static bool late_frame(struct ysf *ysf, struct ring_entry *in, struct gateway *gateway,
		       const struct fich *fich)
{
	struct opening o = {.gateway = gateway, .in = in, .fich = fich, .late = true};
	uint32_t hash = voice_hash(in->data);

	if (!ysf->set.late_entry || fich->fi != FICH_FI_COMMUNICATION) {
		page_count(ysf->page, COUNT_YSF_DROP_NO_STREAM);
		return true;
	}
	if (!in->again) {
		gateway->good_frames =
			gateway->voice_of == hash ? gateway->good_frames + 1 : 1;
		gateway->voice_of = hash;
	}
	if (gateway->good_frames < LATE_FRAMES) {
		page_count(ysf->page, COUNT_YSF_DROP_NO_STREAM);
		return true;
	}
	gateway->good_frames = LATE_FRAMES - 1; /* the next frame tries again if this one can't */
	return room_is_busy(ysf, &o) || open_call(ysf, &o);
}

/* ---- frames of an open call ---- */

static bool too_old(const struct ysf *ysf, const struct ring_entry *in)
{
	return ysf->set.max_age != 0 && clock_age(ysf->now, in->stamp) > ysf->set.max_age;
}

static bool in_call(struct ysf *ysf, struct ring_entry *in, struct call *call,
		    const struct fich *fich)
{
	if (fich->fi == FICH_FI_TERMINATOR)
		return end_with(ysf, call, in);
	if (fich->fi == FICH_FI_COMMUNICATION && too_old(ysf, in)) {
		touch(ysf, call, in);
		page_count(ysf->page, COUNT_YSF_DROP_OLD);
		return true;
	}
	pass_on(ysf, call, in);
	return true;
}

/* Inside a call a frame with a damaged FICH is as good as the others to the radios; of its end we
 * only have the end bit. */
static bool damaged(struct ysf *ysf, struct ring_entry *in, struct call *call)
{
	if (call == NULL) {
		page_count(ysf->page, COUNT_YSF_DROP_FICH);
		return true;
	}
	if (ysf_frame_end(in->data))
		return end_with(ysf, call, in);
	pass_on(ysf, call, in);
	return true;
}

static bool take_token(struct ysf *ysf, struct gateway *gateway)
{
	uint32_t rate = ysf->set.frame_rate;

	if (rate == 0 || bucket_take(&gateway->frames, ysf->now, rate, rate * RATE_BURST))
		return true;
	page_count(ysf->page, COUNT_YSF_DROP_RATE);
	log_limited(LOG_LEVEL_WARNING, "gateway %s sends more than ysf.frame_rate frames a second",
		    gateway->name);
	return false;
}

bool voice_frame(struct ysf *ysf, struct ring_entry *in, struct gateway *gateway)
{
	struct call *call = calls_of(ysf, gateway);
	struct fich fich;

	if (ring_state(in) == RING_RELAYED) /* a terminator: what is left is the end of its call */
		return call == NULL || calls_end(ysf, call, REASON_TERMINATOR);
	if (!in->again) {
		page_count(ysf->page, COUNT_YSF_FRAMES);
		if (!take_token(ysf, gateway))
			return true;
	}
	if (call != NULL && call->closing != REASON_NONE) {
		const struct client_key key = gateway->key;

		calls_end(ysf, call, call->closing); /* the gate was busy when it ended */
		gateway = gateways_find(&ysf->gateways, &key);
		if (gateway == NULL) {
			page_count(ysf->page, COUNT_YSF_DROP_UNLINKED);
			return true;
		}
		call = calls_of(ysf, gateway);
		if (call != NULL)
			return false;
	}
	if (ysf->relay.active)
		return false; /* what was followed since it was read owed a terminator, which stalled */
	enum fich_result result = fich_decode(in->data + YSF_FICH_AT, &fich);
	if (call != NULL || result == FICH_BAD || fich.fi != FICH_FI_COMMUNICATION)
		gateway->good_frames = 0; /* late entry wants its frames in a row */
	if (result == FICH_BAD)
		return damaged(ysf, in, call);
	if (result == FICH_CORRECTED && !in->again)
		page_count(ysf->page, COUNT_YSF_FICH_CORRECTED);
	if (call != NULL)
		return in_call(ysf, in, call, &fich);
	if (!access_granted(ysf, gateway, in, &fich)) {
		gateway->good_frames = 0;
		return true;
	}
	if (fich.fi == FICH_FI_HEADER)
		return header(ysf, in, gateway, &fich);
	return late_frame(ysf, in, gateway, &fich);
}
