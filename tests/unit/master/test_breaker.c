/* SPDX-License-Identifier: ISC
 *
 * NAME      test_breaker - when a dead worker's slot is filled again
 * PURPOSE   The rules of the design's "life of a worker", on a clock of our own.
 * OWNER     make check
 * CONTRACT  cmocka; exit status 0 when all pass
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "master/breaker.h"

#define SEC 1000000000ULL
#define MS  1000000ULL

static void first_fault_is_free(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b, 20, 5 * SEC);
	breaker_ready(&b, 6 * SEC);
	assert_int_equal(breaker_died(&b, BREAKER_FAULT, false, 7 * SEC), 0);
}

static void bucket_holds_its_tokens(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b, 20, 0);
	for (int i = 0; i < 20; i++) {
		assert_false(breaker_open(&b, 0));
		assert_int_equal(breaker_died(&b, BREAKER_FAULT, false, 0), 0);
	}
	assert_true(breaker_open(&b, 0));
	/* 20 a minute: the next one is there in 3 s */
	assert_int_equal(breaker_died(&b, BREAKER_FAULT, false, 0), 3 * SEC);
}

static void tokens_come_back(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b, 20, 0);
	for (int i = 0; i < 20; i++)
		breaker_died(&b, BREAKER_FAULT, false, 0);
	assert_int_equal(breaker_died(&b, BREAKER_FAULT, false, 3 * SEC), 0);
	assert_int_equal(breaker_died(&b, BREAKER_FAULT, false, 4 * SEC), 2 * SEC);
	/* a day later the bucket is full, not fuller */
	for (int i = 0; i < 20; i++)
		assert_int_equal(breaker_died(&b, BREAKER_FAULT, false, 86400 * SEC), 0);
	assert_int_equal(breaker_died(&b, BREAKER_FAULT, false, 86400 * SEC), 3 * SEC);
}

static void debt_is_bounded(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b, 1, 0);
	breaker_died(&b, BREAKER_FAULT, true, 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(breaker_died(&b, BREAKER_FAULT, true, 0), 1 * SEC);
	assert_int_equal(breaker_died(&b, BREAKER_FAULT, false, 0), 60 * SEC);
}

static void last_of_its_kind_waits_a_second(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b, 1, 0);
	assert_int_equal(breaker_died(&b, BREAKER_FAULT, true, 0), 0);
	assert_int_equal(breaker_died(&b, BREAKER_FAULT, true, 0), 1 * SEC);
	breaker_init(&b, 20, 0);
	for (int i = 0; i < 20; i++)
		assert_true(breaker_died(&b, BREAKER_EARLY, true, 0) <= 1 * SEC);
}

static void early_deaths_back_off(void **state)
{
	static const uint64_t expected[] = {100,  200,	 400,	800,   1600,  3200,
					    6400, 12800, 25600, 30000, 30000, 30000};
	struct breaker b;

	(void)state;
	breaker_init(&b, 20, 0);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(breaker_died(&b, BREAKER_EARLY, false, 0), expected[i] * MS);
}

static void a_stable_life_forgives(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b, 20, 0);
	breaker_died(&b, BREAKER_EARLY, false, 1 * SEC);
	breaker_died(&b, BREAKER_EARLY, false, 2 * SEC);
	breaker_ready(&b, 10 * SEC);
	assert_int_equal(breaker_died(&b, BREAKER_FAULT, false, 19 * SEC), 0);
	assert_int_equal(breaker_died(&b, BREAKER_EARLY, false, 19 * SEC), 400 * MS);
	breaker_ready(&b, 20 * SEC);
	breaker_died(&b, BREAKER_FAULT, false, 30 * SEC);
	assert_int_equal(breaker_died(&b, BREAKER_EARLY, false, 31 * SEC), 100 * MS);
}

static void kills_of_others_are_free(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b, 1, 0);
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(breaker_died(&b, BREAKER_OTHER, false, i * 100 * MS), 0);
	assert_false(breaker_open(&b, 100 * SEC));
}

