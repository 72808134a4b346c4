/* SPDX-License-Identifier: ISC
 *
 * NAME      test_value - tests of configuration values
 * PURPOSE   every type: what is taken, what it becomes, what is refused and why
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

#include "master/value.h"

static char why[VALUE_WHY_MAX];

/* An option of our own, so that the tests don't hang on the table's ranges. */
static struct option_def make(enum conf_type type, const char *min, const char *max)
{
	return (struct option_def){.section = "s",
				   .name = "k",
				   .type = type,
				   .fallback = "*:42000",
				   .min = min,
				   .max = max,
				   .help = ""};
}

static void takes(const struct option_def *option, const char *text, int64_t number,
		  const char *canonical)
{
	char buf[2 * CONF_TEXT_MAX];
	struct value value, again;

	assert_int_equal(value_parse(option, text, &value, why), 0);
	assert_true(value.number == number);
	assert_string_equal(value_print(option, &value, buf, sizeof(buf)), canonical);
	assert_int_equal(value_parse(option, buf, &again, why), 0);
	assert_true(again.number == number);
	assert_memory_equal(&value.dgids, &again.dgids, sizeof(value.dgids));
	assert_int_equal(value.listens, again.listens);
	assert_memory_equal(value.listen, again.listen, sizeof(value.listen));
}

static void refuses(const struct option_def *option, const char *text, const char *part)
{
	struct value value;

	why[0] = '\0';
	assert_int_equal(value_parse(option, text, &value, why), -1);
	if (strstr(why, part) == NULL)
		fail_msg("\"%s\": \"%s\" is not in \"%s\"", text, part, why);
}

static void test_number(void **state)
{
	struct option_def option = make(CONF_NUMBER, "-5", "10");

	(void)state;
	takes(&option, "-5", -5, "-5");
	takes(&option, "010", 10, "10");
	refuses(&option, "11", "11 is out of range (-5 to 10)");
	refuses(&option, "-6", "out of range");
	refuses(&option, "x", "\"x\" is not a whole number");
	refuses(&option, "1 2", "not a whole number");
	refuses(&option, "5 # five", "begins with \" ;\"");
	refuses(&option, "", "must not be empty");
}

static void test_bool(void **state)
{
	struct option_def option = make(CONF_BOOL, "", "");

	(void)state;
	takes(&option, "On", 1, "yes");
	takes(&option, "false", 0, "no");
	refuses(&option, "maybe", "neither yes nor no");
	refuses(&option, "", "must not be empty (boolean)");
}

static void test_duration(void **state)
{
	struct option_def option = make(CONF_DURATION, "100ms", "1h");

	(void)state;
	takes(&option, "100ms", 100000000, "100ms");
	takes(&option, "3600", INT64_C(3600000000000), "1h");
	refuses(&option, "99ms", "99ms is out of range (100ms to 1h)");
	refuses(&option, "3601s", "out of range");
	refuses(&option, "1 h", "is not a duration");
	refuses(&option, "-1s", "is not a duration");
}

static void test_size(void **state)
{
	struct option_def option = make(CONF_SIZE, "1k", "1M");

	(void)state;
	takes(&option, "2048", 2048, "2k");
	refuses(&option, "1023", "out of range (1k to 1M)");
	refuses(&option, "2M", "out of range");
	refuses(&option, "2kB", "is not a size");
}

static void test_rate(void **state)
{
	struct option_def option = make(CONF_RATE, "1/m", "6000/m");

	(void)state;
	takes(&option, "20/m", 20, "20/m");
	takes(&option, "2/s", 120, "120/m");
	refuses(&option, "0/m", "out of range (1/m to 6000/m)");
	refuses(&option, "101/s", "out of range");
	refuses(&option, "20", "is not a rate");
	refuses(&option, "20/h", "is not a rate");
	refuses(&option, "/m", "is not a rate");
	refuses(&option, "-1/m", "is not a rate");
	refuses(&option, "9223372036854775807/s", "is not a rate");
	refuses(&option, "999999999999999999999999999999/s", "is not a rate");
}

static void test_workers(void **state)
{
	struct option_def option = make(CONF_WORKERS, "1", "64");

	(void)state;
	takes(&option, "auto", 0, "auto");
	takes(&option, "64", 64, "64");
	refuses(&option, "65", "65 is out of range (1 to 64)");
	refuses(&option, "-1", "out of range");
	refuses(&option, "0", "neither auto nor");
	refuses(&option, "Auto", "neither auto nor");
}

static void test_words(void **state)
{
	struct option_def option = make(CONF_LEVEL, "fatal error warning", "");

	(void)state;
	takes(&option, "fatal", 0, "fatal");
	takes(&option, "warning", 2, "warning");
	refuses(&option, "warn", "\"warn\" is none of");
	refuses(&option, "warnings", "(fatal error warning)");
	refuses(&option, "fatal error", "none of");
	option.type = CONF_CHOICE;
	takes(&option, "error", 1, "error");
}

