/* SPDX-License-Identifier: ISC
 *
 * NAME      stages - the stages that need little
 * PURPOSE   The mode that others reported, the flags of beacons, the gate for what is too old.
 * OWNER     spot
 * CONTRACT  see pipeline.h
 * LIMITS    see pipeline.h
 */
#include <string.h>

#include "shm/clock.h"
#include "workers/spot/pipeline.h"

#define MODE_HZ	      500 /* so near is the same signal */
#define FUTURE_S      60  /* seconds that a spot's time may lie ahead */
#define CLOCK_JUMP_NS ((int64_t)(60 * NS_PER_SEC))

/* ---- mode: who reports none is believed what others say of the same signal ---- */

static void mode_key(const struct pipeline *pipeline, const struct spot *spot,
		     struct window_key *key_r)
{
	memset(key_r->bytes, 0, sizeof(key_r->bytes));
	memcpy(key_r->bytes, spot_heard_dx(spot), CALL_TEXT_SIZE);
	window_hash(&pipeline->modes, key_r);
}

uint32_t stage_mode_hash(const struct pipeline *pipeline, const struct spot *spot)
{
	struct window_key key;

	mode_key(pipeline, spot, &key);
	return key.hash;
}

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* The newest mark of that station within MODE_HZ. */
static struct window_mark *mode_find(const struct pipeline *pipeline, const struct spot *spot,
				     const struct window_key *key)
{
	struct window_mark *mark = window_find(&pipeline->modes, key);

	while (mark != NULL && apart(mark->hz, spot_heard_hz(spot)) > MODE_HZ)
		mark = window_next(&pipeline->modes, mark);
	return mark;
}

bool stage_mode(const struct pipeline *pipeline, struct spot *spot)
{
	const struct window_mark *mark;
	struct window_key key;

	if (!(spot->flags & SPOT_MODE_INFERRED))
		return true;
	mode_key(pipeline, spot, &key);
	mark = mode_find(pipeline, spot, &key);
	if (mark != NULL && clock_age(spot->arrived, window_when(mark)) < PIPELINE_MODE_NS)
		spot->mode = (uint8_t)mark->value;
	return true;
}

void stage_mode_keep(struct pipeline *pipeline, const struct spot *spot)
{
	struct window_mark *mark;
	struct window_key key;

	if ((spot->flags & SPOT_MODE_INFERRED) || spot->mode == 0)
		return;
	mode_key(pipeline, spot, &key);
	window_expire(&pipeline->modes, spot->arrived, PIPELINE_MODE_NS);
	mark = mode_find(pipeline, spot, &key);
	if (mark != NULL)
		window_touch(&pipeline->modes, mark, spot->arrived);
	else
		mark = window_add(&pipeline->modes, &key, spot_heard_hz(spot), spot->arrived);
	mark->hz = spot_heard_hz(spot);
	mark->value = spot->mode;
}

/* ---- flags ---- */

bool stage_flags(const struct pipeline *pipeline, struct spot *spot)
{
	(void)pipeline;
	spot->flags &= (uint8_t) ~(SPOT_BEACON | SPOT_SELF);
	if (spot_says_beacon(spot))
		spot->flags |= SPOT_BEACON;
	if (spot_says_self(spot))
		spot->flags |= SPOT_SELF;
	return true;
}

/* ---- age ---- */

/* Neither too old nor of the future, at NOW (nanoseconds since the epoch)? */
static bool is_fresh(const struct spot *spot, int64_t now, uint64_t most)
{
	int64_t age = now / (int64_t)NS_PER_SEC - spot->time;

	return age <= (int64_t)(most / NS_PER_SEC) && age >= -FUTURE_S;
}

/* When the machine's clock jumps, the spots of all feeds seem old or of the future at once. So one
 * is too old only when it is by the clock as it is, and was before the jump. */
static bool was_fresh(const struct pipeline *pipeline, const struct spot *spot, uint64_t most)
{
	int64_t mono = (int64_t)spot->arrived;

	return (pipeline->offset_known && is_fresh(spot, mono + pipeline->offset, most)) ||
	       (pipeline->jumped && is_fresh(spot, mono + pipeline->offset_before, most));
}

bool stage_age(const struct pipeline *pipeline, struct spot *spot)
{
	uint64_t most =
		spot->flags & SPOT_HUMAN ? pipeline->rules.max_age_human : pipeline->rules.max_age;
	int64_t now = (int64_t)spot->arrived_real;

	if (spot->time > now / (int64_t)NS_PER_SEC + FUTURE_S)
		spot->time = now / (int64_t)NS_PER_SEC;
	return (spot->flags & SPOT_BEACON) || is_fresh(spot, now, most) ||
	       was_fresh(pipeline, spot, most);
}

void stage_age_keep(struct pipeline *pipeline, const struct spot *spot)
{
	int64_t offset = (int64_t)(spot->arrived_real - spot->arrived);
	int64_t moved = offset - pipeline->offset;

	if (pipeline->offset_known && (moved > CLOCK_JUMP_NS || moved < -CLOCK_JUMP_NS)) {
		pipeline->offset_before = pipeline->offset;
		pipeline->jumped = true;
	}
	pipeline->offset = offset;
	pipeline->offset_known = true;
}