static void more_than_ten_kills_a_second_count(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b, 1, 0);
	for (int i = 0; i < 11; i++)
		assert_int_equal(breaker_died(&b, BREAKER_OTHER, false, 5 * SEC), 0);
	assert_int_equal(breaker_died(&b, BREAKER_OTHER, false, 5 * SEC), 60 * SEC);
}

/* A breaker that the first fault opens. */
static void opened(struct breaker *b, uint64_t now)
{
	breaker_init(b, 1, 0);
	breaker_died(b, BREAKER_FAULT, false, now);
	assert_int_equal(breaker_state_at(b, now), BREAKER_CLOSED);
	assert_true(breaker_died(b, BREAKER_FAULT, false, now) > BREAKER_FIRST_NS);
	assert_int_equal(breaker_state_at(b, now), BREAKER_OPEN);
}

static void a_probe_that_lives_closes_it(void **state)
{
	struct breaker b;

	(void)state;
	opened(&b, 10 * SEC);
	breaker_spawned(&b);
	assert_int_equal(breaker_state_at(&b, 100 * SEC), BREAKER_HALF_OPEN);
	breaker_ready(&b, 100 * SEC);
	assert_int_equal(breaker_state_at(&b, 110 * SEC - 1), BREAKER_HALF_OPEN);
	assert_int_equal(breaker_state_at(&b, 110 * SEC), BREAKER_CLOSED);
	/* and the next death is the first one of a closed breaker */
	assert_int_equal(breaker_died(&b, BREAKER_OTHER, false, 200 * SEC), 0);
	assert_int_equal(breaker_state_at(&b, 200 * SEC), BREAKER_CLOSED);
	breaker_spawned(&b);
	assert_int_equal(breaker_state_at(&b, 200 * SEC), BREAKER_CLOSED);
}

static void a_probe_that_dies_leaves_it_open(void **state)
{
	struct breaker b;

	(void)state;
	opened(&b, 10 * SEC);
	breaker_spawned(&b);
	breaker_ready(&b, 100 * SEC);
	/* whoever killed it, and however soon the next one may try */
	assert_int_equal(breaker_died(&b, BREAKER_OTHER, false, 109 * SEC), 0);
	assert_int_equal(breaker_state_at(&b, 109 * SEC), BREAKER_OPEN);
	breaker_spawned(&b);
	assert_int_equal(breaker_state_at(&b, 1000 * SEC), BREAKER_HALF_OPEN);
}

static void a_short_back_off_does_not_open_it(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b, 20, 0);
	assert_int_equal(breaker_died(&b, BREAKER_EARLY, false, 0), 100 * MS);
	assert_int_equal(breaker_state_at(&b, 0), BREAKER_CLOSED);
	breaker_died(&b, BREAKER_EARLY, false, 0);
	assert_int_equal(breaker_state_at(&b, 0), BREAKER_OPEN);
}

static void states_have_names(void **state)
{
	(void)state;
	assert_string_equal(breaker_state_name(BREAKER_CLOSED), "closed");
	assert_string_equal(breaker_state_name(BREAKER_OPEN), "open");
	assert_string_equal(breaker_state_name(BREAKER_HALF_OPEN), "half-open");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_probe_that_lives_closes_it),
		cmocka_unit_test(a_probe_that_dies_leaves_it_open),
		cmocka_unit_test(a_short_back_off_does_not_open_it),
		cmocka_unit_test(states_have_names),
		cmocka_unit_test(first_fault_is_free),
		cmocka_unit_test(bucket_holds_its_tokens),
		cmocka_unit_test(tokens_come_back),
		cmocka_unit_test(debt_is_bounded),
		cmocka_unit_test(last_of_its_kind_waits_a_second),
		cmocka_unit_test(early_deaths_back_off),
		cmocka_unit_test(a_stable_life_forgives),
		cmocka_unit_test(kills_of_others_are_free),
		cmocka_unit_test(more_than_ten_kills_a_second_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
