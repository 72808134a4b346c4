/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_truth - the truth-keeper: who got what, once, in order, in time
 * PURPOSE   books every frame that a simulated gateway heard against what was really sent
 * OWNER     tests/load/ysfsim
 * CONTRACT  O(1) memory for a talker and receiver: the next sequence number and a window of 64.
 *           Numbers count through all calls of a talker, so loss is what was sent less what came.
 * LIMITS    a frame more than 64 behind the newest is stale: told apart from neither a late frame
 *           nor a double, not counted as received
 */
#ifndef SHACKD_TESTS_LOAD_LIB_TRUTH_H
#define SHACKD_TESTS_LOAD_LIB_TRUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/load/lib_hist.h"

#define TRUTH_CUT  3	/* unheard frames at the end that make a call a cut one */
#define TRUTH_RING 4096 /* newest frames of a talker that are followed one by one */

/* One receiver of one talker. */
struct truth_pair {
	uint64_t seen;	   /* bit i: frame next - 1 - i came */
	uint64_t heard_ns; /* when frame next - 1 came */
	uint32_t next;	   /* one above the highest sequence number that came */
	uint32_t got;
	uint32_t doubled;
	uint32_t reordered;
	uint32_t stale;
	uint16_t headers;
	uint16_t ends;
};

enum truth_booking { TRUTH_NEW, TRUTH_REORDERED, TRUTH_DOUBLE, TRUTH_STALE };

/* One frame on its way: how many of its receivers have it. */
struct truth_flight {
	uint64_t sent_ns;
	uint32_t seq;
	uint32_t got;
};

/* One frame that one receiver heard. */
struct truth_arrival {
	uint32_t member;
	uint32_t seq;
	bool header, end;
	bool marked; /* in a time that is to be looked at by itself */
	uint64_t sent_ns;
	uint64_t at_ns;
};

struct truth_talker {
	uint32_t receivers;
	struct truth_pair *pair; /* one for each member of the room, the talker's own unused */
	uint32_t sent;		 /* frames so far; also the next sequence number */
	uint32_t calls;
	uint32_t call_first;  /* sequence number of the present call's header */
	uint32_t tail;	      /* oldest frame that still lacks a receiver */
	uint32_t given_up;    /* frames that the closed loop stopped waiting for */
	uint64_t complete;    /* frames every receiver got */
	uint64_t partial;     /* frames some receivers got */
	uint64_t unheard;     /* frames nobody got */
	uint64_t late;	      /* deliveries above the limit of lateness */
	uint32_t calls_mute;  /* calls of which nobody heard anything */
	uint32_t calls_cut;   /* calls that were heard, but not to their end */
	uint32_t longest_gap; /* most frames in a row that nobody heard */
	uint32_t gap_member;  /* who suffered it */
	uint64_t gap_ns;      /* longest silence that the talker's own pace does not explain */
	uint64_t gap_at_ns;   /* when it ended */
	struct truth_flight flight[TRUTH_RING];
	struct hist latency;
	struct hist marked; /* of these, those that came in marked time */
};

/* What is not booked to a pair. */
struct truth_faults {
	uint64_t echoes;     /* the talker heard himself */
	uint64_t wrong_room; /* heard on another DG-ID */
	uint64_t damaged;
	uint64_t alien;	       /* a frame of nobody here, or of a call long past */
	uint64_t malformed;    /* neither a poll answer nor 155 bytes of YSFD */
	uint64_t wrong_source; /* from another address than the one that was polled */
	uint64_t wrong_variant; /* a movable listener's frame at a fixed one, or the reverse */
	uint64_t rewritten; /* for information: data channel rewritten, as for movable listeners */
};

struct truth_sum {
	uint64_t calls, frames, expected, delivered, lost, doubled, reordered, stale, late;
	uint64_t headers_missing, ends_missing;
	uint64_t complete, partial, unheard, given_up, calls_mute, calls_cut, longest_gap;
	uint64_t pairs_doubled; /* pairs with doubles */
	uint64_t most_doubled;	/* of one pair */
};

/* Book one sequence number to a pair. */
enum truth_booking truth_pair_book(struct truth_pair *p, uint32_t seq);

/* A talker heard by so many receivers, members of a room of size members; NULL without memory. */
struct truth_talker *truth_talker_create(uint32_t receivers, uint32_t members);
void truth_talker_destroy(struct truth_talker **t);

/* A call begins: the next frame is its header. */
void truth_call(struct truth_talker *t);

/* The next frame leaves; returns its sequence number. */
uint32_t truth_sent(struct truth_talker *t, uint64_t now_ns);

/* A receiver heard a frame; late_ns is the limit of lateness. Within a call the forwarding gap is
 * the time since the frame heard before it, less the time between this frame and the one sent
 * before it: a frame that was lost makes a gap too. */
enum truth_booking truth_heard(struct truth_talker *t, const struct truth_arrival *a,
			       uint64_t late_ns);

/* Frames on their way that still lack a receiver, oldest first. */
uint32_t truth_outstanding(struct truth_talker *t);

/* Stop waiting for the oldest outstanding frame. */
void truth_give_up(struct truth_talker *t);

/* The call whose header was first_seq is over: look for silence in it. Once a call. */
void truth_call_over(struct truth_talker *t, uint32_t first_seq);

/* Add the books of a talker to the sum; ends those frames that are still followed. Call once. */
void truth_close(struct truth_talker *t, struct truth_sum *sum, uint32_t self);

#endif
