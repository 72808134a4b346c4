/* SPDX-License-Identifier: ISC
 *
 * NAME      test_query - tests of SHOW/DX's arguments
 * PURPOSE   what each argument asks for, how they combine, what is refused, and the bounds
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

#include "shm/band.h"
#include "workers/dxc/query.h"

#define TODAY 20700 /* days */
#define DAY   86400

/* "14025.3 LZ5VV W3LPL-# CW days=2 zone=20 itu=28 adif=212 | comment" */
static void make(const char *text, struct spot *spot_r)
{
	const char *comment = strstr(text, " | ");
	char words[160], mode[12] = "";
	double khz;
	int used, days = 0;
	unsigned number;

	memset(spot_r, 0, sizeof(*spot_r));
	snprintf(words, sizeof(words), "%.*s",
		 (int)(comment != NULL ? (size_t)(comment - text) : strlen(text)), text);
	assert_int_equal(
		sscanf(words, "%lf %15s %15s %11s%n", &khz, spot_r->dx, spot_r->de, mode, &used),
		4);
	spot_r->hz = (uint64_t)(khz * 1000 + 0.5);
	spot_r->band = (uint8_t)band_of(spot_r->hz);
	spot_r->mode = (uint8_t)mode_word(mode, strlen(mode));
	for (char *word = strtok(words + used, " "); word != NULL; word = strtok(NULL, " ")) {
		if (sscanf(word, "zone=%u", &number) == 1)
			spot_r->dx_side.cq = (uint8_t)number;
		else if (sscanf(word, "itu=%u", &number) == 1)
			spot_r->dx_side.itu = (uint8_t)number;
		else if (sscanf(word, "adif=%u", &number) == 1)
			spot_r->dx_side.adif = (uint16_t)number;
		else
			assert_int_equal(sscanf(word, "days=%d", &days), 1);
	}
	spot_r->time = (int64_t)(TODAY - days) * DAY + 43200;
	if (comment != NULL)
		spot_set_comment(spot_r, comment + 3, strlen(comment + 3));
}

#define PLAIN "14025.3 LZ5VV W3LPL-# CW"

/* ---- what is wanted (+) and what is not (-) ---- */

