/* SPDX-License-Identifier: ISC
 *
 * NAME      breaker - how soon a dead worker's slot is filled again
 * PURPOSE   Token bucket for faults of a serving worker, exponential back-off for those that
 *           never get as far.
 * OWNER     master
 * CONTRACT  pure
 * LIMITS    none known
 */
#include "master/breaker.h"

#define MINUTE_NS (60 * 1000000000ULL)

void breaker_init(struct breaker *breaker, unsigned tokens, uint64_t now)
{
	*breaker = (struct breaker){
		.token_ns = MINUTE_NS / (tokens > 0 ? tokens : 1),
		.level_ns = (int64_t)MINUTE_NS,
		.filled = now,
	};
}

void breaker_set_rate(struct breaker *breaker, unsigned tokens)
{
	breaker->token_ns = MINUTE_NS / (tokens > 0 ? tokens : 1);
}

void breaker_spawned(struct breaker *breaker)
{
	if (breaker->state == BREAKER_OPEN)
		breaker->state = BREAKER_HALF_OPEN;
}

void breaker_ready(struct breaker *breaker, uint64_t now)
{
	breaker->ready = now;
}

static int64_t level_at(const struct breaker *breaker, uint64_t now)
{
	uint64_t age = now > breaker->filled ? now - breaker->filled : 0;

	if (age > 2 * MINUTE_NS)
		age = 2 * MINUTE_NS;
	int64_t level = breaker->level_ns + (int64_t)age;
	return level < (int64_t)MINUTE_NS ? level : (int64_t)MINUTE_NS;
}

bool breaker_open(const struct breaker *breaker, uint64_t now)
{
	return level_at(breaker, now) < (int64_t)breaker->token_ns;
}

static bool is_stable(const struct breaker *breaker, uint64_t now)
{
	return breaker->ready != 0 && now - breaker->ready >= BREAKER_STABLE_NS;
}

enum breaker_state breaker_state_at(const struct breaker *breaker, uint64_t now)
{
	return breaker->state == BREAKER_HALF_OPEN && is_stable(breaker, now) ? BREAKER_CLOSED
									      : breaker->state;
}

const char *breaker_state_name(enum breaker_state state)
{
	static const char *const names[] = {"closed", "open", "half-open"};

	return names[state];
}

/* Takes a token; returns how long until it would have been there. */
static uint64_t take_token(struct breaker *breaker, uint64_t now)
{
	int64_t cost = (int64_t)breaker->token_ns;
	int64_t level = level_at(breaker, now) - cost;

	/* one token may be owed, not more: who waited less than that must not pay for ever */
	breaker->level_ns = level > -cost ? level : -cost;
	breaker->filled = now;
	return breaker->level_ns < 0 ? (uint64_t)-breaker->level_ns : 0;
}

/* More than BREAKER_KILLS in this second, this one included? */
static bool killed_too_often(struct breaker *breaker, uint64_t now)
{
	uint64_t second = now / 1000000000ULL;

	if (second != breaker->second) {
		breaker->second = second;
		breaker->kills = 0;
	}
	return ++breaker->kills > BREAKER_KILLS;
}

uint64_t breaker_died(struct breaker *breaker, enum breaker_death how, bool last, uint64_t now)
{
	uint64_t wait = 0;

	if (is_stable(breaker, now)) {
		breaker->early = 0;
		breaker->state = BREAKER_CLOSED;
	}
	breaker->ready = 0;
	switch (how) {
	case BREAKER_EARLY:
		wait = BREAKER_MOST_NS;
		if (breaker->early < 9) /* 100 ms << 9 is beyond 30 s */
			wait = BREAKER_FIRST_NS << breaker->early++;
		if (wait > BREAKER_MOST_NS)
			wait = BREAKER_MOST_NS;
		break;
	case BREAKER_FAULT:
		wait = take_token(breaker, now);
		break;
	case BREAKER_OTHER:
		if (killed_too_often(breaker, now))
			wait = take_token(breaker, now);
		break;
	}
	/* a probe that died has not closed it, however soon the next one may try */
	if (wait > BREAKER_FIRST_NS || breaker->state == BREAKER_HALF_OPEN)
		breaker->state = BREAKER_OPEN;
	return last && wait > BREAKER_LAST_NS ? BREAKER_LAST_NS : wait;
}
