/* SPDX-License-Identifier: ISC
 *
 * NAME      news - what the frames of a call tell goes to the store
 * PURPOSE   Call signs, remarks, model and position of an open call: a record that says what was
 *           told, and an event for each thing that is new, in one transaction.
 * OWNER     ysf workers
 * CONTRACT  after the frame is on its way, never before. A gate that is busy delays news, not voice:
 *           they are told with the next frame, tick, or the end of the call. What was told is asked
 *           of the store, so that a successor does not tell it again.
 * LIMITS    NEWS_RATE transactions a second for a call, NEWS_BURST at once: of remarks that change
 *           faster only some are told
 */
#include <string.h>

#include "shm/log.h"
#include "shm/store/metas.h"
#include "workers/ysf/ysf.h"

#define NEWS_RATE  1
#define NEWS_BURST 8

_Static_assert(META_NOWHERE == POSITION_NONE, "no position is no position");
_Static_assert(CSD_TEXT == CALL_MAX, "a text of a radio fits an event");

/* One event. FILL is what differs from stream to stream. */
static void tell(struct store_txn *txn, const struct event_record *fill, enum event_meta what,
		 const char *text)
{
	struct event_record event = *fill;

	event.meta = (uint8_t)what;
	if (text != NULL)
		memcpy(event.text[0], text, CALL_MAX);
	events_append(txn, &event);
}

void news_begin(struct store_txn *txn, const struct stream_record *stream, const struct csd *csd)
{
	static const struct csd unknown;
	struct event_record event = {.type = EVENT_STREAM_META,
				     .dgid = stream->dgid,
				     .flags = stream->flags,
				     .client = stream->client,
				     .stream = stream->id,
				     .stream_key = stream->key,
				     .meta = META_CALLS};
	struct meta_record record = {.stream = stream->id,
				     .latitude = POSITION_NONE,
				     .longitude = POSITION_NONE};
	const struct csd *calls = csd != NULL ? csd : &unknown;

	memcpy(record.csd_dest, calls->dest, CALL_MAX);
	memcpy(record.csd_source, calls->source, CALL_MAX);
	memcpy(record.uplink, calls->uplink, CALL_MAX);
	memcpy(record.downlink, calls->downlink, CALL_MAX);
	if (metas_put(txn, stream->key, &record) != STORE_OK)
		return;
	memcpy(event.text[0], calls->dest, CALL_MAX);
	memcpy(event.text[1], calls->source, CALL_MAX);
	memcpy(event.text[2], calls->uplink, CALL_MAX);
	memcpy(event.text[3], calls->downlink, CALL_MAX);
	event.latitude = event.longitude = POSITION_NONE;
	events_append(txn, &event);
}

/* Makes RECORD equal to FACTS; tells what differed. Returns how many things that were. */
static unsigned tell_news(struct store_txn *txn, const struct event_record *fill,
			  struct meta_record *record, const struct meta_facts *facts)
{
	struct event_record where = *fill;
	unsigned told = 0;

	if (facts->rem12[0] != '\0' && strcmp(record->rem12, facts->rem12) != 0) {
		memcpy(record->rem12, facts->rem12, CALL_MAX);
		tell(txn, fill, META_REM12, record->rem12);
		told++;
	}
	if (facts->rem34[0] != '\0' && strcmp(record->rem34, facts->rem34) != 0) {
		memcpy(record->rem34, facts->rem34, CALL_MAX);
		tell(txn, fill, META_REM34, record->rem34);
		told++;
	}
	where.radio = facts->radio != 0 ? facts->radio : record->radio;
	if (where.radio != record->radio) {
		record->radio = where.radio;
		tell(txn, &where, META_RADIO, NULL);
		told++;
	}
	if (facts->latitude != POSITION_NONE && record->latitude == POSITION_NONE) {
		record->latitude = where.latitude = facts->latitude;
		record->longitude = where.longitude = facts->longitude;
		tell(txn, &where, META_POSITION, NULL);
		told++;
	}
	return told;
}

unsigned news_write(struct store_txn *txn, const struct call *call)
{
	struct event_record fill = {.type = EVENT_STREAM_META,
				    .dgid = call->dgid,
				    .flags = call->flags,
				    .client = call->client,
				    .stream = call->id,
				    .stream_key = call->key,
				    .latitude = POSITION_NONE,
				    .longitude = POSITION_NONE};
	struct stream_record stream;
	struct meta_record record;

	if (streams_get(txn, call->key, &stream) != STORE_OK || stream.id != call->id)
		return 0; /* it is over: nobody wants to know any more */
	if (metas_get(txn, call->id, &record) != STORE_OK)
		record = (struct meta_record){.stream = call->id,
					      .latitude = POSITION_NONE,
					      .longitude = POSITION_NONE};
	unsigned told = tell_news(txn, &fill, &record, &call->meta.facts);
	if (told > 0)
		metas_put(txn, call->key, &record);
	return told;
}

void news_tell(struct ysf *ysf, struct call *call)
{
	struct store_txn txn;

	if (!call->news || store_write(ysf->voice, &txn) == STORE_BUSY)
		return;
	if (!bucket_take(&call->telling, ysf->now, NEWS_RATE, NEWS_BURST)) {
		store_abort(&txn);
		return;
	}
	unsigned told = news_write(&txn, call);
	if (told == 0) { /* a predecessor has told it */
		store_abort(&txn);
		call->news = false;
		return;
	}
	enum store_error error = store_end(&txn);
	if (error == STORE_OK) {
		call->news = false;
		page_count_by(ysf->page, COUNT_YSF_NEWS, told);
		worker_ring(ysf->worker);
	} else {
		ysf_store_failed(ysf, error, "telling of a stream");
	}
}

void news_frame(struct ysf *ysf, struct call *call, const struct ring_entry *in,
		const struct fich *fich)
{
	if (meta_gather(&call->meta, in->data + YSF_PAYLOAD_AT, fich))
		call->news = true;
	if (call->news)
		news_tell(ysf, call);
}