static const struct {
	const char *arguments;
	const char *spots[8];
} wants[] = {
	{"", {"+" PLAIN, "+7010 K1ABC W1AW CW days=100", "-7010 K1ABC W1AW CW days=101"}},
	{"lz", {"+" PLAIN, "-14025 K1ABC W3LPL CW"}},
	{"lz5*", {"+" PLAIN, "-14025 LZ1AB W3LPL CW"}},
	{"*vv", {"+" PLAIN, "-14025 LZ1AB W3LPL CW"}},
	{"k1?bc", {"+14025 K1ABC W3LPL CW", "-14025 K1ABCD W3LPL CW"}},
	{"p5 exact", {"+14025 P5 W3LPL CW", "-14025 P5DX W3LPL CW"}},
	{"lz5vv exact day 0-0", {"+" PLAIN, "-14025 LZ5VVX W3LPL CW", "-" PLAIN " days=1"}},
	{"lz,k1", {"+" PLAIN, "+14025 K1ABC W3LPL CW", "-14025 K2ABC W3LPL CW"}},
	{"lz5vv,k1a exact", {"+" PLAIN, "-14025 K1ABC W3LPL CW", "+14025 K1A W3LPL CW"}},
	{"on 20m", {"+" PLAIN, "-7025 LZ5VV W3LPL CW"}},
	{"on 20", {"+" PLAIN, "-7025 LZ5VV W3LPL CW"}},
	{"on 20m/cw 5", {"+" PLAIN, "-14225 LZ5VV W3LPL USB", "-7025 LZ5VV W3LPL CW"}},
	{"on hf/cw", {"+" PLAIN, "+7025 LZ5VV W3LPL CW", "-50090 LZ5VV W3LPL CW"}},
	{"on 40m/ssb", {"+7160 LZ5VV W3LPL LSB", "-7025 LZ5VV W3LPL CW", "-7074 K1A W3LPL FT8"}},
	{"on hf/data", {"+14074 LZ5VV W3LPL FT8", "-14025 LZ5VV W3LPL CW"}},
	{"on hf/rtty", {"+14085 LZ5VV W3LPL RTTY", "-14074 LZ5VV W3LPL FT8"}},
	{"on 20m,40m", {"+" PLAIN, "+7025 LZ5VV W3LPL CW", "-3525 LZ5VV W3LPL CW"}},
	{"on contesthf", {"+" PLAIN, "-10110 LZ5VV W3LPL CW"}},
	{"on 14000/14025.3 by w3lpl",
	 {"+" PLAIN, "-14025.4 LZ5VV W3LPL-# CW", "-14000 LZ5VV W1AW CW", "+14000 K1A W3LPL CW"}},
	{"freq 0/30000", {"+" PLAIN, "-50100 LZ5VV W1AW CW"}},
	/* the last word alone is the beginning of a call */
	{"on", {"+14025 ON4UN W1AW CW", "-" PLAIN}},
	{"by", {"+14025 BY1QH W1AW CW", "-" PLAIN}},
	{"call on4", {"+14025 ON4UN W1AW CW", "-" PLAIN}},
	{"by *-#", {"+" PLAIN, "-14025 LZ5VV W3LPL CW"}},
	{"info qsl", {"+" PLAIN " | QSL via buro", "+" PLAIN " | eqsl", "-" PLAIN " | tnx"}},
	{"info {FT8|ft4}", {"+" PLAIN " | FT4 -3", "+" PLAIN " | cq ft8", "-" PLAIN " | FT"}},
	{"info {up 2}", {"+" PLAIN " | qsx UP 2", "-" PLAIN " | up2"}},
	{"info a,b", {"+" PLAIN " | xax", "+" PLAIN " | xbx", "-" PLAIN " | x"}},
	{"dxcc 212", {"+" PLAIN " adif=212", "-" PLAIN " adif=1", "-" PLAIN}},
	{"dxcc lz", {"+" PLAIN " adif=212", "-" PLAIN " adif=1"}},
	{"11-20 dxcc 3b8", {"+" PLAIN " adif=165", "-" PLAIN " adif=1"}},
	{"zone 20", {"+" PLAIN " zone=20", "-" PLAIN " zone=2", "-" PLAIN}},
	{"itu 28,29", {"+" PLAIN " itu=28", "+" PLAIN " itu=29", "-" PLAIN " itu=30"}},
	{"day 1", {"-" PLAIN, "+" PLAIN " days=1", "+" PLAIN " days=50"}},
	{"day 1-3", {"-" PLAIN, "+" PLAIN " days=1", "+" PLAIN " days=3", "-" PLAIN " days=4"}},
	/* the last one counts */
	{"day 0-0 day 1", {"-" PLAIN, "+" PLAIN " days=1", "+" PLAIN " days=50"}},
	{"qsl", {"+" PLAIN " | QSL buro", "+" PLAIN " | pse via k1abc", "-" PLAIN " | tnx"}},
	{"iota",
	 {"+" PLAIN " | IOTA EU-005 now", "+" PLAIN " | na-123", "-" PLAIN " | EUR-005",
	  "-" PLAIN " | EU-0056", "-" PLAIN " | EU-05"}},
	{"iota eu-005", {"+" PLAIN " | IOTA EU-005", "-" PLAIN " | EU-006"}},
	{"qra",
	 {"+" PLAIN " | JO02<ES>KO15", "+" PLAIN " | in jo02ab", "-" PLAIN " | JO2",
	  "-" PLAIN " | ZZ02"}},
	{"qra jo02", {"+" PLAIN " | JO02<ES>KO15", "-" PLAIN " | JO03"}},
	{"<es>", {"+" PLAIN " | JO02<es>KO15", "-" PLAIN " | JO02<MS>KO15"}},
	/* combined */
	{"lz or k1", {"+" PLAIN, "+7000 K1A W1AW CW", "-7000 K2A W1AW CW"}},
	{"lz or k1 on 40m", {"+" PLAIN, "+7000 K1A W1AW CW", "-14000 K1A W1AW CW"}},
	{"(lz or k1) on 40m", {"-" PLAIN, "+7000 K1A W1AW CW", "+7000 LZ1A W1AW CW"}},
	{"not lz", {"-" PLAIN, "+7000 K1A W1AW CW"}},
	{"not not lz", {"+" PLAIN, "-7000 K1A W1AW CW"}},
	{"on 20m and not (by w3lpl or by k1ttt) 5",
	 {"-" PLAIN, "+14025 LZ5VV W1AW CW", "-14025 LZ5VV K1TTT CW", "-7000 LZ5VV W1AW CW"}},
	{"LZ ON 20M BY W3LPL", {"+" PLAIN}},
	{"\tlz\t5 ", {"+" PLAIN}},
};

