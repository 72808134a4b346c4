/* SPDX-License-Identifier: ISC
 *
 * NAME      test_telnet - tests of options and line editing
 * PURPOSE   ends of lines of all kinds, erasing, options, subnegotiations, what is too long; and that
 *           it makes no difference how the bytes were cut on their way
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "workers/dxc/telnet.h"

#define LIMIT 512
#define HEARD 65536

/* What came of a stream: "[LINE]" for each line, "!" for each that was too long. */
struct heard {
	struct telnet telnet;
	char lines[HEARD];
	size_t length;
	uint8_t answers[4096];
	size_t answered;
	size_t waiting; /* bytes that are not taken yet */
	uint8_t wait[65536];
	unsigned pieces;
};

static void note(struct heard *heard, const struct telnet_piece *piece)
{
	assert_false(piece->line && piece->too_long);
	if (piece->too_long)
		heard->lines[heard->length++] = '!';
	if (piece->line) {
		assert_true(piece->length <= LIMIT);
		assert_int_equal(piece->text[piece->length], '\0');
		heard->lines[heard->length++] = '[';
		memcpy(heard->lines + heard->length, piece->text, piece->length);
		heard->length += piece->length;
		heard->lines[heard->length++] = ']';
	}
	assert_true(piece->answers_length <= TELNET_ANSWERS);
	assert_true(heard->answered + piece->answers_length <= sizeof(heard->answers));
	memcpy(heard->answers + heard->answered, piece->answers, piece->answers_length);
	heard->answered += piece->answers_length;
	heard->lines[heard->length] = '\0';
}

static void feed(struct heard *heard, const void *bytes, size_t length)
{
	struct telnet_piece piece;
	size_t most;

	assert_true(heard->waiting + length <= sizeof(heard->wait));
	memcpy(heard->wait + heard->waiting, bytes, length);
	heard->waiting += length;
	for (;;) {
		most = telnet_find(&heard->telnet, heard->wait, heard->waiting);
		assert_true(most <= TELNET_PIECE && most <= heard->waiting);
		assert_true(most > 0 || heard->waiting < TELNET_PIECE);
		if (most == 0)
			return;
		telnet_take(&heard->telnet, heard->wait, most, LIMIT, &piece);
		note(heard, &piece);
		heard->pieces++;
		heard->waiting -= most;
		memmove(heard->wait, heard->wait + most, heard->waiting);
	}
}

#define FEED(heard, text) feed(heard, text, sizeof(text) - 1)

/* Fresh, the whole TEXT at once. */
#define LINES(text, expected)                                                                      \
	do {                                                                                       \
		struct heard *heard_ = calloc(1, sizeof(*heard_));                                 \
		FEED(heard_, text);                                                                \
		assert_string_equal(heard_->lines, expected);                                      \
		free(heard_);                                                                      \
	} while (0)

static void ends_of_lines(void **state)
{
	(void)state;
	LINES("w1aw\r\n", "[w1aw]");
	LINES("w1aw\n", "[w1aw]");
	LINES("w1aw\r", "[w1aw]"); /* packet terminals */
	LINES("w1aw\r\0x\r", "[w1aw][x]");
	LINES("a\rb\r\nc\nd\r\0", "[a][b][c][d]");
	LINES("\r", "[]");
	LINES("\r\n\r\n", "[][]");
	LINES("\r\r", "[][]");
	LINES("\n\n", "[][]");
	LINES("w1aw", "");
}

static void end_in_two_parts(void **state)
{
	struct heard heard = {0};

	(void)state;
	FEED(&heard, "a\r");
	assert_string_equal(heard.lines, "[a]"); /* a bare CR is not waited upon */
	FEED(&heard, "\n");
	assert_string_equal(heard.lines, "[a]");
	assert_int_equal(heard.waiting, 0);
	FEED(&heard, "b\r");
	FEED(&heard, "\0");
	FEED(&heard, "c\r");
	FEED(&heard, "\xff\xfb\x03\n"); /* an option between the two */
	assert_string_equal(heard.lines, "[a][b][c]");
	FEED(&heard, "\n");
	assert_string_equal(heard.lines, "[a][b][c][]");
}

static void editing(void **state)
{
	(void)state;
	LINES("sh/dd\bx\r", "[sh/dx]");
	LINES("sh/dd\x7fx\r", "[sh/dx]");
	LINES("\b\b\bab\r", "[ab]");
	LINES("ab\b\b\b\bcd\r", "[cd]");
	LINES("J\xc3\xbc\brg\r", "[Jrg]"); /* a sign of two bytes goes whole */
	LINES("a\0b\001\033[2Jc\r", "[ab[2Jc]");
	LINES("dx\t14025 lz5vv\r", "[dx 14025 lz5vv]");
	LINES("caf\xc3\xa9 \x80\xff\xff\r", "[caf\xc3\xa9 \x80\xff]");
}

