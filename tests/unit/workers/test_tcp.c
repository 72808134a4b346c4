/* SPDX-License-Identifier: ISC
 *
 * NAME      test_tcp - connections that go on when their worker dies
 * PURPOSE   Every state in which a predecessor can leave a connection: made by hand, one by one,
 *           and then by killing a real one before and after each of its system calls.
 * OWNER     make check
 * CONTRACT  cmocka program; loopback TCP
 * LIMITS    the kills need ptrace; where that is forbidden the last test is skipped
 */
#include <poll.h>

#include "tests/unit/workers/tcp_lab.h"

#define BURST	2000
#define STOPS	400 /* more system calls than the dying worker makes, twice */

/* ---- a service as small as can be ---- */

struct own {
	uint64_t lines, burst;
};

static uint64_t last_offset, gone_calls;
static bool resume_answer, last_cut, die_in_line;
static unsigned refusals; /* times that a line has still to wait */

static void on_open(struct tcp_conn *conn)
{
	tcp_printf(conn, "hi\n");
}

static bool on_resume(struct tcp_conn *conn)
{
	(void)conn;
	return resume_answer;
}

static bool on_more(struct tcp_conn *conn)
{
	struct own *own = tcp_own(conn);

	for (unsigned i = 0; i < 100 && own->burst > 0; i++)
		tcp_printf(conn, "b%llu\n", (unsigned long long)own->burst--);
	return own->burst > 0;
}

static void on_line(struct tcp_conn *conn, const struct tcp_line *line)
{
	struct own *own = tcp_own(conn);

	own->lines++;
	last_offset = line->offset;
	last_cut = line->cut;
	tcp_printf(conn, "%llu: ", (unsigned long long)own->lines);
	tcp_put(conn, line->text, line->length);
	tcp_put(conn, "\n", 1);
	if (die_in_line)
		raise(SIGKILL);
	if (refusals > 0) {
		refusals--;
		tcp_later(conn);
	}
	if (line->length == 5 && memcmp(line->text, "burst", 5) == 0) {
		own->burst = BURST;
		tcp_more(conn);
	}
	if (line->length == 3 && memcmp(line->text, "bye", 3) == 0)
		tcp_close(conn);
}

/* Ends at a line's end, and at "call:" when nothing comes behind it. */
static size_t on_find(struct tcp_conn *conn, const uint8_t *text, size_t length)
{
	const uint8_t *end = memchr(text, '\n', length);

	(void)conn;
	if (end != NULL)
		return (size_t)(end - text) + 1;
	return length >= 5 && memcmp(text + length - 5, "call:", 5) == 0 ? length : 0;
}

static void on_gone(struct tcp_conn *conn)
{
	(void)conn;
	gone_calls++;
}

static const struct tcp_kind service = {
	.open = on_open,
	.resume = on_resume,
	.line = on_line,
	.more = on_more,
	.gone = on_gone,
};

static const struct tcp_kind finder = {
	.open = on_open,
	.find = on_find,
	.line = on_line,
	.more = on_more,
};

static struct lab *lab_new(void)
{
	resume_answer = true;
	gone_calls = 0;
	refusals = 0;
	return lab_new_of(&service);
}

/* A connection that was greeted by a holder that is gone, with LINE waiting in the socket. */
static struct lab *lab_after_greeting(const char *line)
{
	struct lab *lab = lab_new();

	lab_begin(lab);
	lab_expect(lab, "hi\n");
	lab_end(lab);
	lab_send(lab, line);
	wait_unread(lab, strlen(line));
	return lab;
}

/* What the predecessor recorded: "abc\n" acted upon, and answered. */
static void record_answer(struct lab *lab)
{
	struct table_state *next = table_stage(lab->entry);

	table_journal_write(lab->entry, next->out, "1: abc\n", 7);
	next->out += 7;
	next->in += 4;
	((struct own *)(void *)next->own)->lines = 1;
	table_commit(lab->entry);
}

static void goes_on(struct lab *lab)
{
	lab_send(lab, "def\n");
	lab_expect(lab, "2: def\n");
	assert_int_equal(last_offset, 4);
	lab_free(lab);
}

/* ---- where a predecessor may have died ---- */

static void test_greeted_and_answered(void **state)
{
	struct lab *lab = lab_new();

	(void)state;
	lab_begin(lab);
	lab_expect(lab, "hi\n");
	lab_send(lab, "abc\r\n");
	lab_expect(lab, "1: abc\n");
	assert_int_equal(last_offset, 0);
	lab_send(lab, "x");
	turn(lab);
	lab_send(lab, "y\nz\n");
	lab_expect(lab, "2: xy\n3: z\n");
	assert_int_equal(last_offset, 8);
	assert_int_equal(tcp_count(lab->tcp), 1);
	lab_free(lab);
}

