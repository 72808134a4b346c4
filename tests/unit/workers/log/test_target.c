/* SPDX-License-Identifier: ISC
 *
 * NAME      test_target - forms and targets of log lines
 * PURPOSE   The three forms to the letter; targets that are moved, missing, full or restarted.
 * OWNER     make check
 * CONTRACT  a program of its own; a failure stops it
 * LIMITS    none known
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/clock.h"
#include "workers/log/line.h"
#include "workers/log/target.h"

/* 2026-11-21 19:08:58.123 UTC */
#define SECONDS 1795288138ULL

static struct log_record make(const char *text)
{
	struct log_record record;

	memset(&record, 0, sizeof(record));
	record.magic = LOG_MAGIC;
	record.level = LOG_LEVEL_INFO;
	record.pid = 123;
	record.generation = 4;
	record.time = SECONDS * NS_PER_SEC + 123456789;
	snprintf(record.slot, sizeof(record.slot), "ysf.0");
	record.length = (uint16_t)snprintf(record.text, sizeof(record.text), "%s", text);
	return record;
}

static void test_text_form(void **state)
{
	struct log_record record = make("DL1AAA linked");
	char line[LINE_MAX_SIZE];
	size_t length = line_text(&record, line);

	(void)state;
	assert_string_equal(line, "2026-11-21T19:08:58.123Z info ysf.0[123] DL1AAA linked\n");
	assert_int_equal(length, strlen(line));
	record.suppressed = 12;
	line_text(&record, line);
	assert_string_equal(line, "2026-11-21T19:08:58.123Z info ysf.0[123] DL1AAA linked "
				  "(12 more of this kind)\n");
}

static void test_json_form(void **state)
{
	struct log_record record = make("say \"hi\" \\o/");
	char line[LINE_MAX_SIZE];
	size_t length = line_json(&record, line);

	(void)state;
	assert_string_equal(line, "{\"time\":\"2026-11-21T19:08:58.123Z\",\"level\":\"info\","
				  "\"slot\":\"ysf.0\",\"pid\":123,\"generation\":4,"
				  "\"text\":\"say \\\"hi\\\" \\\\o/\",\"suppressed\":0}\n");
	assert_int_equal(length, strlen(line));
}

static void test_mmdvm_form(void **state)
{
	static const char letter[] = {'F', 'E', 'W', 'I', 'D'};
	struct log_record record = make("DL1AAA linked");
	char line[LINE_MAX_SIZE], wanted[80];
	size_t length = line_mmdvm(&record, line);

	(void)state;
	assert_string_equal(line, "I: 2026-11-21 19:08:58.123 DL1AAA linked\n");
	assert_int_equal(length, strlen(line));
	record.suppressed = 3;
	for (unsigned level = 0; level < sizeof(letter); level++) {
		record.level = (uint16_t)level;
		line_mmdvm(&record, line);
		snprintf(wanted, sizeof(wanted),
			 "%c: 2026-11-21 19:08:58.123 DL1AAA linked (3 more of this kind)\n",
			 letter[level]);
		assert_string_equal(line, wanted);
	}
}

static void test_longest_lines_fit(void **state)
{
	char text[LOG_TEXT_MAX], line[LINE_MAX_SIZE];
	struct log_record record;

	(void)state;
	memset(text, '"', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	record = make(text);
	record.suppressed = UINT32_MAX;
	record.pid = INT32_MIN;
	record.generation = UINT64_MAX;
	assert_true(line_text(&record, line) < LINE_MAX_SIZE);
	assert_true(line_json(&record, line) < LINE_MAX_SIZE);
	assert_true(line_mmdvm(&record, line) < LINE_MAX_SIZE);
	assert_true(line_syslog(&record, line) < LINE_MAX_SIZE);
}

static void test_syslog_form(void **state)
{
	struct log_record record = make("DL1AAA linked");
	char line[LINE_MAX_SIZE];

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	line_syslog(&record, line);
	/* facility daemon (3), severity informational (6) */
	assert_string_equal(line, "<30>Nov 21 19:08:58 shackd[123]: ysf.0: DL1AAA linked");
	record.level = LOG_LEVEL_FATAL;
	line_syslog(&record, line);
	assert_memory_equal(line, "<26>", 4);
}

/* ---- targets ---- */

static char folder[64];
static int err[2];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/shackd-test-XXXXXX");
	if (mkdtemp(folder) == NULL || pipe2(err, O_CLOEXEC) != 0)
		return -1;
	return fcntl(err[0], F_SETFL, O_NONBLOCK);
}

