/* SPDX-License-Identifier: ISC
 *
 * NAME      test_text - tests of the text functions
 * PURPOSE   every form, every bound, every refusal
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

#include <limits.h>
#include <string.h>

#include "shm/text.h"

#define SEC INT64_C(1000000000)

static void test_copy(void **state)
{
	char buf[4];

	(void)state;
	assert_true(text_copy(buf, sizeof(buf), "abc"));
	assert_string_equal(buf, "abc");
	assert_false(text_copy(buf, sizeof(buf), "abcd"));
	assert_string_equal(buf, "abc");
	assert_true(text_copy(buf, sizeof(buf), ""));
	assert_string_equal(buf, "");
	assert_false(text_copy(buf, 1, "x"));
	assert_string_equal(buf, "");
	assert_false(text_copy(NULL, 0, "x"));
}

static void test_from_field(void **state)
{
	char buf[17];

	(void)state;
	assert_int_equal(text_from_field(buf, "DB0ABC    ", 10), 6);
	assert_string_equal(buf, "DB0ABC");
	assert_int_equal(text_from_field(buf, "DB0\0\0\0\0\0\0\0", 10), 3);
	assert_string_equal(buf, "DB0");
	assert_int_equal(text_from_field(buf,
					 "\x01 A\xff"
					 "B\n ",
					 7),
			 3);
	assert_string_equal(buf, "A B");
	assert_int_equal(text_from_field(buf, "    ", 4), 0);
	assert_string_equal(buf, "");
	assert_int_equal(text_from_field(buf, "", 0), 0);
	assert_int_equal(text_from_field(buf, "0123456789abcdef", 16), 16);
}

static void test_trim(void **state)
{
	char a[] = " \t x y \t", b[] = "   ", c[] = "";

	(void)state;
	assert_string_equal(text_trim(a), "x y");
	assert_string_equal(text_trim(b), "");
	assert_string_equal(text_trim(c), "");
}

static void test_number(void **state)
{
	static const char *const bad[] = {"",
					  "-",
					  "+",
					  " 1",
					  "1 ",
					  "1x",
					  "0x1",
					  "--1",
					  "1.0",
					  "1e3",
					  "9223372036854775808",
					  "-9223372036854775809",
					  "99999999999999999999999"};
	int64_t value;

	(void)state;
	assert_int_equal(text_number("0", &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(text_number("-17", &value), 0);
	assert_int_equal(value, -17);
	assert_int_equal(text_number("+007", &value), 0);
	assert_int_equal(value, 7);
	assert_int_equal(text_number("9223372036854775807", &value), 0);
	assert_true(value == INT64_MAX);
	assert_int_equal(text_number("-9223372036854775808", &value), 0);
	assert_true(value == INT64_MIN);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_number(bad[i], &value), -1);
}

static void test_duration(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
		const char *shortest;
	} good[] = {
		{"0", 0, "0"},
		{"60", 60 * SEC, "1m"},
		{"90s", 90 * SEC, "90s"},
		{"200ms", SEC / 5, "200ms"},
		{"1000ms", SEC, "1s"},
		{"15m", 900 * SEC, "15m"},
		{"2h", 7200 * SEC, "2h"},
		{"7d", 604800 * SEC, "7d"},
		{"0h", 0, "0"},
		{"9223372036s", 9223372036 * SEC, "9223372036s"},
	};
	static const char *const bad[] = {"",	"s",  "-1",  "1.5s",	   "1 s",     "1M",  "1sec",
					  "1w", "ms", "+1s", "9223372037", "106752d", "1ms "};
	int64_t ns;
	char buf[32];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(text_duration(good[i].text, &ns), 0);
		assert_true(ns == good[i].ns);
		assert_string_equal(text_duration_print(ns, buf, sizeof(buf)), good[i].shortest);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_duration(bad[i], &ns), -1);
}

static void test_size(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes;
		const char *shortest;
	} good[] = {
		{"0", 0, "0"},
		{"512", 512, "512"},
		{"4k", 4096, "4k"},
		{"4K", 4096, "4k"},
		{"4096", 4096, "4k"},
		{"16M", 16 << 20, "16M"},
		{"1g", INT64_C(1) << 30, "1G"},
	};
	static const char *const bad[] = {"", "k", "-1", "1kB", "1T", "1 k", "8589934592G"};
	int64_t bytes;
	char buf[32];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(text_size(good[i].text, &bytes), 0);
		assert_true(bytes == good[i].bytes);
		assert_string_equal(text_size_print(bytes, buf, sizeof(buf)), good[i].shortest);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_size(bad[i], &bytes), -1);
}

static void test_bool(void **state)
{
	static const char *const yes[] = {"yes", "on", "true", "1", "YES", "On"};
	static const char *const no[] = {"no", "off", "false", "0", "No", "FALSE"};
	static const char *const bad[] = {"", "y", "2", "yes ", "ja", "00"};
	bool value;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(text_bool(yes[i], &value), 0);
		assert_true(value);
		assert_int_equal(text_bool(no[i], &value), 0);
		assert_false(value);
		assert_int_equal(text_bool(bad[i], &value), -1);
	}
}

static void test_distance(void **state)
{
	char a[200], b[200];

	(void)state;
	assert_int_equal(text_distance("", ""), 0);
	assert_int_equal(text_distance("listen", "listen"), 0);
	assert_int_equal(text_distance("", "abc"), 3);
	assert_int_equal(text_distance("abc", ""), 3);
	assert_int_equal(text_distance("lisen", "listen"), 1);
	assert_int_equal(text_distance("listenn", "listen"), 1);
	assert_int_equal(text_distance("lisden", "listen"), 1);
	assert_int_equal(text_distance("lsiten", "listen"), 1);
	assert_int_equal(text_distance("kitten", "sitting"), 3);
	memset(a, 'a', sizeof(a) - 1);
	memset(b, 'b', sizeof(b) - 1);
	a[199] = b[199] = '\0';
	assert_int_equal(text_distance(a, b), 64);
}

static void test_utf8(void **state)
{
	static const char *const good[] = {"",
					   "abc",
					   "\xc3\xbc",
					   "\xe2\x82\xac",
					   "\xf0\x9f\x93\xbb",
					   "\xf4\x8f\xbf\xbf",
					   "\xed\x9f\xbf"};
	static const char *const bad[] = {"\x80",
					  "\xc3",
					  "\xc0\xaf",
					  "\xe0\x80\xaf",
					  "\xed\xa0\x80",
					  "\xf4\x90\x80\x80",
					  "\xf8\x88\x80\x80",
					  "\xff",
					  "a\xe2\x82",
					  "\xc3x",
					  "\xf0\x80\x80\x80"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(text_is_utf8(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_is_utf8(bad[i], strlen(bad[i])));
	assert_false(text_is_utf8("a\0b", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy),	 cmocka_unit_test(test_from_field),
		cmocka_unit_test(test_trim),	 cmocka_unit_test(test_number),
		cmocka_unit_test(test_duration), cmocka_unit_test(test_size),
		cmocka_unit_test(test_bool),	 cmocka_unit_test(test_distance),
		cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