static void test_died_before_it_looked(void **state)
{
	struct lab *lab = lab_after_greeting("abc\n");

	(void)state;
	lab_begin(lab);
	lab_expect(lab, "1: abc\n");
	goes_on(lab);
}

static void test_died_inside_the_callback(void **state)
{
	struct lab *lab = lab_after_greeting("abc\n");
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		die_in_line = true;
		lab_begin(lab);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	lab_begin(lab);
	lab_expect(lab, "1: abc\n");
	goes_on(lab);
}

/* The answer stands in the journal, and in the copy that does not hold. */
static void test_died_before_the_commit(void **state)
{
	struct lab *lab = lab_after_greeting("abc\n");
	struct table_state *next = table_stage(lab->entry);

	(void)state;
	table_journal_write(lab->entry, next->out, "9: wrong\n", 9);
	next->out += 9;
	next->in += 4;
	((struct own *)(void *)next->own)->lines = 9;
	lab_begin(lab);
	lab_expect(lab, "1: abc\n");
	goes_on(lab);
}

static void test_died_after_the_commit(void **state)
{
	struct lab *lab = lab_after_greeting("abc\n");

	(void)state;
	record_answer(lab);
	lab_begin(lab);
	lab_expect(lab, "1: abc\n");
	goes_on(lab);
}

static void test_died_while_it_consumed(void **state)
{
	struct lab *lab = lab_after_greeting("abc\n");
	char room[8];

	(void)state;
	record_answer(lab);
	assert_int_equal(recv(lab->vaulted, room, 3, 0), 3);
	lab_begin(lab);
	lab_expect(lab, "1: abc\n");
	goes_on(lab);
}

static void test_died_after_it_consumed(void **state)
{
	struct lab *lab = lab_after_greeting("abc\n");
	char room[8];

	(void)state;
	record_answer(lab);
	assert_int_equal(recv(lab->vaulted, room, 4, 0), 4);
	lab_begin(lab);
	lab_expect(lab, "1: abc\n");
	goes_on(lab);
}

static void test_died_after_a_part_was_sent(void **state)
{
	struct lab *lab = lab_after_greeting("abc\n");

	(void)state;
	record_answer(lab);
	assert_int_equal(send(lab->vaulted, "1: a", 4, 0), 4);
	lab_begin(lab);
	lab_expect(lab, "1: abc\n");
	goes_on(lab);
}

static void test_died_after_all_was_sent(void **state)
{
	struct lab *lab = lab_after_greeting("abc\n");

	(void)state;
	record_answer(lab);
	assert_int_equal(send(lab->vaulted, "1: abc\n", 7, 0), 7);
	lab_begin(lab);
	lab_expect(lab, "1: abc\n");
	goes_on(lab);
}

static void test_died_while_the_client_ended(void **state)
{
	struct lab *lab = lab_after_greeting("abc\ndef\n");

	(void)state;
	record_answer(lab);
	assert_int_equal(shutdown(lab->client, SHUT_WR), 0);
	poll(NULL, 0, 20); /* the end arrives; the counters are right before and after it */
	lab_begin(lab);
	lab->length = 0;
	lab_read(lab, 14);
	assert_string_equal(lab->got, "1: abc\n2: def\n");
	lab_free(lab);
}

/* ---- the end ---- */

static bool master_was_told(struct lab *lab)
{
	struct msg_closed closed;
	struct msg msg;

	if (msg_recv(lab->master, &msg) != 1)
		return false;
	assert_int_equal(msg.type, MSG_CLOSED);
	memcpy(&closed, msg.body, sizeof(closed));
	assert_int_equal(closed.session, SESSION);
	assert_int_equal(closed.index, PLACE);
	return true;
}

static void test_the_end_is_told_once(void **state)
{
	struct lab *lab = lab_new();
	bool told = false;

	(void)state;
	lab_begin(lab);
	lab_send(lab, "bye\n");
	assert_int_equal(shutdown(lab->client, SHUT_WR), 0);
	for (unsigned i = 0; i < 1000 && !told; i++) {
		turn(lab);
		poll(NULL, 0, 1);
		told = master_was_told(lab);
	}
	assert_true(told);
	assert_int_equal(gone_calls, 1);
	assert_int_equal(tcp_count(lab->tcp), 0);
	assert_false(master_was_told(lab));
	lab->length = 0;
	close(lab->vaulted);
	lab->vaulted = -1;
	lab_read(lab, sizeof(lab->got) - 1);
	assert_string_equal(lab->got, "hi\n1: bye\n");
	lab_free(lab);
}

