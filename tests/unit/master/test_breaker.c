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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
