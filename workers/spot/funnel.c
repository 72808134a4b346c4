/* SPDX-License-Identifier: ISC
 *
 * NAME      funnel - from the feeds' rings and the users' inbox into the log
 * PURPOSE   Merges the rings by arrival, and writes batches.
 * OWNER     spot
 * CONTRACT  see funnel.h
 * LIMITS    see funnel.h
 */
#include "workers/spot/funnel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/clock.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/store/inbox.h"
#include "shm/store/spots.h"
#include "shm/text.h"

/* Spots may come while others are taken; none comes of so far ahead. */
#define AHEAD NS_PER_SEC

bool funnel_init(struct funnel *funnel, struct pipeline *pipeline, struct page *page)
{
	memset(funnel, 0, sizeof(*funnel));
	funnel->pipeline = pipeline;
	funnel->page = page;
	funnel->kept = calloc(FUNNEL_KEPT, sizeof(*funnel->kept));
	return funnel->kept != NULL;
}

void funnel_free(struct funnel *funnel)
{
	for (unsigned i = 0; i < funnel->rings; i++)
		spotring_unmap(&funnel->ring[i].ring);
	free(funnel->kept);
	memset(funnel, 0, sizeof(*funnel));
}

static void count(struct funnel *funnel, enum page_counter which, uint64_t by)
{
	if (funnel->page != NULL && by != 0)
		page_count_by(funnel->page, which, by);
}

/* ---- rings ---- */

static uint64_t head_of(const struct spotring *ring)
{
	return atomic_load_explicit(&ring->block->head, memory_order_acquire);
}

/* The store knows how far a predecessor came. One that is new knows nothing; then the ring's own
 * word counts, which moved after a commit to another store. */
static uint64_t where_to_go_on(const struct spotring *ring, struct store *store)
{
	struct spotring_head *block = ring->block;
	uint64_t head = head_of(ring), next;
	struct store_txn txn;

	store_read(store, &txn);
	next = tails_get(&txn, block->slot, block->id);
	store_end(&txn);
	if (next == 0)
		next = atomic_load_explicit(&block->tail, memory_order_acquire);
	if (head - next <= ring->capacity)
		return next;
	log_warning("the ring of %s is unsound: its spots up to %llu are left out", block->slot,
		    (unsigned long long)head);
	return head;
}

/* While an earlier ring of the same feed is still read the later one has to wait: its spots came later,
 * and the store notes one ring of a feed at a time. */
static void put_in_order(struct funnel *funnel)
{
	for (unsigned i = 0; i < funnel->rings; i++) {
		funnel->ring[i].waits = false;
		for (unsigned before = 0; before < i; before++)
			if (funnel->ring[before].feed == funnel->ring[i].feed)
				funnel->ring[i].waits = true;
	}
}

bool funnel_add(struct funnel *funnel, struct store *store, unsigned feed, int fd)
{
	struct funnel_ring *ring = &funnel->ring[funnel->rings];
	struct spotring map;

	errno = ENOSPC;
	if (funnel->rings == FUNNEL_RINGS || !spotring_map(fd, &map))
		return false;
	for (unsigned i = 0; i < funnel->rings; i++)
		if (funnel->ring[i].ring.block->id == map.block->id) {
			spotring_unmap(&map); /* it is here already */
			return true;
		}
	*ring = (struct funnel_ring){.ring = map, .feed = feed};
	text_copy(ring->slot, sizeof(ring->slot), map.block->slot);
	ring->next = ring->since = where_to_go_on(&map, store);
	spotring_done(&ring->ring, ring->next);
	funnel->rings++;
	put_in_order(funnel);
	return true;
}

/* How many rings of its feed came after INDEX; NEXT_R: the first of them. */
static unsigned successors_of(const struct funnel *funnel, unsigned index,
			      const struct funnel_ring **next_r)
{
	unsigned count = 0;

	*next_r = NULL;
	for (unsigned i = funnel->rings; i-- > index + 1;) {
		if (funnel->ring[i].feed != funnel->ring[index].feed)
			continue;
		*next_r = &funnel->ring[i];
		count++;
	}
	return count;
}

