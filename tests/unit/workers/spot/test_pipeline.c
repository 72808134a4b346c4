/* SPDX-License-Identifier: ISC
 *
 * NAME      test_pipeline - what becomes of a spot
 * PURPOSE   Duplicates of machines and of people, the age gate, flags and modes, by the tables of the
 *           specification; and that a replay makes the same pipeline again.
 * OWNER     tests
 * CONTRACT  deterministic
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shm/band.h"
#include "shm/clock.h"
#include "workers/spot/pipeline.h"

#define NOON  INT64_C(1763812800) /* 2025-11-22 12:00 UTC */
#define START (1000 * NS_PER_SEC) /* clock_mono at NOON */

static struct pipeline pipeline;

static const struct pipeline_rules usual = {
	.max_age = 300 * NS_PER_SEC,
	.max_age_human = 3600 * NS_PER_SEC,
	.window = 120 * NS_PER_SEC,
	.human_window = 3600 * NS_PER_SEC,
	.stronger = true,
};

static int setup(void **state)
{
	(void)state;
	return !pipeline_init(&pipeline, &usual, 1000);
}

static int teardown(void **state)
{
	(void)state;
	pipeline_free(&pipeline);
	return 0;
}

/* A report of a skimmer that arrives AFTER seconds after noon, in its own minute. */
static struct spot heard(const char *de, const char *dx, double khz, double after)
{
	struct spot spot = {.version = SPOT_VERSION, .source = SPOT_RBN, .mode = MODE_CW};

	spot.hz = spot.raw_hz = (uint64_t)(khz * 1000 + 0.5);
	spot.band = (uint8_t)band_of(spot.hz);
	spot.arrived = START + (uint64_t)(after * 1e9);
	spot.arrived_real = (uint64_t)NOON * NS_PER_SEC + (uint64_t)(after * 1e9);
	spot.time = (NOON + (int64_t)after) / 60 * 60;
	snprintf(spot.de, sizeof(spot.de), "%s", de);
	snprintf(spot.dx, sizeof(spot.dx), "%s", dx);
	snprintf(spot.dx_raw, sizeof(spot.dx_raw), "%s", dx);
	return spot;
}

static struct spot with_report(struct spot spot, int report)
{
	spot.report = (int16_t)report;
	spot.flags |= SPOT_HAS_REPORT;
	return spot;
}

static struct spot typed(const char *de, const char *dx, double khz, double after,
			 const char *comment)
{
	struct spot spot = heard(de, dx, khz, after);

	spot.source = SPOT_UPSTREAM;
	spot.flags = SPOT_HUMAN;
	spot_set_comment(&spot, comment, strlen(comment));
	return spot;
}

static bool passes(struct spot spot)
{
	return pipeline_run(&pipeline, &spot) == NULL;
}

static bool is_stale(struct spot spot)
{
	const struct stage *stage = pipeline_run(&pipeline, &spot);

	return stage != NULL && stage->dropped == COUNT_SPOT_DROP_STALE;
}

/* ---- D1 to D9 ---- */

static void test_d1_to_d3(void **state)
{
	(void)state;
	assert_true(passes(with_report(heard("K3LR-#", "LZ5VV", 14025.3, 0), 15)));
	assert_false(passes(with_report(heard("K3LR-#", "LZ5VV", 14025.3, 1), 10))); /* D1 */
	assert_false(passes(with_report(heard("K3LR-#", "LZ5VV", 14025.3, 2), 19))); /* D2: 4 dB */
	assert_false(passes(with_report(heard("K3LR-#", "LZ5VV", 14025.3, 2), 20))); /* 5 dB */
	assert_true(passes(with_report(heard("K3LR-#", "LZ5VV", 14025.3, 3), 22)));  /* D3: 7 dB */
	/* once a window */
	assert_false(passes(with_report(heard("K3LR-#", "LZ5VV", 14025.3, 4), 40)));
}

