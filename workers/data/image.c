/* SPDX-License-Identifier: ISC
 *
 * NAME      image - a list while it is laid out
 * PURPOSE   See image.h.
 * OWNER     data
 * CONTRACT  see image.h
 * LIMITS    an index takes at least four slots an entry: most look-ups end at the first
 */
#include "workers/data/image.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "shm/clock.h"

#define SLOTS_AN_ENTRY 4
#define BEAT_EVERY     8192

size_t image_space(struct image *image, size_t size)
{
	size_t at = (image->size + 7) & ~(size_t)7;
	size_t need = at + size;

	if (need > image->room) {
		size_t room = need > 2 * image->room ? need : 2 * image->room;
		uint8_t *data = realloc(image->data, room);

		if (data == NULL)
			return 0;
		image->data = data;
		image->room = room;
	}
	memset(image->data + image->size, 0, need - image->size);
	image->size = need;
	return at;
}

bool image_begin(struct image *image, size_t head)
{
	*image = (struct image){0};
	image->data = calloc(1, head);
	image->size = image->room = head;
	return image->data != NULL;
}

static uint32_t slots_for(uint32_t entries, unsigned try)
{
	uint32_t slots = 8;

	while (slots < entries * SLOTS_AN_ENTRY)
		slots *= 2;
	/* at a quarter full a second key is hardly ever needed, and more room never */
	return try < IMAGE_TRIES / 2 ? slots : slots * 2;
}

/* False: an entry would lie too far from its place. */
static bool place(const struct rows *rows, const uint8_t key[16], uint32_t *slot, uint32_t slots,
		  const struct compile_help *help)
{
	for (uint32_t n = 0; n < rows->count; n++) {
		uint64_t hash = list_hash(key, rows_at(rows, n), rows->key_size);
		unsigned i = 0;

		while (i < LIST_PROBES && slot[(hash + i) & (slots - 1)] != 0)
			i++;
		if (i == LIST_PROBES)
			return false;
		slot[(hash + i) & (slots - 1)] = n + 1;
		if (n % BEAT_EVERY == 0 && help != NULL && help->beat != NULL)
			help->beat(help->arg);
	}
	return true;
}

enum laid image_table(struct image *image, const struct rows *rows, unsigned try,
		      struct list_table *table_r, const struct compile_help *help)
{
	uint32_t slots = slots_for(rows->count, try);
	const struct list_head *head;
	size_t entries, index;

	*table_r = (struct list_table){0};
	if (rows->count == 0)
		return LAID;
	entries = image_space(image, rows->count * rows->entry_size);
	index = image_space(image, slots * sizeof(uint32_t));
	if (entries == 0 || index == 0)
		return LAID_NO_MEMORY;
	memcpy(image->data + entries, rows->entry, rows->count * rows->entry_size);
	*table_r = (struct list_table){
		.entries = rows->count, .slots = slots, .entries_at = entries, .slots_at = index};
	head = (const void *)image->data;
	return place(rows, head->key, (uint32_t *)(void *)(image->data + index), slots, help)
		       ? LAID
		       : LAID_BADLY;
}

void image_head(struct image *image, enum list_kind kind, unsigned version)
{
	struct list_head head = {.magic = LIST_MAGIC,
				 .kind = (uint16_t)kind,
				 .version = (uint16_t)version,
				 .made = clock_real()};

	randombytes_buf(head.key, sizeof(head.key));
	memcpy(image->data, &head, sizeof(head));
}

int image_seal(struct image *image, enum list_kind kind)
{
	struct list_head *head = (void *)image->data;
	int fd, error;

	head->size = image->size;
	fd = list_seal(kind, image->data, image->size);
	error = errno;
	free(image->data);
	errno = error;
	return fd;
}

int image_give_up(struct image *image, int error)
{
	free(image->data);
	errno = error;
	return -1;
}
