/* SPDX-License-Identifier: ISC
 *
 * NAME      intake - from the feeds' rings and the users' inbox into the log
 * PURPOSE   Merges the rings by arrival, and writes batches.
 * OWNER     spot
 * CONTRACT  see intake.h
 * LIMITS    see intake.h
 */
#include "workers/spot/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/log.h"
#include "shm/store/inbox.h"
#include "shm/store/spots.h"
#include "shm/text.h"

bool intake_init(struct intake *intake, struct pipeline *pipeline, struct page *page)
{
	memset(intake, 0, sizeof(*intake));
	intake->pipeline = pipeline;
	intake->page = page;
	intake->kept = calloc(INTAKE_KEPT, sizeof(*intake->kept));
	return intake->kept != NULL;
}

void intake_free(struct intake *intake)
{
	for (unsigned i = 0; i < intake->rings; i++)
		spotring_unmap(&intake->ring[i].ring);
	free(intake->kept);
	memset(intake, 0, sizeof(*intake));
}

static void count(struct intake *intake, enum page_counter which, uint64_t by)
{
	if (intake->page != NULL && by != 0)
		page_count_by(intake->page, which, by);
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

bool intake_add(struct intake *intake, struct store *store, unsigned feed, int fd)
{
	struct intake_ring *ring = &intake->ring[intake->rings];
	struct spotring map;

	errno = ENOSPC;
	if (intake->rings == INTAKE_RINGS || !spotring_map(fd, &map))
		return false;
	for (unsigned i = 0; i < intake->rings; i++)
		if (intake->ring[i].ring.block->id == map.block->id) {
			spotring_unmap(&map); /* it is here already */
			return true;
		}
	*ring = (struct intake_ring){.ring = map, .feed = feed};
	text_copy(ring->slot, sizeof(ring->slot), map.block->slot);
	ring->next = ring->since = where_to_go_on(&map, store);
	spotring_done(&ring->ring, ring->next);
	intake->rings++;
	return true;
}

/* The ring that takes over from INDEX, or NULL. */
static const struct intake_ring *successor_of(const struct intake *intake, unsigned index)
{
	for (unsigned i = index + 1; i < intake->rings; i++)
		if (intake->ring[i].feed == intake->ring[index].feed)
			return &intake->ring[i];
	return NULL;
}

/* A feed that has begun with its new ring writes no more into the one before. */
static bool is_over(const struct intake *intake, unsigned index)
{
	const struct intake_ring *ring = &intake->ring[index];
	const struct intake_ring *next = successor_of(intake, index);

	return next != NULL && head_of(&next->ring) > 0 && !ring->moved &&
	       spotring_get(&ring->ring, ring->next) == NULL;
}

static void let_go(struct intake *intake)
{
	for (unsigned i = 0; i < intake->rings; i++) {
		if (!is_over(intake, i))
			continue;
		spotring_unmap(&intake->ring[i].ring);
		intake->rings--;
		memmove(&intake->ring[i], &intake->ring[i + 1],
			(intake->rings - i) * sizeof(intake->ring[0]));
		i--;
	}
}

/* Is an earlier ring of the same feed still read? Its spots come first, and the store notes one
 * ring of a feed at a time. */
static bool has_to_wait(const struct intake *intake, unsigned index)
{
	for (unsigned i = 0; i < index; i++)
		if (intake->ring[i].feed == intake->ring[index].feed)
			return true;
	return false;
}

uint64_t intake_backlog(const struct intake *intake)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < intake->rings; i++) {
		uint64_t there = head_of(&intake->ring[i].ring) - intake->ring[i].next;

		if (there <= intake->ring[i].ring.capacity)
			all += there;
	}
	return all;
}

/* ---- taking ---- */

/* The spot that lies behind those that are kept. */
static void judge(struct intake *intake)
{
	struct spot *own = &intake->kept[intake->keeps];
	const struct stage *stage;

	if (own->arrived > intake->now)
		own->arrived = intake->now; /* of the future: it would be a duplicate for ever */
	stage = pipeline_run(intake->pipeline, own);
	if (stage != NULL) {
		count(intake, stage->dropped, 1);
		return;
	}
	intake->human = intake->human || (own->flags & SPOT_HUMAN);
	intake->keeps++;
}

