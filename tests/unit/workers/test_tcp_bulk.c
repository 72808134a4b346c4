/* SPDX-License-Identifier: ISC
 *
 * NAME      test_tcp_bulk - lines that many get alike, over deaths
 * PURPOSE   Wherever in a chunk a worker dies, its successor goes on at the very byte, and the
 *           session's record says exactly which lines went.
 * OWNER     make check
 * CONTRACT  cmocka program; loopback TCP
 * LIMITS    the kills need ptrace; where that is forbidden the last test is skipped
 */
#include "shm/clock.h"
#include "tests/unit/workers/tcp_lab.h"
#include "workers/tcp_inside.h"

#define LINES 5
#define STOPS 400

struct own {
	uint64_t cursor, told;
};

static unsigned ready_calls;

static void on_open(struct tcp_conn *conn)
{
	tcp_printf(conn, "hi\n");
}

static void on_line(struct tcp_conn *conn, const struct tcp_line *line)
{
	tcp_printf(conn, "you said %.*s\n", (int)line->length, line->text);
}

static void on_told(struct tcp_conn *conn, uint64_t number, unsigned lines)
{
	struct own *own = tcp_own(conn);

	own->cursor = number;
	own->told += lines;
}

/* Goes on in chunk 0 behind the cursor. */
static void on_ready(struct tcp_conn *conn)
{
	const struct table_chunk *chunk = tcp_chunk(conn->tcp, 0);
	const struct own *own = tcp_own(conn);
	unsigned first = 0;

	ready_calls++;
	while (first < chunk->lines && chunk->from + chunk->line[first].number <= own->cursor)
		first++;
	if (first < chunk->lines)
		tcp_bulk(conn, 0, first);
}

static const struct tcp_kind bulky = {
	.open = on_open,
	.line = on_line,
	.told = on_told,
	.ready = on_ready,
};

/* ---- a chunk ---- */

/* Lines of different length that tell 101, 103, 105 ... of what is numbered 101 to 120. */
static size_t fill(struct table_chunk *chunk, char *text_r)
{
	size_t length = 0;

	*chunk = (struct table_chunk){.from = 100, .to = 120};
	for (unsigned i = 0; i < LINES; i++) {
		size_t one = (size_t)sprintf(text_r + length, "line %u%.*s\n", i, (int)i * 3,
					     "----------------");

		assert_true(table_chunk_add(chunk, 101 + 2 * i, text_r + length, one));
		length += one;
	}
	assert_int_equal(table_chunk_length(chunk), length);
	return length;
}

static struct lab *greeted(void)
{
	struct lab *lab = lab_new_of(&bulky);

	ready_calls = 0;
	lab_begin(lab);
	lab_expect(lab, "hi\n");
	return lab;
}

static const struct own *own_of(const struct lab *lab)
{
	return (const void *)table_now(lab->entry)->own;
}

static struct tcp_conn *conn_of(const struct lab *lab)
{
	return lab->tcp->conn[PLACE];
}

static void test_a_chunk_holds_what_fits(void **state)
{
	struct table_chunk *chunk = calloc(1, sizeof(*chunk));
	char line[TABLE_LINE_MAX + 1];
	uint64_t number = 0;

	(void)state;
	memset(line, 'x', sizeof(line));
	assert_false(table_chunk_sound(chunk)); /* empty */
	assert_false(table_chunk_add(chunk, 1, line, TABLE_LINE_MAX + 1));
	assert_false(table_chunk_add(chunk, 1, line, 0));
	while (table_chunk_add(chunk, number + 1, line, 1000))
		number++;
	assert_int_equal(number, TABLE_CHUNK_BYTES / 1000);
	assert_true(table_chunk_add(chunk, number + 1, line, TABLE_CHUNK_BYTES % 1000));
	chunk->to = number + 1;
	assert_true(table_chunk_sound(chunk));
	*chunk = (struct table_chunk){0};
	for (number = 0; table_chunk_add(chunk, number + 1, line, 2);)
		number++;
	assert_int_equal(number, TABLE_CHUNK_LINES);
	assert_false(table_chunk_add(chunk, (uint64_t)UINT32_MAX + 1, line, 1));
	free(chunk);
}

