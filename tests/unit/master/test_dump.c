/* SPDX-License-Identifier: ISC
 *
 * NAME      test_dump - tests of what is written of table and configuration
 * PURPOSE   a dump parses back to the same configuration, the sample to the defaults
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

#include <stdio.h>
#include <string.h>

#include "master/dump.h"

static struct problems problems;

static struct config *parse(const char *ini)
{
	struct config_request request = {.file = "/etc/x/f.ini", .directory = "/base"};
	struct config *config = NULL;

	problems.count = 0;
	if (config_parse(&config, &request, ini, strlen(ini), &problems) < 0)
		fail_msg("%s", problems.text[0]);
	return config;
}

static void dump(const struct config *config, char **text_r)
{
	size_t size;
	FILE *out = open_memstream(text_r, &size);

	dump_config(out, config);
	fclose(out);
}

static void round_trip(const char *ini)
{
	struct config *config = parse(ini), *again;
	char *first, *second;

	dump(config, &first);
	again = parse(first);
	dump(again, &second);
	assert_string_equal(first, second);
	for (int key = 0; key < CONF_KEYS; key++)
		assert_true(config_equal(config, again, (enum conf_key)key));
	config_destroy(&config);
	config_destroy(&again);
	free(first);
	free(second);
}

static void test_round_trip(void **state)
{
	(void)state;
	round_trip("");
	round_trip(
		"[server]\nname = a; b = c # d\nuser =\ngroup =\nlog = l.log\nwatchdog = 1100ms\n"
		"log_level = fatal\nrespawn_tokens = 3/s\nsandbox = off\n[workers]\nysf = 1\n"
		"[ysf]\nlisten = 127.0.0.1:0, [::1], [fe80::1%2]:5\ndescription = x\n"
		"max_age = 0\naux_ports = 41:42397, 88:0\ndashboard_listen =\n"
		"[ysf alias IT PYSF3-TEST]\ndgid = 41\n"
		"[dgid]\nlist = 5-99\ndefault = 5\nlocal = 0\nparrot = 7\nhome_file = h.db\n"
		"[ysf alias B.\xc3\xbc]\ndgid = 5\nid = 12345\ndescription = a b\n");
}

/* Every key is there once, below its section. */
static void test_complete(void **state)
{
	struct config *config = parse("[ysf alias NAME]\ndgid = 22\n[feed NAME]\ntype = rbn\n");
	char *text;

	(void)state;
	dump(config, &text);
	for (int key = 0; key < CONF_KEYS; key++) {
		const struct option_def *option = &option_table[key];
		char section[80], line[64];
		const char *begin, *end, *at;

		option_section_text(option->section, NULL, line, sizeof(line));
		snprintf(section, sizeof(section), "[%s]\n", line);
		snprintf(line, sizeof(line), "\n%s =", option->name);
		begin = strstr(text, section);
		assert_non_null(begin);
		assert_null(strstr(begin + 1, section));
		end = strstr(begin, "\n\n");
		at = strstr(begin, line);
		assert_non_null(at);
		assert_true(end == NULL || at < end);
	}
	free(text);
	config_destroy(&config);
}

static void test_sample(void **state)
{
	struct config *defaults = parse(""), *config;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	dump_sample(out);
	fclose(out);
	config = parse(text);
	for (int key = 0; key < CONF_KEYS; key++)
		assert_true(config_equal(config, defaults, (enum conf_key)key));
	config_destroy(&config);

	/* A group is a comment as a whole: its keys must be given. */
	for (char *at = text; (at = strstr(at, "\n#[")) != NULL; at++)
		for (char *end = strstr(at + 1, "\n["), *line = at + 1; line < end; line++)
			if (line[-1] == '\n' && line[0] == '#')
				line[1] = ' ';
	/* The same with every "#key" brought to life. */
	for (char *at = text; (at = strstr(at, "\n#")) != NULL; at++)
		if (at[2] != ' ' && at[2] != '\n')
			at[1] = ' ';
	for (char *at = text; (at = strstr(at, "\n ")) != NULL;)
		memmove(at + 1, at + 2, strlen(at + 2) + 1);
	config = parse(text);
	for (int key = 0; key < CONF_KEYS; key++)
		assert_true(config_equal(config, defaults, (enum conf_key)key));
	config_destroy(&config);
	config_destroy(&defaults);
	free(text);
}

static void test_manual(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	dump_manual(out);
	fclose(out);
	for (int key = 0; key < CONF_KEYS; key++) {
		char item[64];

		snprintf(item, sizeof(item), "\n.It Ic %s Pq ", option_table[key].name);
		assert_non_null(strstr(text, item));
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