static void test_six_db_is_enough(void **state)
{
	(void)state;
	assert_true(passes(with_report(heard("K3LR-#", "LZ5VV", 14025.3, 0), -15)));
	assert_true(passes(with_report(heard("K3LR-#", "LZ5VV", 14025.3, 3), -9)));
}

static void test_d4_a_report_where_there_was_none(void **state)
{
	(void)state;
	assert_true(passes(heard("K3LR-#", "LZ5VV", 14025.3, 0)));
	assert_false(passes(heard("K3LR-#", "LZ5VV", 14025.3, 1)));
	assert_true(passes(with_report(heard("K3LR-#", "LZ5VV", 14025.3, 2), 0)));
	assert_false(passes(with_report(heard("K3LR-#", "LZ5VV", 14025.3, 3), 50)));
}

static void test_stronger_is_a_choice(void **state)
{
	(void)state;
	pipeline.rules.stronger = false;
	assert_true(passes(with_report(heard("K3LR-#", "LZ5VV", 14025.3, 0), 15)));
	assert_false(passes(with_report(heard("K3LR-#", "LZ5VV", 14025.3, 3), 50)));
}

static void test_d5_d8_the_window_counts_from_the_first(void **state)
{
	(void)state;
	assert_true(passes(heard("K3LR-#", "LZ5VV", 14025.3, 0)));
	assert_false(passes(heard("K3LR-#", "LZ5VV", 14025.3, 61))); /* D5 */
	assert_false(passes(heard("K3LR-#", "LZ5VV", 14025.3, 119.999)));
	assert_true(passes(heard("K3LR-#", "LZ5VV", 14025.3, 120))); /* D8 */
	assert_false(passes(heard("K3LR-#", "LZ5VV", 14025.3, 121)));
	assert_true(passes(heard("K3LR-#", "LZ5VV", 14025.3, 240)));
}

static void test_who_calls_all_day_is_announced_each_window(void **state)
{
	unsigned passed = 0;

	(void)state;
	for (unsigned second = 0; second < 3600; second += 10)
		passed += passes(heard("K3LR-#", "LZ5VV", 14025.3, second));
	assert_int_equal(passed, 30);
}

static void test_d6_d7_frequency(void **state)
{
	(void)state;
	assert_true(passes(heard("K3LR-#", "LZ5VV", 7011.9, 0)));
	assert_false(passes(heard("K3LR-#", "LZ5VV", 7012.0, 1))); /* D6 */
	assert_true(passes(heard("K3LR-#", "RW1M", 7011.0, 0)));
	assert_true(passes(heard("K3LR-#", "RW1M", 7011.9, 1))); /* D7 */
	assert_false(passes(heard("K3LR-#", "RW1M", 7011.3, 2)));
	assert_true(passes(heard("K3LR-#", "RW1M", 7011.5, 2))); /* 400 and 500 Hz away */
}

static void test_d9_another_skimmer(void **state)
{
	(void)state;
	assert_true(passes(heard("K3LR-#", "LZ5VV", 14025.3, 0)));
	assert_true(passes(heard("W3LPL-#", "LZ5VV", 14025.3, 0)));
	assert_true(passes(heard("K3LR-1-#", "LZ5VV", 14025.3, 0))); /* another receiver of his */
	assert_true(passes(heard("K3LR-#", "LZ5VW", 14025.3, 0)));
	assert_true(passes(heard("K3LR-#", "LZ5VV", 7025.3, 0)));
}

static struct spot in_mode(struct spot spot, unsigned mode)
{
	spot.mode = (uint8_t)mode;
	return spot;
}