static void test_log(void **state)
{
	struct option_def option = make(CONF_LOG, "", "");

	(void)state;
	takes(&option, "stderr", 0, "stderr");
	takes(&option, "syslog", 0, "syslog");
	takes(&option, "/var/log/shackd.log", 0, "/var/log/shackd.log");
	takes(&option, "./sylog", 0, "./sylog");
	refuses(&option, "sylog", "nearest: syslog");
	refuses(&option, "stdrer", "nearest: stderr");
	refuses(&option, "", "must not be empty");
}

static void test_text(void **state)
{
	struct option_def option = make(CONF_TEXT, "", "4"), any = make(CONF_TEXT, "", "");
	char longest[CONF_TEXT_MAX + 1];

	(void)state;
	takes(&option, "", 0, "");
	takes(&option, "a; b", 0, "a; b");
	takes(&option, "\xc3\xbc\xc3\xbc", 0, "\xc3\xbc\xc3\xbc");
	refuses(&option, "abcde", "is 5 bytes long (at most 4)");
	refuses(&any, "a ;b", "semicolon");
	refuses(&any, "a\t;b", "semicolon");
	refuses(&any, ";b", "semicolon");
	refuses(&any, "a\033[2J", "control character");
	refuses(&any, "a\nb", "control character");
	refuses(&any, "a\x7f", "control character");
	refuses(&any, "a\xff", "not valid UTF-8");
	refuses(&any, " a", "begins or ends with a blank");
	refuses(&any, "a\t", "begins or ends with a blank");
	memset(longest, 'x', sizeof(longest));
	longest[CONF_TEXT_MAX] = '\0';
	refuses(&any, longest, "is 512 bytes long (at most 511)");
	longest[CONF_TEXT_MAX - 1] = '\0';
	takes(&any, longest, 0, longest);
}

static void test_dgids(void **state)
{
	struct option_def one = make(CONF_DGID, "", ""), set = make(CONF_DGID_SET, "", "");

	(void)state;
	takes(&one, "1", 1, "1");
	takes(&one, "99", 99, "99");
	refuses(&one, "0", "0 is out of range (1 to 99)");
	refuses(&one, "100", "out of range");
	refuses(&one, "1-2", "is not a DG-ID");
	takes(&set, "1,9,22,50", 0, "1,9,22,50");
	takes(&set, "50, 22 ,9,9", 0, "9,22,50");
	takes(&set, "40-49,1,2", 0, "1,2,40-49");
	takes(&set, "1 - 99", 0, "1-99");
	takes(&set, "63-64", 0, "63,64");
	takes(&set, "5-5", 0, "5");
	refuses(&set, "", "must not be empty");
	refuses(&set, "1,,2", "empty item");
	refuses(&set, "1,", "empty item");
	refuses(&set, "0", "neither a DG-ID nor a range");
	refuses(&set, "100", "neither a DG-ID nor a range");
	refuses(&set, "90-100", "\"90-100\" is neither");
	refuses(&set, "9-1", "the range 9-1 runs backwards");
	refuses(&set, "1-", "neither");
	refuses(&set, "-1", "neither");
	refuses(&set, "1-2-3", "neither");
	refuses(&set, "a", "neither");
}

static void test_listen(void **state)
{
	struct option_def option = make(CONF_LISTEN, "", "");
	char many[CONF_TEXT_MAX] = "";

	(void)state;
	takes(&option, "*:42000", 0, "*:42000");
	takes(&option, "*", 0, "*:42000");
	takes(&option, "127.0.0.1", 0, "127.0.0.1:42000");
	takes(&option, "0.0.0.0:1,[::]:1,[::1]:2", 0, "*:1,[::1]:2");
	takes(&option, "[::]:1, 127.0.0.1:1", 0, "[::]:1,127.0.0.1:1");
	takes(&option, "127.0.0.1:0,127.0.0.1:0", 0, "127.0.0.1:0,127.0.0.1:0");
	refuses(&option, "localhost:1", "\"localhost:1\" is not an address");
	refuses(&option, "127.0.0.1:65536", "is not an address");
	refuses(&option, "", "must not be empty");
	refuses(&option, "*:1,", "empty item");
	refuses(&option, "127.0.0.1:1,127.0.0.1:1", "127.0.0.1:1 and 127.0.0.1:1 can't both");
	refuses(&option, "*:1,127.0.0.1:1", "0.0.0.0:1 and 127.0.0.1:1 can't both");
	refuses(&option, "[::1]:1,*:1", "[::1]:1 and [::]:1 can't both");
	for (int i = 0; i <= CONF_LISTEN_MAX; i++)
		strcat(many, i > 0 ? ",[::]:0" : "[::]:0");
	refuses(&option, many, "more than 64 addresses");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number),	 cmocka_unit_test(test_bool),
		cmocka_unit_test(test_duration), cmocka_unit_test(test_size),
		cmocka_unit_test(test_rate),	 cmocka_unit_test(test_workers),
		cmocka_unit_test(test_words),	 cmocka_unit_test(test_log),
		cmocka_unit_test(test_text),	 cmocka_unit_test(test_dgids),
		cmocka_unit_test(test_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
