/* SPDX-License-Identifier: ISC
 *
 * NAME      sources - rates of addresses that are nobody yet
 * PURPOSE   see sources.h
 * OWNER     ysf workers
 * CONTRACT  a list in the order of last use, and an index
 * LIMITS    none known
 */
#include "workers/ysf/sources.h"

#include <stdlib.h>
#include <string.h>

#define NONE SOURCES_MAX

static const void *key_of(const void *table, uint32_t number)
{
	return ((const struct sources *)table)->source[number].ip;
}

bool sources_init(struct sources *table)
{
	*table = (struct sources){.oldest = NONE, .newest = NONE};
	table->source = calloc(SOURCES_MAX, sizeof(*table->source));
	return table->source != NULL &&
	       keymap_init(&table->map, table, key_of, sizeof(table->source->ip));
}

void sources_free(struct sources *table)
{
	keymap_free(&table->map);
	free(table->source);
	table->source = NULL;
}

static void detach(struct sources *table, uint32_t number)
{
	struct source *source = &table->source[number];

	if (source->older != NONE)
		table->source[source->older].newer = source->newer;
	else
		table->oldest = source->newer;
	if (source->newer != NONE)
		table->source[source->newer].older = source->older;
	else
		table->newest = source->older;
}

static void attach(struct sources *table, uint32_t number)
{
	struct source *source = &table->source[number];

	source->older = table->newest;
	source->newer = NONE;
	if (table->newest != NONE)
		table->source[table->newest].newer = number;
	else
		table->oldest = number;
	table->newest = number;
}

struct source *sources_get(struct sources *table, const struct addr *from)
{
	uint8_t ip[16];

	memcpy(ip, from->ip, sizeof(ip));
	if (!addr_is_ipv4(from))
		memset(ip + 8, 0, 8);
	uint32_t number = keymap_find(&table->map, ip);
	if (number != KEYMAP_NONE) {
		if (number != table->newest) {
			detach(table, number);
			attach(table, number);
		}
		return &table->source[number];
	}
	if (table->count < SOURCES_MAX) {
		number = table->count++;
	} else {
		number = table->oldest;
		keymap_remove(&table->map, number);
		detach(table, number);
	}
	table->source[number] = (struct source){0};
	memcpy(table->source[number].ip, ip, sizeof(ip));
	attach(table, number);
	/* without memory for the index this address looks new each time: the overall rate holds */
	(void)keymap_insert(&table->map, number);
	return &table->source[number];
}