static int end_folder(void **state)
{
	(void)state;
	close(err[0]);
	close(err[1]);
	return rmdir(folder);
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int lines_in(const char *path)
{
	FILE *file = fopen(path, "r");
	int lines = 0, c;

	if (file == NULL)
		return -1;
	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	return lines;
}

static int lines_on_err(void)
{
	char text[8192];
	ssize_t got = read(err[0], text, sizeof(text));
	int lines = 0;

	for (ssize_t i = 0; i < got; i++)
		lines += text[i] == '\n';
	return lines;
}

static void test_file_is_made_anew_after_rotation(void **state)
{
	struct log_record record = make("x");
	struct target target;
	uint64_t now = clock_mono();
	char path[128], old[128];

	(void)state;
	snprintf(path, sizeof(path), "%s", path_of("log"));
	snprintf(old, sizeof(old), "%s", path_of("log.1"));
	target_init(&target, path, line_text, err[1]);
	assert_true(target_write(&target, &record, now));
	assert_int_equal(rename(path, old), 0);
	assert_true(target_write(&target, &record, now + NS_PER_MS)); /* not looked yet */
	assert_int_equal(lines_in(old), 2);
	assert_true(target_write(&target, &record, now + 2 * NS_PER_SEC));
	assert_int_equal(lines_in(old), 2);
	assert_int_equal(lines_in(path), 1);
	target_close(&target);
	unlink(path);
	unlink(old);
}

static void test_missing_file_is_looked_for_again(void **state)
{
	struct log_record record = make("x");
	struct target target;
	char sub[128], path[160];

	(void)state;
	snprintf(sub, sizeof(sub), "%s", path_of("sub"));
	snprintf(path, sizeof(path), "%s/log", sub);
	target_init(&target, path, line_text, err[1]);
	assert_true(target_write(&target, &record, clock_mono()));
	assert_int_equal(lines_on_err(), 1);
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_true(target_write(&target, &record, clock_mono() + 2 * NS_PER_SEC));
	assert_int_equal(lines_on_err(), 0);
	assert_int_equal(lines_in(path), 1);
	target_close(&target);
	unlink(path);
	rmdir(sub);
}

static void test_lines_that_a_full_device_refuses_go_to_stderr(void **state)
{
	struct log_record record = make("x");
	struct target target;

	(void)state;
	target_init(&target, "/dev/full", line_text, err[1]);
	for (int i = 0; i < 2; i++) {
		assert_true(target_write(&target, &record, clock_mono()));
		assert_int_equal(lines_on_err(), 1);
	}
	target_close(&target);
}

static void test_full_pipe_is_not_waited_for(void **state)
{
	struct log_record record = make("x");
	struct target target;
	int wrote = 0;

	(void)state;
	target_init(&target, "stderr", line_text, err[1]);
	while (wrote < 100000 && target_write(&target, &record, clock_mono()))
		wrote++;
	assert_true(wrote > 10 && wrote < 100000);
	while (lines_on_err() > 0)
		;
	assert_true(target_write(&target, &record, clock_mono()));
	target_close(&target);
}

static int bind_syslog(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void test_syslog_restarts_and_fills(void **state)
{
	struct log_record record = make("x");
	struct target target;
	char path[128], line[LINE_MAX_SIZE];
	int daemon, sent = 0;

	(void)state;
	snprintf(path, sizeof(path), "%s", path_of("dev-log"));
	target_init(&target, "syslog", line_text, err[1]);
	target_close(&target); /* of the machine's own, if it has one */
	snprintf(target.path, sizeof(target.path), "%s", path);
	daemon = bind_syslog(path);
	assert_true(target_write(&target, &record, clock_mono() + 2 * NS_PER_SEC));
	assert_true(recv(daemon, line, sizeof(line), 0) > 0);
	close(daemon);
	daemon = bind_syslog(path); /* restarted: connected again with the next line */
	assert_true(target_write(&target, &record, clock_mono()));
	assert_true(recv(daemon, line, sizeof(line), 0) > 0);
	while (sent < 100000 && target_write(&target, &record, clock_mono()))
		sent++; /* it does not read: full, and nobody waits */
	assert_true(sent > 0 && sent < 100000);
	close(daemon);
	unlink(path);
	assert_true(target_write(&target, &record, clock_mono())); /* gone: standard error */
	assert_int_equal(lines_on_err(), 1);
	target_close(&target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_form),
		cmocka_unit_test(test_json_form),
		cmocka_unit_test(test_mmdvm_form),
		cmocka_unit_test(test_longest_lines_fit),
		cmocka_unit_test(test_syslog_form),
		cmocka_unit_test_setup_teardown(test_file_is_made_anew_after_rotation, make_folder,
						end_folder),
		cmocka_unit_test_setup_teardown(test_missing_file_is_looked_for_again, make_folder,
						end_folder),
		cmocka_unit_test_setup_teardown(test_lines_that_a_full_device_refuses_go_to_stderr,
						make_folder, end_folder),
		cmocka_unit_test_setup_teardown(test_full_pipe_is_not_waited_for, make_folder,
						end_folder),
		cmocka_unit_test_setup_teardown(test_syslog_restarts_and_fills, make_folder,
						end_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