/* The farewell is out and our half is closed: a successor waits for the client's. */
static void test_died_after_the_farewell(void **state)
{
	struct lab *lab = lab_new();
	bool told = false;

	(void)state;
	lab_begin(lab);
	lab_send(lab, "bye\nmore");
	lab->length = 0;
	lab_read(lab, sizeof(lab->got) - 1);
	assert_string_equal(lab->got, "hi\n1: bye\n");
	lab_end(lab);
	lab_begin(lab);
	assert_int_equal(tcp_count(lab->tcp), 1);
	close(lab->client);
	lab->client = dup(lab->master);
	for (unsigned i = 0; i < 1000 && !told; i++) {
		turn(lab);
		poll(NULL, 0, 1);
		told = master_was_told(lab);
	}
	assert_true(told);
	lab_free(lab);
}

static void test_a_full_control_socket_is_tried_again(void **state)
{
	struct lab *lab = lab_new();
	struct msg msg;
	unsigned told = 0;

	(void)state;
	lab_begin(lab);
	while (msg_send(lab->worker.control, MSG_READY, 0, NULL, 0, -1) == 0)
		;
	close(lab->client);
	lab->client = dup(lab->master);
	for (unsigned i = 0; i < 1000 && tcp_count(lab->tcp) > 0; i++) {
		turn(lab);
		poll(NULL, 0, 1);
	}
	assert_int_equal(tcp_count(lab->tcp), 0);
	while (msg_recv(lab->master, &msg) == 1)
		assert_int_equal(msg.type, MSG_READY);
	tcp_tick(lab->tcp);
	while (msg_recv(lab->master, &msg) == 1)
		told += msg.type == MSG_CLOSED;
	assert_int_equal(told, 1);
	lab_free(lab);
}

/* ---- what is not believed ---- */

static void is_closed(struct lab *lab)
{
	lab_begin(lab);
	assert_int_equal(tcp_count(lab->tcp), 0);
	assert_true(master_was_told(lab));
	lab_free(lab);
}

static void test_records_without_sense_are_closed(void **state)
{
	struct lab *lab;

	(void)state;
	lab = lab_after_greeting("abc\n");
	table_stage(lab->entry)->in = 5; /* more than ever came */
	table_commit(lab->entry);
	is_closed(lab);
	lab = lab_after_greeting("abc\n");
	table_stage(lab->entry)->out = 2; /* less than was sent */
	table_commit(lab->entry);
	is_closed(lab);
	lab = lab_after_greeting("abc\n");
	table_stage(lab->entry)->out = 4 + TABLE_JOURNAL; /* more than the journal holds */
	table_commit(lab->entry);
	is_closed(lab);
	lab = lab_after_greeting("abc\n");
	resume_answer = false; /* the kind finds its own state odd */
	is_closed(lab);
}

static void test_a_line_that_killed_two_is_closed(void **state)
{
	struct lab *lab = lab_after_greeting("abc\n");

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		/* as the master and the dying left it */
		atomic_fetch_add(&lab->worker.page->faults, 1);
		lab->worker.table.block->acting = PLACE + 1;
		if (i == 1)
			break;
		lab_begin(lab);
		assert_int_equal(tcp_count(lab->tcp), 1);
		lab_end(lab);
		/* the line was handled by that one; the next is the same again */
		lab->entry->tries = 1;
		lab->length = 0;
	}
	is_closed(lab);
}

static void test_a_death_that_accuses_nobody(void **state)
{
	struct lab *lab = lab_after_greeting("abc\n");

	(void)state;
	lab->entry->tries = 1;
	lab->worker.table.block->acting = PLACE + 1; /* but page->faults did not grow */
	lab_begin(lab);
	assert_int_equal(tcp_count(lab->tcp), 1);
	lab_expect(lab, "1: abc\n");
	assert_int_equal(lab->entry->tries, 0);
	lab_free(lab);
}

static void test_messages_that_are_not_for_us(void **state)
{
	struct lab *lab = lab_new();
	struct msg_fd head = {.role = FD_TCP, .index = 4};
	struct msg msg = {.type = MSG_FD, .length = sizeof(head), .fd = 0};

	(void)state;
	lab_begin(lab);
	memcpy(msg.body, &head, sizeof(head));
	assert_false(tcp_take(lab->tcp, &msg)); /* beyond the table */
	head.role = FD_UDP;
	head.index = 0;
	memcpy(msg.body, &head, sizeof(head));
	assert_false(tcp_take(lab->tcp, &msg));
	msg.type = MSG_DRAIN;
	assert_false(tcp_take(lab->tcp, &msg));
	lab_free(lab);
}

