/* SPDX-License-Identifier: ISC
 *
 * NAME      again - was this spot typed before?
 * PURPOSE   Compares by the pipeline's rule. The long look is a read, so that the gate of the store is
 *           held only for what came in the meantime.
 * OWNER     dxc workers
 * CONTRACT  see again.h
 * LIMITS    see again.h
 */
#include "workers/dxc/again.h"

#include <string.h>

#include "shm/clock.h"
#include "shm/store/human.h"
#include "shm/store/inbox.h"
#include "shm/store/spots.h"

/* The minute is part of what makes two the same; others' clocks are a minute off at most. */
#define BACK   (150 * NS_PER_SEC)
#define LATELY (60 * NS_PER_SEC)

/* A time that is still to come is of before the clock was set back. */
static bool was_lately(uint64_t now, uint64_t then)
{
	return then < now + LATELY && clock_age(now, then) < LATELY;
}

static bool compare(struct again *again, const struct spot *spot)
{
	struct typed typed;

	if (!(spot->flags & SPOT_HUMAN))
		return false;
	typed_of(spot, &typed);
	/* whichever session he typed them in, and on whichever worker */
	if (spot->source == SPOT_LOCAL && strcmp(typed.de, again->typed.de) == 0 &&
	    was_lately(again->real, spot->arrived_real))
		again->lately++;
	again->found = memcmp(&typed, &again->typed, sizeof(typed)) == 0;
	return again->found;
}

static bool look_log(uint64_t number, const struct spot *spot, void *arg)
{
	struct again *again = arg;

	return number > again->copied && clock_age(again->now, spot->arrived) <= BACK &&
	       !compare(again, spot);
}

static bool look_human(uint64_t number, const struct human_origin *origin, const struct spot *spot,
		       void *arg)
{
	struct again *again = arg;

	(void)number;
	(void)origin;
	return clock_age(again->real, spot->arrived_real) <= BACK && !compare(again, spot);
}

static bool look_inbox(uint64_t session, uint64_t offset, const struct spot *spot, void *arg)
{
	(void)session;
	(void)offset;
	return !compare(arg, spot);
}

/* How far keeper came is read first: what it copies meanwhile is in both. */
static void look_durable(struct dxc *dxc, struct again *again)
{
	struct human_origin noted;
	struct store_txn txn;

	if (dxc->worker->state == NULL || store_read(dxc->worker->state, &txn) != STORE_OK)
		return;
	human_noted(&txn, &noted);
	if (noted.store == store_id(dxc->worker->spots))
		again->copied = noted.number;
	human_each_back(&txn, UINT64_MAX, AGAIN_HUMAN, look_human, again);
	store_end(&txn);
}

void again_look(struct dxc *dxc, const struct spot *spot, struct again *again_r)
{
	struct store_txn txn;

	*again_r = (struct again){
		.now = spot->arrived,
		.real = spot->arrived_real,
		.wanted = conf_number(dxc->worker->conf, CONF_SPOT_DEDUP_HUMAN) != 0,
	};
	if (!again_r->wanted)
		return;
	typed_of(spot, &again_r->typed);
	look_durable(dxc, again_r);
	if (again_r->found || store_read(dxc->worker->spots, &txn) != STORE_OK)
		return;
	again_r->newest = spots_newest(&txn);
	spots_each_back(&txn, UINT64_MAX, AGAIN_LOG, look_log, again_r);
	store_end(&txn);
}

bool again_is(struct store_txn *txn, struct again *again)
{
	if (!again->wanted || again->found)
		return again->found;
	again->copied = again->newest;
	spots_each_back(txn, UINT64_MAX, AGAIN_HUMAN, look_log, again);
	if (!again->found)
		inbox_each(txn, INBOX_MAX, look_inbox, again);
	return again->found;
}
