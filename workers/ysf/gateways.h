/* SPDX-License-Identifier: ISC
 *
 * NAME      gateways - the worker's own table of linked gateways
 * PURPOSE   Answers "who sent this?" in one look-up, whatever the number of gateways. A mirror of
 *           the `clients` of the voice store, kept up by following its event log.
 * OWNER     ysf workers
 * CONTRACT  a struct gateway stays where it is from gateways_add to gateways_remove. The list of
 *           the unproven is in the order of linking, oldest first.
 * LIMITS    as many as the store holds; about 200 bytes each
 */
#ifndef SHACKD_WORKERS_YSF_GATEWAYS_H
#define SHACKD_WORKERS_YSF_GATEWAYS_H

#include "shm/store/schema.h"
#include "workers/bucket.h"
#include "workers/keymap.h"

struct gateway {
	struct client_key key;
	uint32_t id;
	uint32_t number;   /* entry of the table */
	uint32_t fan_at;   /* place in the fan-out of its DG-ID and listener */
	uint32_t call;	   /* lane + 1 of its open call; 0: none */
	uint32_t voice_of; /* late entry: hash of tag and source of the frames counted */
	uint16_t listener;
	uint8_t flags;	   /* enum client_flag */
	uint8_t dgid;
	uint8_t home_dgid;
	uint8_t good_frames; /* late entry: frames in a row */
	bool in_use;
	bool seen;	/* of a rebuild */
	bool evicted;	/* in the open transaction */
	char name[CALL_MAX];
	char refused[CALL_MAX]; /* source that was refused last, told about once */
	uint8_t local[16];
	uint64_t linked;
	uint64_t polled;
	uint64_t refused_at;
	struct bucket frames;
	struct bucket replies;
	struct gateway *older, *newer;	    /* among the unproven */
	struct gateway *next_unwritten, **at_unwritten; /* `polled` is newer than the store's */
};

/* May its DG-ID change? Then it gets frames that say in which one it is. */
static inline bool gateway_movable(const struct gateway *gateway)
{
	return (gateway->flags & (CLIENT_STATIC | CLIENT_FIXED)) == 0;
}

struct gateways {
	struct keymap map;
	struct gateway **chunk;
	uint32_t chunks;
	uint32_t top;	    /* entries ever used */
	uint32_t count;
	uint32_t *vacant;   /* numbers to use again */
	uint32_t vacants;
	struct gateway *oldest, *newest; /* of the unproven */
	struct gateway *unwritten, **unwritten_end; /* in the order of marking */
};

bool gateways_init(struct gateways *table);
void gateways_free(struct gateways *table);

struct gateway *gateways_find(const struct gateways *table, const struct client_key *key);

/* Enters a new gateway with KEY (which must not be there); the rest is zero. NULL: no memory. */
struct gateway *gateways_add(struct gateways *table, const struct client_key *key);
void gateways_remove(struct gateways *table, struct gateway *gateway);

/* Entry NUMBER (0 .. table->top - 1), or NULL when it is vacant. */
struct gateway *gateways_at(const struct gateways *table, uint32_t number);

/* Membership in the list of the unproven. */
void gateways_unproven(struct gateways *table, struct gateway *gateway);
void gateways_proven(struct gateways *table, struct gateway *gateway);
/* Puts the list in the order of linking again, after entries came in another. False: no memory. */
bool gateways_sort_unproven(struct gateways *table);

/* Remembers that the store has an older time of its last poll. */
void gateways_mark(struct gateways *table, struct gateway *gateway);
/* Takes one of those, or NULL. */
struct gateway *gateways_unmark(struct gateways *table);

#endif
