/* SPDX-License-Identifier: ISC
 *
 * NAME      bucket - token bucket in one word
 * PURPOSE   Rates for whatever comes from outside: so many a second, so many at once.
 * OWNER     any worker
 * CONTRACT  pure; a zeroed bucket is full; NOW is clock_mono and never 0
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_BUCKET_H
#define SHACKD_WORKERS_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/clock.h"

/* The moment up to which tokens are used up; what lies between it and now is there to spend. */
struct bucket {
	uint64_t spent;
};

/* Takes one token of a bucket that gets RATE a second and holds BURST. False: none is left. */
static inline bool bucket_take(struct bucket *bucket, uint64_t now, uint32_t rate, uint32_t burst)
{
	uint64_t each = NS_PER_SEC / rate;
	uint64_t full = now > each * burst ? now - each * burst : 0;
	uint64_t spent = bucket->spent > full ? bucket->spent : full;

	if (spent + each > now)
		return false;
	bucket->spent = spent + each;
	return true;
}

#endif
