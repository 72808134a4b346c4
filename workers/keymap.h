/* SPDX-License-Identifier: ISC
 *
 * NAME      keymap - finds an entry of a table by a key from the network
 * PURPOSE   Open-addressing index from a fixed-size key to an entry number, with a keyed hash, so
 *           that nobody outside can choose keys that collide.
 * OWNER     any worker; one index per table
 * CONTRACT  the table owns entries and keys; the index asks it for the key of an entry. Look-up is
 *           O(1) and does not allocate; an insert may allocate (doubling) and can fail.
 * LIMITS    2^31 entries
 */
#ifndef SHACKD_WORKERS_KEYMAP_H
#define SHACKD_WORKERS_KEYMAP_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYMAP_NONE UINT32_MAX

typedef const void *keymap_key(const void *table, uint32_t entry);

struct keymap_slot {
	uint32_t hash;
	uint32_t entry; /* number + 1; 0: free */
};

struct keymap {
	uint8_t secret[crypto_shorthash_KEYBYTES];
	const void *table;
	keymap_key *key_of;
	size_t key_size;
	struct keymap_slot *slot;
	uint32_t mask; /* slots - 1 */
	uint32_t used;
};

/* KEY_OF(TABLE, entry) gives the KEY_SIZE bytes of an entry's key. False: no memory. */
bool keymap_init(struct keymap *map, const void *table, keymap_key *key_of, size_t key_size);
void keymap_free(struct keymap *map);

/* The entry with that key, or KEYMAP_NONE. */
uint32_t keymap_find(const struct keymap *map, const void *key);

/* Enters ENTRY, whose key the table has already and which must not be there yet. False: no memory,
 * nothing changed. */
bool keymap_insert(struct keymap *map, uint32_t entry);

/* Takes ENTRY out; its key must still be in the table. */
void keymap_remove(struct keymap *map, uint32_t entry);

#endif
