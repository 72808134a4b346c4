/* SPDX-License-Identifier: ISC
 *
 * NAME      test_table - the session table
 * PURPOSE   "Acted upon" and "answered" change together whenever the writer dies; what a dead
 *           writer left is judged; the kernel's counters are read exactly.
 * OWNER     make check
 * CONTRACT  cmocka program
 * LIMITS    the kills fall at random instants; workers/test_tcp tries every system call
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/table.h"

static const struct addr peer = {.port = 7};

static void test_create_and_map(void **state)
{
	struct table table;
	int fd = table_create("line.0", 3);

	(void)state;
	assert_true(fd >= 0);
	assert_int_not_equal(ftruncate(fd, 1), 0);
	assert_true(table_map(fd, &table));
	assert_int_equal(table.entries, 3);
	assert_string_equal(table.block->slot, "line.0");
	assert_int_equal(table.block->entry[2].session, 0);
	table_unmap(&table);
	assert_null(table.block);
	close(fd);
	assert_int_equal(table_create("a-name-that-is-too-long", 3), -1);
	assert_int_equal(table_create("line.0", TABLE_ENTRIES_MAX + 1), -1);
}

/* A block that its holder spoilt is refused, not followed. */
static void test_hostile_blocks_are_refused(void **state)
{
	struct table table, again;
	int fd = table_create("line.0", 3), plain;

	(void)state;
	assert_true(table_map(fd, &table));
	table.block->entries = 4;
	assert_false(table_map(fd, &again));
	table.block->entries = UINT32_MAX;
	assert_false(table_map(fd, &again));
	table.block->entries = 3;
	table.block->version++;
	assert_false(table_map(fd, &again));
	table.block->version--;
	table.block->magic = 0;
	assert_false(table_map(fd, &again));
	table_unmap(&table); /* by its own size, whatever the block says */
	close(fd);
	plain = memfd_create("plain", MFD_CLOEXEC);
	assert_int_equal(ftruncate(plain, sizeof(struct table_block)), 0);
	assert_false(table_map(plain, &again));
	assert_false(table_map(-1, &again));
	close(plain);
}

static void test_a_used_entry_becomes_as_new(void **state)
{
	struct table_entry entry;
	const struct table_counts counts = {.received = 5, .sent = 6};

	(void)state;
	memset(&entry, 0xff, sizeof(entry));
	table_fill(&entry, 42, &peer, &counts);
	assert_int_equal(entry.session, 42);
	assert_int_equal(entry.base_received, 5);
	assert_int_equal(entry.base_sent, 6);
	assert_int_equal(entry.tries, 0);
	assert_int_equal(table_now(&entry)->in, 0);
	assert_int_equal(table_now(&entry)->out, 0);
	assert_int_equal(table_now(&entry)->flags, 0);
	assert_int_equal(table_now(&entry)->own[TABLE_OWN - 1], 0);
	table_free(&entry);
	assert_int_equal(entry.session, 0);
}

/* ---- two copies and a word ---- */

static void test_nothing_shows_before_the_commit(void **state)
{
	struct table_entry entry = {0};
	struct table_state *next;

	(void)state;
	for (uint64_t i = 1; i < 5; i++) {
		next = table_stage(&entry);
		assert_int_equal(next->in, i - 1);
		next->in = i;
		next->out = 10 * i;
		assert_int_equal(table_now(&entry)->in, i - 1);
		assert_int_equal(table_now(&entry)->out, 10 * (i - 1));
		/* a successor begins anew from what holds */
		assert_int_equal(table_stage(&entry)->in, i - 1);
		next->in = i;
		next->out = 10 * i;
		table_commit(&entry);
		assert_int_equal(table_now(&entry)->in, i);
		assert_int_equal(table_now(&entry)->out, 10 * i);
	}
}

static void write_for_ever(struct table_entry *entry)
{
	for (uint64_t i = 1;; i++) {
		struct table_state *next = table_stage(entry);

		next->in = i;
		next->out = 3 * i;
		memset(next->own, (int)(i & 0xff), sizeof(next->own));
		table_commit(entry);
	}
}

static void test_a_killed_writer_leaves_a_whole_state(void **state)
{
	struct table table;
	int fd = table_create("line.0", 1);

	(void)state;
	assert_true(table_map(fd, &table));
	for (unsigned i = 0; i < 100; i++) {
		struct table_entry *entry = &table.block->entry[0];
		pid_t pid = fork();

		if (pid == 0)
			write_for_ever(entry);
		poll(NULL, 0, (int)(i % 4));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		const struct table_state *now = table_now(entry);
		assert_int_equal(now->out, 3 * now->in);
		for (unsigned j = 0; j < TABLE_OWN; j++)
			assert_int_equal(now->own[j], now->in & 0xff);
	}
	table_unmap(&table);
	close(fd);
}

/* ---- the journal ---- */

