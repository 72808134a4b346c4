/* SPDX-License-Identifier: ISC
 *
 * NAME      wall - is the machine's clock to be believed?
 * PURPOSE   See wall.h.
 * OWNER     keeper
 * CONTRACT  see wall.h
 * LIMITS    see wall.h
 */
#include "workers/keeper/wall.h"

static void believe(struct wall *wall, uint64_t real, uint64_t boot)
{
	wall->real = real;
	wall->boot = boot;
	wall->left = 0;
}

static bool is_near(uint64_t real, uint64_t other, uint64_t behind, uint64_t ahead)
{
	return real >= other ? real - other <= ahead : other - real <= behind;
}

/* One that was never set has nothing to say against one that is. */
static bool agrees(uint64_t expected, uint64_t real, uint64_t ahead)
{
	return is_near(real, expected, WALL_JUMP, ahead) ||
	       (expected < WALL_PAST && real >= WALL_PAST);
}

bool wall_doubts(const struct wall *wall, uint64_t real, uint64_t boot)
{
	return wall->left > 0 || !agrees(wall_expected(wall, boot), real, WALL_JUMP);
}

uint64_t wall_judged(const struct wall *wall, uint64_t real, uint64_t boot)
{
	return wall_doubts(wall, real, boot) ? wall_expected(wall, boot) : real;
}

enum wall_news wall_begin(struct wall *wall_r, const struct wall_note *note, uint64_t real,
			  uint64_t boot)
{
	*wall_r = (struct wall){.looked = boot, .offset = (int64_t)(real - boot)};
	believe(wall_r, real, boot);
	/* the machine may have been off for a while */
	if (note->judged == 0 || agrees(note->judged, real, WALL_AWAY))
		return WALL_SAME;
	wall_r->real = note->judged;
	/* the clock that was doubted already */
	wall_r->left = note->left > 0 && is_near(real, note->real, WALL_JUMP, WALL_AWAY)
			       ? note->left
			       : WALL_DOUBT;
	return WALL_JUMPED;
}

enum wall_news wall_look(struct wall *wall, uint64_t real, uint64_t boot)
{
	uint64_t passed = clock_age(boot, wall->looked);
	int64_t offset = (int64_t)(real - boot), moved = offset - wall->offset;
	bool jumped = moved > (int64_t)WALL_JUMP || moved < -(int64_t)WALL_JUMP;
	bool doubted = wall->left > 0, right = agrees(wall_expected(wall, boot), real, WALL_JUMP);

	wall->looked = boot;
	wall->offset = offset;
	if (right) {
		believe(wall, real, boot);
		return doubted || jumped ? WALL_BACK : WALL_SAME;
	}
	if (!doubted || jumped) {
		wall->left = WALL_DOUBT;
		return WALL_JUMPED;
	}
	if (wall->left <= passed) {
		believe(wall, real, boot);
		return WALL_BELIEVED;
	}
	wall->left -= passed;
	return WALL_SAME;
}

void wall_note_make(const struct wall *wall, uint64_t real, uint64_t boot, struct wall_note *note_r)
{
	*note_r = (struct wall_note){wall_judged(wall, real, boot), real, wall->left};
}