static void test_wants(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
		struct query query;
		char why[QUERY_WHY];

		if (!query_parse(wants[i].arguments, NULL, &query, why))
			fail_msg("%s: %s", wants[i].arguments, why);
		for (unsigned n = 0; n < 8 && wants[i].spots[n] != NULL; n++) {
			struct spot spot;

			make(wants[i].spots[n] + 1, &spot);
			if (query_match(&query, &spot, TODAY) != (wants[i].spots[n][0] == '+'))
				fail_msg("%s: %s", wants[i].arguments, wants[i].spots[n]);
		}
	}
}

/* ---- numbers and switches ---- */

static const struct {
	const char *arguments;
	unsigned first, last;
	bool live, filter, chosen;
} numbers[] = {
	{"", 1, 10, false, false, false},
	{"25", 1, 25, false, false, false},
	{"250", 1, 250, false, false, false},
	{"10-20", 10, 20, false, false, false},
	{"9751-10000", 9751, 10000, false, false, false},
	{"lz 5 real", 1, 5, true, false, true},
	{"rt filter", 1, 10, true, true, true},
	{"filter 50", 1, 50, false, true, true},
	{"3b8", 1, 10, false, false, true}, /* Mauritius, not three */
	{"3e9", 1, 10, false, false, true}, /* Panama */
	{"4x,4z", 1, 10, false, false, true},
};

static void test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct query query;
		char why[QUERY_WHY];

		assert_true(query_parse(numbers[i].arguments, NULL, &query, why));
		assert_int_equal(query.first, numbers[i].first);
		assert_int_equal(query.last, numbers[i].last);
		assert_int_equal(query.live, numbers[i].live);
		assert_int_equal(query.filter, numbers[i].filter);
		assert_int_equal(query.chosen, numbers[i].chosen);
	}
}

/* ---- what is refused ---- */

#define COUNT "Invalid count. Use 1-250."

static const struct {
	const char *arguments, *why;
} refused[] = {
	{"999999999", COUNT},
	{"99999999999999999999999", COUNT},
	{"-5", COUNT},
	{"+5", COUNT},
	{"1e9", COUNT},
	{"10e5", COUNT},
	{"0", COUNT},
	{"251", COUNT},
	{"20-10", COUNT},
	{"1-251", COUNT},
	{"10000-10001", COUNT},
	{"5-", COUNT},
	{"1.5", COUNT},
	{"lz -1", COUNT},
	{"day", "Invalid days. Use 0-100."},
	{"day x", "Invalid days. Use 0-100."},
	{"day 101", "Invalid days. Use 0-100."},
	{"day 3-1", "Invalid days. Use 0-100."},
	{"info {(a+)+$}", "Only words and {A|B|C} can be looked for, no patterns"},
	{"info {a.*b}", "Only words and {A|B|C} can be looked for, no patterns"},
	{"info {}", "'{}' is empty"},
	{"info", "'info' needs a value"},
	{"zone", "'zone' needs a value"},
	{"zone 41", "'41' is no zone"},
	{"zone x", "'x' is no zone"},
	{"itu 91", "'91' is no zone"},
	{"dxcc 1024", "'1024' is no DXCC entity"},
	{"dxcc ##", "'##' is no DXCC entity"},
	{"on 99m", "'99m' is no band (20m, hf/cw) and no range (14000/14050)"},
	{"on 14050/14000", "'14050/14000' is no band (20m, hf/cw) and no range (14000/14050)"},
	{"on 20m/xyz", "'20m/xyz' is no band (20m, hf/cw) and no range (14000/14050)"},
	{"lz_", "token 'lz_' not recognised"},
	{"---", COUNT},
	{"/", "token '/' not recognised"},
	{"exact", "'exact' needs a call before it"},
	{"state va", "States are not known here"},
	{"lz and", "'and' needs two sides"},
	{"and lz", "'and' needs two sides"},
	{"or lz", "Something is missing before 'or'"},
	{"lz or", "'or' needs two sides"},
	{"not", "Something is missing at the end"},
	{"(", "Something is missing at the end"},
	{"(lz", "A ) is missing"},
	{"()", "Something is missing before ')'"},
	{"lz)", "token ')' not recognised"},
	{"(5)", "Something is missing before ')'"},
	{"\x1b[2J", "token '?[2J' not recognised"},
	{"abcdefghijklmnopqrstuvwxyzabcdefgh", "token 'abcdefghijklmnopqrstuvwx' not recognised"},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct query query;
		char why[QUERY_WHY];

		if (query_parse(refused[i].arguments, NULL, &query, why))
			fail_msg("%s", refused[i].arguments);
		assert_string_equal(why, refused[i].why);
	}
}

