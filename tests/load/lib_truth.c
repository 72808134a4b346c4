/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_truth - the truth-keeper: who got what, once, in order, in time
 * PURPOSE   see lib_truth.h
 * OWNER     tests/load/ysfsim
 * CONTRACT  see lib_truth.h
 * LIMITS    see lib_truth.h
 */
#include "tests/load/lib_truth.h"

#include <stdlib.h>

enum truth_booking truth_pair_book(struct truth_pair *p, uint32_t seq)
{
	uint32_t back;

	if (seq >= p->next) {
		uint32_t shift = seq - p->next + 1;

		p->seen = shift >= 64 ? 1 : p->seen << shift | 1;
		p->next = seq + 1;
		p->got++;
		return TRUTH_NEW;
	}
	back = p->next - 1 - seq;
	if (back >= 64) {
		p->stale++;
		return TRUTH_STALE;
	}
	if (p->seen >> back & 1) {
		p->doubled++;
		return TRUTH_DOUBLE;
	}
	p->seen |= 1ull << back;
	p->got++;
	p->reordered++;
	return TRUTH_REORDERED;
}

struct truth_talker *truth_talker_create(uint32_t receivers, uint32_t members)
{
	struct truth_talker *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->receivers = receivers;
	t->pair = calloc(members, sizeof(*t->pair));
	if (t->pair == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void truth_talker_destroy(struct truth_talker **t)
{
	if (*t == NULL)
		return;
	free((*t)->pair);
	free(*t);
	*t = NULL;
}

/* A frame leaves the ring: whatever comes now comes too late to be followed. */
static void truth_retire(struct truth_talker *t, const struct truth_flight *f)
{
	if (f->got >= t->receivers)
		t->complete++;
	else if (f->got > 0)
		t->partial++;
	else
		t->unheard++;
}

void truth_call(struct truth_talker *t)
{
	t->call_first = t->sent;
	t->calls++;
}

uint32_t truth_sent(struct truth_talker *t, uint64_t now_ns)
{
	struct truth_flight *f = &t->flight[t->sent % TRUTH_RING];

	if (t->sent >= TRUTH_RING) {
		truth_retire(t, f);
		if (t->tail <= f->seq)
			t->tail = f->seq + 1;
	}
	f->sent_ns = now_ns;
	f->seq = t->sent;
	f->got = 0;
	return t->sent++;
}

/* The silence of a pair that ends with this frame. */
static void truth_gap(struct truth_talker *t, struct truth_pair *p, uint32_t heard_next,
		      const struct truth_arrival *a)
{
	const struct truth_flight *before = &t->flight[(a->seq - 1) % TRUTH_RING];
	uint64_t silence = a->at_ns - p->heard_ns;
	uint64_t pace = a->sent_ns - before->sent_ns;

	p->heard_ns = a->at_ns;
	if (a->seq <= t->call_first || heard_next <= t->call_first || before->seq != a->seq - 1)
		return;
	/* two clocks' readings may cross by a hair */
	if ((int64_t)silence <= 0 || (int64_t)pace < 0 || silence <= pace)
		return;
	if (silence - pace > t->gap_ns) {
		t->gap_ns = silence - pace;
		t->gap_at_ns = a->at_ns;
		t->gap_member = a->member;
	}
}

enum truth_booking truth_heard(struct truth_talker *t, const struct truth_arrival *a,
			       uint64_t late_ns)
{
	uint64_t latency_ns = a->at_ns > a->sent_ns ? a->at_ns - a->sent_ns : 0;
	struct truth_pair *p = &t->pair[a->member];
	struct truth_flight *f = &t->flight[a->seq % TRUTH_RING];
	uint32_t heard_next = p->next;
	enum truth_booking booking = truth_pair_book(p, a->seq);

	if (booking == TRUTH_DOUBLE || booking == TRUTH_STALE)
		return booking;
	if (booking == TRUTH_NEW)
		truth_gap(t, p, heard_next, a);
	p->headers += a->header;
	p->ends += a->end;
	if (f->seq == a->seq)
		f->got++;
	hist_add(&t->latency, latency_ns);
	if (a->marked)
		hist_add(&t->marked, latency_ns);
	t->late += latency_ns > late_ns;
	return booking;
}

uint32_t truth_outstanding(struct truth_talker *t)
{
	while (t->tail < t->sent && t->flight[t->tail % TRUTH_RING].got >= t->receivers)
		t->tail++;
	return t->sent - t->tail;
}

void truth_give_up(struct truth_talker *t)
{
	if (truth_outstanding(t) == 0)
		return;
	t->tail++;
	t->given_up++;
}

void truth_call_over(struct truth_talker *t, uint32_t first_seq)
{
	uint32_t seq = t->sent - first_seq > TRUTH_RING ? t->sent - TRUTH_RING : first_seq;
	uint32_t silent = 0;
	bool heard = false;

	for (; seq < t->sent && t->receivers > 0; seq++) {
		if (t->flight[seq % TRUTH_RING].got > 0) {
			heard = true;
			silent = 0;
		} else if (++silent > t->longest_gap) {
			t->longest_gap = silent;
		}
	}
	t->calls_mute += !heard && silent > 0;
	t->calls_cut += heard && silent >= TRUTH_CUT;
}

void truth_close(struct truth_talker *t, struct truth_sum *sum, uint32_t self)
{
	uint32_t from = t->sent > TRUTH_RING ? t->sent - TRUTH_RING : 0;

	for (uint32_t seq = from; seq < t->sent; seq++)
		truth_retire(t, &t->flight[seq % TRUTH_RING]);
	for (uint32_t m = 0; m <= t->receivers; m++) {
		const struct truth_pair *p = &t->pair[m];

		if (m == self)
			continue;
		sum->expected += t->sent;
		sum->delivered += p->got;
		sum->lost += t->sent - p->got;
		sum->doubled += p->doubled;
		sum->pairs_doubled += p->doubled > 0;
		if (p->doubled > sum->most_doubled)
			sum->most_doubled = p->doubled;
		sum->reordered += p->reordered;
		sum->stale += p->stale;
		sum->headers_missing += (uint16_t)((uint16_t)t->calls - p->headers);
		sum->ends_missing += (uint16_t)((uint16_t)t->calls - p->ends);
	}
	sum->calls += t->calls;
	sum->frames += t->sent;
	sum->complete += t->complete;
	sum->partial += t->partial;
	sum->unheard += t->unheard;
	sum->given_up += t->given_up;
	sum->late += t->late;
	sum->calls_mute += t->calls_mute;
	sum->calls_cut += t->calls_cut;
	if (t->longest_gap > sum->longest_gap)
		sum->longest_gap = t->longest_gap;
}
