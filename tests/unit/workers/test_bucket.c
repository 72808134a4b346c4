/* SPDX-License-Identifier: ISC
 *
 * NAME      test_bucket - token buckets
 * PURPOSE   Burst, rate, and that idle time is worth no more than a burst.
 * OWNER     tests
 * CONTRACT  the clock is a number
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workers/bucket.h"

static unsigned take_all(struct bucket *bucket, uint64_t now, uint32_t rate, uint32_t burst)
{
	unsigned taken = 0;

	while (taken < 100000 && bucket_take(bucket, now, rate, burst))
		taken++;
	return taken;
}

static void test_a_new_bucket_is_full(void **state)
{
	struct bucket bucket = {0};

	(void)state;
	assert_int_equal(take_all(&bucket, 1000 * NS_PER_SEC, 20, 200), 200);
	assert_false(bucket_take(&bucket, 1000 * NS_PER_SEC, 20, 200));
}

static void test_it_fills_at_its_rate(void **state)
{
	uint64_t now = 1000 * NS_PER_SEC;
	struct bucket bucket = {0};

	(void)state;
	take_all(&bucket, now, 20, 200);
	assert_false(bucket_take(&bucket, now + 49 * NS_PER_MS, 20, 200));
	assert_true(bucket_take(&bucket, now + 50 * NS_PER_MS, 20, 200));
	assert_false(bucket_take(&bucket, now + 50 * NS_PER_MS, 20, 200));
	assert_int_equal(take_all(&bucket, now + 3 * NS_PER_SEC + 50 * NS_PER_MS, 20, 200), 60);
}

static void test_idle_time_is_worth_one_burst(void **state)
{
	struct bucket bucket = {0};

	(void)state;
	take_all(&bucket, NS_PER_SEC * 1000, 4, 64);
	assert_int_equal(take_all(&bucket, NS_PER_SEC * 100000, 4, 64), 64);
}

static void test_shortly_after_boot(void **state)
{
	struct bucket bucket = {0};

	(void)state;
	assert_int_equal(take_all(&bucket, 5 * NS_PER_SEC, 1, 10), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_bucket_is_full),
		cmocka_unit_test(test_it_fills_at_its_rate),
		cmocka_unit_test(test_idle_time_is_worth_one_burst),
		cmocka_unit_test(test_shortly_after_boot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