/* COUNT times TEXT, between HEAD and TAIL. */
static bool parse_long(const char *text, unsigned count, const char *tail, char why_r[QUERY_WHY])
{
	char *all = malloc(strlen(text) * count + strlen(tail) + 1), *at = all;
	struct query query;
	bool good;

	for (unsigned i = 0; i < count; i++)
		at = stpcpy(at, text);
	strcpy(at, tail);
	good = query_parse(all, NULL, &query, why_r);
	free(all);
	return good;
}

static void test_bounds(void **state)
{
	char why[QUERY_WHY];

	(void)state;
	assert_false(parse_long("(", 10000, "", why));
	assert_string_equal(why, "Too much is asked for at once");
	assert_false(parse_long("(", QUERY_DEPTH + 1, "lz", why));
	assert_string_equal(why, "Too many parentheses");
	assert_false(parse_long("(", QUERY_DEPTH, "lz", why));
	assert_string_equal(why, "A ) is missing");
	assert_true(parse_long("lz ", QUERY_TERMS, "", why));
	assert_false(parse_long("lz ", QUERY_TERMS + 1, "", why));
	assert_string_equal(why, "Too much is asked for at once");
	assert_false(parse_long("a,", QUERY_TERMS + 1, "", why));
	assert_true(parse_long("not ", 100, "lz", why));
	assert_false(parse_long(" ", QUERY_BYTES + 1, "", why));
	assert_true(parse_long(" ", QUERY_BYTES, "", why));
	/* the deepest that is allowed, with values held back at each step */
	assert_true(parse_long("k1a or k2a (", QUERY_DEPTH - 1, "lz", why) == false);
}

static void test_the_deepest_is_judged(void **state)
{
	char all[QUERY_BYTES], why[QUERY_WHY], *at = all;
	struct query query;
	struct spot spot;

	(void)state;
	for (unsigned i = 0; i < QUERY_DEPTH; i++)
		at = stpcpy(at, i == 0 ? "a or b (" : "b (");
	at = stpcpy(at, "lz");
	for (unsigned i = 0; i < QUERY_DEPTH; i++)
		at = stpcpy(at, ")");
	assert_true(query_parse(all, NULL, &query, why));
	make(PLAIN, &spot);
	assert_false(query_match(&query, &spot, TODAY));
	strcpy(spot.dx, "A1B");
	assert_true(query_match(&query, &spot, TODAY));
}

static void test_past(void **state)
{
	struct query query;
	struct spot spot;
	char why[QUERY_WHY];

	(void)state;
	assert_true(query_parse("day 1-3", NULL, &query, why));
	make(PLAIN " days=4", &spot);
	assert_false(query_is_past(&query, &spot, TODAY));
	make(PLAIN " days=5", &spot);
	assert_true(query_is_past(&query, &spot, TODAY));
	/* a clock that was set back */
	make(PLAIN " days=-3", &spot);
	assert_false(query_is_past(&query, &spot, TODAY));
	/* one that was not set yet: those that came before are not as old */
	make(PLAIN " days=20699", &spot);
	assert_false(query_is_past(&query, &spot, TODAY));
	assert_false(query_match(&query, &spot, TODAY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wants),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_the_deepest_is_judged),
		cmocka_unit_test(test_past),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
