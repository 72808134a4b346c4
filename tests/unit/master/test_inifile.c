/* SPDX-License-Identifier: ISC
 *
 * NAME      test_inifile - tests of the ini reader
 * PURPOSE   every fault of form, with its line; odd but good files; files that are none
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

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/inifile.h"

static struct problems problems;

/* What was read, as "line:section.key=value|". */
static char seen[4096];

static void note(void *context, int line, const char *section, const char *key, const char *value)
{
	size_t len = strlen(seen);

	(void)context;
	snprintf(seen + len, sizeof(seen) - len, "%d:%s.%s=%s|", line, section, key, value);
}

static void parse_bytes(const char *data, size_t size)
{
	const struct inifile_sink sink = {.pair = note};

	problems.count = 0;
	seen[0] = '\0';
	inifile_parse("f", data, size, &sink, &problems);
}

static void good(const char *text, const char *expected)
{
	parse_bytes(text, strlen(text));
	assert_string_equal(seen, expected);
	assert_int_equal(problems.count, 0);
}

/* One problem, and what was read all the same. */
static void bad(const char *text, const char *problem, const char *expected)
{
	parse_bytes(text, strlen(text));
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.text[0], problem);
	assert_string_equal(seen, expected);
}

static void test_good(void **state)
{
	(void)state;
	good("", "");
	good("\n\n# c\n ; c\n\t\n", "");
	good("[ysf]\nname=a", "2:ysf.name=a|");
	good("[ysf]\r\nname = a b \r\n", "2:ysf.name=a b|");
	good("\xef\xbb\xbf[ysf]\nname:a", "2:ysf.name=a|");
	good("[ysf]\nname = a ; comment\nid = 1;2\n", "2:ysf.name=a|3:ysf.id=1;2|");
	good("[ysf]  # behind\n  name = x\n\n  # c\n", "2:ysf.name=x|");
	good("[ysf] ; behind\nname =\n[dgid]\n[ysf]\nid=1\n", "2:ysf.name=|5:ysf.id=1|");
	good("[ysf]\nname = x=y:z\n", "2:ysf.name=x=y:z|");
	good("[ysf]\nwhat ever = \xc3\xbc\n", "2:ysf.what ever=\xc3\xbc|");
}

static void test_faults(void **state)
{
	(void)state;
	bad("name=a\n[ysf]\nid=1",
	    "f:1: name: key before the first section (begin with a [SECTION])", "3:ysf.id=1|");
	bad("[sever]\nname=a\n[ysf]\nid=1", "f:1: sever: unknown section (nearest: [server])",
	    "4:ysf.id=1|");
	bad("[ysf\nid=1", "f:1: section without \"]\" (write [SECTION])", "");
	bad("[ysf] x\nid=1", "f:1: ysf: text behind the section's name (one thing a line)",
	    "2:ysf.id=1|");
	bad("[ysf]\nrubbish\nid=1", "f:2: ysf: neither a section nor a key (write KEY = VALUE)",
	    "3:ysf.id=1|");
	bad("[ysf]\nid ;=1\n", "f:2: ysf: neither a section nor a key (write KEY = VALUE)", "");
	bad("[ysf]\n= 1\n", "f:2: ysf: key without a name (write KEY = VALUE)", "");
	bad("[ysf]\nname = a\n  b\nid=1",
	    "f:3: ysf: continuation lines are not supported (begin keys in the first column)",
	    "2:ysf.name=a|4:ysf.id=1|");
	bad("[ysf]\nname = a\n\tid = 1\n",
	    "f:3: ysf.id: continuation lines are not supported (begin keys in the first column)",
	    "2:ysf.name=a|");
	bad("[ysf]\nname = a\n [dgid]\nlocal=1\n",
	    "f:3: dgid: section is indented below a key (begin it in the first column)",
	    "2:ysf.name=a|4:dgid.local=1|");
	bad("[ysf]\nname = \xff\nid=1", "f:2: ysf.name: line is not valid UTF-8", "3:ysf.id=1|");
	bad("[ysf]\nname = a\033[2J\n", "f:2: ysf.name: line holds a control character", "");
	bad("[ysf]\nname = a\rid = 1\n", "f:2: ysf.name: line holds a control character", "");
}

/* A key that was rejected is still a key: what is indented below it is not read. */
static void test_after_rejected(void **state)
{
	const char *text = "[ysf]\nname = \xff\n id = 1\n";

	(void)state;
	parse_bytes(text, strlen(text));
	assert_int_equal(problems.count, 2);
	assert_string_equal(seen, "");
}