static void test_long_lines_are_cut_alike_however_they_come(void **state)
{
	char line[3000];

	(void)state;
	for (unsigned step = 1; step < 3000; step += 499) {
		struct lab *lab = lab_new();

		lab_begin(lab);
		lab_expect(lab, "hi\n");
		memset(line, 'x', sizeof(line));
		for (size_t at = 0; at < sizeof(line); at += step) {
			size_t part = sizeof(line) - at < step ? sizeof(line) - at : step;

			assert_int_equal(send(lab->client, line + at, part, 0), part);
			if (step > 1 || at % 100 == 0)
				turn(lab);
		}
		lab->length = 0;
		lab_read(lab, 3 + TCP_LINE_MAX + 1);
		assert_true(last_cut);
		assert_int_equal(lab->length, 3 + TCP_LINE_MAX + 1);
		lab_send(lab, "\nnext\n");
		lab_expect(lab, "2: next\n");
		assert_int_equal(last_offset, sizeof(line) + 1);
		lab_free(lab);
	}
}

static void note(struct tcp_conn *conn, void *arg)
{
	*(struct tcp_conn **)arg = conn;
}

static void test_steps_of_the_kinds_own(void **state)
{
	struct lab *lab = lab_new();

	(void)state;
	lab_begin(lab);
	lab_expect(lab, "hi\n");
	lab_send(lab, "half");
	turn(lab);
	for (unsigned i = 0; i < 3; i++) {
		struct tcp_conn *found = NULL;

		tcp_each(lab->tcp, note, &found);
		assert_non_null(found);
		assert_int_equal(tcp_session(found), SESSION);
		assert_int_equal(tcp_peer(found)->port, 9);
		assert_false(tcp_put(found, "outside of a step", 17));
		assert_true(tcp_begin(found));
		assert_false(tcp_begin(found));
		assert_true(tcp_put(found, "news\n", 5));
		tcp_end(found);
		lab_expect(lab, "news\n");
		lab_end(lab);
		lab_begin(lab);
	}
	lab_send(lab, " line\n");
	lab_expect(lab, "1: half line\n");
	lab_free(lab);
}

/* ---- lines that wait, and ends of another kind ---- */

static struct tcp_conn *only_one(struct lab *lab)
{
	struct tcp_conn *found = NULL;

	tcp_each(lab->tcp, note, &found);
	assert_non_null(found);
	return found;
}

static void test_a_line_may_have_to_wait(void **state)
{
	struct lab *lab = lab_after_greeting("abc\ndef\n");

	(void)state;
	refusals = 3;
	lab_begin(lab); /* the first refusal */
	assert_int_equal(refusals, 2);
	ev_run(lab->worker.loop, EVRUN_NOWAIT);
	assert_int_equal(refusals, 2); /* not asked before a tick */
	assert_int_equal(lab->worker.page->counter[COUNT_TCP_LINES], 0);
	assert_true(tcp_begin(only_one(lab)));
	assert_true(tcp_put(only_one(lab), "news\n", 5));
	tcp_end(only_one(lab));
	lab->length = 0;
	assert_int_equal(recv(lab->client, lab->got, sizeof(lab->got), 0), 5);
	assert_int_equal(refusals, 2);
	tcp_tick(lab->tcp);
	assert_int_equal(refusals, 1);
	tcp_again(only_one(lab));
	assert_int_equal(refusals, 0);
	assert_int_equal(recv(lab->client, lab->got, sizeof(lab->got), MSG_DONTWAIT), -1);
	tcp_again(only_one(lab));
	lab_expect(lab, "1: abc\n2: def\n");
	assert_int_equal(last_offset, 4);
	lab_free(lab);
}

static void test_died_while_a_line_waited(void **state)
{
	struct lab *lab = lab_after_greeting("abc\n");

	(void)state;
	refusals = 1;
	lab_begin(lab);
	lab_end(lab);
	wait_unread(lab, 4);
	assert_int_equal(lab->worker.table.block->acting, 0);
	lab_begin(lab);
	lab_expect(lab, "1: abc\n");
	goes_on(lab);
}

