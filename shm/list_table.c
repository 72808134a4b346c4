/* SPDX-License-Identifier: ISC
 *
 * NAME      list_table - the tables inside compiled lists
 * PURPOSE   Checks a table once, and looks things up in it from then on.
 * OWNER     every reader of a list
 * CONTRACT  see list_layout.h
 * LIMITS    see list_layout.h
 */
#include "shm/list_layout.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static_assert(sizeof(((struct list_head *)0)->key) == crypto_shorthash_KEYBYTES,
	      "the key of a list is a key of its hash");

bool list_inside(const struct list_head *head, uint64_t at, uint64_t count, size_t size)
{
	return at % 8 == 0 && at <= head->size && count <= (head->size - at) / size;
}

static const uint32_t *slots_of(const struct list_head *head, const struct list_table *table)
{
	return (const uint32_t *)((const uint8_t *)head + table->slots_at);
}

bool list_table_sound(const struct list_head *head, const struct list_table *table,
		      size_t entry_size)
{
	const uint32_t *slot;
	uint32_t used = 0;

	if (table->entries == 0)
		return table->slots == 0 && table->entries_at == 0 && table->slots_at == 0;
	if (table->entries > LIST_ENTRIES_MAX || table->slots < table->entries ||
	    (table->slots & (table->slots - 1)) != 0)
		return false;
	if (!list_inside(head, table->entries_at, table->entries, entry_size) ||
	    !list_inside(head, table->slots_at, table->slots, sizeof(*slot)))
		return false;
	slot = slots_of(head, table);
	for (uint32_t i = 0; i < table->slots; i++) {
		if (slot[i] > table->entries)
			return false;
		used += slot[i] != 0;
	}
	return used == table->entries;
}

uint64_t list_hash(const uint8_t secret[16], const void *key, size_t key_size)
{
	uint8_t out[crypto_shorthash_BYTES];
	uint64_t hash;

	crypto_shorthash(out, key, key_size, secret);
	memcpy(&hash, out, sizeof(hash));
	return hash;
}

const void *list_table_find(const struct list_head *head, const struct list_table *table,
			    size_t entry_size, const void *key, size_t key_size)
{
	if (table->entries == 0)
		return NULL;
	const uint32_t *slot = slots_of(head, table);
	uint64_t hash = list_hash(head->key, key, key_size);
	for (unsigned i = 0; i < LIST_PROBES; i++) {
		uint32_t number = slot[(hash + i) & (table->slots - 1)];

		if (number == 0)
			return NULL;
		const void *entry = list_entry(head, table, entry_size, number - 1);
		if (memcmp(entry, key, key_size) == 0)
			return entry;
	}
	return NULL;
}

bool list_text_sound(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	if (length == 0 || length == size)
		return false;
	for (size_t i = 0; i < length; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	for (size_t i = length; i < size; i++)
		if (text[i] != '\0')
			return false;
	return true;
}