static void keepalives_leave_nothing(void **state)
{
	struct heard heard = {0};

	(void)state;
	for (unsigned i = 0; i < 5000; i++)
		FEED(&heard, " \b");
	assert_int_equal(heard.waiting, 0);
	assert_string_equal(heard.lines, "");
	FEED(&heard, "bye\r\n");
	assert_string_equal(heard.lines, "[bye]");
}

static void options_are_answered_once(void **state)
{
	struct heard heard = {0};

	(void)state;
	FEED(&heard, "\xff\xfd\x01"); /* DO ECHO: WONT, without a line */
	assert_int_equal(heard.answered, 3);
	assert_memory_equal(heard.answers, "\xff\xfc\x01", 3);
	FEED(&heard, "\xff\xfb\x18\xff\xfd\x03"); /* WILL TTYPE: DONT; DO SGA: WONT */
	assert_int_equal(heard.answered, 9);
	assert_memory_equal(heard.answers + 3, "\xff\xfe\x18\xff\xfc\x03", 6);
	FEED(&heard, "\xff\xfd\x01\xff\xfb\x18\xff\xfe\x01\xff\xfc\x18"); /* again; DONT, WONT */
	assert_int_equal(heard.answered, 9);
	FEED(&heard, "w1\xff\xfd\x05\xff\xf1"
		     "aw\r\n"); /* in the middle of text; NOP */
	assert_int_equal(heard.answered, 12);
	assert_string_equal(heard.lines, "[w1aw]");
}

static void storm_of_options(void **state)
{
	struct heard *heard = calloc(1, sizeof(*heard));
	uint8_t storm[768];

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		for (unsigned i = 0; i < 256; i++) {
			storm[i * 3] = 255;
			storm[i * 3 + 1] = round % 2 ? 251 : 253;
			storm[i * 3 + 2] = (uint8_t)(i == 255 ? 0 : i);
		}
		feed(heard, storm, sizeof(storm));
	}
	assert_true(heard->answered <= 2 * 128 * 3);
	assert_true(heard->answered >= TELNET_ANSWERS);
	FEED(heard, "w1aw\r\n");
	assert_string_equal(heard->lines, "[w1aw]");
	free(heard);
}

static void width_of_the_terminal(void **state)
{
	struct heard heard = {0};

	(void)state;
	FEED(&heard, "\xff\xfb\x1f"); /* WILL NAWS: DO, or it would not say it */
	assert_memory_equal(heard.answers, "\xff\xfd\x1f", 3);
	FEED(&heard, "\xff\xfa\x1f\x00\x84\x00\x0a\xff\xf0w1aw\r\n"); /* 132 x 10: an LF inside */
	assert_int_equal(heard.telnet.width, 132);
	assert_string_equal(heard.lines, "[w1aw]");
	FEED(&heard, "\xff\xfa\x18\x00xterm\xff\xf0\xff\xfa\x1f\x00\xff\xff\x00\x20\xff\xf0");
	assert_int_equal(heard.telnet.width, 255); /* an escaped 0xff */
	FEED(&heard, "\xff\xfa\x1f\x00\x84\xff\xf0");
	assert_int_equal(heard.telnet.width, 255);
}

static void subnegotiation_without_end(void **state)
{
	struct heard heard = {0};
	char junk[300];

	(void)state;
	memset(junk, 'x', sizeof(junk));
	FEED(&heard, "\xff\xfa\x18");
	feed(&heard, junk, sizeof(junk));
	FEED(&heard, "\nw1aw\r\n"); /* ends at the next LF once it is too long */
	assert_string_equal(heard.lines, "[w1aw]");
	FEED(&heard, "\xff\xfa\x18");
	feed(&heard, junk, sizeof(junk));
	FEED(&heard, "\xff\xf0");
	FEED(&heard, "help\r\n"); /* or at its own */
	assert_string_equal(heard.lines, "[w1aw][help]");
	FEED(&heard, "\xff\xfa\x18");
	for (unsigned i = 0; i < 200; i++)
		feed(&heard, junk, sizeof(junk));
	assert_true(heard.waiting < TELNET_PIECE);
	FEED(&heard, "\nbye\r\n");
	assert_string_equal(heard.lines, "[w1aw][help][bye]");
}