static void test_all_lines_of_a_chunk(void **state)
{
	struct lab *lab = greeted();
	char text[256];

	(void)state;
	fill(tcp_chunk(lab->tcp, 0), text);
	assert_int_equal(tcp_bulk(conn_of(lab), 0, 0), TCP_TOLD);
	lab_expect(lab, text);
	assert_int_equal(own_of(lab)->cursor, 120);
	assert_int_equal(own_of(lab)->told, LINES);
	assert_int_equal(tcp_bulk(conn_of(lab), 0, 3), TCP_TOLD);
	lab_expect(lab, strstr(text, "line 3"));
	assert_int_equal(own_of(lab)->told, LINES + 2);
	lab_send(lab, "x\n");
	lab_expect(lab, "you said x\n");
	lab_free(lab);
}

/* ---- where a predecessor may have died ---- */

/* It had recorded what it was going to send from line FIRST on, and the kernel took LENGTH bytes. */
static void die_sending(struct lab *lab, unsigned first, size_t length)
{
	struct table_block *block = lab->worker.table.block;
	const struct table_chunk *chunk = &block->chunk[0];

	lab_end(lab);
	block->sending = (struct table_sending){.entry = PLACE + 1,
						.first = first,
						.session = SESSION,
						.out = table_now(lab->entry)->out};
	assert_int_equal(
		send(lab->vaulted, chunk->bytes + table_chunk_start(chunk, first), length, 0),
		length);
}

static void test_died_at_every_byte(void **state)
{
	char text[256], wanted[300];

	(void)state;
	for (unsigned first = 0; first < LINES; first += 2) {
		struct table_chunk *chunk = calloc(1, sizeof(*chunk));
		size_t all = fill(chunk, text), start = table_chunk_start(chunk, first);

		for (size_t cut = 1; cut <= all - start; cut++) {
			struct lab *lab = greeted();
			unsigned last = table_chunk_find(chunk, first, (uint32_t)(start + cut));
			unsigned end = chunk->line[last].end;

			fill(tcp_chunk(lab->tcp, 0), text);
			die_sending(lab, first, cut);
			lab_begin(lab);
			/* the line that was half out is whole, then control output, then the rest */
			lab_send(lab, "x\n");
			snprintf(wanted, sizeof(wanted), "%.*syou said x\n", (int)(end - start),
				 text + start);
			lab_expect(lab, wanted);
			assert_int_equal(own_of(lab)->told, last + 1 - first);
			assert_int_equal(own_of(lab)->cursor,
					 last + 1 < LINES ? 101 + 2 * last : 120);
			assert_int_equal(lab->worker.table.block->sending.entry, 0);
			on_ready(conn_of(lab));
			lab_expect(lab, text + end);
			assert_int_equal(own_of(lab)->told, LINES - first);
			assert_int_equal(own_of(lab)->cursor, 120);
			lab_free(lab);
		}
		free(chunk);
	}
}

static void test_died_before_the_kernel_took_a_byte(void **state)
{
	struct lab *lab = greeted();
	char text[256];

	(void)state;
	fill(tcp_chunk(lab->tcp, 0), text);
	die_sending(lab, 0, 0);
	lab_begin(lab);
	assert_int_equal(own_of(lab)->told, 0);
	assert_int_equal(own_of(lab)->cursor, 0);
	assert_int_equal(tcp_bulk(conn_of(lab), 0, 0), TCP_TOLD);
	lab_expect(lab, text);
	lab_free(lab);
}

/* The kernel can't be asked: the holder's own note of what was sent is older than the record. */
static void test_died_without_exact_counters(void **state)
{
	struct lab *lab = greeted();
	char text[256];

	(void)state;
	fill(tcp_chunk(lab->tcp, 0), text);
	lab->worker.table.block->mode = TABLE_WHOLE_LINES;
	die_sending(lab, 0, 9);
	lab->entry->sent += 9;
	lab_begin(lab);
	assert_int_equal(own_of(lab)->told, 2);
	assert_int_equal(own_of(lab)->cursor, 103);
	on_ready(conn_of(lab));
	lab_expect(lab, text);
	lab_free(lab);
}

