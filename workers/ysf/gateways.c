/* SPDX-License-Identifier: ISC
 *
 * NAME      gateways - the worker's own table of linked gateways
 * PURPOSE   see gateways.h
 * OWNER     ysf workers
 * CONTRACT  entries live in chunks that never move, so pointers to them hold
 * LIMITS    chunks are not given back; an entry is used again
 */
#include "workers/ysf/gateways.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK 256

static struct gateway *entry(const struct gateways *table, uint32_t number)
{
	return &table->chunk[number / CHUNK][number % CHUNK];
}

static const void *key_of(const void *table, uint32_t number)
{
	return &entry(table, number)->key;
}

bool gateways_init(struct gateways *table)
{
	*table = (struct gateways){.unwritten_end = &table->unwritten};
	return keymap_init(&table->map, table, key_of, sizeof(struct client_key));
}

void gateways_free(struct gateways *table)
{
	keymap_free(&table->map);
	for (uint32_t i = 0; i < table->chunks; i++)
		free(table->chunk[i]);
	free(table->chunk);
	free(table->vacant);
	*table = (struct gateways){0};
}

struct gateway *gateways_find(const struct gateways *table, const struct client_key *key)
{
	uint32_t number = keymap_find(&table->map, key);

	return number == KEYMAP_NONE ? NULL : entry(table, number);
}

/* One more chunk, and room in the list of the vacant for all entries. */
static bool grow(struct gateways *table)
{
	struct gateway **chunk = realloc(table->chunk, (table->chunks + 1) * sizeof(*chunk));

	if (chunk == NULL)
		return false;
	table->chunk = chunk;
	uint32_t *vacant =
		realloc(table->vacant, (size_t)(table->chunks + 1) * CHUNK * sizeof(*vacant));
	if (vacant == NULL)
		return false;
	table->vacant = vacant;
	chunk[table->chunks] = calloc(CHUNK, sizeof(**chunk));
	if (chunk[table->chunks] == NULL)
		return false;
	table->chunks++;
	return true;
}

struct gateway *gateways_add(struct gateways *table, const struct client_key *key)
{
	uint32_t number;

	if (table->vacants > 0)
		number = table->vacant[table->vacants - 1];
	else if (table->top < table->chunks * CHUNK || grow(table))
		number = table->top;
	else
		return NULL;
	struct gateway *gateway = entry(table, number);
	*gateway = (struct gateway){
		.key = *key, .number = number, .fan_at = GATEWAY_NOWHERE, .in_use = true};
	if (!keymap_insert(&table->map, number)) {
		gateway->in_use = false;
		return NULL;
	}
	if (number == table->top)
		table->top++;
	else
		table->vacants--;
	table->count++;
	return gateway;
}

static void drop_mark(struct gateways *table, struct gateway *gateway)
{
	*gateway->at_unwritten = gateway->next_unwritten;
	if (gateway->next_unwritten != NULL)
		gateway->next_unwritten->at_unwritten = gateway->at_unwritten;
	else
		table->unwritten_end = gateway->at_unwritten;
	gateway->at_unwritten = NULL;
	gateway->journaled = false;
}

void gateways_remove(struct gateways *table, struct gateway *gateway)
{
	gateways_proven(table, gateway);
	if (gateway->at_unwritten != NULL)
		drop_mark(table, gateway);
	keymap_remove(&table->map, gateway->number);
	gateway->in_use = false;
	table->vacant[table->vacants++] = gateway->number;
	table->count--;
}

struct gateway *gateways_at(const struct gateways *table, uint32_t number)
{
	struct gateway *gateway = entry(table, number);

	return gateway->in_use ? gateway : NULL;
}

void gateways_unproven(struct gateways *table, struct gateway *gateway)
{
	gateway->older = table->newest;
	gateway->newer = NULL;
	if (table->newest != NULL)
		table->newest->newer = gateway;
	else
		table->oldest = gateway;
	table->newest = gateway;
}

void gateways_proven(struct gateways *table, struct gateway *gateway)
{
	if (gateway->older == NULL && gateway->newer == NULL && table->oldest != gateway)
		return;
	if (gateway->older != NULL)
		gateway->older->newer = gateway->newer;
	else
		table->oldest = gateway->newer;
	if (gateway->newer != NULL)
		gateway->newer->older = gateway->older;
	else
		table->newest = gateway->older;
	gateway->older = gateway->newer = NULL;
}

static int by_linking(const void *a, const void *b)
{
	const struct gateway *one = *(struct gateway *const *)a, *other = *(struct gateway *const *)b;

	return (one->linked > other->linked) - (one->linked < other->linked);
}

bool gateways_sort_unproven(struct gateways *table)
{
	size_t count = 0;

	if (table->oldest == table->newest)
		return true;
	struct gateway **list = malloc(table->count * sizeof(*list));
	if (list == NULL)
		return false;
	for (struct gateway *g = table->oldest; g != NULL; g = g->newer)
		list[count++] = g;
	qsort(list, count, sizeof(*list), by_linking);
	table->oldest = table->newest = NULL;
	for (size_t i = 0; i < count; i++)
		gateways_unproven(table, list[i]);
	free(list);
	return true;
}

void gateways_mark(struct gateways *table, struct gateway *gateway)
{
	if (gateway->at_unwritten != NULL)
		return;
	/* in the order of marking: who waits longest is written first, or a crowd starves him */
	gateway->next_unwritten = NULL;
	gateway->at_unwritten = table->unwritten_end;
	*table->unwritten_end = gateway;
	table->unwritten_end = &gateway->next_unwritten;
}

struct gateway *gateways_unmark(struct gateways *table)
{
	struct gateway *gateway = table->unwritten;

	if (gateway != NULL)
		drop_mark(table, gateway);
	return gateway;
}
