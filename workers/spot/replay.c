/* SPDX-License-Identifier: ISC
 *
 * NAME      replay - what a predecessor knew
 * PURPOSE   Finds the start by halving, walks the log forwards from there, and the durable log of
 *           what people typed backwards from where the other begins.
 * OWNER     spot
 * CONTRACT  see replay.h
 * LIMITS    see replay.h
 */
#include "workers/spot/replay.h"

#include <string.h>

#include "shm/clock.h"
#include "shm/store/human.h"
#include "shm/store/spots.h"

static uint64_t horizon(const struct replay *replay)
{
	uint64_t machine = pipeline_horizon(replay->pipeline);
	uint64_t typed = pipeline_horizon_typed(replay->pipeline);

	return machine > typed ? machine : typed;
}

/* The first number whose spot came within AGE. Spots lie nearly in the order of their arrival: what
 * a moment's disorder may cost is added by the caller. */
static uint64_t first_within(struct store_txn *txn, uint64_t now, uint64_t age)
{
	uint64_t low = spots_oldest(txn), high = spots_newest(txn) + 1;
	struct spot spot;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		/* a damaged one tells nothing: more is shown than needed */
		if (spots_get(txn, middle, &spot) == STORE_OK && clock_age(now, spot.arrived) > age)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void replay_begin(struct replay *replay, struct pipeline *pipeline, struct store *spots,
		  struct store *state, uint64_t now)
{
	struct store_txn txn;

	*replay = (struct replay){.pipeline = pipeline,
				  .spots = spots,
				  .state = state,
				  .now = now,
				  .human = UINT64_MAX};
	store_read(spots, &txn);
	replay->next = replay->first = first_within(&txn, now, horizon(replay) + 10 * NS_PER_SEC);
	store_end(&txn);
}

static bool show(uint64_t number, const struct spot *spot, void *arg)
{
	struct replay *replay = arg;

	replay->next = number + 1;
	replay->shown++;
	pipeline_replay(replay->pipeline, spot);
	return true;
}

static void show_log(struct replay *replay)
{
	uint64_t from = replay->next;
	struct store_txn txn;
	unsigned seen;

	store_read(replay->spots, &txn);
	seen = spots_each(&txn, from, REPLAY_SLICE, show, replay);
	if (replay->next < from + seen)
		replay->next = from + seen; /* past damaged ones */
	replay->in_log = store_end(&txn) != STORE_OK || seen < REPLAY_SLICE;
}

/* ---- what people typed before that ---- */

struct older {
	struct replay *replay;
	uint64_t store; /* identity of the one that all numbers are of */
	bool more;
};

static bool show_typed(uint64_t number, const struct human_origin *origin, const struct spot *spot,
		       void *arg)
{
	struct older *older = arg;
	struct replay *replay = older->replay;

	/* of another store it is of another boot, whose clock says nothing */
	older->more =
		origin->store == older->store &&
		clock_age(replay->now, spot->arrived) <= pipeline_horizon_typed(replay->pipeline);
	replay->human = number - 1;
	if (older->more && origin->number < replay->first) {
		replay->shown++;
		pipeline_replay_typed(replay->pipeline, spot);
	}
	return older->more;
}

static void show_older(struct replay *replay)
{
	struct older older = {.replay = replay, .store = store_id(replay->spots), .more = true};
	struct store_txn txn;
	unsigned seen;

	store_read(replay->state, &txn);
	seen = human_each_back(&txn, replay->human, REPLAY_SLICE, show_typed, &older);
	replay->over = store_end(&txn) != STORE_OK || !older.more || seen < REPLAY_SLICE ||
		       replay->human == 0;
}

bool replay_go_on(struct replay *replay)
{
	if (!replay->in_log)
		show_log(replay);
	else if (replay->state != NULL && !replay->over)
		show_older(replay);
	else
		replay->over = true;
	return replay->over;
}
