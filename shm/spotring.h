/* SPDX-License-Identifier: ISC
 *
 * NAME      spotring - spots on their way from a feed to the pipeline
 * PURPOSE   What a feed has parsed and the pipeline has not yet taken lies in memory that the master
 *           holds, so that either may die: nothing lost, nothing doubled.
 * OWNER     made and held by the master, one for each feed slot; `head` and entries are written by
 *           the feed's holder, `tail` by the holder of spot
 * CONTRACT  one writer, one reader, no lock. An entry is there when `head` says so. It names the line
 *           it came from (session, offset): a feed that goes on after a death asks for the last one
 *           and skips what is in already. The reader records how far it came in the transaction that
 *           keeps the spots, and only then moves `tail`; a successor believes the store. Full: the
 *           newest is dropped and counted.
 * LIMITS    SPOTRING_MAX entries, fixed at creation
 */
#ifndef SHACKD_SHM_SPOTRING_H
#define SHACKD_SHM_SPOTRING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "shm/spot.h"

#define SPOTRING_MAGIC	 0x53484b53U
#define SPOTRING_VERSION 1
#define SPOTRING_MIN	 16
#define SPOTRING_MAX	 1000000

struct spotring_entry {
	uint64_t session; /* of the connection */
	uint64_t offset;  /* of the first byte behind its line; of MQTT a running number */
	struct spot spot;
};

struct spotring_head {
	uint32_t magic;
	uint32_t version;
	uint32_t capacity;
	uint32_t reserved;
	uint64_t id;   /* random at creation: numbers below are of this ring */
	char slot[16]; /* "feed.0" */
	_Atomic uint64_t head __attribute__((aligned(64))); /* entries ever put in */
	_Atomic uint64_t dropped;			    /* for want of room */
	_Atomic uint64_t tail __attribute__((aligned(64))); /* entries ever taken out */
	struct spotring_entry entry[] __attribute__((aligned(64)));
};

struct spotring {
	struct spotring_head *block;
	size_t bytes;
	uint32_t capacity; /* checked when it was mapped; the block's own word may be anything */
};

/* Makes the memfd (sealed against resizing). -1 with errno. */
int spotring_create(const char *slot, unsigned capacity);
/* Maps it; checks seals, magic, version, size. False with errno. */
bool spotring_map(int fd, struct spotring *ring_r);
void spotring_unmap(struct spotring *ring);

/* The feed. False: full, counted. */
bool spotring_put(struct spotring *ring, uint64_t session, uint64_t offset, const struct spot *spot);
/* Where the last entry came from; false when there was none yet. */
bool spotring_last(const struct spotring *ring, uint64_t *session_r, uint64_t *offset_r);

/* The pipeline: entries from NEXT on that are there; a pointer to the entry, valid until `tail` passes
 * it. NULL: none (or NEXT is out of bounds). */
const struct spotring_entry *spotring_get(const struct spotring *ring, uint64_t next);
void spotring_done(struct spotring *ring, uint64_t next);
unsigned spotring_used(const struct spotring *ring);

#endif
