/* SPDX-License-Identifier: ISC
 *
 * NAME      lanes - what all slots together saw of a stream
 * PURPOSE   Adds up the words that each ysf slot keeps of a stream in its own page; closes the stream
 *           of a gateway that goes with that sum.
 * OWNER     keeper
 * CONTRACT  reads other processes' pages only; the sum may be a frame behind
 * LIMITS    none known
 */
#include "workers/keeper/keeper.h"

#include <string.h>

void lanes_totals(const struct worker *worker, const struct stream_record *stream,
		  struct stream_totals *totals_r)
{
	struct page_lane_view view;

	memset(totals_r, 0, sizeof(*totals_r));
	for (unsigned i = 0; i < worker->peers; i++) {
		const struct page *page = worker->peer_page[i];

		if (page == NULL || !page_lane_read(page, stream->lane, stream->id, &view))
			continue;
		totals_r->frames += view.frames;
		totals_r->lost += view.lost;
		if (view.last > totals_r->last)
			totals_r->last = view.last;
	}
}

struct closing {
	const struct worker *worker;
	struct store_txn *txn;
	uint32_t client;
	enum event_reason reason;
};

static bool close_if_owned(const struct stream_record *record, void *arg)
{
	const struct closing *closing = arg;
	struct stream_totals totals;

	if (record->client == closing->client) {
		lanes_totals(closing->worker, record, &totals);
		streams_close(closing->txn, record->key, record->id, closing->reason, &totals);
	}
	return true;
}

void lanes_close_client(const struct worker *worker, struct store_txn *txn, uint32_t client,
			enum event_reason reason)
{
	struct closing closing = {worker, txn, client, reason};

	if (streams_count(txn) > 0)
		streams_walk(txn, close_if_owned, &closing);
}
