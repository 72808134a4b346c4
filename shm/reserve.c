/* SPDX-License-Identifier: ISC
 *
 * NAME      reserve - memory for who can't do without
 * PURPOSE   See reserve.h.
 * OWNER     master and workers
 * CONTRACT  see reserve.h
 * LIMITS    see reserve.h
 */
#include "shm/reserve.h"

#include <malloc.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/clock.h"

#define PAUSE_US 5000
/* What comes back later than this after a pause has gone well in between. */
#define IN_A_ROW (100 * NS_PER_MS)

/* In front of each block of the reserve. */
struct block {
	alignas(max_align_t) size_t size;
};

static alignas(max_align_t) uint8_t reserve[RESERVE_BYTES];
static size_t used;
static unsigned blocks;

static bool is_reserved(const void *data)
{
	return (const uint8_t *)data >= reserve &&
	       (const uint8_t *)data < reserve + sizeof(reserve);
}

static size_t size_of(void *data)
{
	if (data == NULL)
		return 0;
	return is_reserved(data) ? ((struct block *)data - 1)->size : malloc_usable_size(data);
}

static void give_back(void *data)
{
	if (!is_reserved(data))
		free(data);
	else if (--blocks == 0)
		used = 0;
}

static void *take(size_t size)
{
	struct block *block = (struct block *)(reserve + used);
	size_t whole = sizeof(*block) + (size + alignof(max_align_t) - 1) / alignof(max_align_t) *
						alignof(max_align_t);

	if (whole < size || whole > sizeof(reserve) - used)
		return NULL;
	used += whole;
	blocks++;
	block->size = size;
	return block + 1;
}

void *reserve_realloc(void *old, long size)
{
	size_t wanted = (size_t)size, held = size_of(old);
	bool reserved = is_reserved(old);
	void *new;

	if (size <= 0) {
		give_back(old);
		return NULL;
	}
	new = reserved ? malloc(wanted) : realloc(old, wanted);
	if (new != NULL && !reserved)
		return new;
	if (new == NULL)
		new = take(wanted);
	if (new != NULL && old != NULL) {
		memcpy(new, old, held < wanted ? held : wanted);
		give_back(old);
	}
	return new;
}

void reserve_pause(void)
{
	usleep(PAUSE_US);
}

bool reserve_wait(void)
{
	static uint64_t first, last;
	uint64_t now = clock_mono();

	if (clock_age(now, last) > IN_A_ROW)
		first = now;
	reserve_pause();
	last = clock_mono();
	return clock_age(last, first) < NS_PER_SEC;
}
