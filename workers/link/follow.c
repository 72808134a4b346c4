/* SPDX-License-Identifier: ISC
 *
 * NAME      follow - the events, in batches
 * PURPOSE   Copies a piece of the event log, so that no transaction is held while it is told.
 * OWNER     link
 * CONTRACT  the header of a call and what it says are written in one transaction: they come in one
 *           batch, side by side
 * LIMITS    LINK_BATCH events a batch; LOOK_AHEAD events between a start and its meta
 */
#include "workers/link/link.h"

#define LOOK_AHEAD 4

static void keep_tale(uint64_t number, const struct event_record *event, void *arg)
{
	struct batch *batch = arg;
	struct tale *tale = &batch->tale[batch->count++];

	tale->number = number;
	tale->event = *event;
	tale->calls = NULL;
}

static const struct event_record *find_calls(const struct batch *batch, unsigned start)
{
	const struct event_record *first = &batch->tale[start].event;

	for (unsigned i = start + 1; i < batch->count && i <= start + LOOK_AHEAD; i++) {
		const struct event_record *event = &batch->tale[i].event;

		if (event->type == EVENT_STREAM_META && event->meta == META_CALLS &&
		    event->stream == first->stream)
			return event;
	}
	return NULL;
}

/* A start whose meta may lie behind the end of a full batch is left to the next one. */
static void pair_up(struct batch *batch)
{
	bool full = batch->count == LINK_BATCH;

	for (unsigned i = 0; i < batch->count; i++) {
		struct tale *tale = &batch->tale[i];

		if (tale->event.type != EVENT_STREAM_START)
			continue;
		tale->calls = find_calls(batch, i);
		if (tale->calls == NULL && full && i > 0 && i + LOOK_AHEAD >= batch->count) {
			batch->count = i;
			return;
		}
	}
}

bool follow_batch(struct store *store, uint64_t after, struct batch *batch_r, uint64_t *lapped_r)
{
	struct store_txn txn;
	bool lapped = false;

	batch_r->count = 0;
	*lapped_r = 0;
	if (store_read(store, &txn) != STORE_OK)
		return false;
	events_follow(&txn, &after, LINK_BATCH, &lapped, keep_tale, batch_r);
	if (lapped) {
		uint64_t oldest = events_oldest(&txn), newest = events_newest(&txn);

		*lapped_r = oldest > 0 && after < oldest ? oldest - 1 : newest;
	}
	if (store_end(&txn) != STORE_OK)
		batch_r->count = 0;
	pair_up(batch_r);
	return batch_r->count > 0;
}

bool follow_newest(struct store *store, uint64_t *number_r)
{
	struct store_txn txn;

	if (store_read(store, &txn) != STORE_OK)
		return false;
	*number_r = events_newest(&txn);
	return store_end(&txn) == STORE_OK;
}
