/* SPDX-License-Identifier: ISC
 *
 * NAME      hold - datagrams that wait for the gate
 * PURPOSE   What can't be done because another process holds the gate of the store is kept in order
 *           and tried again every turn; open streams go on meanwhile.
 * OWNER     ysf workers
 * CONTRACT  the datagrams of one address are never overtaken by its own later ones, whether it is
 *           linked or about to. Voice waits at most HOLD_VOICE; headers, terminators, polls and
 *           unlinks wait up to HOLD_OTHER, for a lost header would cost a whole call.
 *           They lie in the ring: a successor goes on with them.
 * LIMITS    RING_HOLD datagrams; further ones are dropped and counted
 */
#include <string.h>

#include "workers/ysf/ysf.h"

#define HOLD_VOICE (200 * NS_PER_MS)
#define HOLD_OTHER (2 * NS_PER_SEC)

bool hold_waits(struct ysf *ysf, const struct ring_entry *in)
{
	for (unsigned n = 0; n < ysf->ring->held.count; n++) {
		const struct ring_entry *held = ring_held(ysf->ring, n);

		if (held->listener == in->listener && addr_equal(&held->from, &in->from))
			return true;
	}
	return false;
}

void hold_put(struct ysf *ysf, struct ring_entry *in)
{
	bool frame = ysf_classify(in->data, in->length, NULL) == YSF_DATA;

	/* a crowd of strangers must not take the places of those who are linked and talk */
	in->again = true;
	if ((!frame && ysf->ring->held.count >= YSF_HOLD_OTHERS) || !ring_hold(ysf->ring, in)) {
		page_count(ysf->page, COUNT_YSF_DROP_HOLD_FULL);
		return;
	}
	page_count(ysf->page, COUNT_YSF_HELD);
	page_gauge(ysf->page, GAUGE_HELD, ysf->ring->held.count);
}

static bool is_voice(const struct ring_entry *in)
{
	struct fich fich;

	return ysf_classify(in->data, in->length, NULL) == YSF_DATA &&
	       fich_decode(in->data + YSF_FICH_AT, &fich) != FICH_BAD &&
	       fich.fi == FICH_FI_COMMUNICATION;
}

static bool too_old(const struct ysf *ysf, const struct ring_entry *in)
{
	uint64_t age = clock_age(ysf->now, in->stamp);

	return age > HOLD_OTHER || (age > HOLD_VOICE && is_voice(in));
}

/* Takes out what waited too long, keeps the order of the rest. */
static void expire(struct ysf *ysf)
{
	for (unsigned n = 0; n < ysf->ring->held.count; n++) {
		struct ring_entry *in = ring_held(ysf->ring, n);

		if (ring_state(in) != RING_WAITING || in->owing || !too_old(ysf, in))
			continue;
		page_count(ysf->page, COUNT_YSF_DROP_HOLD_LATE);
		ring_set(in, RING_DONE);
	}
	ring_hold_sweep(ysf->ring);
}

/* False: it has to wait on, or its fan-out has stalled. */
static bool try_again(struct ysf *ysf, struct ring_entry *in)
{
	if (ring_state(in) == RING_DONE || in->owing)
		return true;
	ring_handling(ysf->ring, in->seq);
	if (!receive_datagram(ysf, in) || (ysf->relay.active && ysf->relay.entry == in))
		return false;
	if (!in->owing)
		ring_set(in, RING_DONE);
	else if (ysf->careful)
		receive_flush(ysf);
	return true;
}

/* Those that were answered are done; all of them were, for the flush is over. */
static void settle(struct ysf *ysf, unsigned tried)
{
	for (unsigned n = 0; n < tried; n++)
		if (ring_held(ysf->ring, n)->owing)
			ring_set(ring_held(ysf->ring, n), RING_DONE);
}

void hold_retry(struct ysf *ysf)
{
	unsigned tried = 0;

	if (ysf->ring->held.count == 0 || ysf->relay.active)
		return;
	expire(ysf);
	while (tried < ysf->ring->held.count && !ysf->relay.active &&
	       try_again(ysf, ring_held(ysf->ring, tried)))
		tried++;
	if (!ysf->relay.active) {
		receive_flush(ysf);
		settle(ysf, tried);
		ring_handling(ysf->ring, 0);
	}
	ring_hold_sweep(ysf->ring);
	page_gauge(ysf->page, GAUGE_HELD, ysf->ring->held.count);
}