static void ends_anywhere(void **state)
{
	struct heard heard = {0};

	(void)state;
	FEED(&heard, "abc\xff");
	FEED(&heard, "");
	assert_string_equal(heard.lines, "");
	assert_int_equal(heard.waiting, 4);
}

static void too_long_is_said_once(void **state)
{
	struct heard *heard = calloc(1, sizeof(*heard));
	char text[LIMIT + 3];

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text + LIMIT, "\r\n", 2);
	feed(heard, text, LIMIT + 2);
	assert_int_equal(heard->length, LIMIT + 2); /* just so */
	heard->length = 0;
	text[LIMIT] = 'a';
	text[LIMIT + 1] = '\r';
	text[LIMIT + 2] = '\n';
	feed(heard, text, LIMIT + 3);
	assert_string_equal(heard->lines, "!");
	memset(text, 'b', sizeof(text));
	for (unsigned i = 0; i < 20000; i++) { /* 10 MB */
		feed(heard, text, LIMIT);
		assert_true(heard->waiting < TELNET_PIECE);
	}
	assert_string_equal(heard->lines, "!!");
	FEED(heard, "help\rbye\r"); /* the first is the end of the long one: not executed */
	assert_string_equal(heard->lines, "!![bye]");
	free(heard);
}

static void echo_for_a_password(void **state)
{
	struct heard heard = {0};
	uint8_t bytes[3];

	(void)state;
	assert_int_equal(telnet_echo(&heard.telnet, true, bytes), 3);
	assert_memory_equal(bytes, "\xff\xfb\x01", 3);
	assert_int_equal(telnet_echo(&heard.telnet, true, bytes), 0);
	FEED(&heard, "\xff\xfd\x01secret\r\n"); /* it agrees: no answer */
	assert_int_equal(heard.answered, 0);
	assert_string_equal(heard.lines, "[secret]");
	assert_int_equal(telnet_echo(&heard.telnet, false, bytes), 3);
	assert_memory_equal(bytes, "\xff\xfc\x01", 3);
}

static unsigned lcg(unsigned *seed)
{
	*seed = *seed * 1103515245U + 12345U;
	return *seed >> 16 & 0x7fff;
}

/* Bytes that mean something, mostly. */
static size_t babble(unsigned *seed, uint8_t *text, size_t most)
{
	static const uint8_t words[] = {255, 255,  251, 253, 250, 240, 31,  '\r', '\n',
					0,   '\b', 127, 'a', 'b', ' ', 200, 1};

	for (size_t i = 0; i < most; i++)
		text[i] =
			lcg(seed) % 40 == 0 ? (uint8_t)lcg(seed) : words[lcg(seed) % sizeof(words)];
	return most;
}

static void cuts_make_no_difference(void **state)
{
	struct heard *whole = malloc(sizeof(*whole)), *cut = malloc(sizeof(*cut));
	uint8_t text[900];

	(void)state;
	for (unsigned seed = 1; seed <= 2000; seed++) {
		unsigned random = seed;
		size_t length = babble(&random, text, 20 + lcg(&random) % 880);

		memset(whole, 0, sizeof(*whole));
		memset(cut, 0, sizeof(*cut));
		feed(whole, text, length);
		for (size_t at = 0, part; at < length; at += part) {
			part = 1 + lcg(&random) % 7;
			if (part > length - at)
				part = length - at;
			feed(cut, text + at, part);
		}
		assert_string_equal(whole->lines, cut->lines);
		assert_int_equal(whole->length, cut->length);
		assert_int_equal(whole->waiting, cut->waiting);
		assert_int_equal(whole->answered, cut->answered);
		assert_memory_equal(whole->answers, cut->answers, whole->answered);
	}
	free(whole);
	free(cut);
}

/* A record that something overwrote must not lead outside. */
static void hostile_state(void **state)
{
	struct heard *heard = calloc(1, sizeof(*heard));

	(void)state;
	memset(&heard->telnet, 0xa5, sizeof(heard->telnet));
	FEED(heard, "w1aw\r\nhelp\r\n");
	assert_true(heard->length > 0);
	free(heard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_of_lines),
		cmocka_unit_test(end_in_two_parts),
		cmocka_unit_test(editing),
		cmocka_unit_test(keepalives_leave_nothing),
		cmocka_unit_test(options_are_answered_once),
		cmocka_unit_test(storm_of_options),
		cmocka_unit_test(width_of_the_terminal),
		cmocka_unit_test(subnegotiation_without_end),
		cmocka_unit_test(ends_anywhere),
		cmocka_unit_test(too_long_is_said_once),
		cmocka_unit_test(echo_for_a_password),
		cmocka_unit_test(cuts_make_no_difference),
		cmocka_unit_test(hostile_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