static void test_kinds_of_mode(void **state)
{
	(void)state;
	assert_true(passes(in_mode(heard("K3LR-#", "LZ5VV", 14074.0, 0), MODE_FT8)));
	assert_false(passes(in_mode(heard("K3LR-#", "LZ5VV", 14076.9, 1), MODE_FT8)));
	assert_false(passes(in_mode(heard("K3LR-#", "LZ5VV", 14077.0, 1), MODE_FT4)));
	assert_true(passes(in_mode(heard("K3LR-#", "LZ5VV", 14077.1, 1), MODE_FT8)));
	assert_true(passes(in_mode(heard("K3LR-#", "LZ5VV", 14074.0, 1), MODE_CW)));
	assert_false(passes(in_mode(heard("K3LR-#", "LZ5VV", 14074.3, 1), MODE_RTTY)));
	assert_true(passes(in_mode(heard("K3LR-#", "LZ5VV", 14200.0, 0), MODE_USB)));
	assert_false(passes(in_mode(heard("K3LR-#", "LZ5VV", 14201.0, 0), MODE_USB)));
	assert_true(passes(in_mode(heard("K3LR-#", "LZ5VV", 14201.1, 0), MODE_USB)));
}

static void test_window_of_zero(void **state)
{
	(void)state;
	pipeline.rules.window = 0;
	pipeline.rules.human_window = 0;
	for (unsigned i = 0; i < 10; i++) {
		assert_true(passes(heard("K3LR-#", "LZ5VV", 14025.3, 0)));
		assert_true(passes(typed("K3LR", "LZ5VV", 14025.3, 0, "loud")));
	}
	assert_int_equal(pipeline.machine.used + pipeline.typed.used, 0);
}

static void test_arrivals_out_of_order(void **state)
{
	(void)state;
	assert_true(passes(heard("K3LR-#", "LZ5VV", 14025.3, 10)));
	assert_false(passes(heard("K3LR-#", "LZ5VV", 14025.3, 9)));
	assert_true(passes(heard("K3LR-#", "LZ5VV", 14025.3, 130)));
}

static void test_bound_of_the_window(void **state)
{
	char dx[CALL_TEXT_SIZE];

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(dx, sizeof(dx), "K%uABC", i);
		assert_true(passes(heard("K3LR-#", dx, 14025.3, 0)));
	}
	assert_int_equal(pipeline.machine.used, 1000);
	assert_int_equal(pipeline.machine.made_room, 4000);
	assert_false(passes(heard("K3LR-#", "K4999ABC", 14025.3, 1)));
	assert_false(passes(heard("K3LR-#", "K4000ABC", 14025.3, 1)));
	assert_true(passes(heard("K3LR-#", "K3999ABC", 14025.3, 1)));
}

/* ---- people ---- */

static void test_people(void **state)
{
	(void)state;
	assert_true(passes(typed("W1AW", "P5RS7", 14024.0, 0, "up 5, QSX-list")));
	assert_false(passes(typed("W1AW", "P5RS7", 14024.9, 5, "UP5 qsx list")));
	assert_false(passes(typed("W1AW-2", "P5RS7", 14024.0, 5, "up 5 qsx list")));
	assert_true(passes(typed("W1AX", "P5RS7", 14024.0, 5, "up 5 qsx list")));
	assert_true(passes(typed("W1AW", "P5RS8", 14024.0, 5, "up 5 qsx list")));
	assert_true(passes(typed("W1AW", "P5RS7", 14025.0, 5, "up 5 qsx list")));
	assert_true(passes(typed("W1AW", "P5RS7", 14024.0, 65, "up 5 qsx list")));
	assert_true(passes(typed("W1AW", "P5RS7", 14024.0, 5, "up 6 qsx list")));
}

static void test_comments_are_compared_up_to_twenty_letters(void **state)
{
	(void)state;
	assert_true(passes(typed("W1AW", "P5RS7", 14024.0, 0, "abcdefghij 0123456789 and more")));
	assert_false(passes(typed("W1AW", "P5RS7", 14024.0, 0, "ABCDEFGHIJ-0123456789")));
	assert_true(passes(typed("W1AW", "P5RS7", 14024.0, 0, "abcdefghij 012345678")));
}

