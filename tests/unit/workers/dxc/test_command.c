/* SPDX-License-Identifier: ISC
 *
 * NAME      test_command - tests of the words that users type
 * PURPOSE   abbreviations, aliases, slash and blank alike; the table's order; the DX command's grammar;
 *           prompts; texts with tokens; rates
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
#include <unistd.h>

#include <cmocka.h>

#include "shm/clock.h"
#include "workers/dxc/about.h"
#include "workers/dxc/command.h"
#include "workers/dxc/dxline.h"
#include "workers/dxc/prompt.h"
#include "workers/dxc/rate.h"
#include "workers/dxc/say.h"

/* ---- which command ---- */

static void found(const char *line, bool privileged, const char *verb, const char *sub,
		  const char *args)
{
	struct command_line got;

	command_find(line, privileged, &got);
	if (verb == NULL) {
		if (got.command != NULL)
			fail_msg("'%s' is %s/%s", line, got.command->verb, got.command->sub);
		return;
	}
	if (got.command == NULL)
		fail_msg("'%s' is nothing", line);
	if (strcmp(got.command->verb, verb) != 0 || strcmp(got.command->sub, sub) != 0)
		fail_msg("'%s' is %s/%s", line, got.command->verb, got.command->sub);
	if (strcmp(got.args, args) != 0)
		fail_msg("'%s' has arguments '%s'", line, got.args);
}

static void words_and_slashes(void **state)
{
	(void)state;
	found("show/dx", false, "SHOW", "DX", "");
	found("SHOW DX 5", false, "SHOW", "DX", "5");
	found("sh/dx 5", false, "SHOW", "DX", "5");
	found("sh/dx/25", false, "SHOW", "DX", "25");
	found("sh/dx/10-20", false, "SHOW", "DX", "10-20");
	found("  sh   dx   on 20m", false, "SHOW", "DX", "on 20m");
	found("sh/dxcc 3b8", false, "SHOW", "DXCC", "3b8");
	found("sh/fdx", false, "SHOW", "FDX", "");
	found("sh/my", false, "SHOW", "MYDX", "");
	found("sh/u", false, "SHOW", "USERS", "");
	found("dx 14025.3 lz5vv up 2", false, "DX", "", "14025.3 lz5vv up 2");
	found("dx 3b8/dl1abc 21010.5 tnx", false, "DX", "", "3b8/dl1abc 21010.5 tnx");
	found("set/name Joe", false, "SET", "NAME", "Joe");
	found("set name Joe", false, "SET", "NAME", "Joe");
	found("pass band 20m", false, "PASS", "", "band 20m");
	found("p mode cw,ft8", false, "PASS", "", "mode cw,ft8");
	found("reject all", false, "REJECT", "", "all");
	found("rej all", false, "REJECT", "", "all");
	found("pass/band 20m", false, "PASS", "", "band 20m");
}

static void abbreviations_and_aliases(void **state)
{
	(void)state;
	found("b", false, "BYE", "", "");
	found("Q", false, "BYE", "", "");
	found("quit", false, "BYE", "", "");
	found("exit", false, "BYE", "", "");
	found("ex", false, "BYE", "", "");
	found("h", false, "HELP", "", "");
	found("? dx", false, "HELP", "", "dx");
	found("w", false, "WHO", "", "");
	found("d 14025 lz5vv", true, "DX", "", "14025 lz5vv");
	found("uns/h", false, "UNSET", "HERE", "");
	found("set/nohere", false, "UNSET", "HERE", "");
	found("set/nodx", false, "UNSET", "DX", "");
	found("set/own", false, "SET", "SELF", "");
	found("set/noown", false, "UNSET", "SELF", "");
	found("set/q Dereham", false, "SET", "QRA", "Dereham"); /* the first of the alphabet */
	found("sh/fi modes", false, "SHOW", "FILTER", "modes");
	found("bl", false, "BLANK", "", "");
}

static void unknown_ones(void **state)
{
	struct command_line line;

	(void)state;
	found("", false, NULL, NULL, NULL);
	found("/", false, NULL, NULL, NULL);
	found("foo", false, NULL, NULL, NULL);
	found("set/ve7cc", false, NULL, NULL, NULL);
	found("reject/spots 1 on hf", false, NULL, NULL, NULL); /* DXSpider's, not GoCluster's */
	found("r 5", false, NULL, NULL, NULL);			/* read, not reject */
	found("s w1aw", false, NULL, NULL, NULL);		/* send, not set */
	found("showdx", false, NULL, NULL, NULL);
	found("disconnect w1aw", false, NULL, NULL, NULL);
	found("disconnect w1aw", true, "DISCONNECT", "", "w1aw");
	found("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true, NULL, NULL,
	      NULL);
	found("set/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true, NULL, NULL,
	      NULL);
	command_find("set", false, &line);
	assert_true(line.bare && line.command == NULL);
	assert_string_equal(line.word, "SET");
	command_find("Set/Ve7cc x", false, &line);
	assert_false(line.bare);
	assert_string_equal(line.word, "SET/VE7CC");
}

