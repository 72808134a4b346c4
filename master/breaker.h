/* SPDX-License-Identifier: ISC
 *
 * NAME      breaker - how soon a dead worker's slot is filled again
 * PURPOSE   The first respawn is immediate; a slot that keeps dying is slowed down, so that it
 *           costs neither the machine nor the log, but is never given up.
 * OWNER     master
 * CONTRACT  pure: the clock (clock_mono, ns) is passed in
 * LIMITS    none known
 */
#ifndef SHACKD_MASTER_BREAKER_H
#define SHACKD_MASTER_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_FIRST_NS  (100 * 1000000ULL)   /* back-off after the first death before READY */
#define BREAKER_MOST_NS	  (30 * 1000000000ULL) /* and the most it grows to */
#define BREAKER_LAST_NS	  (1000000000ULL)      /* the most when no other slot of the kind serves */
#define BREAKER_STABLE_NS (10 * 1000000000ULL) /* life after READY that forgives early deaths */
#define BREAKER_KILLS	  10		       /* kills of others a second that are free */

enum breaker_death {
	BREAKER_EARLY, /* before READY */
	BREAKER_FAULT, /* fault signal, exit status other than 0, our watchdog */
	BREAKER_OTHER, /* killed by somebody else, or an exit that nobody asked for */
};

enum breaker_state {
	BREAKER_CLOSED,	   /* all is well */
	BREAKER_OPEN,	   /* the slot is empty for a while */
	BREAKER_HALF_OPEN, /* a holder shows whether it lives */
};

struct breaker {
	enum breaker_state state; /* see breaker_state_at */
	uint64_t token_ns;	  /* how long a token takes to come back */
	int64_t level_ns;	  /* tokens, as time; below 0 when one is owed */
	uint64_t filled;	  /* when level_ns was right */
	uint64_t ready;		  /* when the present holder said READY; 0: not yet */
	uint64_t second;	  /* the second of `kills` */
	unsigned kills;
	unsigned early; /* deaths before READY in a row */
};

/* TOKENS a minute come back; the bucket holds as many and is full. */
void breaker_init(struct breaker *breaker, unsigned tokens, uint64_t now);

/* Another rate, from now on. */
void breaker_set_rate(struct breaker *breaker, unsigned tokens);

/* A holder is started. */
void breaker_spawned(struct breaker *breaker);

/* The holder said READY. */
void breaker_ready(struct breaker *breaker, uint64_t now);

/* The holder died. LAST: no other slot of its kind serves. Returns how many ns to wait. */
uint64_t breaker_died(struct breaker *breaker, enum breaker_death how, bool last, uint64_t now);

/* Is there no token left? */
bool breaker_open(const struct breaker *breaker, uint64_t now);

/* Open since a death after which the slot has to wait, half-open from the next start until that
 * holder has lived for BREAKER_STABLE_NS. */
enum breaker_state breaker_state_at(const struct breaker *breaker, uint64_t now);
const char *breaker_state_name(enum breaker_state state);

#endif
