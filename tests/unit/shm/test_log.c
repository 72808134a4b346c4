/* SPDX-License-Identifier: ISC
 *
 * NAME      test_log - the log line on its way
 * PURPOSE   What arrives in the queue, what a full queue costs, and that no record from outside is
 *           believed.
 * OWNER     make check
 * CONTRACT  a program of its own; a failure stops it
 * LIMITS    none known
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/clock.h"
#include "shm/log.h"

static int queue[2];
static uint64_t dropped;

static int make_queue(void **state)
{
	(void)state;
	dropped = 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, queue) != 0)
		return -1;
	log_init(queue[0], "ysf.3", 7, LOG_LEVEL_INFO, &dropped);
	return 0;
}

static int end_queue(void **state)
{
	(void)state;
	log_init(-1, "test", 0, LOG_LEVEL_INFO, NULL);
	close(queue[0]);
	close(queue[1]);
	return 0;
}

static ssize_t take(struct log_record *record)
{
	return recv(queue[1], record, sizeof(*record), MSG_DONTWAIT);
}

static void test_record_arrives(void **state)
{
	struct log_record record;
	uint64_t before = clock_real();
	ssize_t got;

	(void)state;
	errno = ENOSPC;
	log_write(LOG_LEVEL_WARNING, 3, "gateway %s: %m", "DL1AAA");
	assert_int_equal(errno, ENOSPC);
	got = take(&record);
	assert_true(got > 0);
	assert_true(log_record_check(&record, (uint64_t)got));
	assert_string_equal(record.text, "gateway DL1AAA: No space left on device");
	assert_int_equal(record.level, LOG_LEVEL_WARNING);
	assert_int_equal(record.suppressed, 3);
	assert_int_equal(record.generation, 7);
	assert_int_equal(record.pid, getpid());
	assert_string_equal(record.slot, "ysf.3");
	assert_true(record.time >= before && record.time <= clock_real());
}

static void test_level_holds_back(void **state)
{
	struct log_record record;

	(void)state;
	log_debug("nobody wants this");
	assert_int_equal(take(&record), -1);
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("now somebody does");
	assert_true(take(&record) > 0);
	assert_false(log_wants((enum log_level)5));
}

static void test_long_line_is_cut_and_marked(void **state)
{
	struct log_record record;
	char text[2 * LOG_TEXT_MAX];
	ssize_t got;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	got = take(&record);
	assert_true(log_record_check(&record, (uint64_t)got));
	assert_int_equal(record.length, LOG_TEXT_MAX - 1);
	assert_string_equal(record.text + LOG_TEXT_MAX - 5, "x...");
}

static void test_full_queue_drops_and_counts(void **state)
{
	struct log_record record;
	unsigned wrote = 0, arrived = 0;

	(void)state;
	while (dropped < 5 && wrote < 100000) {
		log_info("line %u", wrote);
		wrote++;
	}
	assert_int_equal(dropped, 5);
	while (take(&record) > 0)
		arrived++;
	assert_int_equal(arrived + 5, wrote);
}

static void test_lost_lines_are_said(void **state)
{
	struct log_record record;
	unsigned wrote = 0;

	(void)state;
	while (dropped < 5 && wrote++ < 100000)
		log_info("line");
	while (take(&record) > 0)
		;
	log_info("after");
	assert_true(take(&record) > 0);
	assert_string_equal(record.text, "5 lines of this process were lost: the log was full");
	assert_int_equal(record.level, LOG_LEVEL_WARNING);
	assert_true(take(&record) > 0);
	assert_string_equal(record.text, "after");
	log_info("once more");
	assert_true(take(&record) > 0);
	assert_string_equal(record.text, "once more");
}

static void test_cause_speaks_once_a_second(void **state)
{
	struct log_limit limit = {0, 0};
	uint32_t suppressed = 99;

	(void)state;
	assert_true(log_limit_pass(&limit, &suppressed));
	assert_int_equal(suppressed, 0);
	limit.second--; /* a second later */
	limit.suppressed = 4;
	assert_true(log_limit_pass(&limit, &suppressed));
	assert_int_equal(suppressed, 4);
	/* the clock may turn between any two calls, but not three times */
	unsigned passed = 0;
	for (int i = 0; i < 1000; i++)
		passed += log_limit_pass(&limit, &suppressed);
	assert_true(passed <= 2);
	assert_true(limit.suppressed > 0);
}

static struct log_record good_record(void)
{
	struct log_record record;

	memset(&record, 0, sizeof(record));
	record.magic = LOG_MAGIC;
	record.level = LOG_LEVEL_INFO;
	record.length = 5;
	memcpy(record.slot, "log", 4);
	memcpy(record.text, "hello", 6);
	return record;
}

#define GOOD_LENGTH (offsetof(struct log_record, text) + 6)

static void test_foreign_records_are_refused(void **state)
{
	struct log_record record = good_record();

	(void)state;
	assert_true(log_record_check(&record, GOOD_LENGTH));
	assert_false(log_record_check(&record, GOOD_LENGTH - 1));
	assert_false(log_record_check(&record, GOOD_LENGTH + 1));
	assert_false(log_record_check(&record, 0));
	assert_false(log_record_check(&record, sizeof(record)));
	record.magic ^= 1;
	assert_false(log_record_check(&record, GOOD_LENGTH));
	record = good_record();
	record.level = 5;
	assert_false(log_record_check(&record, GOOD_LENGTH));
	record = good_record();
	memset(record.slot, 'a', sizeof(record.slot));
	assert_false(log_record_check(&record, GOOD_LENGTH));
	record = good_record();
	record.length = LOG_TEXT_MAX;
	assert_false(
		log_record_check(&record, offsetof(struct log_record, text) + LOG_TEXT_MAX + 1));
}

static void test_text_becomes_printable(void **state)
{
	struct log_record record = good_record();

	(void)state;
	memcpy(record.text, "a\x1b\n\xff\0", 5);
	record.slot[1] = '\n';
	assert_true(log_record_check(&record, GOOD_LENGTH));
	assert_string_equal(record.text, "a????");
	assert_string_equal(record.slot, "l?g");
}

static void test_level_names(void **state)
{
	(void)state;
	assert_string_equal(log_level_name(LOG_LEVEL_FATAL), "fatal");
	assert_string_equal(log_level_name(LOG_LEVEL_DEBUG), "debug");
	assert_string_equal(log_level_name((enum log_level)9), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_record_arrives, make_queue, end_queue),
		cmocka_unit_test_setup_teardown(test_level_holds_back, make_queue, end_queue),
		cmocka_unit_test_setup_teardown(test_long_line_is_cut_and_marked, make_queue,
						end_queue),
		cmocka_unit_test_setup_teardown(test_full_queue_drops_and_counts, make_queue,
						end_queue),
		cmocka_unit_test_setup_teardown(test_lost_lines_are_said, make_queue, end_queue),
		cmocka_unit_test(test_cause_speaks_once_a_second),
		cmocka_unit_test(test_foreign_records_are_refused),
		cmocka_unit_test(test_text_becomes_printable),
		cmocka_unit_test(test_level_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
