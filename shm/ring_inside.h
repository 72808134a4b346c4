/* SPDX-License-Identifier: ISC
 *
 * NAME      ring_inside - what the two files of the ring share
 * PURPOSE   Words of the shared memory, and how the progress of a fan-out is written in one of them.
 * OWNER     included by shm/ring.c and shm/ring_recover.c only
 * CONTRACT  a store is a release: what was written before it is seen by who sees it
 * LIMITS    none known
 */
#ifndef SHACKD_SHM_RING_INSIDE_H
#define SHACKD_SHM_RING_INSIDE_H

#include "shm/ring.h"

/* Of `progress`: base 32 | listener 8 | window 7 | list 1 | span 16. */
#define WHERE_SHIFT 16
#define WHERE_MASK  0xff010000U

static inline uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static inline void store(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
}

#endif
