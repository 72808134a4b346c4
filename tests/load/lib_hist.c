/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_hist - a latency histogram with logarithmic buckets
 * PURPOSE   see lib_hist.h
 * OWNER     the programs in tests/load
 * CONTRACT  values below 64 ns have a bucket each, above that 64 buckets an octave
 * LIMITS    none known
 */
#include "tests/load/lib_hist.h"

#include <stddef.h>

static size_t hist_index(uint64_t ns)
{
	int octave;

	if (ns < HIST_SUB)
		return (size_t)ns;
	octave = 63 - __builtin_clzll(ns) - 6;
	if (octave >= HIST_OCTAVES - 1)
		return HIST_SUB * HIST_OCTAVES - 1;
	return (size_t)(octave + 1) * HIST_SUB + (size_t)((ns >> octave) & (HIST_SUB - 1));
}

/* The middle of a bucket. */
static uint64_t hist_value(size_t i)
{
	size_t octave;

	if (i < HIST_SUB)
		return i;
	octave = i / HIST_SUB - 1;
	return ((HIST_SUB + i % HIST_SUB) << octave) + (1ull << octave) / 2;
}

void hist_add(struct hist *h, uint64_t ns)
{
	if (h->n == 0 || ns < h->min)
		h->min = ns;
	if (ns > h->max)
		h->max = ns;
	h->n++;
	h->bucket[hist_index(ns)]++;
}

void hist_merge(struct hist *h, const struct hist *from)
{
	if (from->n == 0)
		return;
	if (h->n == 0 || from->min < h->min)
		h->min = from->min;
	if (from->max > h->max)
		h->max = from->max;
	h->n += from->n;
	for (size_t i = 0; i < HIST_SUB * HIST_OCTAVES; i++)
		h->bucket[i] += from->bucket[i];
}

void hist_subtract(struct hist *h, const struct hist *part)
{
	h->n -= part->n;
	for (size_t i = 0; i < HIST_SUB * HIST_OCTAVES; i++)
		h->bucket[i] -= part->bucket[i];
}

uint64_t hist_quantile(const struct hist *h, double q)
{
	uint64_t want = (uint64_t)(q * (double)h->n);
	uint64_t sum = 0;

	if (h->n == 0)
		return 0;
	for (size_t i = 0; i < HIST_SUB * HIST_OCTAVES; i++) {
		sum += h->bucket[i];
		if (sum > want) {
			uint64_t v = hist_value(i);

			return v < h->min ? h->min : v > h->max ? h->max : v;
		}
	}
	return h->max;
}
