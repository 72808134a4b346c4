/* SPDX-License-Identifier: ISC
 *
 * NAME      recover - what a predecessor left in the ring
 * PURPOSE   Whoever held the slot before may have died between any two instructions. Its fan-out is
 *           finished, its datagrams are worked off, its unwritten polls are written, and who was
 *           listening to a call that was cut meanwhile gets its end, before anything new is read.
 * OWNER     ysf workers
 * CONTRACT  can itself be killed anywhere: a successor's successor comes to the same result. What
 *           was left is worked off one by one (careful), so that a second death accuses exactly the
 *           datagram that causes it.
 * LIMITS    none known
 */
#include <string.h>

#include "shm/log.h"
#include "workers/ysf/ysf.h"

_Static_assert(sizeof(struct client_key) == RING_KEY, "a gateway's key fits the ring");
_Static_assert(FRAME_SIZE == RING_FRAME, "a frame fits the ring");
_Static_assert(FANOUT_DGIDS == RING_DGIDS, "the ring knows every DG-ID");
_Static_assert(FANOUT_LISTENERS == RING_LISTENERS && WORKER_LISTENERS == RING_LISTENERS,
	       "the ring knows every listener");

/* What killed two of us is put away for people to look at. */
static bool put_away(struct ysf *ysf, struct ring_entry *entry)
{
	const struct ring_relay *relay = &ysf->ring->memory->relay;

	if (ring_tries(&entry->tries) < RING_TRIES)
		return false;
	quarantine(ysf, entry);
	page_count(ysf->page, COUNT_YSF_DROP_POISON);
	ring_set(entry, RING_DONE);
	if (relay->seq == entry->seq)
		ring_relay_end(ysf->ring);
	return true;
}

/* One entry: true when it is to be worked off. What was begun was counted. */
static bool take_up(struct ysf *ysf, struct ring_entry *entry, bool begun)
{
	if (ring_state(entry) == RING_DONE || put_away(ysf, entry))
		return false;
	entry->again = begun;
	return true;
}

static unsigned take_up_all(struct ysf *ysf, unsigned count, uint64_t current)
{
	struct ring *ring = ysf->ring;
	unsigned taken = 0;

	for (unsigned n = 0; n < ring->held.count; n++)
		taken += take_up(ysf, ring_held(ring, n), true);
	for (unsigned i = 0; i < count; i++)
		taken += take_up(ysf, &ring->memory->entry[i],
				 ring->memory->entry[i].seq <= current);
	ring_hold_sweep(ring);
	return taken;
}

static void drop_farewells(struct ysf *ysf)
{
	struct ring *ring = ysf->ring;

	for (unsigned n = ring->owed.count; n > 0; n--) {
		struct ring_farewell *farewell = &ring->farewell[ring->owed.queue[n - 1]];

		if (ring_tries(&farewell->tries) < RING_TRIES)
			continue;
		log_error("a terminator that two workers died of is left out");
		page_count(ysf->page, COUNT_YSF_DROP_POISON);
		if (ring->memory->relay.seq == farewell->seq)
			ring_relay_end(ring);
		ring_farewell_done(ring, farewell);
	}
}

static void say(struct ysf *ysf, const struct ring_left *left, unsigned taken)
{
	page_count_by(ysf->page, COUNT_YSF_RECOVERED, taken);
	page_count_by(ysf->page, COUNT_YSF_RING_BAD, left->bad);
	if (left->bad > 0)
		log_error("%u things in the ring broke a bound and were dropped", left->bad);
	if (taken > 0 || ysf->ring->memory->relay.seq != 0)
		log_info("%u datagrams taken up from the predecessor", taken);
}

void recover(struct ysf *ysf)
{
	uint64_t faults = atomic_load(&ysf->page->faults);
	struct ring_left left;

	ysf->clock_offset = (int64_t)(clock_real() - ysf->now);
	ring_recover(ysf->ring, faults, &left);
	uint64_t current = ring_handled(ysf->ring);
	uint64_t followed = ring_followed(ysf->ring, store_id(ysf->voice));
	ysf->recovering = true; /* a farewell would begin where a fan-out is to be finished */
	if (left.filled)
		receive_take(ysf, left.count, left.listener);
	receive_prepare(ysf);
	ysf->count = left.count;
	ysf->next = 0;
	follow(ysf);
	follow_missed(ysf, followed);
	register_recover(ysf);
	drop_farewells(ysf);
	unsigned taken = take_up_all(ysf, left.count, current);
	say(ysf, &left, taken);
	ysf->careful = taken > 0;
	ysf->recovering = false;
	ring_handling(ysf->ring, 0);
	relay_resume(ysf);
	if (!ysf->relay.active)
		receive_resume(ysf);
	register_keep_alive(ysf, false);
}
