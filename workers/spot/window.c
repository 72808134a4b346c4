/* SPDX-License-Identifier: ISC
 *
 * NAME      window - what came a moment ago
 * PURPOSE   Buckets of chains over one row of marks, and a list through all of them by age.
 * OWNER     spot
 * CONTRACT  see window.h
 * LIMITS    see window.h
 */
#include "workers/spot/window.h"

#include <stdlib.h>
#include <string.h>

#include "shm/clock.h"

#define EXPIRED_AT_ONCE 8

void window_hash(const struct window *window, struct window_key *key)
{
	uint8_t out[crypto_shorthash_BYTES];

	crypto_shorthash(out, key->bytes, sizeof(key->bytes), window->secret);
	memcpy(&key->hash, out, sizeof(key->hash));
}

static uint32_t *bucket_of(const struct window *window, uint32_t hash)
{
	return &window->bucket[hash & window->mask];
}

static struct window_mark *mark_of(const struct window *window, uint32_t number)
{
	return number != 0 ? &window->mark[number - 1] : NULL;
}

static uint32_t number_of(const struct window *window, const struct window_mark *mark)
{
	return (uint32_t)(mark - window->mark) + 1;
}

bool window_init(struct window *window, uint32_t most)
{
	uint32_t buckets = 64;

	while (buckets < most && buckets < UINT32_C(1) << 31)
		buckets *= 2;
	*window = (struct window){.most = most, .mask = buckets - 1};
	randombytes_buf(window->secret, sizeof(window->secret));
	window->mark = calloc(most, sizeof(*window->mark));
	window->bucket = calloc(buckets, sizeof(*window->bucket));
	if (window->mark != NULL && window->bucket != NULL)
		return true;
	window_free(window);
	return false;
}

void window_free(struct window *window)
{
	free(window->mark);
	free(window->bucket);
	*window = (struct window){0};
}

/* ---- finding ---- */

/* The first mark of a key in the chain from NUMBER on. */
static struct window_mark *same_key(const struct window *window, uint32_t number, uint32_t hash,
				    const uint8_t key[WINDOW_KEY])
{
	struct window_mark *mark;

	while ((mark = mark_of(window, number)) != NULL) {
		if (mark->hash == hash && memcmp(mark->key, key, WINDOW_KEY) == 0)
			return mark;
		number = mark->next;
	}
	return NULL;
}

void window_foresee_place(const struct window *window, uint32_t hash)
{
	__builtin_prefetch(bucket_of(window, hash));
}

void window_foresee_mark(const struct window *window, uint32_t hash)
{
	const struct window_mark *mark = mark_of(window, *bucket_of(window, hash));

	if (mark != NULL)
		__builtin_prefetch(mark);
}

struct window_mark *window_find(const struct window *window, const struct window_key *key)
{
	return same_key(window, *bucket_of(window, key->hash), key->hash, key->bytes);
}

struct window_mark *window_next(const struct window *window, const struct window_mark *mark)
{
	return same_key(window, mark->next, mark->hash, mark->key);
}

/* ---- the list by age ---- */

static void list_take_out(struct window *window, struct window_mark *mark)
{
	struct window_mark *older = mark_of(window, mark->older);
	struct window_mark *newer = mark_of(window, mark->newer);

	*(older != NULL ? &older->newer : &window->oldest) = mark->newer;
	*(newer != NULL ? &newer->older : &window->newest) = mark->older;
}

static void list_put_newest(struct window *window, struct window_mark *mark)
{
	struct window_mark *older = mark_of(window, window->newest);

	mark->older = window->newest;
	mark->newer = 0;
	*(older != NULL ? &older->newer : &window->oldest) = number_of(window, mark);
	window->newest = number_of(window, mark);
}

static void list_put_oldest(struct window *window, struct window_mark *mark)
{
	struct window_mark *newer = mark_of(window, window->oldest);

	mark->older = 0;
	mark->newer = window->oldest;
	*(newer != NULL ? &newer->older : &window->newest) = number_of(window, mark);
	window->oldest = number_of(window, mark);
}

/* ---- chains ---- */

static void chain_take_out(struct window *window, const struct window_mark *mark)
{
	uint32_t *at = bucket_of(window, mark->hash);
	uint32_t number = number_of(window, mark);

	while (*at != number)
		at = &window->mark[*at - 1].next;
	*at = mark->next;
}

void window_remove(struct window *window, struct window_mark *mark)
{
	chain_take_out(window, mark);
	list_take_out(window, mark);
	mark->next = window->free;
	window->free = number_of(window, mark);
	window->used--;
}

/* A place that is free. */
static struct window_mark *place(struct window *window)
{
	struct window_mark *mark = mark_of(window, window->free);

	if (mark != NULL)
		window->free = mark->next;
	else
		mark = &window->mark[window->virgin++];
	window->used++;
	return mark;
}

/* Of one key there are WINDOW_SAME at most: a chain stays short whatever a feed sends. The last one
 * of them is the oldest. */
static void bound_key(struct window *window, const struct window_key *key)
{
	struct window_mark *mark = window_find(window, key), *last = NULL;
	unsigned count = 0;

	for (; mark != NULL; mark = window_next(window, mark)) {
		count++;
		last = mark;
	}
	if (count < WINDOW_SAME)
		return;
	window_remove(window, last);
	window->made_room++;
}

static struct window_mark *fill(struct window_mark *mark, const struct window_key *key, uint64_t hz,
				uint64_t when)
{
	*mark = (struct window_mark){.hz = hz, .tick = when >> 10, .hash = key->hash};
	memcpy(mark->key, key->bytes, sizeof(mark->key));
	return mark;
}

static void chain_put_first(struct window *window, struct window_mark *mark)
{
	uint32_t *bucket = bucket_of(window, mark->hash);

	mark->next = *bucket;
	*bucket = number_of(window, mark);
}

struct window_mark *window_add(struct window *window, const struct window_key *key, uint64_t hz,
			       uint64_t when)
{
	struct window_mark *mark;

	bound_key(window, key);
	if (window->used == window->most) {
		window_remove(window, mark_of(window, window->oldest));
		window->made_room++;
	}
	mark = fill(place(window), key, hz, when);
	chain_put_first(window, mark);
	list_put_newest(window, mark);
	return mark;
}

struct window_mark *window_add_oldest(struct window *window, const struct window_key *key,
				      uint64_t hz, uint64_t when)
{
	uint32_t *at = bucket_of(window, key->hash);
	struct window_mark *mark;

	if (window->used == window->most)
		return NULL;
	while (*at != 0)
		at = &window->mark[*at - 1].next;
	mark = fill(place(window), key, hz, when);
	*at = number_of(window, mark);
	list_put_oldest(window, mark);
	return mark;
}

void window_touch(struct window *window, struct window_mark *mark, uint64_t when)
{
	mark->tick = when >> 10;
	list_take_out(window, mark);
	list_put_newest(window, mark);
	chain_take_out(window, mark);
	chain_put_first(window, mark);
}

void window_expire(struct window *window, uint64_t now, uint64_t age)
{
	struct window_mark *mark = mark_of(window, window->oldest);

	for (unsigned i = 0; i < EXPIRED_AT_ONCE && mark != NULL; i++) {
		if (clock_age(now, window_when(mark)) < age)
			return;
		window_remove(window, mark);
		mark = mark_of(window, window->oldest);
		if (mark != NULL)
			window_foresee_place(window, mark->hash);
	}
}
