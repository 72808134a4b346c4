/* SPDX-License-Identifier: ISC
 *
 * NAME      rows - a growing table of unlike entries
 * PURPOSE   See rows.h.
 * OWNER     data
 * CONTRACT  see rows.h
 * LIMITS    see rows.h
 */
#include "workers/data/rows.h"

#include <stdlib.h>
#include <string.h>

#include "shm/list_layout.h"

#define ROOM_MIN 16

static const void *key_of(const void *table, uint32_t number)
{
	return rows_at(table, number);
}

bool rows_init(struct rows *rows, size_t entry_size, size_t key_size)
{
	*rows = (struct rows){.entry_size = entry_size, .key_size = key_size};
	return keymap_init(&rows->map, rows, key_of, key_size);
}

void rows_free(struct rows *rows)
{
	keymap_free(&rows->map);
	free(rows->entry);
	*rows = (struct rows){0};
}

static bool make_room(struct rows *rows)
{
	uint32_t room = rows->room != 0 ? rows->room * 2 : ROOM_MIN;
	uint8_t *entry;

	if (rows->count < rows->room)
		return true;
	entry = realloc(rows->entry, room * rows->entry_size);
	if (entry == NULL)
		return false;
	rows->entry = entry;
	rows->room = room;
	return true;
}

enum rows_put rows_put(struct rows *rows, const void *entry, uint32_t *number_r)
{
	uint32_t number = keymap_find(&rows->map, entry);

	if (number_r != NULL)
		*number_r = number != KEYMAP_NONE ? number : rows->count;
	if (number != KEYMAP_NONE)
		return ROWS_THERE;
	if (rows->count >= LIST_ENTRIES_MAX || !make_room(rows))
		return ROWS_FULL;
	memcpy(rows_at(rows, rows->count), entry, rows->entry_size);
	if (!keymap_insert(&rows->map, rows->count))
		return ROWS_FULL;
	rows->count++;
	return ROWS_NEW;
}

void *rows_at(const struct rows *rows, uint32_t number)
{
	return rows->entry + number * rows->entry_size;
}

void *rows_find(const struct rows *rows, const void *key)
{
	uint32_t number = keymap_find(&rows->map, key);

	return number != KEYMAP_NONE ? rows_at(rows, number) : NULL;
}