static void test_records_without_sense_are_closed(void **state)
{
	char text[256];

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		struct lab *lab = greeted();
		struct table_block *block = lab->worker.table.block;
		struct table_chunk *chunk = &block->chunk[0];

		fill(chunk, text);
		die_sending(lab, 1, 9);
		switch (i) {
		case 0:
			block->sending.chunk = TABLE_CHUNKS;
			break;
		case 1:
			block->sending.first = LINES;
			break;
		case 2:
			block->sending.session++;
			break;
		case 3:
			block->sending.entry = 0;
			break;
		case 4:
			block->sending.out++;
			break;
		case 5:
			chunk->lines = TABLE_CHUNK_LINES + 1;
			break;
		case 6:
			chunk->line[2].end = 1;
			break;
		case 7:
			chunk->line[4].end = TABLE_CHUNK_BYTES + 1;
			break;
		case 8:
			chunk->lines = 2;
			break; /* fewer bytes than the kernel took */
		}
		if (i == 8)
			assert_int_equal(send(lab->vaulted, text, 9, 0), 9);
		lab_begin(lab);
		assert_int_equal(tcp_count(lab->tcp), 0);
		lab_free(lab);
	}
}

/* ---- clients that don't read ---- */

static void fill_big(struct table_chunk *chunk)
{
	char line[201];

	*chunk = (struct table_chunk){.from = 0, .to = 1000};
	for (unsigned i = 1; i <= 320; i++) {
		snprintf(line, sizeof(line), "%04u%-195s\n", i, "");
		assert_true(table_chunk_add(chunk, i, line, 200));
	}
}

/* Until the kernel takes no more. Returns bytes of chunks that are out or in the journal. */
static uint64_t stuff(struct lab *lab)
{
	for (unsigned i = 0; i < 1000; i++)
		if (tcp_bulk(conn_of(lab), 0, 0) != TCP_TOLD)
			return table_now(lab->entry)->out - 3;
	fail();
	return 0;
}

/* What comes next is whole lines in their order, LENGTH bytes of them, after BEFORE bytes. */
static void read_lines(struct lab *lab, uint64_t before, uint64_t length)
{
	static char line[201], wanted[201];
	size_t have = 0;
	uint64_t got = 0;

	for (unsigned idle = 0; got < length && idle < 5000;) {
		ssize_t part = recv(lab->client, line + have, 200 - have, MSG_DONTWAIT);

		if (part <= 0) {
			turn(lab);
			poll(NULL, 0, idle++ < 50 ? 0 : 1);
			continue;
		}
		got += (uint64_t)part;
		have += (size_t)part;
		if (have < 200)
			continue;
		snprintf(wanted, sizeof(wanted), "%04u%-195s\n",
			 (unsigned)(((before + got) / 200 - 1) % 320 + 1), "");
		assert_string_equal(line, wanted);
		have = 0;
	}
	assert_int_equal(got, length);
}

static void test_who_does_not_read_keeps_half_a_line(void **state)
{
	for (unsigned successor = 0; successor < 2; successor++) {
		struct lab *lab = greeted();
		uint64_t out;

		(void)state;
		fill_big(tcp_chunk(lab->tcp, 0));
		out = stuff(lab);
		assert_int_equal(out % 200, 0);
		assert_int_equal(own_of(lab)->told, out / 200);
		assert_int_equal(own_of(lab)->cursor % 320, out / 200 % 320);
		assert_true(tcp_stalled(conn_of(lab), clock_mono() + 1) > 0);
		assert_int_equal(tcp_bulk(conn_of(lab), 0, 0), TCP_PUT_OFF);
		if (successor) {
			lab_end(lab);
			lab_begin(lab);
		}
		/* what waits goes on by itself; a successor's kind says when it wants more */
		read_lines(lab, 0, out);
		if (!successor && out % 64000 != 0) {
			read_lines(lab, out, 64000 - out % 64000);
			assert_true(ready_calls > 0);
			assert_int_equal(own_of(lab)->cursor, 1000);
		}
		assert_int_equal(tcp_stalled(conn_of(lab), clock_mono() + 1), 0);
		lab_free(lab);
	}
}

