/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_slices - a rate, slice by slice
 * PURPOSE   The mean of a run suffers from each disturbance on a shared machine; the median over
 *           slices of 100 ms does not, as long as more than half of them were calm.
 * OWNER     the programs in tests/load
 * CONTRACT  call slices_tick often, with a count that only grows
 * LIMITS    SLICES_MAX slices; what comes later is ignored
 */
#ifndef SHACKD_TESTS_LOAD_LIB_SLICES_H
#define SHACKD_TESTS_LOAD_LIB_SLICES_H

#include <stddef.h>
#include <stdint.h>

#define SLICES_MAX 1200
#define SLICES_NS  100000000ull

struct slices {
	uint64_t start_ns;
	uint64_t start_count;
	size_t n;
	double rate[SLICES_MAX]; /* a second */
};

void slices_tick(struct slices *s, uint64_t now_ns, uint64_t count);

/* The median rate, or 0 when no slice is complete. Sorts the slices. */
double slices_median(struct slices *s);

#endif