static void table_is_in_order_and_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < commands; i++) {
		const struct command *command = &command_table[i];

		assert_non_null(command->run);
		assert_true(strlen(command->summary) > 0 && strlen(command->summary) <= 60);
		assert_true(strlen(command->text) > 0);
		assert_true(strlen(command->verb) <= 12 && strlen(command->sub) <= 12);
		if (i > 0) {
			int verbs = strcmp(command[-1].verb, command->verb);

			assert_true(verbs < 0 ||
				    (verbs == 0 && strcmp(command[-1].sub, command->sub) < 0));
		}
	}
}

/* ---- the DX command ---- */

static void dx(const char *args, enum dxline_error error, uint64_t hz, const char *call,
	       const char *comment)
{
	struct dxline line;
	enum dxline_error got = dxline_parse(args, &line);

	if (got != error)
		fail_msg("'%s': %d", args, got);
	if (error != DXLINE_OK)
		return;
	if (line.hz != hz || strcmp(line.call, call) != 0 || strcmp(line.comment, comment) != 0)
		fail_msg("'%s': %llu %s '%s'", args, (unsigned long long)line.hz, line.call,
			 line.comment);
}

static void dx_command(void **state)
{
	(void)state;
	dx("14025.3 lz5vv up 2", DXLINE_OK, 14025300, "LZ5VV", "up 2");
	dx("lz5vv 14025.3 up 2", DXLINE_OK, 14025300, "LZ5VV", "up 2");
	dx("14.0253 LZ5VV", DXLINE_OK, 14025300, "LZ5VV", "");
	dx("14025 K1ABC comment", DXLINE_OK, 14025000, "K1ABC", "comment");
	dx("50.313 k1abc ft8", DXLINE_OK, 50313000, "K1ABC", "ft8");
	dx("13999 lz5vv", DXLINE_BAND, 0, "", "");
	dx("14025", DXLINE_USAGE, 0, "", "");
	dx("", DXLINE_USAGE, 0, "", "");
	dx("lz5vv", DXLINE_USAGE, 0, "", "");
	dx("lz5vv k1abc", DXLINE_INVALID, 0, "", "");
	dx("14025 14026", DXLINE_INVALID, 0, "", "");
	dx("3b8/dl1abc 21010.5 tnx", DXLINE_OK, 21010500, "3B8/DL1ABC", "tnx");
	dx("1296200 f6dkw/p jo10", DXLINE_OK, 1296200000, "F6DKW/P", "jo10");
	dx("144.36 s51at", DXLINE_OK, 144360000, "S51AT", "");
	dx("1296.2 s51at", DXLINE_OK, 1296200000, "S51AT", "");
	dx("136.5 s51at", DXLINE_OK, 136500, "S51AT", "");
	dx("14024 p5rs7 cw", DXLINE_OK, 14024000, "P5RS7", "cw"); /* not of the usual shape */
	dx("14024 jo31ab12", DXLINE_INVALID, 0, "", "");
	dx("14024 up2", DXLINE_INVALID, 0, "", "");
}

static void dx_command_by(void **state)
{
	struct dxline line;

	(void)state;
	assert_int_equal(dxline_parse("by w1aw 7003 ja1abc x", &line), DXLINE_OK);
	assert_string_equal(line.by, "W1AW");
	assert_string_equal(line.call, "JA1ABC");
	assert_string_equal(line.comment, "x");
	assert_int_equal(dxline_parse("BY 7003 ja1abc", &line), DXLINE_BY);
	assert_int_equal(dxline_parse("by", &line), DXLINE_BY);
}

/* What is no frequency, however a number may be written elsewhere. */
static void dx_frequencies_that_are_none(void **state)
{
	static const char *const wrong[] = {"NaN",   "inf",   "1e309",	"0x1p3",
					    "-7000", "7.0.0", "+7000",	"7000.",
					    ".7000", "7,000", "7000e0", "99999999999999999999",
					    "",	     "."};
	uint64_t hz;
	bool is_number;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(dxline_frequency(wrong[i], strlen(wrong[i]), &hz, &is_number));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[64];
		struct dxline line;

		snprintf(text, sizeof(text), "%s lz5vv", wrong[i]);
		assert_int_not_equal(dxline_parse(text, &line), DXLINE_OK);
	}
}

/* ---- texts ---- */

#define NOV22 (1763787240ULL * NS_PER_SEC) /* 22-Nov-2025 04:54:00 UTC */
#define DEC1  (1764547380ULL * NS_PER_SEC) /*  1-Dec-2025 00:03:00 UTC */

