/* SPDX-License-Identifier: ISC
 *
 * NAME      tell - events about transmissions that were not passed on
 * PURPOSE   Who was refused and who lost against a busy DG-ID stands in the event log, once for each
 *           attempt.
 * OWNER     ysf workers
 * CONTRACT  never holds up a frame: while the gate is held by another the event waits for the next
 *           frame of the same attempt, and a crowd that is refused shares one rate
 * LIMITS    TELL_RATE events a second; what is beyond is in the counters alone
 */
#include <string.h>

#include "shm/log.h"
#include "workers/ysf/ysf.h"

#define TELL_RATE  100
#define TELL_BURST 500

static void fill(struct event_record *event_r, const struct gateway *gateway, const char *source)
{
	event_r->client = gateway->id;
	event_r->has_key = 1;
	event_r->key = gateway->key;
	memcpy(event_r->gateway, gateway->name, sizeof(event_r->gateway));
	memcpy(event_r->source, source, sizeof(event_r->source));
}

/* Appends EVENT, once for TOLD. */
static void tell(struct ysf *ysf, struct told *told, struct event_record *event)
{
	struct store_txn txn;

	if (told->said)
		return;
	if (!bucket_take(&ysf->say_refused, ysf->now, TELL_RATE, TELL_BURST)) {
		told->said = true;
		page_count(ysf->page, COUNT_YSF_UNTOLD);
		return;
	}
	if (store_write(ysf->voice, &txn) != STORE_OK)
		return;
	events_append(&txn, event);
	enum store_error error = store_end(&txn);
	told->said = error == STORE_OK;
	if (error != STORE_OK)
		ysf_store_failed(ysf, error, "noting what was not passed on");
}

void tell_refused(struct ysf *ysf, const struct attempt *by, enum event_reason reason)
{
	struct gateway *gateway = by->gateway;
	struct event_record event = {.type = EVENT_ACCESS_REFUSED,
				     .reason = (uint8_t)reason,
				     .dgid = gateway->dgid};
	struct told *told =
		told_note(gateway->refused, GATEWAY_REFUSED, told_hash(by->source), ysf->now);

	if (told->said)
		return;
	fill(&event, gateway, by->source);
	memcpy(event.dest, by->dest, sizeof(event.dest));
	tell(ysf, told, &event);
	if (told->said)
		log_limited(LOG_LEVEL_INFO, "%s at %s refused: %s", by->source, gateway->name,
			    event_reason_name(reason));
}

/* The series ends with its terminator, or with silence. */
void tell_busy(struct ysf *ysf, const struct attempt *by, uint8_t dgid)
{
	struct gateway *gateway = by->gateway;
	uint32_t lane = ysf->room[dgid];
	struct event_record event = {
		.type = EVENT_STREAM_BUSY,
		.dgid = dgid,
		.stream = lane != 0 ? ysf->call[lane - 1].id : 0,
		.stream_key = dgid,
	};
	struct told *told = told_note(&gateway->busy, 1, told_hash(by->source), ysf->now);

	if (told->said)
		return;
	fill(&event, gateway, by->source);
	memcpy(event.dest, by->dest, sizeof(event.dest));
	tell(ysf, told, &event);
	if (told->said)
		log_limited(LOG_LEVEL_INFO, "%s at %s not relayed: DG-ID %u is busy", by->source,
			    gateway->name, dgid);
}

void tell_orphan(struct ysf *ysf, const struct attempt *by)
{
	struct gateway *gateway = by->gateway;

	if (!told_goes_on(&gateway->busy, told_hash(by->source), ysf->now))
		return;
	if (by->fich->fi == FICH_FI_TERMINATOR)
		gateway->busy.last = 0;
	else if (gateway->busy.said)
		gateway->busy.last = ysf->now;
	else
		tell_busy(ysf, by, gateway->dgid);
}
