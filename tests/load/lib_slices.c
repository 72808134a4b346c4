/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_slices - a rate, slice by slice
 * PURPOSE   see lib_slices.h
 * OWNER     the programs in tests/load
 * CONTRACT  see lib_slices.h
 * LIMITS    none known
 */
#include "tests/load/lib_slices.h"

#include <stdlib.h>

void slices_tick(struct slices *s, uint64_t now_ns, uint64_t count)
{
	uint64_t passed = now_ns - s->start_ns;

	if (s->start_ns != 0 && passed < SLICES_NS)
		return;
	if (s->start_ns != 0 && s->n < SLICES_MAX)
		s->rate[s->n++] = (double)(count - s->start_count) / ((double)passed / 1e9);
	s->start_ns = now_ns;
	s->start_count = count;
}

static int slices_compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

double slices_median(struct slices *s)
{
	if (s->n == 0)
		return 0;
	qsort(s->rate, s->n, sizeof(s->rate[0]), slices_compare);
	return s->rate[s->n / 2];
}
