/* SPDX-License-Identifier: ISC
 *
 * NAME      test_callsign - tests of the call sign rules
 * PURPOSE   the protocol's examples; the matcher against a regular expression
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "workers/callsign.h"

static bool
source_allowed(const char *source)
{
	struct callsign call;

	callsign_split(source, &call);
	return callsign_valid(call.base);
}

static void
test_allowed(void **state)
{
	static const char *const calls[] = { "IU5JAE", "iu5jae", "2E0ABC", "9A1AA", "3DA0RS", "A1B",
		"W1AW/7", "IU5JAE-rpt", "IU5JAE GIO", "AA1234AB" };

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		assert_true(source_allowed(calls[i]));
}

static void
test_refused(void **state)
{
	static const char *const calls[] = { "12345", "TEST", "A", "AA12345A", "1AA1234AB", "",
		"BM_LNK", "22/IU5JAE", "ABC1D", "A1", "A1BCDE", "12A1B", "O'BRIEN", "-IU5JAE",
		"1AA123ABC", "N0CALL", "IU5JAE\xC9" };

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		assert_false(source_allowed(calls[i]));
}

static void
check_split(const char *source, const char *base, const char *suffix)
{
	struct callsign call;

	callsign_split(source, &call);
	assert_string_equal(call.base, base);
	assert_string_equal(call.suffix, suffix);
}

static void
test_split(void **state)
{
	(void)state;
	check_split("IU5JAE", "IU5JAE", "");
	check_split("IU5JAE-RPT", "IU5JAE", "RPT");
	check_split("IU5JAE/M", "IU5JAE", "M");
	check_split("IU5JAE GIO", "IU5JAE", "GIO");
	check_split("O'BRIEN", "O", "BRIEN");
	check_split("IU5JAE-X-RPT", "IU5JAE", "X");
	check_split("IU5JAE--RPT", "IU5JAE", "");
	check_split("IU5JAE-", "IU5JAE", "");
	check_split("-IU5JAE", "", "IU5JAE");
	check_split("22/IU5JAE", "22", "IU5JAE");
	check_split("", "", "");
	check_split("ABCDEFGHIJKLMNOPQRST-UVWXYZABCDEFGHIJKL", "ABCDEFGHIJKLMNO",
	    "UVWXYZABCDEFGHI");
}

/* Every text of up to ten classes of characters: digit, letter, anything else. */
static void
test_against_regex(void **state)
{
	static const char alphabet[] = "7Kk_";
	regex_t pattern;
	char text[11];

	(void)state;
	assert_int_equal(regcomp(&pattern, "^[0-9]?[A-Za-z]{1,2}[0-9]{1,4}[A-Za-z]{1,3}$",
	    REG_EXTENDED | REG_NOSUB), 0);
	srand(5);
	for (int round = 0; round < 200000; round++) {
		size_t len = (size_t)rand() % sizeof(text);
		int kinds = round % 50 ? 2 : 4;
		bool want;

		for (size_t i = 0; i < len; i++)
			text[i] = alphabet[rand() % kinds];
		text[len] = '\0';
		want = len <= 8 && regexec(&pattern, text, 0, NULL, 0) == 0;
		assert_int_equal(callsign_valid(text), want);
	}
	regfree(&pattern);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_against_regex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