/* A feed that has begun with its new ring writes no more into the one before; nor does it when there is
 * one more. */
static bool is_over(const struct funnel *funnel, unsigned index)
{
	const struct funnel_ring *ring = &funnel->ring[index], *next;
	unsigned successors = successors_of(funnel, index, &next);

	return (successors > 1 || (successors == 1 && head_of(&next->ring) > 0)) && !ring->moved &&
	       spotring_get(&ring->ring, ring->next) == NULL;
}

static void let_go(struct funnel *funnel)
{
	for (unsigned i = 0; i < funnel->rings; i++) {
		if (!is_over(funnel, i))
			continue;
		spotring_unmap(&funnel->ring[i].ring);
		funnel->rings--;
		memmove(&funnel->ring[i], &funnel->ring[i + 1],
			(funnel->rings - i) * sizeof(funnel->ring[0]));
		put_in_order(funnel);
		i--;
	}
}

uint64_t funnel_backlog(const struct funnel *funnel)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < funnel->rings; i++) {
		uint64_t there = head_of(&funnel->ring[i].ring) - funnel->ring[i].next;

		if (there <= funnel->ring[i].ring.capacity)
			all += there;
	}
	return all;
}

/* ---- taking ---- */

/* The spot that lies behind those that are kept. */
static void judge(struct funnel *funnel)
{
	struct spot *own = &funnel->kept[funnel->keeps];
	const struct stage *stage;

	if (own->arrived > funnel->now + AHEAD)
		own->arrived = funnel->now; /* it would be a duplicate for ever */
	stage = pipeline_run(funnel->pipeline, own);
	if (stage != NULL) {
		count(funnel, stage->dropped, 1);
		return;
	}
	funnel->human = funnel->human || (own->flags & SPOT_HUMAN);
	funnel->keeps++;
}

/* The feed may write there at any time: what is judged is a copy. False: it is no spot. */
static bool copy_entry(struct funnel *funnel, const struct spotring_entry *entry, struct spot *spot)
{
	if (!spot_check(&entry->spot, spot_size(&entry->spot), spot) ||
	    spot->source == SPOT_LOCAL) {
		count(funnel, COUNT_SPOT_DROP_BAD, 1);
		return false;
	}
	spot->session = 0;
	memset(spot->ip, 0, sizeof(spot->ip));
	return true;
}

/* The ring whose next spot arrived first; NULL: none has any. */
static struct funnel_ring *first_of(struct funnel *funnel, const struct spotring_entry **entry_r)
{
	struct funnel_ring *first = NULL;
	uint64_t earliest = UINT64_MAX;

	*entry_r = NULL;
	for (unsigned i = 0; i < funnel->rings; i++) {
		struct funnel_ring *ring = &funnel->ring[i];
		const struct spotring_entry *entry = spotring_get(&ring->ring, ring->next);
		uint64_t arrived;

		if (entry == NULL || ring->waits)
			continue;
		arrived = entry->spot.arrived;
		if (first != NULL && arrived >= earliest)
			continue;
		first = ring;
		earliest = arrived;
		*entry_r = entry;
	}
	return first;
}

/* Copies a few that came next to behind the kept ones, LEFT at most. Returns how many; 0: no more. */
static unsigned gather(struct funnel *funnel, unsigned *left)
{
	const struct spotring_entry *entry;
	struct funnel_ring *ring;
	unsigned copies = 0;

	while (*left > 0 && copies < PIPELINE_FORESEEN && funnel->keeps + copies < FUNNEL_KEPT) {
		ring = first_of(funnel, &entry);
		if (ring == NULL)
			break;
		copies += copy_entry(funnel, entry, &funnel->kept[funnel->keeps + copies]);
		ring->next++;
		ring->moved = true;
		--*left;
	}
	return copies;
}

