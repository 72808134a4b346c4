/* SPDX-License-Identifier: ISC
 *
 * NAME      dedup - the search for duplicates
 * PURPOSE   The same skimmer hears the same station again and again, the same words of a person
 *           come by many ways: users see them once in a while.
 * OWNER     spot
 * CONTRACT  see pipeline.h. Spots of machines and of people are never duplicates of each other. A
 *           mark is of the first report that was let through: who calls all day is announced anew
 *           whenever the window is over.
 * LIMITS    see pipeline.h
 */
#include <string.h>

#include "shm/band.h"
#include "shm/clock.h"
#include "workers/spot/pipeline.h"
#include "workers/typed.h"

/* Flags of a mark; its value is the report. */
#define MARK_REPORT 1
#define MARK_RAISED 2 /* its stronger duplicate was let through */

/* ---- machines ---- */

/* How near is the same frequency: of digital modes one skimmer reports the dial, another one dial
 * and tone. */
static uint64_t tolerance(unsigned mode)
{
	switch (mode_class(mode)) {
	case MODE_CLASS_DIGITAL:
		return 3000;
	case MODE_CLASS_VOICE:
		return 1000;
	default:
		return 300;
	}
}

/* Calls have 15 characters at most: the sixteenth byte of each is free. */
static void machine_key(const struct pipeline *pipeline, const struct spot *spot,
			struct window_key *key_r)
{
	memcpy(key_r->bytes, spot->de, CALL_TEXT_SIZE);
	memcpy(key_r->bytes + CALL_TEXT_SIZE, spot_heard_dx(spot), CALL_TEXT_SIZE);
	key_r->bytes[CALL_TEXT_SIZE - 1] = spot->band;
	key_r->bytes[2 * CALL_TEXT_SIZE - 1] = (uint8_t)mode_class(spot->mode);
	window_hash(&pipeline->machine, key_r);
}

uint32_t stage_machine_hash(const struct pipeline *pipeline, const struct spot *spot)
{
	struct window_key key;

	machine_key(pipeline, spot, &key);
	return key.hash;
}

static bool is_near(const struct window_mark *mark, const struct spot *spot)
{
	uint64_t hz = spot_heard_hz(spot);

	return (hz > mark->hz ? hz - mark->hz : mark->hz - hz) <= tolerance(spot->mode);
}

static bool is_recent(const struct window_mark *mark, const struct spot *spot, uint64_t window)
{
	return clock_age(spot->arrived, window_when(mark)) < window;
}

/* Is it worth a second line? */
static bool is_stronger(const struct window_mark *mark, const struct spot *spot)
{
	if (!(spot->flags & SPOT_HAS_REPORT) || (mark->flags & MARK_RAISED))
		return false;
	return !(mark->flags & MARK_REPORT) || spot->report - mark->value >= PIPELINE_RAISE;
}

static bool looks_at(const struct pipeline *pipeline, const struct spot *spot)
{
	return !(spot->flags & SPOT_HUMAN) && pipeline->rules.window != 0;
}

bool stage_machine(const struct pipeline *pipeline, struct spot *spot)
{
	const struct window_mark *mark;
	struct window_key key;

	if (!looks_at(pipeline, spot))
		return true;
	machine_key(pipeline, spot, &key);
	mark = window_find(&pipeline->machine, &key);
	for (; mark != NULL; mark = window_next(&pipeline->machine, mark))
		if (is_near(mark, spot) && is_recent(mark, spot, pipeline->rules.window) &&
		    !(pipeline->rules.stronger && is_stronger(mark, spot)))
			return false;
	return true;
}

void stage_machine_keep(struct pipeline *pipeline, const struct spot *spot)
{
	struct window_mark *mark, *next;
	bool marked = false;
	struct window_key key;

	if (!looks_at(pipeline, spot))
		return;
	machine_key(pipeline, spot, &key);
	window_expire(&pipeline->machine, spot->arrived, pipeline->rules.window);
	for (mark = window_find(&pipeline->machine, &key); mark != NULL; mark = next) {
		next = window_next(&pipeline->machine, mark);
		if (!is_near(mark, spot))
			continue;
		if (is_recent(mark, spot, pipeline->rules.window)) {
			mark->flags |= MARK_RAISED;
			marked = true;
		} else {
			window_remove(&pipeline->machine, mark);
		}
	}
	if (marked)
		return;
	mark = window_add(&pipeline->machine, &key, spot_heard_hz(spot), spot->arrived);
	if (spot->flags & SPOT_HAS_REPORT) {
		mark->flags = MARK_REPORT;
		mark->value = spot->report;
	}
}

/* ---- people ---- */

void stage_typed_key(const struct pipeline *pipeline, const struct spot *spot,
		     struct window_key *key_r)
{
	struct typed typed;

	typed_of(spot, &typed); /* hashed, for it is longer than a key */
	crypto_generichash(key_r->bytes, sizeof(key_r->bytes), (const uint8_t *)&typed,
			   sizeof(typed), NULL, 0);
	window_hash(&pipeline->typed, key_r);
}

static bool looks_at_typed(const struct pipeline *pipeline, const struct spot *spot)
{
	return (spot->flags & SPOT_HUMAN) && pipeline->rules.human_window != 0;
}

bool stage_typed(const struct pipeline *pipeline, struct spot *spot)
{
	const struct window_mark *mark;
	struct window_key key;

	if (!looks_at_typed(pipeline, spot))
		return true;
	stage_typed_key(pipeline, spot, &key);
	mark = window_find(&pipeline->typed, &key);
	return mark == NULL || !is_recent(mark, spot, pipeline->rules.human_window);
}

void stage_typed_keep(struct pipeline *pipeline, const struct spot *spot)
{
	struct window_mark *mark;
	struct window_key key;

	if (!looks_at_typed(pipeline, spot))
		return;
	stage_typed_key(pipeline, spot, &key);
	window_expire(&pipeline->typed, spot->arrived, pipeline->rules.human_window);
	mark = window_find(&pipeline->typed, &key);
	if (mark != NULL)
		window_touch(&pipeline->typed, mark, spot->arrived);
	else
		window_add(&pipeline->typed, &key, spot->hz, spot->arrived);
}
