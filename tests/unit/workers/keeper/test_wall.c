/* SPDX-License-Identifier: ISC
 *
 * NAME      test_wall - is the machine's clock to be believed?
 * PURPOSE   Jumps either way, their end, the day after which a clock is believed all the same, and what
 *           one run leaves for the next.
 * OWNER     make check
 * CONTRACT  a program of its own; a failure stops it
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workers/keeper/wall.h"

#define SEC   NS_PER_SEC
#define HOUR  (3600 * SEC)
#define DAY   (24 * HOUR)
#define YEARS (3652 * DAY)	 /* ten of them */
#define NOW   (1795339513 * SEC) /* in November 2026 */
#define BOOT  (1000 * SEC)

static struct wall wall;

static enum wall_news begin(uint64_t judged, uint64_t real, uint64_t left, uint64_t now)
{
	struct wall_note note = {judged, real, left};

	return wall_begin(&wall, &note, now, BOOT);
}

/* AFTER so long since BOOT the clock is as far AHEAD of the right one. */
static enum wall_news look(uint64_t after, int64_t ahead)
{
	return wall_look(&wall, NOW + after + (uint64_t)ahead, BOOT + after);
}

static uint64_t judged(uint64_t after, int64_t ahead)
{
	return wall_judged(&wall, NOW + after + (uint64_t)ahead, BOOT + after);
}

static void test_a_good_clock_is_believed(void **state)
{
	(void)state;
	assert_int_equal(begin(0, 0, 0, NOW), WALL_SAME);
	for (uint64_t day = 1; day <= 1000; day++)
		assert_int_equal(look(day * DAY, 0), WALL_SAME);
	/* set by less than an hour, and slowly by more */
	for (int64_t step = 1; step <= 100; step++)
		assert_int_equal(look(1001 * DAY, step * 3599 * (int64_t)SEC), WALL_SAME);
	assert_false(wall_doubts(&wall, NOW + 1001 * DAY + 100 * 3599 * SEC, BOOT + 1001 * DAY));
}

static void jumps(int64_t ahead)
{
	assert_int_equal(begin(0, 0, 0, NOW), WALL_SAME);
	assert_int_equal(look(SEC, 0), WALL_SAME);
	/* before it was looked at */
	assert_true(judged(2 * SEC, ahead) == NOW + 2 * SEC);
	assert_int_equal(look(2 * SEC, ahead), WALL_JUMPED);
	assert_int_equal(look(3 * SEC, ahead), WALL_SAME); /* said once */
	assert_true(judged(HOUR, ahead) == NOW + HOUR);
	assert_int_equal(look(2 * HOUR, ahead), WALL_SAME);
	assert_true(wall_doubts(&wall, NOW + 2 * HOUR + (uint64_t)ahead, BOOT + 2 * HOUR));
	assert_int_equal(look(3 * HOUR, 0), WALL_BACK);
	assert_true(judged(3 * HOUR, 0) == NOW + 3 * HOUR);
	assert_int_equal(look(4 * HOUR, 0), WALL_SAME);
}

static void test_jumps_either_way(void **state)
{
	(void)state;
	jumps((int64_t)YEARS);
	jumps(-(int64_t)YEARS);
	jumps((int64_t)(HOUR + SEC));
	jumps(-(int64_t)(HOUR + SEC));
	jumps(-(int64_t)NOW); /* to 1970 */
}

static void test_what_stays_for_a_day_is_believed(void **state)
{
	(void)state;
	begin(0, 0, 0, NOW);
	assert_int_equal(look(SEC, YEARS), WALL_JUMPED);
	assert_int_equal(look(DAY, YEARS), WALL_SAME);
	assert_int_equal(look(DAY + SEC, YEARS), WALL_BELIEVED);
	assert_true(judged(2 * DAY, YEARS) == NOW + 2 * DAY + YEARS);
	assert_int_equal(look(2 * DAY, YEARS), WALL_SAME);
	/* back: a jump again */
	assert_int_equal(look(2 * DAY + SEC, 0), WALL_JUMPED);
}