static void test_control_output_goes_first(void **state)
{
	struct lab *lab = greeted();
	uint64_t out;
	char text[256];

	(void)state;
	fill_big(tcp_chunk(lab->tcp, 0));
	out = stuff(lab);
	assert_true(tcp_begin(conn_of(lab)));
	assert_true(tcp_put(conn_of(lab), "news\n", 5));
	tcp_end(conn_of(lab));
	fill(tcp_chunk(lab->tcp, 0), text); /* what is half out is no longer needed */
	read_lines(lab, 0, out);
	lab->length = 0;
	lab_read(lab, 5);
	assert_memory_equal(lab->got, "news\n", 5);
	lab_free(lab);
}

static void test_a_client_that_resets_is_ended(void **state)
{
	struct lab *lab = greeted();
	struct linger now = {.l_onoff = 1};

	(void)state;
	fill_big(tcp_chunk(lab->tcp, 0));
	stuff(lab);
	setsockopt(lab->client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(lab->client);
	lab->client = dup(lab->master);
	tcp_bulk(conn_of(lab), 0, 0);
	turn(lab);
	assert_int_equal(tcp_count(lab->tcp), 0);
	lab_free(lab);
}

static void test_dropped_whatever_waits(void **state)
{
	struct lab *lab = greeted();

	(void)state;
	fill_big(tcp_chunk(lab->tcp, 0));
	stuff(lab);
	tcp_guard(conn_of(lab), 60 * NS_PER_SEC);
	tcp_drop(conn_of(lab));
	assert_int_equal(tcp_count(lab->tcp), 1); /* not under the caller's feet */
	turn(lab);
	assert_int_equal(tcp_count(lab->tcp), 0);
	lab_free(lab);
}

/* ---- killed at every system call ---- */

static char kill_text[256];

static void send_chunk(struct lab *lab)
{
	lab_begin(lab);
	on_ready(conn_of(lab));
	turn(lab);
}

static bool kill_once(unsigned stop, unsigned steps)
{
	struct lab *lab = greeted();
	bool killed, allowed;
	size_t told;

	fill(tcp_chunk(lab->tcp, 0), kill_text);
	lab_end(lab);
	killed = kill_at(lab, send_chunk, stop, steps, &allowed);
	if (!allowed) {
		lab_free(lab);
		skip();
	}
	lab_begin(lab);
	told = own_of(lab)->told;
	assert_true(told == 0 || told == LINES);
	if (own_of(lab)->cursor < 120)
		on_ready(conn_of(lab));
	lab_expect(lab, kill_text);
	assert_int_equal(own_of(lab)->told, LINES);
	lab_free(lab);
	return killed;
}

static void test_killed_at_every_system_call(void **state)
{
	unsigned stop = 1;

	(void)state;
	for (; stop < STOPS && kill_once(stop, 0); stop++)
		for (unsigned i = 0; i < 8; i++)
			kill_once(stop, 1 + (unsigned)random() % 1500);
	assert_true(stop > 5 && stop < STOPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_chunk_holds_what_fits),
		cmocka_unit_test(test_all_lines_of_a_chunk),
		cmocka_unit_test(test_died_at_every_byte),
		cmocka_unit_test(test_died_before_the_kernel_took_a_byte),
		cmocka_unit_test(test_died_without_exact_counters),
		cmocka_unit_test(test_records_without_sense_are_closed),
		cmocka_unit_test(test_who_does_not_read_keeps_half_a_line),
		cmocka_unit_test(test_control_output_goes_first),
		cmocka_unit_test(test_a_client_that_resets_is_ended),
		cmocka_unit_test(test_dropped_whatever_waits),
		cmocka_unit_test(test_killed_at_every_system_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
