/* SPDX-License-Identifier: ISC
 *
 * NAME      test_told - what goes on is told about once
 * PURPOSE   One burst is one thing, a pause makes a new one, several go on side by side.
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workers/ysf/told.h"

#define FRAME (100 * NS_PER_MS)
#define COUNT 4

static void test_burst_and_pause(void **state)
{
	struct told told[COUNT] = {0};
	uint64_t now = NS_PER_SEC;

	(void)state;
	assert_false(told_note(told, COUNT, 7, now)->said);
	assert_false(told_note(told, COUNT, 7, now += FRAME)->said); /* could not be told yet */
	told_note(told, COUNT, 7, now += FRAME)->said = true;
	for (int i = 0; i < 100; i++)
		assert_true(told_note(told, COUNT, 7, now += FRAME)->said);
	assert_true(told_note(told, COUNT, 7, now += TOLD_QUIET - 1)->said);
	assert_false(told_note(told, COUNT, 7, now + TOLD_QUIET)->said);
}

static void test_side_by_side(void **state)
{
	struct told told[COUNT] = {0};
	uint64_t now = NS_PER_SEC;

	(void)state;
	for (uint32_t of = 1; of <= COUNT; of++)
		told_note(told, COUNT, of, now += FRAME)->said = true;
	for (uint32_t of = 1; of <= COUNT; of++)
		assert_true(told_note(told, COUNT, of, now += FRAME)->said);
	assert_false(told_note(told, COUNT, 99, now += FRAME)->said); /* 1 was quiet longest */
	assert_false(told_goes_on(&told[0], 1, now));
	assert_true(told_note(told, COUNT, 2, now)->said);
}

static void test_hash(void **state)
{
	(void)state;
	assert_int_equal(told_hash(""), 2166136261U); /* FNV-1a's own vectors */
	assert_int_equal(told_hash("a"), 0xe40c292cU);
	assert_int_equal(told_hash("foobar"), 0xbf9cf968U);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_and_pause),
		cmocka_unit_test(test_side_by_side),
		cmocka_unit_test(test_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
