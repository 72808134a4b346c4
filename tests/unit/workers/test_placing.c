/* SPDX-License-Identifier: ISC
 *
 * NAME      test_placing - the DG-ID of a gateway that links
 * PURPOSE   Each step of the protocol's order, and that each goes before all that follow.
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workers/placing.h"

#define DEFAULT 22

static struct conf_dgids list; /* 1, 9, 22, 41, 50 */

static int setup(void **state)
{
	static const unsigned dgids[] = {1, 9, DEFAULT, 41, 50};

	(void)state;
	for (size_t i = 0; i < sizeof(dgids) / sizeof(dgids[0]); i++)
		list.bits[dgids[i] / 64] |= 1ULL << dgids[i] % 64;
	return 0;
}

static struct client_place choose(const char *name, uint8_t aux, const struct home_rule *home,
				  uint8_t saved, uint8_t *invalid_r)
{
	struct placing what = {.name = name, .aux = aux, .home = home, .saved = saved,
			       .list = &list, .fallback = DEFAULT};
	struct client_place place;

	*invalid_r = placing_choose(&what, &place);
	return place;
}

static void expect(struct client_place place, uint8_t dgid, uint8_t home, uint32_t seconds,
		   unsigned flags)
{
	assert_int_equal(place.dgid, dgid);
	assert_int_equal(place.home, home);
	assert_int_equal(place.seconds, seconds);
	assert_int_equal(place.flags, flags);
}

static const struct home_rule nailed = {.dgid = 50, .fixed = true};
static const struct home_rule timed = {.dgid = 50, .seconds = 600};

static void test_order(void **state)
{
	uint8_t invalid;

	(void)state;
	expect(choose("GW-9", 41, &nailed, 1, &invalid), 41, 0, 0, CLIENT_STATIC);
	expect(choose("GW-9", 0, &nailed, 1, &invalid), 9, 0, 0, CLIENT_STATIC);
	expect(choose("GW", 0, &nailed, 1, &invalid), 50, 0, 0, CLIENT_FIXED);
	expect(choose("GW", 0, &timed, 1, &invalid), 50, 50, 600, 0);
	expect(choose("GW", 0, NULL, 1, &invalid), 1, 0, 0, 0);
	expect(choose("GW", 0, NULL, 0, &invalid), DEFAULT, 0, 0, 0);
	assert_int_equal(invalid, 0);
}

/* A suffix counts at main ports only; an auxiliary port whose DG-ID is not in the list nails nothing. */
static void test_port_not_in_list(void **state)
{
	uint8_t invalid;

	(void)state;
	expect(choose("GW-9", 88, NULL, 1, &invalid), 1, 0, 0, 0);
	expect(choose("GW-9", 88, &nailed, 1, &invalid), 50, 0, 0, CLIENT_FIXED);
	expect(choose("GW-9", 88, NULL, 0, &invalid), DEFAULT, 0, 0, 0);
	assert_int_equal(invalid, 0);
}

static void test_suffixes(void **state)
{
	static const char *const none[] = {"GW-0", "GW-23", "GW-+9", "GW- 9", "GW-2_2", "GW--9", "-1-2",
					   "GW-abc", "GW-", "X-99999999999999999999", "GW9", ""};
	uint8_t invalid;

	(void)state;
	expect(choose("GW-09", 0, NULL, 0, &invalid), 9, 0, 0, CLIENT_STATIC);
	expect(choose("-22", 0, &nailed, 0, &invalid), 22, 0, 0, CLIENT_STATIC);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		expect(choose(none[i], 0, NULL, 41, &invalid), 41, 0, 0, 0);
}

/* What is not in the list any more gives way to the default, and says so. */
static void test_not_in_list(void **state)
{
	static const struct home_rule far = {.dgid = 77, .fixed = true};
	static const struct home_rule far_timed = {.dgid = 77, .seconds = 60};
	uint8_t invalid;

	(void)state;
	expect(choose("GW", 0, NULL, 78, &invalid), DEFAULT, 0, 0, 0);
	assert_int_equal(invalid, 78);
	expect(choose("GW", 0, &far, 9, &invalid), DEFAULT, 0, 0, 0);
	assert_int_equal(invalid, 77);
	expect(choose("GW", 0, &far_timed, 9, &invalid), DEFAULT, 0, 0, 0);
	assert_int_equal(invalid, 77);
}

static void test_suffix(void **state)
{
	(void)state;
	assert_int_equal(placing_suffix("IU5JAE-22"), 22);
	assert_int_equal(placing_suffix("IU5JAE-9"), 9);
	assert_int_equal(placing_suffix("IU5JAE-009"), 9);
	assert_int_equal(placing_suffix("X-00000099"), 99);
	assert_int_equal(placing_suffix("-22"), 22);

	assert_int_equal(placing_suffix(""), 0);
	assert_int_equal(placing_suffix("-"), 0);
	assert_int_equal(placing_suffix("22"), 0);
	assert_int_equal(placing_suffix("IU5JAE"), 0);
	assert_int_equal(placing_suffix("IU5JAE-"), 0);
	assert_int_equal(placing_suffix("IU5JAE-0"), 0);
	assert_int_equal(placing_suffix("IU5JAE-000"), 0);
	assert_int_equal(placing_suffix("IU5JAE-RPT"), 0);
	assert_int_equal(placing_suffix("IU5JAE-100"), 0);
	assert_int_equal(placing_suffix("X--9"), 0);
	assert_int_equal(placing_suffix("X-1-2"), 0);
	assert_int_equal(placing_suffix("-1-2"), 0);
	assert_int_equal(placing_suffix("X-+9"), 0);
	assert_int_equal(placing_suffix("X- 9"), 0);
	assert_int_equal(placing_suffix("X-9 "), 0);
	assert_int_equal(placing_suffix("X-2_2"), 0);
	assert_int_equal(placing_suffix("X-0x16"), 0);
	assert_int_equal(placing_suffix("X-99999999999999999999"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_port_not_in_list),
		cmocka_unit_test(test_suffixes),
		cmocka_unit_test(test_suffix),
		cmocka_unit_test(test_not_in_list),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
