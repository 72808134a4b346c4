/* SPDX-License-Identifier: ISC
 *
 * NAME      test_options - tests of the option table
 * PURPOSE   the table keeps its own rules; look-ups find what an operator meant
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

#include "master/inifile.h"
#include "master/options.h"
#include "master/value.h"

/* Every default is a value of its own type and range, and every bound too. */
static void test_table(void **state)
{
	char why[VALUE_WHY_MAX];
	struct value value;

	(void)state;
	for (int key = 0; key < CONF_KEYS; key++) {
		const struct option_def *option = &option_table[key];

		assert_int_equal(option->key, key);
		assert_ptr_equal(option_find(option->section, option->name), option);
		assert_int_equal(value_parse(option, option->fallback, &value, why), 0);
		assert_true(strlen(option->help) > 10);
		assert_int_equal(option->help[strlen(option->help) - 1], '.');
		assert_non_null(option_type_name(option->type));
		if (option->type == CONF_TEXT || option->max[0] == '\0')
			continue;
		assert_int_equal(value_parse(option, option->min, &value, why), 0);
		assert_int_equal(value_parse(option, option->max, &value, why), 0);
	}
}

/* The dump opens each section once, so its keys must stand together. */
static void test_sections_adjacent(void **state)
{
	(void)state;
	for (int i = 1; i < CONF_KEYS; i++) {
		if (strcmp(option_table[i].section, option_table[i - 1].section) == 0)
			continue;
		for (int j = 0; j < i - 1; j++)
			assert_string_not_equal(option_table[i].section, option_table[j].section);
	}
}

static void test_find(void **state)
{
	(void)state;
	assert_int_equal(option_find("ysf", "listen")->key, CONF_YSF_LISTEN);
	assert_null(option_find("ysf", "Listen"));
	assert_null(option_find("YSF", "listen"));
	assert_null(option_find("", ""));
	assert_true(option_section_known("dgid"));
	assert_false(option_section_known("dgi"));
	assert_false(option_section_known(""));
}

static void test_nearest(void **state)
{
	char longest[INIFILE_LINE_MAX + 1];

	(void)state;
	assert_int_equal(option_nearest("ysf", "lisen")->key, CONF_YSF_LISTEN);
	assert_int_equal(option_nearest("ysf", "nmae")->key, CONF_YSF_NAME);
	assert_int_equal(option_nearest("server", "nmae")->key, CONF_SERVER_NAME);
	/* The right key under the wrong section. */
	assert_int_equal(option_nearest("server", "listen")->key, CONF_YSF_LISTEN);
	/* A key of both: that of the section that looks more alike. */
	assert_int_equal(option_nearest("ysff", "watchdog")->key, CONF_YSF_WATCHDOG);
	assert_int_equal(option_nearest("servr", "watchdog")->key, CONF_SERVER_WATCHDOG);
	assert_string_equal(option_nearest_section("sever"), "server");
	assert_string_equal(option_nearest_section("dgids"), "dgid");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_non_null(option_nearest(longest, longest));
	assert_non_null(option_nearest_section(longest));
	assert_non_null(option_nearest("", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_sections_adjacent),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
