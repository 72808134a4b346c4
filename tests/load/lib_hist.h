/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_hist - a latency histogram with logarithmic buckets
 * PURPOSE   percentiles of millions of values in fixed memory, each within 1.6 percent
 * OWNER     the programs in tests/load
 * CONTRACT  values are nanoseconds; hist_add never fails, values above 2^40 count as 2^40
 * LIMITS    9 KiB each; counts are 32 bit a bucket
 */
#ifndef SHACKD_TESTS_LOAD_LIB_HIST_H
#define SHACKD_TESTS_LOAD_LIB_HIST_H

#include <stdint.h>

#define HIST_SUB     64 /* buckets in an octave */
#define HIST_OCTAVES 36

struct hist {
	uint64_t n;
	uint64_t min;
	uint64_t max;
	uint32_t bucket[HIST_SUB * HIST_OCTAVES];
};

void hist_add(struct hist *h, uint64_t ns);

/* Add all of from to h. */
void hist_merge(struct hist *h, const struct hist *from);

/* Take all of part, which h contains, out of h; min and max stay those of the whole. */
void hist_subtract(struct hist *h, const struct hist *part);

/* The value below which the share q (0..1) of all values lies; 0 when there are none. */
uint64_t hist_quantile(const struct hist *h, double q);

#endif
