/* SPDX-License-Identifier: ISC
 *
 * NAME      window - what came a moment ago
 * PURPOSE   A table of marks (a key, a frequency, a moment) that are forgotten in the order of their
 *           moments: behind the search for duplicates and the memory of modes.
 * OWNER     spot
 * CONTRACT  keys come from the network: the hash is keyed, and keys are compared whole. A look-up
 *           walks the marks of one key, WINDOW_SAME at most, and changes nothing. What is held is a
 *           matter of the marks that were made, and of their order, never of the hash.
 * LIMITS    fixed at creation; at the bound, and at WINDOW_SAME of one key, the oldest makes room.
 *           A mark is one line of the cache; memory that no mark ever used is not touched. Moments up
 *           to nine years after the boot
 */
#ifndef SHACKD_WORKERS_SPOT_WINDOW_H
#define SHACKD_WORKERS_SPOT_WINDOW_H

#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>

#define WINDOW_SAME 4
#define WINDOW_KEY  32

/* What is looked for. */
struct window_key {
	uint8_t bytes[WINDOW_KEY];
	uint32_t hash; /* set by window_hash */
};

/* Moments are kept in units of 1,024 ns, for them to fit. */
struct window_mark {
	uint8_t key[WINDOW_KEY];
	uint64_t hz : 48, flags : 16; /* flags and value are the owner's */
	uint64_t tick : 48;
	int64_t value : 16;
	uint32_t hash;
	uint32_t next; /* of the same bucket: number + 1, as all below */
	uint32_t older, newer;
};
_Static_assert(sizeof(struct window_mark) == 64, "a mark is one line of the cache");

struct window {
	uint8_t secret[crypto_shorthash_KEYBYTES];
	struct window_mark *mark;
	uint32_t *bucket;
	uint32_t mask; /* buckets - 1 */
	uint32_t most;
	uint32_t used;	 /* marks held */
	uint32_t virgin; /* marks from here on were never used */
	uint32_t free;	 /* chain of those that are free again, by `next` */
	uint32_t oldest, newest;
	uint64_t made_room; /* marks that went before their time */
};

/* Room for MOST marks, 1 at least. False: no memory. */
bool window_init(struct window *window, uint32_t most);
void window_free(struct window *window);

/* Finishes a key whose bytes are there. */
void window_hash(const struct window *window, struct window_key *key);

/* The moment of a mark, clock_mono. */
static inline uint64_t window_when(const struct window_mark *mark)
{
	return (uint64_t)mark->tick << 10;
}

/* Asks for what a look-up of a hash will read, so that it is in the cache by then: first the place,
 * some work later the mark that is there. */
void window_foresee_place(const struct window *window, uint32_t hash);
void window_foresee_mark(const struct window *window, uint32_t hash);

/* The marks of a key, newest first; NULL: no more. What window_find gave may be removed or touched
 * when the next one is known. */
struct window_mark *window_find(const struct window *window, const struct window_key *key);
struct window_mark *window_next(const struct window *window, const struct window_mark *mark);

/* A new mark, the newest of all; value and flags are 0. */
struct window_mark *window_add(struct window *window, const struct window_key *key, uint64_t hz,
			       uint64_t when);
/* The same, but as the oldest of all: for a memory that is filled backwards. NULL at the bound. */
struct window_mark *window_add_oldest(struct window *window, const struct window_key *key,
				      uint64_t hz, uint64_t when);

/* MARK becomes the newest of all, of the moment WHEN. */
void window_touch(struct window *window, struct window_mark *mark, uint64_t when);

void window_remove(struct window *window, struct window_mark *mark);

/* Removes the oldest marks, A FEW at most, that are AGE old at NOW. Called with each new mark it
 * keeps pace. */
void window_expire(struct window *window, uint64_t now, uint64_t age);

#endif
