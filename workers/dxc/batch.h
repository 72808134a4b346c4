/* SPDX-License-Identifier: ISC
 *
 * NAME      batch - lines of spots, made once for many
 * PURPOSE   Keeps the chunks of the session table: which lines are there for whom, from where on in
 *           the log of spots. Who falls behind a little finds what the others got still there.
 * OWNER     dxc workers
 * CONTRACT  an owner is a pointer that is compared only. The chunk that was used longest ago makes
 *           room; all that was in it can be made again from the log.
 * LIMITS    TABLE_CHUNKS chunks of TABLE_CHUNK_BYTES
 */
#ifndef SHACKD_WORKERS_DXC_BATCH_H
#define SHACKD_WORKERS_DXC_BATCH_H

#include "workers/tcp.h"

#define BATCH_NONE TABLE_CHUNKS

struct batch {
	struct tcp *tcp;
	uint64_t clock;
	struct {
		const void *owner; /* NULL: nobody's */
		uint64_t used;
	} slot[TABLE_CHUNKS];
};

static inline struct table_chunk *batch_chunk(const struct batch *batch, unsigned slot)
{
	return tcp_chunk(batch->tcp, slot);
}

/* Is SLOT (BATCH_NONE too) still OWNER's? */
static inline bool batch_has(const struct batch *batch, const void *owner, unsigned slot)
{
	return slot < TABLE_CHUNKS && batch->slot[slot].owner == owner;
}

/* An empty chunk for OWNER of what comes behind number FROM. */
unsigned batch_new(struct batch *batch, const void *owner, uint64_t from);

/* The chunk of OWNER's that goes on behind CURSOR; BATCH_NONE. */
unsigned batch_find(struct batch *batch, const void *owner, uint64_t cursor);

/* OWNER is gone. */
void batch_drop(struct batch *batch, const void *owner);

/* The first line of the chunk behind number CURSOR; the number of its lines when there is none. */
unsigned batch_line(const struct table_chunk *chunk, uint64_t cursor);

#endif
