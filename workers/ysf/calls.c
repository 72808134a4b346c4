/* SPDX-License-Identifier: ISC
 *
 * NAME      calls - streams, as this worker knows them
 * PURPOSE   Mirror of the open streams, their watchdog and their end.
 * OWNER     ysf workers
 * CONTRACT  a call is opened and closed in the store; the mirror changes by follow alone. Per-frame
 *           facts go to the slot's page, so that any worker can tell whether a call is alive.
 * LIMITS    limits.streams lanes
 */
#include <stdlib.h>
#include <string.h>

#include "shm/log.h"
#include "shm/fault.h"
#include "workers/ysf/ysf.h"

#define COUNTER_MASK 0x7f
/* A jump of the frame counter by more than this is a restart or a late frame, not a loss. */
#define LOSS_MAX 64
/* One that is so far behind was overtaken on its way; what came since is no gap. */
#define OVERTAKEN_MAX 16
/* A call that another worker carries is left to that worker for so long. */
#define NEIGHBOUR_GRACE (100 * NS_PER_MS)

bool calls_open(struct ysf *ysf)
{
	ysf->call = calloc(ysf->set.streams, sizeof(*ysf->call));
	return ysf->call != NULL;
}

void calls_close(struct ysf *ysf)
{
	free(ysf->call);
	ysf->call = NULL;
}

struct call *calls_of(struct ysf *ysf, const struct gateway *gateway)
{
	return gateway->call == 0 ? NULL : &ysf->call[gateway->call - 1];
}

void calls_touch(struct ysf *ysf, struct call *call, uint8_t counter)
{
	uint32_t step = (uint32_t)(counter - call->counter) & COUNTER_MASK;
	uint32_t missing = call->counted && step > 1 && step < LOSS_MAX ? step - 1 : 0;
	bool overtaken = call->counted && step > COUNTER_MASK - OVERTAKEN_MAX;

	if (!call->counted)
		ring_call_note(ysf->ring, call->lane, call->id, call->dgid, call->flags,
			       &call->owner_key, call->header);

	if (!overtaken)
		call->counter = counter;
	call->counted = true;
	page_lane_touch(ysf->page, call->lane, call->id, ysf->now, counter, missing);
	if (missing > 0)
		page_count_by(ysf->page, COUNT_YSF_LOST_FRAMES, missing);
}

bool calls_touched(const struct ysf *ysf, const struct call *call, uint8_t counter)
{
	struct page_lane_view view;

	return page_lane_read(ysf->page, call->lane, call->id, &view) && view.counter == counter;
}

void calls_totals(const struct ysf *ysf, const struct call *call, struct stream_totals *totals_r,
		  uint8_t *counter_r, bool *ours_r)
{
	const struct worker *worker = ysf->worker;

	*totals_r = (struct stream_totals){0};
	*ours_r = false;
	*counter_r = call->counter;
	for (unsigned i = 0; i < worker->peers; i++) {
		struct page_lane_view view;

		if (worker->peer_page[i] == NULL ||
		    !page_lane_read(worker->peer_page[i], call->lane, call->id, &view))
			continue;
		totals_r->frames += view.frames;
		totals_r->lost += view.lost;
		if (view.last > totals_r->last) {
			totals_r->last = view.last;
			*counter_r = (uint8_t)view.counter;
			*ours_r = i == worker->index;
		}
	}
}

static void let_go(struct ysf *ysf, struct call *call)
{
	if (call->owner != NULL && call->owner->call == call->lane + 1)
		call->owner->call = 0;
	if (call->key < FANOUT_DGIDS && ysf->room[call->key] == call->lane + 1)
		ysf->room[call->key] = 0;
	call->open = false;
	ysf->calls--;
}

static enum page_counter end_counter(enum event_reason reason)
{
	switch (reason) {
	case REASON_TERMINATOR:
		return COUNT_YSF_END_TERMINATOR;
	case REASON_WATCHDOG:
		return COUNT_YSF_END_WATCHDOG;
	case REASON_TIMEOUT:
		return COUNT_YSF_END_TIMEOUT;
	case REASON_BLOCKED:
		return COUNT_YSF_END_BLOCKED;
	default:
		return COUNT_YSF_END_UNLINK; /* unlinked, expired, kicked, rebound: its link is gone */
	}
}

/* Whoever carried a call last counts its end, and owes its listeners the terminator if they did not
 * get one. */
static void conclude(struct ysf *ysf, struct call *call, enum event_reason reason)
{
	struct stream_totals totals;
	bool ours;

	calls_totals(ysf, call, &totals, &call->counter, &ours);
	if (reason == REASON_NONE)
		return;
	if (ours)
		page_count(ysf->page, end_counter(reason));
	if (ours && reason != REASON_TERMINATOR && reason != REASON_WATCHDOG &&
	    (call->flags & (STREAM_MUTED | STREAM_LOCAL | STREAM_PARROT)) == 0)
		relay_add_farewell(ysf, call);
	ring_call_forget(ysf->ring, call->lane, call->id);
}

