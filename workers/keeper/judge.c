/* SPDX-License-Identifier: ISC
 *
 * NAME      judge - the time by which keeper judges ages
 * PURPOSE   Looks at the machine's clock once a second, says when it has jumped (wall.h), and keeps in
 *           the durable store what the next keeper, of this run or the next, has to know of it.
 * OWNER     keeper
 * CONTRACT  while the clock is doubted nothing expires by its date but blocks, and these when their
 *           time has really passed
 * LIMITS    written every NOTE_EVERY, and at once after a jump
 */
#include <stdio.h>
#include <time.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "workers/keeper/keeper.h"

#define META_JUDGED "clock_judged"
#define META_REAL   "clock_real"
#define META_LEFT   "clock_left"
#define NOTE_EVERY  (600 * NS_PER_SEC)

/* Goes on while the machine sleeps, as the real clock does. */
static uint64_t clock_boot(void)
{
	return clock_read(CLOCK_BOOTTIME);
}

uint64_t judge_now(const struct keeper *keeper)
{
	return wall_judged(&keeper->wall, clock_real(), clock_boot());
}

bool judge_doubts(const struct keeper *keeper)
{
	return wall_doubts(&keeper->wall, clock_real(), clock_boot());
}

uint64_t judge_end(const struct keeper *keeper, uint64_t until, uint64_t until_real)
{
	uint64_t end;

	if (until == BLOCK_FOREVER || until_real == BLOCK_FOREVER)
		return until_real;
	end = judge_now(keeper) + clock_age(until, clock_mono());
	return clock_age(end, until_real) + clock_age(until_real, end) > WALL_JUMP ? end
										   : until_real;
}

static const char *date(uint64_t real, char text_r[32])
{
	time_t seconds = (time_t)(real / NS_PER_SEC);
	struct tm parts;

	if (gmtime_r(&seconds, &parts) == NULL ||
	    strftime(text_r, 32, "%Y-%m-%d %H:%M:%SZ", &parts) == 0)
		snprintf(text_r, 32, "no date");
	return text_r;
}

static void say(struct keeper *keeper, enum wall_news news, uint64_t real, uint64_t expected)
{
	char is[32], due[32];

	date(real, is);
	date(expected, due);
	switch (news) {
	case WALL_JUMPED:
		page_count(keeper->worker->page, COUNT_KEEPER_CLOCK_JUMPS);
		log_warning("the machine's clock has jumped to %s, it should be %s: nothing "
			    "expires by it until it is right, or has been so for 24 h",
			    is, due);
		break;
	case WALL_BACK:
		log_info("the machine's clock is right again: %s", is);
		break;
	case WALL_BELIEVED:
		log_warning("the machine's clock has not been set right for 24 h, "
			    "from now on it is believed: %s",
			    is);
		break;
	default:
		break;
	}
}

static void show(struct keeper *keeper)
{
	page_gauge(keeper->worker->page, GAUGE_CLOCK_DOUBTED,
		   (keeper->wall.left + NS_PER_SEC - 1) / NS_PER_SEC);
}

enum step judge_save(struct keeper *keeper)
{
	struct wall_note note;
	enum store_error error;
	struct store_txn txn;

	if (keeper->frozen != NULL)
		return STEP_DONE;
	if (store_write(keeper->worker->state, &txn) == STORE_BUSY)
		return STEP_BUSY;
	wall_note_make(&keeper->wall, clock_real(), clock_boot(), &note);
	store_meta_put(&txn, META_JUDGED, note.judged);
	store_meta_put(&txn, META_REAL, note.real);
	store_meta_put(&txn, META_LEFT, note.left);
	error = store_end(&txn);
	keeper_saved(keeper, error);
	keeper->next_note = clock_mono() + (error == STORE_OK ? NOTE_EVERY : NS_PER_SEC);
	return keeper_step(keeper, error, "noting the time");
}

enum store_error judge_start(struct keeper *keeper)
{
	uint64_t real = clock_real(), boot = clock_boot();
	struct wall_note note = {0};
	enum store_error error;
	struct store_txn txn;

	if (store_read(keeper->worker->state, &txn) == STORE_OK) {
		note.judged = store_meta_get(&txn, META_JUDGED);
		note.real = store_meta_get(&txn, META_REAL);
		note.left = store_meta_get(&txn, META_LEFT);
	}
	error = store_end(&txn);
	if (error != STORE_OK)
		return error;
	say(keeper, wall_begin(&keeper->wall, &note, real, boot), real, note.judged);
	show(keeper);
	return STORE_OK;
}

enum step judge_round(struct keeper *keeper, uint64_t now)
{
	uint64_t real = clock_real(), boot = clock_boot();
	uint64_t expected = wall_expected(&keeper->wall, boot);
	enum wall_news news;

	if (keeper->frozen != NULL)
		return STEP_DONE;
	news = wall_look(&keeper->wall, real, boot);
	show(keeper);
	say(keeper, news, real, expected);
	if (news == WALL_BACK || news == WALL_BELIEVED)
		keeper->redate = true;
	if (news != WALL_SAME)
		keeper->next_note = 0;
	return now < keeper->next_note ? STEP_DONE : judge_save(keeper);
}