static void prompted(unsigned kind, const char *own, bool away, uint64_t now, const char *expected)
{
	const struct prompt prompt = {.call = "G1TLH", .node = "GB7TLH", .away = away, .now = now};
	char text[PROMPT_MAX];

	assert_int_equal(prompt_text(kind, own, &prompt, text), strlen(expected));
	assert_string_equal(text, expected);
}

static void prompts(void **state)
{
	(void)state;
	prompted(PROMPT_SPIDER, "", false, NOV22, "G1TLH de GB7TLH 22-Nov-2025 0454Z dxspider >");
	prompted(PROMPT_SPIDER, "", false, DEC1, "G1TLH de GB7TLH  1-Dec-2025 0003Z dxspider >");
	prompted(PROMPT_SPIDER, "", true, NOV22, "(G1TLH) de GB7TLH 22-Nov-2025 0454Z dxspider >");
	prompted(PROMPT_CC, "", false, NOV22, "G1TLH de GB7TLH 22-Nov-2025 0454Z   CCC >");
	prompted(PROMPT_AR, "", false, NOV22, "G1TLH de GB7TLH 22-Nov-2025 0454Z   arc >");
	prompted(PROMPT_OFF, "", false, NOV22, "");
	prompted(PROMPT_OWN, "%B%C%% %x %", false, NOV22, "\aG1TLH% %x %");
	prompted(200, "", false, NOV22, "");
	assert_int_equal(prompt_parse("ar"), PROMPT_AR);
	assert_int_equal(prompt_parse("x"), PROMPTS);
}

static void tokens(void **state)
{
	const struct about about = {.node = "N2WQ-2", .call = "N0CALL", .now = NOV22, .users = 7};
	char text[ABOUT_MAX], long_text[3000];

	(void)state;
	about_fill("<CALL> de <CLUSTER> <DATETIME>>", &about, text);
	assert_string_equal(text, "N0CALL de N2WQ-2 22-Nov-2025 04:54:00 UTC>");
	about_fill("<NODE>\\n<DATE> <TIME> <USERS> <OTHER> < <", &about, text);
	assert_string_equal(text, "N2WQ-2\n22-Nov-2025 04:54:00 7 <OTHER> < <");
	for (size_t i = 0; i + 10 < sizeof(long_text); i += 10)
		memcpy(long_text + i, "<DATETIME>", 11);
	assert_true(about_fill(long_text, &about, text) < ABOUT_MAX);
}

static void uptimes(void **state)
{
	char text[32];

	(void)state;
	about_uptime(4200, text);
	assert_string_equal(text, "0 01:10");
	about_uptime(86400 * 12 + 59, text);
	assert_string_equal(text, "12 00:00");
	assert_true(about_born((int32_t)getpid()) <= clock_mono());
	assert_true(about_born((int32_t)getpid()) + 3600 * NS_PER_SEC > clock_mono());
}

static void cleaned(const char *text, size_t size, const char *expected)
{
	char out[64];

	assert_int_equal(say_clean(out, size, text), strlen(expected));
	assert_string_equal(out, expected);
}

static void texts_of_users(void **state)
{
	(void)state;
	cleaned("  Joe   Smith ", 61, "Joe Smith");
	cleaned("a\001b\033[2J", 61, "ab[2J");
	cleaned("a\xc2\x9b" "2Jb\xc2\xa0\xc2\x80", 61, "a2Jb\xc2\xa0"); /* ESC [ in one sign */
	cleaned("J\xc3\xbcrg", 61, "J\xc3\xbcrg");
	cleaned("J\xc3\xbcrg", 3, "J"); /* no half sign */
	cleaned("J\xffrg\xc3", 61, "J?rg?");
	cleaned("", 61, "");
}

static void rates(void **state)
{
	uint64_t spent = 0, now = 1000 * NS_PER_SEC;
	unsigned got = 0;

	(void)state;
	while (rate_take(&spent, now, NS_PER_SEC / 10, 30))
		got++;
	assert_int_equal(got, 30);
	assert_false(rate_take(&spent, now + NS_PER_SEC / 20, NS_PER_SEC / 10, 30));
	assert_true(rate_take(&spent, now + NS_PER_SEC / 10, NS_PER_SEC / 10, 30));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_slashes),
		cmocka_unit_test(abbreviations_and_aliases),
		cmocka_unit_test(unknown_ones),
		cmocka_unit_test(table_is_in_order_and_complete),
		cmocka_unit_test(dx_command),
		cmocka_unit_test(dx_command_by),
		cmocka_unit_test(dx_frequencies_that_are_none),
		cmocka_unit_test(prompts),
		cmocka_unit_test(tokens),
		cmocka_unit_test(uptimes),
		cmocka_unit_test(texts_of_users),
		cmocka_unit_test(rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