/* The feed may write there at any time: what is judged is a copy. */
static void take_entry(struct intake *intake, const struct spotring_entry *entry)
{
	struct spot *spot = &intake->kept[intake->keeps];

	if (!spot_check(&entry->spot, spot_size(&entry->spot), spot) ||
	    spot->source == SPOT_LOCAL) {
		count(intake, COUNT_SPOT_DROP_BAD, 1);
		return;
	}
	spot->session = 0;
	memset(spot->ip, 0, sizeof(spot->ip));
	judge(intake);
}

/* The ring whose next spot arrived first; NULL: none has any. */
static struct intake_ring *first_of(struct intake *intake, const struct spotring_entry **entry_r)
{
	struct intake_ring *first = NULL;
	uint64_t earliest = UINT64_MAX;

	*entry_r = NULL;
	for (unsigned i = 0; i < intake->rings; i++) {
		struct intake_ring *ring = &intake->ring[i];
		const struct spotring_entry *entry = spotring_get(&ring->ring, ring->next);
		uint64_t arrived;

		if (entry == NULL || has_to_wait(intake, i))
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

static void take_rings(struct intake *intake)
{
	const struct spotring_entry *entry;
	struct intake_ring *ring;

	for (unsigned i = 0; i < INTAKE_TAKEN && intake->keeps < INTAKE_KEPT; i++) {
		ring = first_of(intake, &entry);
		if (ring == NULL)
			return;
		take_entry(intake, entry);
		ring->next++;
		ring->moved = true;
	}
}

static bool take_typed(uint64_t session, uint64_t offset, const struct spot *spot, void *arg)
{
	struct intake *intake = arg;

	intake->typed[intake->typeds++] = (struct intake_typed){session, offset};
	intake->kept[intake->keeps] = *spot;
	judge(intake);
	return intake->keeps < INTAKE_KEPT && intake->typeds < INTAKE_KEPT;
}

static void take_inbox(struct intake *intake, struct store *store)
{
	struct store_txn txn;
	unsigned seen;

	store_read(store, &txn);
	seen = inbox_each(&txn, INTAKE_KEPT / 2, take_typed, intake);
	store_end(&txn);
	intake->inbox_damaged = seen > intake->typeds;
}

bool intake_waits(const struct intake *intake)
{
	for (unsigned i = 0; i < intake->rings; i++)
		if (intake->ring[i].moved)
			return true;
	return intake->typeds > 0 || intake->inbox_damaged;
}

void intake_take(struct intake *intake, struct store *store, uint64_t now)
{
	if (intake_waits(intake))
		return;
	intake->now = now;
	let_go(intake);
	take_inbox(intake, store);
	take_rings(intake);
}

/* ---- the commit ---- */

static void write_spots(struct intake *intake, struct store_txn *txn, unsigned *fresh_r)
{
	uint64_t number;

	for (unsigned i = 0; i < intake->keeps; i++)
		if (spots_append(txn, &intake->kept[i], &number) == STORE_OK)
			++*fresh_r;
}

static void write_progress(struct intake *intake, struct store_txn *txn)
{
	for (unsigned i = 0; i < intake->rings; i++) {
		const struct intake_ring *ring = &intake->ring[i];

		if (ring->moved)
			tails_put(txn, ring->slot, ring->ring.block->id, ring->next);
	}
	for (unsigned i = 0; i < intake->typeds; i++)
		inbox_del(txn, intake->typed[i].session, intake->typed[i].offset);
	if (intake->inbox_damaged)
		inbox_clean(txn);
}

static void done(struct intake *intake, unsigned fresh)
{
	uint64_t taken = intake->typeds;

	for (unsigned i = 0; i < intake->rings; i++) {
		struct intake_ring *ring = &intake->ring[i];

		if (!ring->moved)
			continue;
		taken += ring->next - ring->since;
		ring->since = ring->next;
		ring->moved = false;
		spotring_done(&ring->ring, ring->next);
	}
	count(intake, COUNT_SPOT_TAKEN, taken);
	count(intake, COUNT_SPOT_KEPT, fresh);
	intake->keeps = intake->typeds = 0;
	intake->human = intake->inbox_damaged = false;
}

enum store_error intake_commit(struct intake *intake, struct store *store, unsigned *fresh_r)
{
	struct store_txn txn;
	enum store_error error = store_write(store, &txn);

	*fresh_r = 0;
	if (error)
		return error;
	write_spots(intake, &txn, fresh_r);
	write_progress(intake, &txn);
	error = store_end(&txn);
	if (error == STORE_OK)
		done(intake, *fresh_r);
	return error;
}
