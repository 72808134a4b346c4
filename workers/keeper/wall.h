/* SPDX-License-Identifier: ISC
 *
 * NAME      wall - is the machine's clock to be believed?
 * PURPOSE   What is kept for days is dated by the real clock, and that may jump: a board without a
 *           clock of its own boots in 1970, a wrong time server is ten years ahead. After a jump the
 *           time is counted on from where it was, until the clock is back in line or has been as it
 *           is for a day.
 * OWNER     keeper
 * CONTRACT  pure: readings in, verdict out. REAL is clock_real; BOOT counts from the boot of the
 *           machine and never jumps (CLOCK_BOOTTIME). Nanoseconds.
 * LIMITS    WALL_JUMP is no jump; between two runs, WALL_AWAY ahead is none. A wrong clock that is
 *           left alone for WALL_DOUBT of uptime is believed.
 */
#ifndef SHACKD_WORKERS_KEEPER_WALL_H
#define SHACKD_WORKERS_KEEPER_WALL_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/clock.h"

#define WALL_JUMP  (3600 * NS_PER_SEC)
#define WALL_DOUBT (24 * 3600 * NS_PER_SEC)
#define WALL_AWAY  (30 * 24 * 3600 * NS_PER_SEC)
#define WALL_PAST  (CLOCK_UNSET * NS_PER_SEC)

struct wall {
	uint64_t real, boot; /* both clocks when the real one was last believed */
	uint64_t left;	     /* so much uptime until it is believed all the same; 0: it is */
	uint64_t looked;     /* BOOT of the last look */
	int64_t offset;	     /* real - boot at the last look */
};

enum wall_news {
	WALL_SAME,
	WALL_JUMPED,   /* doubted from now on, for WALL_DOUBT */
	WALL_BACK,     /* in line again */
	WALL_BELIEVED, /* it has been so for WALL_DOUBT: it is true from now on */
};

/* What the durable store keeps of it. All 0: nothing yet. */
struct wall_note {
	uint64_t judged; /* wall_judged() when it was written */
	uint64_t real;	 /* clock_real then */
	uint64_t left;
};

/* The first look, after a run that left NOTE behind: WALL_SAME, or WALL_JUMPED. */
enum wall_news wall_begin(struct wall *wall_r, const struct wall_note *note, uint64_t real,
			  uint64_t boot);

/* Once a second. */
enum wall_news wall_look(struct wall *wall, uint64_t real, uint64_t boot);

/* Doubted since a look, or jumped since the last one. */
bool wall_doubts(const struct wall *wall, uint64_t real, uint64_t boot);

/* The time by which ages are judged: REAL, or while that is doubted what it should be. */
uint64_t wall_judged(const struct wall *wall, uint64_t real, uint64_t boot);

/* What it should be. */
static inline uint64_t wall_expected(const struct wall *wall, uint64_t boot)
{
	return wall->real + clock_age(boot, wall->boot);
}

void wall_note_make(const struct wall *wall, uint64_t real, uint64_t boot,
		    struct wall_note *note_r);

#endif
