/* SPDX-License-Identifier: ISC
 *
 * NAME      test_backoff - tests of when a feed may be dialled again
 * PURPOSE   1 s doubling to 60 s, a quarter more or less, broken after ten failures
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "workers/feed/backoff.h"

#define SEC NS_PER_SEC
#define NOW (1000 * SEC)

static void test_schedule(void **state)
{
	static const unsigned wait[] = {1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60};
	struct backoff least = {0}, most = {0};

	(void)state;
	for (unsigned i = 0; i < sizeof(wait) / sizeof(wait[0]); i++) {
		assert_int_equal(backoff_broken(&least), i >= 10);
		/* said once, at the tenth */
		assert_int_equal(backoff_failed(&least, NOW, false, 0), i == 9);
		backoff_failed(&most, NOW, false, 0xffffffff);
		assert_int_equal(least.retry, NOW + wait[i] * SEC * 3 / 4);
		assert_in_range(most.retry, NOW + wait[i] * SEC * 5 / 4 - SEC / 100,
				NOW + wait[i] * SEC * 5 / 4);
	}
}

static void test_steady(void **state)
{
	struct backoff backoff = {0};

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		backoff_failed(&backoff, NOW, false, 0);
	assert_true(backoff_steady(&backoff));
	assert_false(backoff_broken(&backoff));
	assert_false(backoff_steady(&backoff));
	backoff_failed(&backoff, NOW, false, 0);
	assert_int_equal(backoff.retry, NOW + SEC * 3 / 4);
}

static void test_refused(void **state)
{
	struct backoff backoff = {0};

	(void)state;
	backoff_failed(&backoff, NOW, true, 0);
	assert_int_equal(backoff.retry, NOW + 45 * SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schedule),
		cmocka_unit_test(test_steady),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
