/* SPDX-License-Identifier: ISC
 *
 * NAME      adif - entities by their ADIF numbers
 * PURPOSE   See country.h.
 * OWNER     see country.h
 * CONTRACT  see country.h
 * LIMITS    a name or prefix is looked for in the whole table: for people, not for every spot
 */
#include <strings.h>

#include "shm/country.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

struct entity {
	uint16_t number;
	const char *prefix, *name;
};

/* In the order of their numbers. */
static const struct entity entities[] = {
#define ENTITY(number, prefix, name) {number, prefix, name},
#define PART(number, prefix, name)
#include "shm/adif.def"
#undef ENTITY
#undef PART
};

static const struct entity parts[] = {
#define ENTITY(number, prefix, name)
#define PART(number, prefix, name) {number, prefix, name},
#include "shm/adif.def"
#undef ENTITY
#undef PART
};

static const struct entity *find(unsigned number)
{
	unsigned low = 0, high = ROWS(entities);

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (entities[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ROWS(entities) && entities[low].number == number ? &entities[low] : NULL;
}

const char *adif_name(unsigned adif)
{
	const struct entity *entity = find(adif);

	return entity != NULL ? entity->name : "";
}

const char *adif_prefix(unsigned adif)
{
	const struct entity *entity = find(adif);

	return entity != NULL ? entity->prefix : "";
}

unsigned adif_by_prefix(const char *prefix)
{
	for (unsigned i = 0; i < ROWS(entities); i++)
		if (strcasecmp(entities[i].prefix, prefix) == 0)
			return entities[i].number;
	for (unsigned i = 0; i < ROWS(parts); i++)
		if (strcasecmp(parts[i].prefix, prefix) == 0)
			return parts[i].number;
	return 0;
}

unsigned adif_by_name(const char *name)
{
	for (unsigned i = 0; i < ROWS(entities); i++)
		if (strcasecmp(entities[i].name, name) == 0)
			return entities[i].number;
	for (unsigned i = 0; i < ROWS(parts); i++)
		if (strcasecmp(parts[i].name, name) == 0)
			return parts[i].number;
	return 0;
}