static void test_the_journal_wraps(void **state)
{
	static struct table_entry entry;
	char data[1000], back[1000];
	struct iovec piece[2];
	uint64_t out = 0;

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		memset(data, (int)('a' + round % 26), sizeof(data));
		table_journal_write(&entry, out, data, sizeof(data));
		int pieces = table_journal_read(&entry, out, out + sizeof(data), piece);
		assert_int_equal(pieces,
				 out % TABLE_JOURNAL + sizeof(data) > TABLE_JOURNAL ? 2 : 1);
		memcpy(back, piece[0].iov_base, piece[0].iov_len);
		if (pieces == 2)
			memcpy(back + piece[0].iov_len, piece[1].iov_base, piece[1].iov_len);
		assert_memory_equal(back, data, sizeof(data));
		out += sizeof(data);
	}
	assert_int_equal(table_journal_read(&entry, out, out, piece), 0);
	assert_int_equal(table_journal_read(&entry, 5, 5 + TABLE_JOURNAL, piece), 2);
	assert_int_equal(piece[0].iov_len + piece[1].iov_len, TABLE_JOURNAL);
}

/* ---- can one go on with it? ---- */

static void test_sound_entries(void **state)
{
	static struct table_entry entry;
	struct table_state *now = table_stage(&entry);

	(void)state;
	now->in = 100;
	now->out = 5000;
	table_commit(&entry);
	assert_true(table_entry_sound(&entry, 100, 0, 5000));
	assert_true(table_entry_sound(&entry, 90, 10, 5000));
	assert_true(table_entry_sound(&entry, 90, 500, 5000 - TABLE_JOURNAL));
	/* acted upon what never came; read what nobody acted upon */
	assert_false(table_entry_sound(&entry, 90, 9, 5000));
	assert_false(table_entry_sound(&entry, 101, 0, 5000));
	/* sent what was not made; forgot what was not sent */
	assert_false(table_entry_sound(&entry, 100, 0, 5001));
	assert_false(table_entry_sound(&entry, 100, 0, 5000 - TABLE_JOURNAL - 1));
	now = table_stage(&entry);
	now->in = UINT64_MAX;
	now->out = UINT64_MAX;
	table_commit(&entry);
	assert_false(table_entry_sound(&entry, 100, 1000, 5000));
	entry.selector = 0xfffffffe; /* any number selects one of two */
	assert_false(table_entry_sound(&entry, 100, 1000, 5000));
}

/* ---- what the kernel says ---- */

static void make_pair(int pair_r[2])
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(sin);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&sin, length), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sin, &length), 0);
	pair_r[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(pair_r[0], (struct sockaddr *)&sin, length), 0);
	pair_r[1] = accept(listener, NULL, NULL);
	assert_true(pair_r[1] >= 0);
	close(listener);
}

static void wait_readable(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&wait, 1, 5000), 1);
}

static void test_measure(void **state)
{
	struct table_counts base, counts;
	char room[64];
	int pair[2];

	(void)state;
	make_pair(pair);
	assert_int_equal(table_measure(pair[1], &base), 0);
	assert_false(base.ended || base.dead);
	assert_int_equal(send(pair[0], "0123456789", 10, 0), 10);
	wait_readable(pair[1]);
	assert_int_equal(recv(pair[1], room, 4, 0), 4);
	assert_int_equal(recv(pair[1], room, 3, MSG_PEEK), 3);
	assert_int_equal(send(pair[1], "abc", 3, 0), 3);
	assert_int_equal(table_measure(pair[1], &counts), 0);
	assert_int_equal(counts.received - base.received, 4);
	assert_int_equal(counts.unread, 6);
	assert_int_equal(counts.sent - base.sent, 3);
	/* the end of the stream is no byte */
	assert_int_equal(shutdown(pair[0], SHUT_WR), 0);
	for (unsigned i = 0; i < 100 && !counts.ended; i++) {
		poll(NULL, 0, 10);
		assert_int_equal(table_measure(pair[1], &counts), 0);
	}
	assert_true(counts.ended);
	assert_int_equal(counts.received - base.received, 4);
	assert_int_equal(counts.unread, 6);
	assert_int_equal(recv(pair[1], room, sizeof(room), 0), 6);
	assert_int_equal(recv(pair[1], room, sizeof(room), 0), 0);
	assert_int_equal(table_measure(pair[1], &counts), 0);
	assert_int_equal(counts.received - base.received, 10);
	assert_int_equal(counts.unread, 0);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(table_measure(-1, &counts), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create_and_map),
		cmocka_unit_test(test_hostile_blocks_are_refused),
		cmocka_unit_test(test_a_used_entry_becomes_as_new),
		cmocka_unit_test(test_nothing_shows_before_the_commit),
		cmocka_unit_test(test_a_killed_writer_leaves_a_whole_state),
		cmocka_unit_test(test_the_journal_wraps),
		cmocka_unit_test(test_sound_entries),
		cmocka_unit_test(test_measure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
