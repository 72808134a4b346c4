/* SPDX-License-Identifier: ISC
 *
 * NAME      search - spots of the past, a slice at a time
 * PURPOSE   See workers/dxc/search.h.
 * OWNER     dxc workers
 * CONTRACT  see workers/dxc/search.h
 * LIMITS    LOOKS_A_GLANCE spots between two looks at the clock, RECORDS_A_WALK in one walk
 */
#include "workers/dxc/search.h"

#include <string.h>

#include "shm/clock.h"
#include "shm/store/human.h"
#include "shm/store/spots.h"
#include "workers/render.h"

#define LOOKS_A_GLANCE 64
#define RECORDS_A_WALK 1024
#define SECONDS_A_DAY  86400

enum shdx_log { LOG_SPOTS, LOG_HUMAN };

struct walk {
	const struct search *search;
	struct shdx_place *place;
	struct search_slice *slice;
	bool paused; /* goes on with the same spot */
	bool ended;  /* the answer is whole */
};

enum search_result search_begin(const struct search *search, struct shdx_place *place_r)
{
	struct store_txn txn;

	memset(place_r, 0, sizeof(*place_r));
	place_r->store = store_id(search->spots);
	place_r->skip = search->query->first - 1U;
	place_r->rows = (uint16_t)(search->query->last - search->query->first + 1);
	place_r->today = (uint32_t)(clock_real() / NS_PER_SEC / SECONDS_A_DAY);
	place_r->log = LOG_SPOTS;
	store_read(search->spots, &txn);
	place_r->next = spots_newest(&txn);
	return store_end(&txn) == STORE_OK ? SEARCH_MORE : SEARCH_LOST;
}

/* False: no room for it. */
static bool put_row(const struct walk *walk, uint64_t number, const struct spot *spot)
{
	const struct search *search = walk->search;
	struct search_slice *slice = walk->slice;
	char line[RENDER_MAX];
	size_t length = search->query->live
				? render_spot(search->format, number, spot, false, line)
				: render_history(search->format, number, spot, search->width, line);

	if (slice->length + length > slice->room)
		return false;
	memcpy(slice->rows + slice->length, line, length);
	slice->length += length;
	return true;
}

static bool is_wanted(const struct search *search, const struct shdx_place *place,
		      const struct spot *spot)
{
	return query_match(search->query, spot, place->today) &&
	       (!search->query->filter || filter_passes(search->own, spot));
}

/* NUMBER is the spot's in the log of spots, whichever log it was read of. False: no further. */
static bool look(struct walk *walk, uint64_t number, const struct spot *spot)
{
	struct shdx_place *place = walk->place;

	if (++walk->slice->looked % LOOKS_A_GLANCE == 0 && clock_mono() >= walk->slice->until) {
		walk->paused = true;
		return false;
	}
	if (query_is_past(walk->search->query, spot, place->today)) {
		walk->ended = true;
		return false;
	}
	if (!is_wanted(walk->search, place, spot))
		return true;
	place->found = 1;
	if (place->skip > 0) {
		place->skip--;
		return true;
	}
	if (!put_row(walk, number, spot)) {
		walk->paused = true;
		return false;
	}
	walk->ended = --place->rows == 0;
	return !walk->ended;
}

/* What comes after the walk begins one below, unless this very spot is to be looked at again. */
static bool step(struct walk *walk, uint64_t at, bool goes_on)
{
	walk->place->next = walk->paused ? at : at - 1;
	return goes_on;
}

static bool look_at_spot(uint64_t number, const struct spot *spot, void *arg)
{
	return step(arg, number, look(arg, number, spot));
}

static bool look_at_human(uint64_t number, const struct human_origin *origin,
			  const struct spot *spot, void *arg)
{
	struct walk *walk = arg;

	/* it was in the log of spots, and was looked at there */
	if (origin->store == walk->place->store && origin->number >= walk->place->edge)
		return step(walk, number, true);
	return step(walk, number, look(walk, origin->number, spot));
}

/* Walks over part of a log. False: there is nothing left of it. */
static bool walk_on(struct walk *walk, struct store_txn *txn)
{
	struct shdx_place *place = walk->place;
	uint64_t from = place->next;
	unsigned seen;

	if (from == 0)
		return false;
	if (place->log == LOG_SPOTS)
		seen = spots_each_back(txn, from, RECORDS_A_WALK, look_at_spot, walk);
	else
		seen = human_each_back(txn, from, RECORDS_A_WALK, look_at_human, walk);
	if (walk->paused || walk->ended)
		return true;
	if (seen < RECORDS_A_WALK)
		return false;
	/* records that were damaged are not shown to us */
	if (place->next > from - seen)
		place->next = from - seen;
	return true;
}

/* Walks over the log that is the place's, until something says stop. */
static bool search_log(struct walk *walk, struct store *store)
{
	struct store_txn txn;
	bool more = true;

	store_read(store, &txn);
	while (more && !walk->paused && !walk->ended) {
		more = walk_on(walk, &txn);
		if (more && clock_mono() >= walk->slice->until)
			walk->paused = true;
	}
	if (store_end(&txn) != STORE_OK)
		return false;
	return true;
}

/* The log of spots is done with: on to what people typed before it. */
static bool turn_to_human(const struct search *search, struct shdx_place *place)
{
	struct store_txn txn;

	store_read(search->state, &txn);
	place->edge = place->next + 1;
	place->next = human_newest(&txn);
	place->log = LOG_HUMAN;
	return store_end(&txn) == STORE_OK;
}

enum search_result search_slice(const struct search *search, struct shdx_place *place,
				struct search_slice *slice)
{
	struct walk walk = {.search = search, .place = place, .slice = slice};

	slice->length = 0;
	slice->looked = 0;
	if (place->store != store_id(search->spots) || place->rows == 0)
		return SEARCH_LOST;
	if (place->log == LOG_SPOTS) {
		if (!search_log(&walk, search->spots))
			return SEARCH_LOST;
		if (walk.ended)
			return SEARCH_DONE;
		if (walk.paused)
			return SEARCH_MORE;
		if (search->state == NULL)
			return SEARCH_DONE;
		if (!turn_to_human(search, place))
			return SEARCH_LOST;
	}
	if (search->state == NULL || !search_log(&walk, search->state))
		return SEARCH_LOST;
	return walk.paused && !walk.ended ? SEARCH_MORE : SEARCH_DONE;
}
