/* SPDX-License-Identifier: ISC
 *
 * NAME      intake - spots into the ring
 * PURPOSE   What every spot gets whatever it came by: source, time of arrival, countries; and the gates
 *           that the feed alone can keep.
 * OWNER     feed
 * CONTRACT  a line whose spot is in the ring already (a predecessor died before it had noted that it acted
 *           upon it) is passed over. Full: the newest is dropped and counted.
 * LIMITS    feed.slot_buffer
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "shm/band.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "workers/feed/feed.h"
#include "workers/feed/locate.h"

#define FULL_SAID_EVERY 100

void intake_begin(struct feed *feed)
{
	struct intake *intake = &feed->intake;

	if (!spotring_last(&feed->ring, &intake->session, &intake->offset))
		intake->session = intake->offset = 0;
	page_gauge(feed->page, GAUGE_FEED_CAPACITY, feed->ring.capacity);
}

static enum spot_source source_of(const struct feed *feed, const struct spot *spot)
{
	if (feed->want.type == FEED_CLUSTER)
		return SPOT_UPSTREAM;
	if (feed->want.type == FEED_PSKREPORTER)
		return SPOT_PSKREPORTER;
	/* the two ports of the Reverse Beacon Network share nothing but the host */
	return feed->want.port == 7001 || spot->mode == MODE_FT8 || spot->mode == MODE_FT4
		       ? SPOT_RBN_DIGITAL
		       : SPOT_RBN;
}

/* One of ours that was passed on, and comes back in our name? */
static bool is_own(const struct feed *feed, const struct spot *spot)
{
	char base[CALL_TEXT_SIZE];

	if (!feed->want.forward_dx || (spot->flags & SPOT_HUMAN) == 0)
		return false;
	call_base(spot->de, base);
	return strcmp(base, feed->want.login_base) == 0;
}

static void say_full(struct feed *feed)
{
	uint64_t full = feed->intake.full++;

	page_count(feed->page, COUNT_FEED_DROP_FULL);
	if (full % FULL_SAID_EVERY == 0)
		log_limited(LOG_LEVEL_WARNING,
			    "feed %s: the pipeline does not keep up, %llu spots dropped "
			    "(feed.slot_buffer = %u)",
			    feed->want.name, (unsigned long long)full + 1, feed->ring.capacity);
}

static void put(struct feed *feed, const struct spot *spot, uint64_t session, uint64_t offset)
{
	struct intake *intake = &feed->intake;

	if (!spotring_put(&feed->ring, session, offset, spot)) {
		say_full(feed);
		return;
	}
	fault_point(FAULT_FEED_PUT);
	if (fault_is("die-after-put") && feed->ring.block->head % 200 == 0)
		kill(getpid(), SIGKILL);
	intake->full = 0;
	intake->fresh = true;
	page_count(feed->page, COUNT_FEED_ACCEPTED);
	feed->page->spare[PAGE_FEED_LAST] = spot->arrived_real;
}

void intake(struct feed *feed, struct spot *spot, uint64_t session, uint64_t offset)
{
	struct intake *known = &feed->intake;

	if (session == known->session && offset <= known->offset) {
		page_count(feed->page, COUNT_FEED_REPEATED);
		return;
	}
	spot->arrived = clock_mono();
	spot->arrived_real = clock_real();
	memcpy(spot->feed, feed->want.name, sizeof(spot->feed));
	spot->source = (uint8_t)source_of(feed, spot);
	if (feed->want.keep_ssid)
		spot->flags |= SPOT_KEEP_SSID;
	if (spot->flags & SPOT_BAD_TIME)
		page_count(feed->page, COUNT_FEED_BAD_TIME);
	if (!locate(feed->countries, feed->known, spot))
		page_count(feed->page, COUNT_FEED_DROP_NO_CTY);
	else if (is_own(feed, spot))
		page_count(feed->page, COUNT_FEED_DROP_OWN);
	else
		put(feed, spot, session, offset);
}

void intake_ring(struct feed *feed)
{
	if (!feed->intake.fresh)
		return;
	feed->intake.fresh = false;
	worker_ring_spots(feed->worker, "spot");
	fault_point(FAULT_FEED_RUNG);
}
