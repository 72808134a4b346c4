/* SPDX-License-Identifier: ISC
 *
 * NAME      test_typed - tests of what makes two spots of people the same
 * PURPOSE   Each part of the rule, alike and different.
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "workers/typed.h"

static struct typed made(const char *dx, uint64_t hz, const char *de, int64_t time,
			 const char *comment)
{
	struct spot spot = {.hz = hz, .time = time};
	struct typed typed;

	snprintf(spot.dx, sizeof(spot.dx), "%s", dx);
	snprintf(spot.de, sizeof(spot.de), "%s", de);
	spot_set_comment(&spot, comment, strlen(comment));
	memset(&typed, 0xa5, sizeof(typed));
	typed_of(&spot, &typed);
	return typed;
}

static bool same(struct typed one, struct typed other)
{
	return memcmp(&one, &other, sizeof(one)) == 0;
}

static void parts(void **state)
{
	struct typed one = made("LZ5VV", 14025300, "W1AW", 6000, "up 2");

	(void)state;
	assert_true(same(one, made("LZ5VV", 14025900, "W1AW-2", 6059, "UP-2")));
	assert_false(same(one, made("LZ5VV", 14025300, "W1AW", 6000, "up 3")));
	assert_false(same(one, made("LZ5VV", 14026300, "W1AW", 6000, "up 2")));
	assert_false(same(one, made("LZ5VX", 14025300, "W1AW", 6000, "up 2")));
	assert_false(same(one, made("LZ5VV", 14025300, "K1ABC", 6000, "up 2")));
	assert_false(same(one, made("LZ5VV", 14025300, "W1AW", 6060, "up 2")));
}

/* Twenty letters count, wherever the rest was cut. */
static void cut_comments(void **state)
{
	(void)state;
	assert_true(same(made("LZ5VV", 7000000, "W1AW", 0, "abcdefghij klmnopqrst tail"),
			 made("LZ5VV", 7000000, "W1AW", 0, "ABCDEFGHIJ KLMNOPQRST")));
	assert_false(same(made("LZ5VV", 7000000, "W1AW", 0, "abcdefghij klmnopqrst"),
			  made("LZ5VV", 7000000, "W1AW", 0, "abcdefghij klmnopqrs")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts),
		cmocka_unit_test(cut_comments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