static void test_people_have_an_hour(void **state)
{
	struct spot spot = typed("W1AW", "P5RS7", 14024.0, 0, "loud");
	struct spot later = typed("W1AW", "P5RS7", 14024.0, 3599, "loud");

	(void)state;
	later.time = spot.time; /* held up somewhere for so long */
	assert_true(passes(spot));
	assert_false(passes(later));
	later.arrived += NS_PER_SEC;
	assert_true(passes(later));
}

static void test_people_and_machines_are_apart(void **state)
{
	(void)state;
	assert_true(passes(heard("W1AW", "P5RS7", 14024.0, 0)));
	assert_true(passes(typed("W1AW", "P5RS7", 14024.0, 0, "")));
	assert_false(passes(heard("W1AW", "P5RS7", 14024.0, 1)));
	assert_false(passes(typed("W1AW", "P5RS7", 14024.0, 1, "")));
}

/* ---- age ---- */

static struct spot of_noon(double after, const char *comment)
{
	struct spot spot = heard("K3LR-#", "LZ5VV", 14025.3, after);

	spot.time = NOON;
	spot_set_comment(&spot, comment, strlen(comment));
	return spot;
}

static void test_age_gate(void **state)
{
	(void)state;
	assert_false(is_stale(of_noon(300, "")));
	assert_true(is_stale(of_noon(301, "")));
	assert_false(is_stale(of_noon(1200, "NCDXF B")));
	assert_false(is_stale(of_noon(1200, "beacon")));
	assert_true(is_stale(of_noon(1200, "CQ")));
}

static void test_age_of_people(void **state)
{
	struct spot spot = typed("W1AW", "P5RS7", 14024.0, 3600, "");

	(void)state;
	spot.time = NOON;
	assert_false(is_stale(spot));
	spot.arrived_real += NS_PER_SEC;
	spot.arrived += NS_PER_SEC;
	assert_true(is_stale(spot));
}

static void test_the_future_is_now(void **state)
{
	struct spot spot = of_noon(0, "");

	(void)state;
	spot.time = NOON + 60;
	assert_null(pipeline_run(&pipeline, &spot));
	assert_int_equal(spot.time, NOON + 60);
	spot = of_noon(150, "");
	spot.time = NOON + 150 + 61;
	assert_null(pipeline_run(&pipeline, &spot));
	assert_int_equal(spot.time, NOON + 150);
}

/* One that is stale leaves nothing behind: the next one is no duplicate of it. */
static void test_stale_is_forgotten(void **state)
{
	(void)state;
	assert_true(is_stale(of_noon(301, "")));
	assert_true(passes(heard("K3LR-#", "LZ5VV", 14025.3, 302)));
}

/* What the feeds send goes on as before; only the machine's clock says something else. */
static struct spot after_jump(double after, int64_t jump, bool date_follows)
{
	struct spot spot = heard("K3LR-#", "LZ5VV", 14025.3, after);

	spot.arrived_real += (uint64_t)(jump * (int64_t)NS_PER_SEC);
	if (date_follows) /* the date is chosen by the clock */
		spot.time += jump;
	return spot;
}

static void test_clock_jumps(void **state)
{
	static const int64_t jumps[] = {3600, -3600, 7200, 600, -600, 86400, -86400, 43000};
	const int64_t day = 86400;

	(void)state;
	for (unsigned i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		teardown(NULL);
		setup(NULL);
		assert_true(passes(after_jump(0, 0, false)));
		assert_false(passes(after_jump(60, jumps[i], jumps[i] % day == 0)));
		assert_true(passes(after_jump(120, jumps[i], jumps[i] % day == 0)));
		assert_false(passes(after_jump(180, jumps[i], jumps[i] % day == 0)));
		assert_true(passes(after_jump(300, 0, false))); /* and back */
		assert_false(passes(after_jump(310, 0, false)));
		assert_true(is_stale(of_noon(1000, "")));
	}
}