static void test_nul(void **state)
{
	(void)state;
	parse_bytes("[ysf]\nname = a\0b\nid = 1\n", 24);
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.text[0], "f:2: ysf.name: line holds a NUL byte");
	assert_string_equal(seen, "3:ysf.id=1|");
}

static void test_line_length(void **state)
{
	char text[512];
	const int room = INIFILE_LINE_MAX - (int)strlen("name=");

	(void)state;
	for (int end = 0; end < 3; end++) {
		static const char *const ends[] = {"", "\n", "\r\n"};

		snprintf(text, sizeof(text), "[ysf]\nname=%0*d%s", room, 7, ends[end]);
		parse_bytes(text, strlen(text));
		assert_int_equal(problems.count, 0);
		assert_int_equal(strlen(seen), strlen("2:ysf.name=|") + (size_t)room);
		snprintf(text, sizeof(text), "[ysf]\nname=%0*d%s", room + 1, 7, ends[end]);
		parse_bytes(text, strlen(text));
		assert_int_equal(problems.count, 1);
		assert_string_equal(problems.text[0],
				    "f:2: ysf.name: line is 199 bytes long (at most 198)");
		assert_string_equal(seen, "");
	}
}

static void test_all_reported(void **state)
{
	char text[8192] = "[ysf]\n", *printed = NULL;
	size_t size;
	FILE *out = open_memstream(&printed, &size);

	(void)state;
	for (int i = 0; i < 150; i++)
		strcat(text, "rubbish\n");
	parse_bytes(text, strlen(text));
	assert_int_equal(problems.count, 150);
	problems_print(out, &problems);
	fclose(out);
	assert_non_null(strstr(printed, "f:101: ysf: neither"));
	assert_null(strstr(printed, "f:102:"));
	assert_non_null(strstr(printed, "\nand 50 more problems\n"));
	free(printed);
}

static void test_printable(void **state)
{
	(void)state;
	problems.count = 0;
	problems_add(&problems, "%s", "a\033b\x7f\xff\xc3\xbc\xc2\x9b\xe2\x82");
	assert_string_equal(problems.text[0], "a?b??\xc3\xbc????");
}

static void not_loaded(const char *path, const char *part)
{
	char *data;
	size_t size;

	problems.count = 0;
	assert_int_equal(inifile_load(path, "NAME", &data, &size, &problems), -1);
	assert_null(data);
	assert_int_equal(problems.count, 1);
	if (strstr(problems.text[0], part) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part, problems.text[0]);
}

static void test_load(void **state)
{
	char dir[] = "/tmp/test_inifile.XXXXXX", path[64], *data;
	size_t size;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/f", dir);
	not_loaded(path, "NAME: can't be opened: No such file");
	not_loaded(dir, "NAME: is a directory");
	not_loaded("/dev/zero", "NAME: is larger than");
	assert_int_equal(mkfifo(path, 0600), 0);
	not_loaded(path, "NAME: is a pipe"); /* and does not wait for a writer */
	unlink(path);

	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "abc", 3), 3);
	problems.count = 0;
	assert_int_equal(inifile_load(path, path, &data, &size, &problems), 0);
	assert_int_equal(size, 3);
	assert_memory_equal(data, "abc", 3);
	free(data);
	assert_int_equal(ftruncate(fd, INIFILE_SIZE_MAX), 0);
	assert_int_equal(inifile_load(path, path, &data, &size, &problems), 0);
	assert_int_equal(size, INIFILE_SIZE_MAX);
	free(data);
	assert_int_equal(ftruncate(fd, INIFILE_SIZE_MAX + 1), 0);
	not_loaded(path, "NAME: is larger than 1048576 bytes");
	close(fd);
	chmod(path, 0);
	if (geteuid() != 0)
		not_loaded(path, "NAME: can't be opened: Permission denied");
	unlink(path);
	rmdir(dir);

	assert_int_equal(inifile_load("/dev/null", "n", &data, &size, &problems), 0);
	assert_int_equal(size, 0);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	       cmocka_unit_test(test_faults),
		cmocka_unit_test(test_after_rejected), cmocka_unit_test(test_nul),
		cmocka_unit_test(test_line_length),    cmocka_unit_test(test_all_reported),
		cmocka_unit_test(test_printable),      cmocka_unit_test(test_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
