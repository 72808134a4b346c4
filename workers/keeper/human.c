/* SPDX-License-Identifier: ISC
 *
 * NAME      human (keeper) - spots that people typed become durable
 * PURPOSE   Follows the log of spots and copies the human ones into the durable store.
 * OWNER     keeper, the only writer of the durable store
 * CONTRACT  How far it came is written in the transaction of the copies, so that a death copies none
 *           twice and loses none. What the disk does not take is tried again, as long as the log of
 *           spots still has it; what it lost before is counted.
 * LIMITS    SCAN spots a step; without a human one the number is written down every NOTE_EVERY only:
 *           these are read again after a death
 */
#include <string.h>

#include "shm/clock.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/store/human.h"
#include "shm/store/spots.h"
#include "workers/keeper/cluster.h"

#define SCAN	   4096
#define BATCH	   128
#define NOTE_EVERY 50000

struct human_batch {
	unsigned count;
	uint64_t upto; /* looked at */
	struct {
		uint64_t number;
		struct spot spot;
	} entry[BATCH];
};

static bool gather(uint64_t number, const struct spot *spot, void *arg)
{
	struct human_batch *batch = arg;

	batch->upto = number;
	if (!(spot->flags & SPOT_HUMAN))
		return true;
	batch->entry[batch->count].number = number;
	batch->entry[batch->count++].spot = *spot;
	return batch->count < BATCH;
}

/* Numbers that left the log unseen: whether a human spot was among them, nobody knows. */
static void count_lapped(struct keeper *keeper, uint64_t oldest)
{
	struct cluster *cluster = keeper->cluster;
	uint64_t lost = oldest - cluster->human - 1;

	page_count_by(keeper->worker->page, COUNT_KEEPER_HUMAN_LOST, lost);
	log_warning("%llu spots left the log before human ones among them were saved",
		    (unsigned long long)lost);
	cluster->human = oldest - 1;
}

static enum store_error read_batch(struct keeper *keeper, struct human_batch *batch, bool *more_r)
{
	struct cluster *cluster = keeper->cluster;
	struct store_txn txn;
	unsigned seen = 0;

	*more_r = false;
	if (store_read(keeper->worker->spots, &txn) == STORE_OK) {
		uint64_t newest = spots_newest(&txn), oldest = spots_oldest(&txn);

		/* a number that was never given: a store of the same name, but another */
		if (cluster->human > newest)
			cluster->human = cluster->human_noted = 0;
		if (newest > cluster->human && oldest > cluster->human + 1)
			count_lapped(keeper, oldest);
		batch->upto = cluster->human;
		if (newest > cluster->human)
			seen = spots_each(&txn, cluster->human + 1, SCAN, gather, batch);
		/* damaged ones at the end of the slice are not looked at again */
		if (seen == SCAN && batch->count < BATCH && batch->upto < cluster->human + SCAN)
			batch->upto = cluster->human + SCAN;
		*more_r = batch->upto < newest && seen > 0;
	}
	return store_end(&txn);
}

static enum store_error save_batch(struct keeper *keeper, const struct human_batch *batch)
{
	struct human_origin origin = {.store = store_id(keeper->worker->spots)};
	enum store_error error;
	struct store_txn txn;
	bool kept = true;

	if (store_write(keeper->worker->state, &txn) == STORE_BUSY)
		return STORE_BUSY;
	for (unsigned i = 0; kept && i < batch->count; i++) {
		origin.number = batch->entry[i].number;
		kept = human_append(&txn, &origin, &batch->entry[i].spot) != STORE_NOT_FOUND;
	}
	/* the table could not be made: the disk was full */
	if (!kept) {
		store_abort(&txn);
		return STORE_NO_SPACE;
	}
	origin.number = batch->upto;
	human_note(&txn, &origin);
	error = store_end(&txn);
	keeper_saved(keeper, error);
	if (error == STORE_OK) {
		keeper->cluster->human_noted = batch->upto;
		page_count_by(keeper->worker->page, COUNT_KEEPER_HUMAN, batch->count);
	}
	return error;
}

enum step human_follow(struct keeper *keeper, uint64_t now)
{
	struct cluster *cluster = keeper->cluster;
	struct human_batch batch = {.count = 0};
	enum store_error error;
	bool more;

	(void)now;
	if (keeper->frozen != NULL || keeper->restored_phase != 0)
		return STEP_DONE;
	error = read_batch(keeper, &batch, &more);
	if (error == STORE_OK &&
	    (batch.count > 0 || batch.upto - cluster->human_noted >= NOTE_EVERY)) {
		fault_point(FAULT_HUMAN_READ);
		error = save_batch(keeper, &batch);
		fault_point(FAULT_HUMAN_SAVED);
	}
	if (error == STORE_BUSY)
		return STEP_BUSY;
	if (error != STORE_OK) {
		page_count(keeper->worker->page, COUNT_KEEPER_NOT_MOVED);
		return keeper_step(keeper, error, "human spots are not saved yet");
	}
	cluster->human = batch.upto;
	return more ? STEP_AGAIN : STEP_DONE;
}

enum store_error human_start(struct keeper *keeper)
{
	struct cluster *cluster = keeper->cluster;
	struct human_origin noted;
	enum store_error error;
	struct store_txn txn;

	memset(&noted, 0, sizeof(noted));
	if (store_read(keeper->worker->state, &txn) == STORE_OK)
		human_noted(&txn, &noted);
	error = store_end(&txn);
	/* the numbers of another store say nothing about this one */
	if (noted.store == store_id(keeper->worker->spots))
		cluster->human = cluster->human_noted = noted.number;
	return error;
}