/* ---- flags and modes ---- */

static unsigned flags_of(struct spot spot)
{
	assert_null(pipeline_run(&pipeline, &spot));
	return spot.flags;
}

static void test_flags(void **state)
{
	(void)state;
	assert_int_equal(flags_of(heard("K9LC-#", "VA3XCD/B", 28169.9, 0)), SPOT_BEACON);
	assert_int_equal(flags_of(typed("W1AW", "CS3B", 14100, 0, "ncdxf b")),
			 SPOT_BEACON | SPOT_HUMAN);
	assert_int_equal(flags_of(typed("W1AW", "W1XX", 14100, 0, "a Beacon!")),
			 SPOT_BEACON | SPOT_HUMAN);
	assert_int_equal(flags_of(typed("W1AW", "W1YY", 14100, 0, "beaco ncdx")), SPOT_HUMAN);
	assert_int_equal(flags_of(heard("K9LC-#", "B/W1XX", 28169.9, 0)), 0);
	assert_int_equal(flags_of(heard("K3LR-2-#", "K3LR/P", 28169.9, 0)), SPOT_SELF);
}

static unsigned mode_of(struct spot spot)
{
	assert_null(pipeline_run(&pipeline, &spot));
	return spot.mode;
}

static struct spot guessed(const char *dx, double khz, double after)
{
	struct spot spot = typed("W1AW", dx, khz, after, "");

	spot.flags |= SPOT_MODE_INFERRED;
	return spot;
}

static void test_mode_of_others(void **state)
{
	(void)state;
	pipeline.rules.human_window = 0;
	assert_int_equal(mode_of(guessed("LZ5VV", 14082.0, 0)), MODE_CW);
	assert_int_equal(mode_of(in_mode(heard("K3LR-#", "LZ5VV", 14082.0, 1), MODE_RTTY)),
			 MODE_RTTY);
	assert_int_equal(mode_of(guessed("LZ5VV", 14082.5, 65)), MODE_RTTY);
	assert_int_equal(mode_of(guessed("LZ5VV", 14082.6, 66)), MODE_CW);
	assert_int_equal(mode_of(guessed("LZ5VX", 14082.0, 67)), MODE_CW);
	assert_int_equal(mode_of(guessed("LZ5VV", 14081.5, 300)), MODE_RTTY);
	assert_int_equal(mode_of(guessed("LZ5VV", 14081.7, 301)), MODE_CW);
	/* what was guessed teaches nobody; what was said last counts */
	assert_int_equal(mode_of(in_mode(heard("K3LR-#", "LZ5VV", 14082.0, 400), MODE_PSK)),
			 MODE_PSK);
	assert_int_equal(mode_of(guessed("LZ5VV", 14082.0, 401)), MODE_PSK);
}

/* ---- replay ---- */

static struct spot random_spot(uint32_t *seed, unsigned number)
{
	char de[CALL_TEXT_SIZE], dx[CALL_TEXT_SIZE];
	struct spot spot;
	uint32_t r;

	*seed = *seed * 1664525u + 1013904223u;
	r = *seed >> 4;
	snprintf(de, sizeof(de), "K%uLR-#", r % 5);
	snprintf(dx, sizeof(dx), "LZ%uVV", r / 8 % 7);
	if (r % 11 == 0)
		spot = typed(de, dx, 14020 + r / 64 % 3, number * 0.5, "hello");
	else
		spot = heard(de, dx, 14020 + r / 64 % 12 * 0.1, number * 0.5);
	if (r % 13 == 0)
		spot.flags |= SPOT_MODE_INFERRED;
	else if (r % 7 == 0)
		spot.mode = MODE_FT8;
	return r % 3 ? with_report(spot, (int)(r / 1024 % 30)) : spot;
}

