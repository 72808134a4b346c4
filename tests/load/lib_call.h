/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_call - the voice frames of a simulated call, each with a stamp of truth
 * PURPOSE   makes the frames of a call and judges what came out of the reflector
 * OWNER     tests/load/ysfsim
 * CONTRACT  Every field is valid for a strict reflector: FICH, CSD1/CSD2 in header and terminator,
 *           V/D mode 2 data channel in voice frames. The stamp lies where no reflector may write:
 *           in the voice columns (5..17 of each payload row) of communication frames. A header or
 *           terminator has no such room; its stamp is the call number in CSD2, and the talker
 *           remembers sequence and time, for each call has one of either.
 * LIMITS    a talker keeps its two latest calls; a frame of an older one is alien
 */
#ifndef SHACKD_TESTS_LOAD_LIB_CALL_H
#define SHACKD_TESTS_LOAD_LIB_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/load/lib_code.h"
#include "tests/load/lib_net.h"

#define CALL_FT	    6 /* frame total: FN runs 0..6 */
#define CALL_HEADER 0 /* kinds: header, seven frame numbers, terminator */
#define CALL_VOICE  1
#define CALL_END    (CALL_VOICE + CALL_FT + 1)
#define CALL_KINDS  (CALL_END + 1)

/* What identifies one frame: who sent it, in which call, and its place among all of his. */
struct call_stamp {
	uint32_t talker; /* number of the gateway */
	uint32_t call;
	uint32_t seq;	  /* counts through all calls of the talker */
	uint64_t sent_ns; /* CLOCK_MONOTONIC */
};

struct call_frames {
	bool used;
	uint32_t call;
	uint32_t first_seq; /* sequence number of the header */
	struct call_stamp header;
	struct call_stamp end;
	uint8_t frame[CALL_KINDS][NET_FRAME];
	uint8_t calls[CODE_CSD_SIZE];	/* CSD1 with the prefix */
	uint8_t channel[CODE_DCH_SIZE]; /* data channel of FN 1, likewise */
};

/* The two latest calls of one talker; number n is in call[n % 2]. */
struct call_talker {
	uint32_t run; /* tells two simulators apart */
	uint32_t gateway;
	uint8_t tag[10];
	int dgid; /* what the FICH says; 0 for none */
	bool radio;	/* remarks and a model in FN 4 to 6 */
	bool voice_fr;	/* frames without a data channel */
	int prefix; /* DG-ID that movable listeners must see in front of the caller; 0: may see */
	struct call_frames call[2];
};

enum call_verdict {
	CALL_OK,	/* bit for bit what was sent */
	CALL_REWRITTEN, /* data channel changed, voice and network header whole; with a known prefix:
			 * bit for bit what a movable listener must get */
	CALL_OTHER,	/* what the other kind of listener must get: not this one */
	CALL_DAMAGED,
	CALL_ALIEN, /* not ours, or too old to judge */
};

/* Prepare call number call, whose header will have sequence number first_seq. */
void call_begin(struct call_talker *t, uint32_t call, uint32_t first_seq);

/* The frame of seq within the call, stamped; end makes it the terminator. Valid until the next. */
const uint8_t *call_make(struct call_talker *t, uint32_t call, uint32_t seq, bool end,
			 uint64_t now_ns);

/* Flip so many of 1,000 bits of FICH and payload, by chance of SEED, which moves on. */
void call_damage(uint8_t frame[NET_FRAME], uint32_t bit_errors, uint32_t *seed);

/* The gateway number in the tag of a frame ("G00001-22" is 1), or -1. */
long call_gateway(const uint8_t frame[NET_FRAME]);

/* Judge a frame said to be of talker t; the stamp is set unless it is alien or damaged. movable:
 * who heard it is a listener whose DG-ID may change. */
enum call_verdict call_judge(const struct call_talker *t, const uint8_t frame[NET_FRAME],
			     bool movable, struct call_stamp *stamp_r, bool *header_r, bool *end_r);

#endif
