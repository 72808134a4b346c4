/* SPDX-License-Identifier: ISC
 *
 * NAME      told - what goes on is told about once
 * PURPOSE   see told.h
 * OWNER     ysf workers
 * CONTRACT  see told.h
 * LIMITS    none known
 */
#include "workers/ysf/told.h"

uint32_t told_hash(const char *text)
{
	uint32_t hash = 2166136261U;

	while (*text != '\0')
		hash = (hash ^ (uint8_t)*text++) * 16777619U;
	return hash;
}

bool told_goes_on(const struct told *told, uint32_t of, uint64_t now)
{
	return told->last != 0 && told->of == of && clock_age(now, told->last) < TOLD_QUIET;
}

struct told *told_note(struct told *told, unsigned count, uint32_t of, uint64_t now)
{
	struct told *quietest = told;

	for (unsigned i = 0; i < count; i++) {
		if (told_goes_on(&told[i], of, now)) {
			told[i].last = now;
			return &told[i];
		}
		if (told[i].last < quietest->last)
			quietest = &told[i];
	}
	*quietest = (struct told){.of = of, .last = now};
	return quietest;
}