/* Kills at every few spots: the successor, which saw what was kept alone, decides all the same. */
static void test_replay_makes_the_same_pipeline(void **state)
{
	enum { SPOTS = 6000 };
	static struct spot kept[SPOTS];
	uint32_t seed = 4;
	unsigned count = 0, dropped = 0, kills = 0;
	struct pipeline other;

	(void)state;
	assert_true(pipeline_init(&other, &usual, 1000));
	for (unsigned i = 0; i < SPOTS; i++) {
		struct spot mine = random_spot(&seed, i), same = mine;
		bool passed = pipeline_run(&pipeline, &mine) == NULL;

		assert_int_equal(pipeline_run(&other, &same) == NULL, passed);
		assert_memory_equal(&mine, &same, sizeof(mine));
		if (passed)
			kept[count++] = mine;
		else
			dropped++;
		if (seed % 97 != 0)
			continue;
		kills++;
		pipeline_free(&other);
		assert_true(pipeline_init(&other, &usual, 1000));
		for (unsigned k = 0; k < count; k++)
			pipeline_replay(&other, &kept[k]);
	}
	assert_true(dropped > 1000 && count > 1000 && kills > 20);
	pipeline_free(&other);
}

/* Only what lies within the horizon need be shown. */
static void test_replay_of_the_last_minutes_is_enough(void **state)
{
	enum { SPOTS = 4000, KILL = 3000 };
	static struct spot kept[SPOTS];
	uint32_t seed = 9;
	unsigned count = 0, before;
	struct pipeline other;

	(void)state;
	for (unsigned i = 0; i < KILL; i++) {
		struct spot spot = random_spot(&seed, i);

		if (pipeline_run(&pipeline, &spot) == NULL)
			kept[count++] = spot;
	}
	assert_true(pipeline_init(&other, &usual, 1000));
	for (before = count; before > 0; before--)
		if (kept[count - 1].arrived - kept[before - 1].arrived > pipeline_horizon(&other))
			break;
	assert_true(before > 100);
	for (unsigned k = before; k < count; k++)
		pipeline_replay(&other, &kept[k]);
	for (unsigned k = before; k > 0; k--)
		if (kept[k - 1].flags & SPOT_HUMAN)
			pipeline_replay_typed(&other, &kept[k - 1]);
	assert_int_equal(other.typed.used, pipeline.typed.used);
	for (unsigned i = KILL; i < SPOTS; i++) {
		struct spot mine = random_spot(&seed, i), same = mine;
		bool passed = pipeline_run(&pipeline, &mine) == NULL;

		assert_int_equal(pipeline_run(&other, &same) == NULL, passed);
		assert_memory_equal(&mine, &same, sizeof(mine));
	}
	pipeline_free(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_d1_to_d3),
		TEST(test_six_db_is_enough),
		TEST(test_d4_a_report_where_there_was_none),
		TEST(test_stronger_is_a_choice),
		TEST(test_d5_d8_the_window_counts_from_the_first),
		TEST(test_who_calls_all_day_is_announced_each_window),
		TEST(test_d6_d7_frequency),
		TEST(test_d9_another_skimmer),
		TEST(test_kinds_of_mode),
		TEST(test_window_of_zero),
		TEST(test_arrivals_out_of_order),
		TEST(test_bound_of_the_window),
		TEST(test_people),
		TEST(test_comments_are_compared_up_to_twenty_letters),
		TEST(test_people_have_an_hour),
		TEST(test_people_and_machines_are_apart),
		TEST(test_age_gate),
		TEST(test_age_of_people),
		TEST(test_the_future_is_now),
		TEST(test_stale_is_forgotten),
		TEST(test_clock_jumps),
		TEST(test_flags),
		TEST(test_mode_of_others),
		TEST(test_replay_makes_the_same_pipeline),
		TEST(test_replay_of_the_last_minutes_is_enough),
	};

	return sodium_init() < 0 || cmocka_run_group_tests(tests, NULL, NULL);
}
