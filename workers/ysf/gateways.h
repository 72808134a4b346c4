/* SPDX-License-Identifier: ISC
 *
 * NAME      gateways - the worker's own table of linked gateways
 * PURPOSE   Answers "who sent this?" in one look-up, whatever the number of gateways. A mirror of
 *           the `clients` of the voice store, kept up by following its event log.
 * OWNER     ysf workers
 * CONTRACT  a struct gateway stays where it is from gateways_add to gateways_remove. The list of
 *           the unproven is in the order of linking, oldest first.
 * LIMITS    as many as the store holds; about 350 bytes each
 */
#ifndef SHACKD_WORKERS_YSF_GATEWAYS_H
#define SHACKD_WORKERS_YSF_GATEWAYS_H

#include "shm/store/schema.h"
#include "workers/bucket.h"
#include "workers/keymap.h"
#include "workers/ysf/told.h"

#define GATEWAY_REFUSED 4	       /* refused sources that are remembered */
#define GATEWAY_NOWHERE UINT32_MAX /* fan_at: in no fan */

struct gateway {
	struct client_key key;
	uint32_t id;
	uint32_t number;   /* entry of the table */
	uint32_t fan_at;   /* place in the fan-out of its DG-ID and listener, or GATEWAY_NOWHERE */
	uint32_t call;	   /* lane + 1 of its open call; 0: none */
	uint32_t voice_of; /* late entry: hash of tag and source of the frames counted */
	uint16_t listener;
	uint8_t flags;	   /* enum client_flag */
	uint8_t dgid;
	uint8_t home_dgid;
	uint8_t good_frames; /* late entry: frames in a row */
	uint8_t muted;	/* enum event_reason: why it may only listen; REASON_NONE: it may talk */
	bool locked;	/* hears nothing either */
	uint32_t judged; /* version of the access list that says so */
	bool journaled; /* the time of its last poll is in the ring */
	bool in_use;
	bool seen;	/* of a rebuild */
	bool evicted;	/* in the open transaction */
	char name[CALL_MAX];
	uint8_t local[16];
	uint64_t linked;
	uint64_t polled;
	uint64_t heard; /* last frame */
	uint64_t routed; /* when the route to it was last looked at */
	struct bucket frames;
	struct bucket replies;
	struct bucket infos;
	struct told refused[GATEWAY_REFUSED]; /* sources */
	struct told busy;		      /* the source that waits for a DG-ID to get free */
	struct told serial;		      /* the source that was refused for its radio */
	struct gateway *older, *newer;	    /* among the unproven */
	struct gateway *next_unwritten, **at_unwritten; /* `polled` or `heard` is newer than the store's */
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

/* Is it away from its home? */
static inline bool gateway_away(const struct gateway *gateway)
{
	return gateway->home_dgid != 0 && gateway->home_dgid != gateway->dgid;
}

/* Membership in the list of the unproven. */
void gateways_unproven(struct gateways *table, struct gateway *gateway);
void gateways_proven(struct gateways *table, struct gateway *gateway);
/* Puts the list in the order of linking again, after entries came in another. False: no memory. */
bool gateways_sort_unproven(struct gateways *table);

/* Remembers that the store has older times of its last poll and frame. */
void gateways_mark(struct gateways *table, struct gateway *gateway);
/* Takes one of those, or NULL. */
struct gateway *gateways_unmark(struct gateways *table);

#endif