void calls_missed(struct ysf *ysf, uint32_t stream, enum event_reason reason)
{
	struct call call = {.id = stream};
	const struct ring_call *carried = ring_call_find(ysf->ring, stream, &call.lane);

	if (carried == NULL)
		return;
	call.dgid = carried->dgid;
	call.flags = carried->flags;
	memcpy(&call.owner_key, carried->owner_key, sizeof(call.owner_key));
	memcpy(call.header, carried->header, sizeof(call.header));
	conclude(ysf, &call, reason);
}

static void install(struct ysf *ysf, const struct stream_record *record)
{
	struct call *call = &ysf->call[record->lane];

	if (call->open)
		let_go(ysf, call);
	*call = (struct call){.open = true,
			      .dgid = record->dgid,
			      .flags = record->flags,
			      .key = record->key,
			      .id = record->id,
			      .lane = record->lane,
			      .client = record->client,
			      .owner_key = record->owner,
			      .started = record->started};
	memcpy(call->source, record->source, sizeof(call->source));
	memcpy(call->header, record->header, sizeof(call->header));
	meta_begin(&call->meta);
	parrot_opened(ysf, call->client, call->id);
	ysf->calls++;
	if (call->key < FANOUT_DGIDS)
		ysf->room[call->key] = record->lane + 1;
	struct gateway *owner = gateways_find(&ysf->gateways, &record->owner);
	if (owner != NULL && owner->id == record->client) {
		call->owner = owner;
		owner->call = record->lane + 1;
	}
}

static struct call *find(struct ysf *ysf, uint32_t key)
{
	if (key < FANOUT_DGIDS)
		return ysf->room[key] == 0 ? NULL : &ysf->call[ysf->room[key] - 1];
	for (uint32_t lane = 0; lane < ysf->set.streams; lane++)
		if (ysf->call[lane].open && ysf->call[lane].key == key)
			return &ysf->call[lane];
	return NULL;
}

void calls_mirror(struct ysf *ysf, uint32_t key, const struct stream_record *record,
		  enum event_reason reason)
{
	struct call *call = find(ysf, key);

	if (call != NULL && record != NULL && call->id == record->id)
		return;
	if (call != NULL) {
		conclude(ysf, call, reason);
		let_go(ysf, call);
	}
	if (record != NULL && record->lane < ysf->set.streams)
		install(ysf, record);
}

/* Inside the transaction nobody else can close it: is it still as silent as it looked? */
static bool still_silent(const struct ysf *ysf, const struct stream_totals *totals,
			 const struct call *call)
{
	uint64_t last = totals->last > call->started ? totals->last : call->started;

	return clock_age(clock_mono(), last) >= ysf->set.watchdog;
}

bool calls_end(struct ysf *ysf, struct call *call, enum event_reason reason)
{
	struct stream_totals totals;
	struct store_txn txn;
	uint8_t counter;
	bool ours;

	call->closing = (uint8_t)reason;
	if (store_write(ysf->voice, &txn) == STORE_BUSY)
		return false;
	calls_totals(ysf, call, &totals, &counter, &ours);
	if (reason == REASON_WATCHDOG && !still_silent(ysf, &totals, call)) {
		call->closing = REASON_NONE;
		store_abort(&txn);
		return true;
	}
	unsigned told = call->news ? news_write(&txn, call) : 0;
	enum store_error gone = streams_close(&txn, call->key, call->id, reason, &totals);
	bool parked = gone == STORE_OK && reason == REASON_TIMEOUT &&
		      protect_park(ysf, &txn, call->source, BLOCK_TIMEOUT);
	enum store_error error = store_end(&txn);
	if (error != STORE_OK) {
		ysf_store_failed(ysf, error, "closing a stream");
		call->news = false; /* if it was those that had no room */
		return true;	    /* tried again with the next tick */
	}
	fault_point(FAULT_YSF_CLOSED);
	page_count_by(ysf->page, COUNT_YSF_NEWS, told);
	if (parked) {
		page_count(ysf->page, COUNT_YSF_PARKED_TIMEOUT);
		log_warning("%s blocked: transmission longer than protection.tx_timeout",
			    call->source);
	}
	worker_ring(ysf->worker);
	follow(ysf);
	return true;
}

static void look_after(struct ysf *ysf, struct call *call)
{
	struct stream_totals totals;
	uint8_t counter;
	bool ours;

	if (call->closing != REASON_NONE) {
		calls_end(ysf, call, call->closing);
		return;
	}
	calls_totals(ysf, call, &totals, &counter, &ours);
	uint64_t grace = ours ? 0 : NEIGHBOUR_GRACE;
	uint64_t last = totals.last > call->started ? totals.last : call->started;
	if (clock_age(ysf->now, last) >= ysf->set.watchdog + grace)
		calls_end(ysf, call, REASON_WATCHDOG);
	else if (clock_age(ysf->now, call->started) >= ysf->set.tx_timeout + grace)
		calls_end(ysf, call, REASON_TIMEOUT);
	else if (call->news)
		news_tell(ysf, call);
}

void calls_tick(struct ysf *ysf)
{
	for (uint32_t lane = 0; lane < ysf->set.streams && ysf->calls > 0; lane++)
		if (ysf->call[lane].open && !ysf->relay.active)
			look_after(ysf, &ysf->call[lane]);
}
