/* SPDX-License-Identifier: ISC
 *
 * NAME      funnel - from the feeds' rings and the users' inbox into the log
 * PURPOSE   Takes spots in the order of their arrival, lets the pipeline judge them, and appends
 *           those that are kept in one transaction with the note how far it came.
 * OWNER     spot
 * CONTRACT  Judged spots that a busy or full store did not take yet wait here and are tried again;
 *           nothing more is taken meanwhile. What is lost with this process is still in the rings
 *           and in the inbox. A ring's `tail` moves only after the commit. Entries of a ring are as
 *           its feed wrote them: each is checked, none may claim to be of a user of ours.
 * LIMITS    FUNNEL_KEPT spots a transaction, FUNNEL_TAKEN looked at before it
 */
#ifndef SHACKD_WORKERS_SPOT_FUNNEL_H
#define SHACKD_WORKERS_SPOT_FUNNEL_H

#include "shm/conf.h"
#include "shm/page.h"
#include "shm/spotring.h"
#include "shm/store/env.h"
#include "workers/spot/pipeline.h"

#define FUNNEL_FEEDS CONF_GROUP_MAX
#define FUNNEL_RINGS (3 * FUNNEL_FEEDS) /* a feed has two while a new one takes over, or one more */
#define FUNNEL_KEPT  500
#define FUNNEL_TAKEN 4000

struct funnel_ring {
	struct spotring ring;
	char slot[16];
	unsigned feed;
	bool waits;	/* for the end of the feed's ring before it */
	bool moved;	/* since the last commit */
	uint64_t next;	/* entry that is looked at next */
	uint64_t since; /* the first one that is not in the store yet */
};

/* One of the inbox: where it lies, so that it is taken out. */
struct funnel_typed {
	uint64_t session, offset;
};

struct funnel {
	struct pipeline *pipeline;
	struct page *page; /* for the counters; NULL in tests */
	struct funnel_ring ring[FUNNEL_RINGS];
	unsigned rings;
	struct spot *kept; /* FUNNEL_KEPT; judged, not in the store yet */
	unsigned keeps;
	struct funnel_typed typed[FUNNEL_KEPT];
	unsigned typeds;
	uint64_t now;
	bool inbox_damaged;
	bool human; /* one of the kept ones is of a person */
};

/* False: no memory. */
bool funnel_init(struct funnel *funnel, struct pipeline *pipeline, struct page *page);
void funnel_free(struct funnel *funnel);

/* A ring of FEED, the newest one; the one before is read to its end first. STORE says how far a
 * predecessor came. False with errno: it can't be used. */
bool funnel_add(struct funnel *funnel, struct store *store, unsigned feed, int fd);

/* Takes and judges what has come, up to NOW (clock_mono). Does nothing while something waits for the
 * store. */
void funnel_take(struct funnel *funnel, struct store *store, uint64_t now);

/* Is there something to commit? */
bool funnel_waits(const struct funnel *funnel);

/* Puts what waits into the store. STORE_BUSY and other errors: it goes on waiting. FRESH_R: so many
 * spots are new in the log. */
enum store_error funnel_commit(struct funnel *funnel, struct store *store, unsigned *fresh_r);

/* Entries in all rings that nobody has looked at. */
uint64_t funnel_backlog(const struct funnel *funnel);

#endif
