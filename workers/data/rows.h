/* SPDX-License-Identifier: ISC
 *
 * NAME      rows - a growing table of unlike entries
 * PURPOSE   Gathers what a list file says, in its order, and finds what it says twice.
 * OWNER     data
 * CONTRACT  entries of one size, each beginning with its key; an entry moves when the table grows
 * LIMITS    LIST_ENTRIES_MAX entries
 */
#ifndef SHACKD_WORKERS_DATA_ROWS_H
#define SHACKD_WORKERS_DATA_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "workers/keymap.h"

struct rows {
	size_t entry_size, key_size;
	uint8_t *entry;
	uint32_t count, room;
	struct keymap map;
};

enum rows_put {
	ROWS_NEW,
	ROWS_THERE, /* there is an entry of that key already; nothing was changed */
	ROWS_FULL,  /* LIST_ENTRIES_MAX, or no memory; nothing was changed */
};

/* False: no memory. ROWS stays where it is as long as it is used. */
bool rows_init(struct rows *rows, size_t entry_size, size_t key_size);
void rows_free(struct rows *rows);

/* Copies ENTRY. NUMBER_R (may be NULL) gets the number of the entry with that key. */
enum rows_put rows_put(struct rows *rows, const void *entry, uint32_t *number_r);

void *rows_at(const struct rows *rows, uint32_t number);
/* NULL: none. */
void *rows_find(const struct rows *rows, const void *key);

#endif