static void take_rings(struct funnel *funnel)
{
	unsigned left = FUNNEL_TAKEN, copies;

	while ((copies = gather(funnel, &left)) > 0) {
		const struct spot *spot = &funnel->kept[funnel->keeps];

		pipeline_foresee(funnel->pipeline, spot, copies);
		for (const struct spot *end = spot + copies; spot < end; spot++) {
			/* one before it may have been dropped */
			if (spot != &funnel->kept[funnel->keeps])
				funnel->kept[funnel->keeps] = *spot;
			judge(funnel);
		}
	}
}

static bool take_typed(uint64_t session, uint64_t offset, const struct spot *spot, void *arg)
{
	struct funnel *funnel = arg;

	funnel->typed[funnel->typeds++] = (struct funnel_typed){session, offset};
	funnel->kept[funnel->keeps] = *spot;
	judge(funnel);
	return funnel->keeps < FUNNEL_KEPT && funnel->typeds < FUNNEL_KEPT;
}

static void take_inbox(struct funnel *funnel, struct store *store)
{
	struct store_txn txn;
	unsigned seen;

	store_read(store, &txn);
	seen = inbox_each(&txn, FUNNEL_KEPT / 2, take_typed, funnel);
	store_end(&txn);
	funnel->inbox_damaged = seen > funnel->typeds;
}

bool funnel_waits(const struct funnel *funnel)
{
	for (unsigned i = 0; i < funnel->rings; i++)
		if (funnel->ring[i].moved)
			return true;
	return funnel->typeds > 0 || funnel->inbox_damaged;
}

void funnel_take(struct funnel *funnel, struct store *store, uint64_t now)
{
	if (funnel_waits(funnel))
		return;
	funnel->now = now;
	let_go(funnel);
	take_inbox(funnel, store);
	take_rings(funnel);
}

/* ---- the commit ---- */

static void write_spots(struct funnel *funnel, struct store_txn *txn, unsigned *fresh_r)
{
	uint64_t number;

	for (unsigned i = 0; i < funnel->keeps; i++)
		if (spots_append(txn, &funnel->kept[i], &number) == STORE_OK)
			++*fresh_r;
}

static void write_progress(struct funnel *funnel, struct store_txn *txn)
{
	for (unsigned i = 0; i < funnel->rings; i++) {
		const struct funnel_ring *ring = &funnel->ring[i];

		if (ring->moved)
			tails_put(txn, ring->slot, ring->ring.block->id, ring->next);
	}
	for (unsigned i = 0; i < funnel->typeds; i++)
		inbox_del(txn, funnel->typed[i].session, funnel->typed[i].offset);
	if (funnel->inbox_damaged)
		inbox_clean(txn);
}

static void done(struct funnel *funnel, unsigned fresh)
{
	uint64_t taken = funnel->typeds;

	for (unsigned i = 0; i < funnel->rings; i++) {
		struct funnel_ring *ring = &funnel->ring[i];

		if (!ring->moved)
			continue;
		taken += ring->next - ring->since;
		ring->since = ring->next;
		ring->moved = false;
		spotring_done(&ring->ring, ring->next);
	}
	count(funnel, COUNT_SPOT_TAKEN, taken);
	count(funnel, COUNT_SPOT_KEPT, fresh);
	funnel->keeps = funnel->typeds = 0;
	funnel->human = funnel->inbox_damaged = false;
}

enum store_error funnel_commit(struct funnel *funnel, struct store *store, unsigned *fresh_r)
{
	struct store_txn txn;
	enum store_error error = store_write(store, &txn);

	*fresh_r = 0;
	if (error)
		return error;
	fault_point(FAULT_SPOT_TAKEN);
	write_spots(funnel, &txn, fresh_r);
	fault_point(FAULT_SPOT_WRITTEN);
	write_progress(funnel, &txn);
	error = store_end(&txn);
	fault_point(FAULT_SPOT_COMMITTED);
	if (error == STORE_OK)
		done(funnel, *fresh_r);
	return error;
}
