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
		assert_int_equal(value_parse(option, option->fallback, &value, why),
				 option_is_required(option) ? -1 : 0);
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
	char name[OPTION_NAME_SIZE];

	(void)state;
	assert_int_equal(option_find("ysf", "listen")->key, CONF_YSF_LISTEN);
	assert_null(option_find("ysf", "Listen"));
	assert_null(option_find("YSF", "listen"));
	assert_null(option_find("", ""));
	assert_string_equal(option_section("dgid", name), "dgid");
	assert_string_equal(name, "");
	assert_null(option_section("dgi", name));
	assert_null(option_section("", name));
}

/* What -T prints of a group is what the parser finds again. */
static void test_groups(void **state)
{
	char name[OPTION_NAME_SIZE], text[OPTION_NAME_SIZE];

	(void)state;
	for (int i = 0; i < CONF_GROUPS; i++) {
		const struct group_def *def = &group_table[i];
		enum conf_key first = conf_group_first((enum conf_group)i);

		for (int key = 0; key < CONF_KEYS; key++) {
			bool own = strcmp(option_table[key].section, def->section) == 0;

			assert_int_equal(own,
					 conf_key_group((enum conf_key)key) == (enum conf_group)i);
			assert_true(!own || option_table[key].reload == OPTION_LIVE);
			assert_true(!own ||
				    key < (int)first + (int)conf_group_keys((enum conf_group)i));
		}
		option_section_text(def->section, "A.B", text, sizeof(text));
		assert_string_equal(option_section(text, name), def->section);
		assert_string_equal(name, "A.B");
		assert_true(def->name_max > 0 && def->name_max < OPTION_NAME_SIZE / 2);
	}
	assert_string_equal(option_section("ysf alias  IT PYSF3 ", name), "ysf alias *");
	assert_string_equal(name, "IT PYSF3");
	assert_string_equal(option_section("ysf alias *", name), "ysf alias *");
	assert_string_equal(name, "*");
	assert_string_equal(option_section("ysf alias", name), "ysf alias *");
	assert_string_equal(name, "");
	assert_null(option_section("ysf aliasX", name));
	assert_string_equal(option_section_text("ysf", "x", text, sizeof(text)), "ysf");
	assert_string_equal(option_section_text("ysf alias *", NULL, text, sizeof(text)),
			    "ysf alias NAME");
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
	assert_string_equal(option_nearest_section("ysf alais A LONG NAME"), "ysf alias *");
	assert_string_equal(option_nearest_section("access file"), "access");
	assert_int_equal(option_nearest("ysf alias X", "dg-id")->key, CONF_YSF_ALIAS_DGID);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_non_null(option_nearest(longest, longest));
	assert_non_null(option_nearest_section(longest));
	assert_non_null(option_nearest("", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	cmocka_unit_test(test_sections_adjacent),
		cmocka_unit_test(test_find),	cmocka_unit_test(test_groups),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