static void test_the_kind_says_what_ends(void **state)
{
	struct lab *lab = lab_new();
	char line[3000];

	(void)state;
	lab->kind = &finder;
	lab_begin(lab);
	lab_expect(lab, "hi\n");
	lab_send(lab, "your call:");
	lab_expect(lab, "1: your call:\n");
	lab_send(lab, "half");
	turn(lab);
	lab_send(lab, " a line\r\nand");
	lab_expect(lab, "2: half a line\r\n\n");
	assert_int_equal(last_offset, 10);
	memset(line, 'x', sizeof(line));
	line[2999] = '\0';
	lab_send(lab, line);
	lab->length = 0;
	lab_read(lab, 3 + TCP_LINE_MAX + 1);
	assert_int_equal(lab->length, 3 + TCP_LINE_MAX + 1);
	assert_true(last_cut);
	lab_send(lab, "call:\r\nnext call:");
	lab_expect(lab, "4: next call:\n");
	assert_false(last_cut);
	lab_free(lab);
}

static void test_the_kernel_counts_exactly(void **state)
{
	char why[128];

	(void)state;
	assert_true(tcp_check(why));
	assert_string_equal(why, "");
}

/* ---- killed at every system call ---- */

static void work(struct lab *lab)
{
	lab_begin(lab);
	for (unsigned i = 0; i < 3; i++)
		turn(lab);
}

/* Kills a holder of BEFORE as kill_at does; its successor gets AFTER too, and the client must have
 * seen WANTED. False when there was nobody left to kill. */
static bool kill_once(unsigned stop, unsigned steps, const char *before, const char *after,
		      const char *wanted)
{
	struct lab *lab = lab_new();
	bool killed, allowed;

	lab->worker.table.block->mode = TABLE_EXACT; /* found out by one before */
	lab_send(lab, before);
	wait_unread(lab, strlen(before));
	killed = kill_at(lab, work, stop, steps, &allowed);
	if (!allowed) {
		lab_free(lab);
		skip();
	}
	lab_begin(lab);
	lab_send(lab, after);
	lab_expect(lab, wanted);
	lab_free(lab);
	return killed;
}

/* At each system call, and at some instructions behind it. */
static void kill_everywhere(const char *before, const char *after, const char *wanted)
{
	unsigned stop = 1;

	for (; stop < STOPS && kill_once(stop, 0, before, after, wanted); stop++)
		for (unsigned i = 0; i < 2; i++)
			kill_once(stop, 1 + (unsigned)random() % 2500, before, after, wanted);
	assert_true(stop > 20 && stop < STOPS);
}

static void test_killed_at_every_system_call(void **state)
{
	(void)state;
	kill_everywhere("one\ntwo\nthr", "ee\nfour\n", "hi\n1: one\n2: two\n3: three\n4: four\n");
}

static void test_killed_everywhere_in_a_long_answer(void **state)
{
	static char wanted[16384];
	size_t at = (size_t)snprintf(wanted, sizeof(wanted), "hi\n1: burst\n");

	(void)state;
	for (unsigned i = BURST; i > 0; i--)
		at += (size_t)snprintf(wanted + at, sizeof(wanted) - at, "b%u\n", i);
	snprintf(wanted + at, sizeof(wanted) - at, "2: two\n3: three\n");
	kill_everywhere("burst\ntwo\nth", "ree\n", wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_greeted_and_answered),
		cmocka_unit_test(test_died_before_it_looked),
		cmocka_unit_test(test_died_inside_the_callback),
		cmocka_unit_test(test_died_before_the_commit),
		cmocka_unit_test(test_died_after_the_commit),
		cmocka_unit_test(test_died_while_it_consumed),
		cmocka_unit_test(test_died_after_it_consumed),
		cmocka_unit_test(test_died_after_a_part_was_sent),
		cmocka_unit_test(test_died_after_all_was_sent),
		cmocka_unit_test(test_died_while_the_client_ended),
		cmocka_unit_test(test_the_end_is_told_once),
		cmocka_unit_test(test_died_after_the_farewell),
		cmocka_unit_test(test_a_full_control_socket_is_tried_again),
		cmocka_unit_test(test_records_without_sense_are_closed),
		cmocka_unit_test(test_a_line_that_killed_two_is_closed),
		cmocka_unit_test(test_a_death_that_accuses_nobody),
		cmocka_unit_test(test_messages_that_are_not_for_us),
		cmocka_unit_test(test_long_lines_are_cut_alike_however_they_come),
		cmocka_unit_test(test_steps_of_the_kinds_own),
		cmocka_unit_test(test_a_line_may_have_to_wait),
		cmocka_unit_test(test_died_while_a_line_waited),
		cmocka_unit_test(test_the_kind_says_what_ends),
		cmocka_unit_test(test_the_kernel_counts_exactly),
		cmocka_unit_test(test_killed_at_every_system_call),
		cmocka_unit_test(test_killed_everywhere_in_a_long_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
