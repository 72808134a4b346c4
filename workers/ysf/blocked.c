/* SPDX-License-Identifier: ISC
 *
 * NAME      blocked - the worker's own table of blocked callers
 * PURPOSE   see blocked.h
 * OWNER     ysf workers
 * CONTRACT  entries are dense: the last takes the place of one that leaves
 * LIMITS    none known
 */
#include "workers/ysf/blocked.h"

#include <stdlib.h>
#include <string.h>

static const void *key_of(const void *table, uint32_t number)
{
	return ((const struct blocked *)table)->entry[number].call;
}

static void make_key(char key[CALL_MAX], const char *call)
{
	memset(key, 0, CALL_MAX);
	memcpy(key, call, strnlen(call, CALL_MAX - 1));
}

bool blocked_init(struct blocked *table)
{
	*table = (struct blocked){0};
	return keymap_init(&table->map, table, key_of, CALL_MAX);
}

void blocked_free(struct blocked *table)
{
	keymap_free(&table->map);
	free(table->entry);
	*table = (struct blocked){0};
}

void blocked_clear(struct blocked *table)
{
	while (table->count > 0) {
		keymap_remove(&table->map, table->count - 1);
		table->count--;
	}
}

bool blocked_set(struct blocked *table, const char *call, uint64_t until)
{
	char key[CALL_MAX];

	make_key(key, call);
	uint32_t at = keymap_find(&table->map, key);
	if (at != KEYMAP_NONE) {
		table->entry[at].until = until;
		return true;
	}
	if (table->count == table->room) {
		uint32_t room = table->room ? table->room * 2 : 16;
		struct blocked_call *entry = realloc(table->entry, room * sizeof(*entry));

		if (entry == NULL)
			return false;
		table->entry = entry;
		table->room = room;
	}
	memcpy(table->entry[table->count].call, key, CALL_MAX);
	table->entry[table->count].until = until;
	if (!keymap_insert(&table->map, table->count))
		return false;
	table->count++;
	return true;
}

void blocked_unset(struct blocked *table, const char *call)
{
	char key[CALL_MAX];

	make_key(key, call);
	uint32_t at = keymap_find(&table->map, key), last = table->count - 1;
	if (at == KEYMAP_NONE)
		return;
	keymap_remove(&table->map, at);
	if (at != last) {
		/* a removal from a full-enough index makes the re-entry free of allocation */
		keymap_remove(&table->map, last);
		table->entry[at] = table->entry[last];
		(void)keymap_insert(&table->map, at);
	}
	table->count = last;
}

bool blocked_is(const struct blocked *table, const char *call, uint64_t now)
{
	char key[CALL_MAX];

	if (table->count == 0)
		return false;
	make_key(key, call);
	uint32_t at = keymap_find(&table->map, key);
	return at != KEYMAP_NONE && table->entry[at].until > now;
}
