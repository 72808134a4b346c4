/* SPDX-License-Identifier: ISC
 *
 * NAME      keymap - finds an entry of a table by a key from the network
 * PURPOSE   Linear probing over 8-byte slots that carry 32 bits of the hash, so that a look-up among
 *           20,000 gateways costs one hash, one or two cache lines, and one compare.
 * OWNER     any worker
 * CONTRACT  see keymap.h
 * LIMITS    grows at a load of 3/4; never shrinks
 */
#include "workers/keymap.h"

#include <stdlib.h>
#include <string.h>

#define KEYMAP_SLOTS_MIN 64

static uint32_t hash_of(const struct keymap *map, const void *key)
{
	uint8_t out[crypto_shorthash_BYTES];
	uint32_t hash;

	crypto_shorthash(out, key, map->key_size, map->secret);
	memcpy(&hash, out, sizeof(hash));
	return hash;
}

bool keymap_init(struct keymap *map, const void *table, keymap_key *key_of, size_t key_size)
{
	*map = (struct keymap){.table = table, .key_of = key_of, .key_size = key_size};
	randombytes_buf(map->secret, sizeof(map->secret));
	map->slot = calloc(KEYMAP_SLOTS_MIN, sizeof(*map->slot));
	map->mask = KEYMAP_SLOTS_MIN - 1;
	return map->slot != NULL;
}

void keymap_free(struct keymap *map)
{
	free(map->slot);
	*map = (struct keymap){0};
}

uint32_t keymap_find(const struct keymap *map, const void *key)
{
	uint32_t hash = hash_of(map, key);

	for (uint32_t at = hash & map->mask;; at = (at + 1) & map->mask) {
		const struct keymap_slot *slot = &map->slot[at];

		if (slot->entry == 0)
			return KEYMAP_NONE;
		if (slot->hash == hash &&
		    memcmp(map->key_of(map->table, slot->entry - 1), key, map->key_size) == 0)
			return slot->entry - 1;
	}
}

static void place(struct keymap_slot *slots, uint32_t mask, struct keymap_slot new)
{
	uint32_t at = new.hash & mask;

	while (slots[at].entry != 0)
		at = (at + 1) & mask;
	slots[at] = new;
}

static bool grow(struct keymap *map)
{
	uint32_t mask = map->mask * 2 + 1;
	struct keymap_slot *slots = calloc((size_t)mask + 1, sizeof(*slots));

	if (slots == NULL)
		return false;
	for (uint32_t i = 0; i <= map->mask; i++)
		if (map->slot[i].entry != 0)
			place(slots, mask, map->slot[i]);
	free(map->slot);
	map->slot = slots;
	map->mask = mask;
	return true;
}

bool keymap_insert(struct keymap *map, uint32_t entry)
{
	if (map->used >= map->mask - map->mask / 4 && !grow(map))
		return false;
	place(map->slot, map->mask,
	      (struct keymap_slot){hash_of(map, map->key_of(map->table, entry)), entry + 1});
	map->used++;
	return true;
}

void keymap_remove(struct keymap *map, uint32_t entry)
{
	uint32_t hole = hash_of(map, map->key_of(map->table, entry)) & map->mask;

	while (map->slot[hole].entry != entry + 1) {
		if (map->slot[hole].entry == 0)
			return;
		hole = (hole + 1) & map->mask;
	}
	/* close the gap, so that look-ups need no tombstones: whatever may live in the hole moves there */
	for (uint32_t at = (hole + 1) & map->mask; map->slot[at].entry != 0;
	     at = (at + 1) & map->mask) {
		uint32_t home = map->slot[at].hash & map->mask;

		if (((at - home) & map->mask) >= ((at - hole) & map->mask)) {
			map->slot[hole] = map->slot[at];
			hole = at;
		}
	}
	map->slot[hole] = (struct keymap_slot){0};
	map->used--;
}
