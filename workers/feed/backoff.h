/* SPDX-License-Identifier: ISC
 *
 * NAME      backoff - when a feed may be dialled again
 * PURPOSE   A host that fails is left alone for longer each time, and never asked by all its users at
 *           once.
 * OWNER     feed
 * CONTRACT  pure: time and chance come in
 * LIMITS    BACKOFF_FIRST to BACKOFF_MOST between two tries, a quarter more or less by chance
 */
#ifndef SHACKD_WORKERS_FEED_BACKOFF_H
#define SHACKD_WORKERS_FEED_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/clock.h"

#define BACKOFF_FIRST  NS_PER_SEC
#define BACKOFF_MOST   (60 * NS_PER_SEC)
#define BACKOFF_STEADY (60 * NS_PER_SEC) /* of data: the host has no fault */
#define BACKOFF_BREAK  10

struct backoff {
	uint64_t retry;	   /* clock_mono; 0: at once */
	uint64_t failures; /* in a row */
};

/* A try failed, or a connection ended. LONG: a try soon would end the same way (it refused us). JITTER:
 * random. True: from here on it counts as broken. */
bool backoff_failed(struct backoff *backoff, uint64_t now, bool is_long, uint32_t jitter);

/* It has worked for BACKOFF_STEADY. True: it was broken. */
bool backoff_steady(struct backoff *backoff);

static inline bool backoff_broken(const struct backoff *backoff)
{
	return backoff->failures >= BACKOFF_BREAK;
}

#endif
