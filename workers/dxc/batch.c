/* SPDX-License-Identifier: ISC
 *
 * NAME      batch - lines of spots, made once for many
 * PURPOSE   See workers/dxc/batch.h.
 * OWNER     dxc workers
 * CONTRACT  see workers/dxc/batch.h
 * LIMITS    see workers/dxc/batch.h
 */
#include "workers/dxc/batch.h"

unsigned batch_new(struct batch *batch, const void *owner, uint64_t from)
{
	struct table_chunk *chunk;
	unsigned oldest = 0;

	for (unsigned i = 0; i < TABLE_CHUNKS; i++) {
		if (batch->slot[i].owner == NULL) {
			oldest = i;
			break;
		}
		if (batch->slot[i].used < batch->slot[oldest].used)
			oldest = i;
	}
	batch->slot[oldest].owner = owner;
	batch->slot[oldest].used = ++batch->clock;
	chunk = batch_chunk(batch, oldest);
	atomic_store(&chunk->lines, 0);
	chunk->from = from;
	chunk->to = from;
	return oldest;
}

unsigned batch_find(struct batch *batch, const void *owner, uint64_t cursor)
{
	for (unsigned i = 0; i < TABLE_CHUNKS; i++) {
		const struct table_chunk *chunk = batch_chunk(batch, i);

		if (batch->slot[i].owner != owner || cursor < chunk->from || cursor >= chunk->to)
			continue;
		batch->slot[i].used = ++batch->clock;
		return i;
	}
	return BATCH_NONE;
}

void batch_drop(struct batch *batch, const void *owner)
{
	for (unsigned i = 0; i < TABLE_CHUNKS; i++)
		if (batch->slot[i].owner == owner)
			batch->slot[i].owner = NULL;
}

unsigned batch_line(const struct table_chunk *chunk, uint64_t cursor)
{
	unsigned low = 0, high = atomic_load(&chunk->lines);

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (chunk->from + chunk->line[middle].number > cursor)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}
