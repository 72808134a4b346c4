/* SPDX-License-Identifier: ISC
 *
 * NAME      lanes - what all slots together saw of a stream
 * PURPOSE   Adds up the words that each ysf slot keeps of a stream in its own page.
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