static void test_another_jump_begins_another_day(void **state)
{
	(void)state;
	begin(0, 0, 0, NOW);
	assert_int_equal(look(SEC, YEARS), WALL_JUMPED);
	assert_int_equal(look(20 * HOUR, -(int64_t)YEARS), WALL_JUMPED);
	assert_int_equal(look(25 * HOUR, -(int64_t)YEARS), WALL_SAME);
	assert_int_equal(look(44 * HOUR, -(int64_t)YEARS), WALL_BELIEVED);
}

static void test_between_two_runs(void **state)
{
	(void)state;
	assert_int_equal(begin(NOW - SEC, NOW - SEC, 0, NOW), WALL_SAME);
	assert_int_equal(begin(NOW - 29 * DAY, NOW - 29 * DAY, 0, NOW), WALL_SAME);
	assert_int_equal(begin(NOW - 31 * DAY, NOW - 31 * DAY, 0, NOW), WALL_JUMPED);
	assert_int_equal(begin(NOW, NOW, 0, NOW - 2 * HOUR), WALL_JUMPED);
	/* a board without a clock, and its time server a minute later */
	assert_int_equal(begin(NOW, NOW, 0, 10 * SEC), WALL_JUMPED);
	assert_true(wall_judged(&wall, 11 * SEC, BOOT + SEC) == NOW + SEC);
	assert_int_equal(wall_look(&wall, 30 * SEC, BOOT + 20 * SEC), WALL_SAME);
	assert_int_equal(wall_look(&wall, NOW + 300 * SEC, BOOT + 60 * SEC), WALL_BACK);
}

static void test_the_day_goes_on_in_the_next_run(void **state)
{
	struct wall_note note;

	(void)state;
	begin(0, 0, 0, NOW);
	look(SEC, YEARS);
	look(20 * HOUR, YEARS);
	wall_note_make(&wall, NOW + 20 * HOUR + YEARS, BOOT + 20 * HOUR, &note);
	assert_true(note.judged == NOW + 20 * HOUR);
	/* another boot */
	assert_int_equal(wall_begin(&wall, &note, note.real + HOUR, SEC), WALL_JUMPED);
	assert_true(wall.left < 5 * HOUR);
	assert_int_equal(wall_look(&wall, note.real + 6 * HOUR, 5 * HOUR), WALL_BELIEVED);
	/* but not of another wrong clock */
	assert_int_equal(wall_begin(&wall, &note, note.real - 2 * YEARS, SEC), WALL_JUMPED);
	assert_true(wall.left == WALL_DOUBT);
	/* and not when it is right again */
	assert_int_equal(wall_begin(&wall, &note, NOW + 21 * HOUR, SEC), WALL_SAME);
}

static void test_one_that_was_never_set_gives_way_at_once(void **state)
{
	(void)state;
	assert_int_equal(wall_begin(&wall, &(struct wall_note){0}, 10 * SEC, BOOT), WALL_SAME);
	assert_int_equal(wall_look(&wall, 11 * SEC, BOOT + SEC), WALL_SAME);
	assert_int_equal(wall_look(&wall, NOW, BOOT + 2 * SEC), WALL_BACK);
	assert_true(wall_judged(&wall, NOW + SEC, BOOT + 3 * SEC) == NOW + SEC);
	assert_int_equal(begin(10 * SEC, 10 * SEC, 0, NOW), WALL_SAME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_good_clock_is_believed),
		cmocka_unit_test(test_jumps_either_way),
		cmocka_unit_test(test_what_stays_for_a_day_is_believed),
		cmocka_unit_test(test_another_jump_begins_another_day),
		cmocka_unit_test(test_between_two_runs),
		cmocka_unit_test(test_the_day_goes_on_in_the_next_run),
		cmocka_unit_test(test_one_that_was_never_set_gives_way_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
