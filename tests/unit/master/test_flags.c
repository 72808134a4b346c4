/* SPDX-License-Identifier: ISC
 *
 * NAME      test_flags - tests of the command line
 * PURPOSE   every flag in both forms, every misuse, the version texts
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

#include "master/flags.h"
#include "master/version.h"

static char error[FLAGS_ERROR_MAX];

/* ARGV ends with NULL. */
static int parse(const char *const *args, struct flags *flags_r)
{
	char *argv[16] = {(char *)(uintptr_t) "shackd"};
	int argc = 1;

	for (; args[argc - 1] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)args[argc - 1];
	error[0] = '\0';
	return flags_parse(argc, argv, flags_r, error);
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_short(void **state)
{
	struct flags flags;

	(void)state;
	assert_int_equal(parse(ARGS("-fc", "a", "-ob.c=d", "-o", "e.f=g", "-p", "h", "-t"), &flags),
			 0);
	assert_string_equal(flags.config, "a");
	assert_string_equal(flags.pidfile, "h");
	assert_int_equal(flags.sets, 2);
	assert_string_equal(flags.set[0], "b.c=d");
	assert_string_equal(flags.set[1], "e.f=g");
	assert_true(flags.foreground && flags.test && !flags.dump);
	assert_false(flags.version || flags.version_line || flags.help);
	flags_destroy(&flags);
	flags_destroy(&flags);
}

static void test_long(void **state)
{
	struct flags flags;

	(void)state;
	assert_int_equal(parse(ARGS("--config=a", "--set", "b.c=d", "--foreground", "--dump-config",
				    "--pidfile", "h"),
			       &flags),
			 0);
	assert_string_equal(flags.config, "a");
	assert_string_equal(flags.pidfile, "h");
	assert_int_equal(flags.sets, 1);
	assert_true(flags.foreground && flags.dump && flags.test);
	flags_destroy(&flags);
	assert_int_equal(parse(ARGS("--test", "--version", "--help", "-v"), &flags), 0);
	assert_true(flags.test && !flags.dump && flags.version && flags.help && flags.version_line);
	flags_destroy(&flags);
	assert_int_equal(parse(ARGS("-V", "-h", "-T"), &flags), 0);
	assert_true(flags.version && flags.help && flags.dump);
	flags_destroy(&flags);
	assert_int_equal(parse((const char *const[]){NULL}, &flags), 0);
	assert_true(flags.config == NULL && flags.pidfile == NULL && flags.sets == 0);
	flags_destroy(&flags);
}

static void refuses(const char *const *args, const char *expected)
{
	struct flags flags;

	assert_int_equal(parse(args, &flags), -1);
	assert_string_equal(error, expected);
	flags_destroy(&flags);
}

static void test_misuse(void **state)
{
	(void)state;
	refuses(ARGS("-x"), "unknown flag -x");
	refuses(ARGS("-fx"), "unknown flag -x");
	refuses(ARGS("--xyz"), "unknown flag --xyz");
	refuses(ARGS("-c"), "-c needs FILE");
	refuses(ARGS("--config"), "-c needs FILE");
	refuses(ARGS("-c", ""), "-c needs FILE");
	refuses(ARGS("--set"), "-o needs SECTION.KEY=VALUE");
	refuses(ARGS("--test=1"), "--test takes no argument");
	refuses(ARGS("-t", "start"), "unexpected argument \"start\"");
}

static char *written(void (*write)(FILE *out))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	write(out);
	fclose(out);
	return text;
}

static void test_texts(void **state)
{
	static const char *const words[] = {"config",	   "set",     "foreground", "test",
					    "dump-config", "pidfile", "version",    "help"};
	char *usage = written(flags_usage), *manual = written(flags_manual), part[64];

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		snprintf(part, sizeof(part), ", --%s ", words[i]);
		assert_non_null(strstr(usage, part));
		snprintf(part, sizeof(part), " , Fl Fl %s", words[i]);
		assert_non_null(strstr(manual, part));
	}
	assert_non_null(strstr(usage, "\n  -v "));
	assert_non_null(strstr(manual, "\n.It Fl v\n"));
	for (char *line = strtok(usage, "\n"); line != NULL; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 100);
	free(usage);
	free(manual);
}

static void test_version(void **state)
{
	char *text = written(version_print), *line = written(version_print_line), part[64];

	(void)state;
	snprintf(part, sizeof(part), "shackd %s (%s)\n", version_text(), version_date());
	assert_int_equal(strncmp(text, part, strlen(part)), 0);
	assert_non_null(strstr(text, "\ncompiler: "));
	assert_non_null(strstr(text, "\nlibraries: "));
	assert_non_null(strstr(text, "\nsanitizers: "));
	assert_int_equal(strlen(version_date()), 8);
	assert_int_equal(strspn(version_date(), "0123456789"), 8);
	snprintf(part, sizeof(part), "YSFReflector version %s\n", version_date());
	assert_string_equal(line, part);
	free(text);
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short),	cmocka_unit_test(test_long),
		cmocka_unit_test(test_misuse),	cmocka_unit_test(test_texts),
		cmocka_unit_test(test_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
