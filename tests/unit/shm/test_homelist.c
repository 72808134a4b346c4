/* SPDX-License-Identifier: ISC
 *
 * NAME      test_homelist - tests of the lines of home files
 * PURPOSE   NAME:DGID:MINUTES in all its meanings, and what is none
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

#include <string.h>

#include "shm/homelist.h"

static const struct conf_dgids dgids = {{1ULL << 1 | 1ULL << 9 | 1ULL << 22, 1ULL << (99 - 64)}};
static struct home_line home;

static void good(const char *line, const char *name, uint8_t dgid, bool fixed, uint32_t seconds)
{
	assert_int_equal(homelist_parse(line, strlen(line), &dgids, &home), LINE_RULE);
	assert_string_equal(home.entry.name, name);
	assert_int_equal(home.entry.dgid, dgid);
	assert_int_equal(home.entry.fixed, fixed);
	assert_int_equal(home.entry.seconds, seconds);
}

static void bad(const char *line, const char *part)
{
	assert_int_equal(homelist_parse(line, strlen(line), &dgids, &home), LINE_BAD);
	if (strstr(home.why, part) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part, home.why);
}

static void test_good(void **state)
{
	(void)state;
	good("IU5JAE:22:10", "IU5JAE", 22, false, 600);
	good("IU5JAE:22:0", "IU5JAE", 22, false, 900);
	good("IU5JAE:22:-1", "IU5JAE", 22, true, 0);
	good("IU5JAE:022:010", "IU5JAE", 22, false, 600);
	good("TENCHARS-1 : 99 : 5", "TENCHARS-1", 99, false, 300);
	good("IU5JAE:9:527040", "IU5JAE", 9, false, 527040U * 60);
	assert_int_equal(homelist_parse("# x:9:1", 7, &dgids, &home), LINE_NOTHING);
	assert_int_equal(homelist_parse("", 0, &dgids, &home), LINE_NOTHING);
}

static void test_bad(void **state)
{
	(void)state;
	bad("A:1", "NAME:DGID:MINUTES");
	bad("IU5JAE", "NAME:DGID:MINUTES");
	bad("IU5JAE:22", "NAME:DGID:MINUTES");
	bad("IU5JAE:22:10:x", "NAME:DGID:MINUTES");
	bad(":22:10", "name that is not");
	bad("ELEVENCHARS:22:10", "name that is not");
	bad("IU5JAE:abc:10", "1 to 99");
	bad("IU5JAE:0:10", "1 to 99");
	bad("IU5JAE:-22:10", "1 to 99");
	bad("IU5JAE:100:10", "1 to 99");
	bad("IU5JAE::10", "1 to 99");
	bad("IU5JAE:77:10", "dgid.list");
	bad("IU5JAE:22:", "no whole number");
	bad("IU5JAE:22:ten", "no whole number");
	bad("IU5JAE:22:1.5", "no whole number");
	bad("IU5JAE:22:99999999999999999999", "no whole number");
	bad("IU5JAE:22:527041", "longer than a year");
	bad("IU5\tJAE:22:10", "tab");
	bad("IU5JA\xc9:22:10", "character that no call");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
