/* SPDX-License-Identifier: ISC
 *
 * NAME      test_filter - tests of users' filters
 * PURPOSE   GoCluster's words and replies, what then passes, the stored form against hostile bytes,
 *           and that equal filters are equal bytes
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

#include "workers/dxc/filter_inside.h"

#define SOURCES "HUMAN"
#define MODES_4 "CW,LSB,USB,RTTY"

/* Does one command; its reply. */
static const char *told(struct filter *filter, const char *command)
{
	static char reply[FILTER_REPLY];

	if (strncmp(command, "PASS ", 5) == 0)
		filter_pass_words(filter, command + 5, reply);
	else if (strncmp(command, "REJECT", 6) == 0)
		filter_reject_words(filter, command + 6 + strspn(command + 6, " "), reply);
	else
		fail_msg("%s", command);
	return reply;
}

static void say(struct filter *filter, const char *command, const char *want)
{
	char before[FILTER_REPLY];

	snprintf(before, sizeof(before), "%s", told(filter, command));
	assert_string_equal(before, want);
}

/* A spot of words: "20m CW LZ5VV W3LPL-# V", and what else it has as KEY=VALUE. */
static void make(const char *text, struct spot *spot_r)
{
	char words[128], *save, *word;

	memset(spot_r, 0, sizeof(*spot_r));
	strcpy(words, text);
	spot_r->band = (uint8_t)band_parse("20m", 3);
	spot_r->mode = MODE_CW;
	strcpy(spot_r->dx, "LZ5VV");
	strcpy(spot_r->de, "W3LPL-#");
	for (word = strtok_r(words, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
		const char *value = strchr(word, '=') != NULL ? strchr(word, '=') + 1 : "";
		struct spot_side *side =
			strncmp(word, "de", 2) == 0 ? &spot_r->de_side : &spot_r->dx_side;

		if (strncmp(word, "band=", 5) == 0)
			spot_r->band = (uint8_t)band_parse(value, strlen(value));
		else if (strncmp(word, "mode=", 5) == 0)
			spot_r->mode = (uint8_t)mode_word(value, strlen(value));
		else if (strncmp(word, "dx=", 3) == 0)
			strcpy(spot_r->dx, value);
		else if (strncmp(word, "de=", 3) == 0)
			strcpy(spot_r->de, value);
		else if (strncmp(word, "glyph=", 6) == 0)
			spot_r->glyph = value[0];
		else if (strcmp(word, "human") == 0)
			spot_r->flags |= SPOT_HUMAN;
		else if (strcmp(word, "beacon") == 0)
			spot_r->flags |= SPOT_BEACON;
		else if (strncmp(word + 2, "zone=", 5) == 0)
			side->cq = (uint8_t)atoi(value);
		else if (strncmp(word + 2, "dxcc=", 5) == 0)
			side->adif = (uint16_t)atoi(value);
		else if (strncmp(word + 2, "cont=", 5) == 0)
			side->continent = (uint8_t)continent_parse(value, strlen(value));
		else if (strncmp(word + 2, "grid=", 5) == 0)
			strcpy(side->grid, value);
		else
			fail_msg("%s", word);
	}
}

static bool passes(const struct filter *filter, const char *text)
{
	struct filter_program program;
	struct spot spot;

	make(text, &spot);
	filter_compile(filter, &program);
	return filter_passes(&program, &spot);
}

/* ---- rules: commands, then spots that pass (+) and don't (-) ---- */

struct rule {
	const char *name;
	bool new_user; /* else everything passes at first */
	const char *commands[4];
	const char *spots[8]; /* "+human band=20m" */
};

static const struct rule rules[] = {
	{"F1: PASS adds",
	 true,
	 {"PASS MODE FT8"},
	 {"+human mode=CW", "+human mode=USB", "+human mode=FT8", "-human mode=FT4",
	  "-human mode=MSK144"}},
	{"F2: one band", false, {"PASS BAND 20m"}, {"+band=20m", "-band=40m", "-band=99"}},
	{"F3: what was allowed is used up",
	 false,
	 {"PASS BAND 20m", "REJECT BAND 20m"},
	 {"-band=20m", "-band=40m"}},
	{"F3: and PASS ALL undoes it",
	 false,
	 {"PASS BAND 20m", "REJECT BAND 20m", "PASS BAND ALL"},
	 {"+band=20m", "+band=40m"}},
	{"reject of one when all pass", false, {"REJECT BAND 20m"}, {"-band=20m", "+band=40m"}},
	{"reject of one of two",
	 false,
	 {"PASS BAND 20,40", "REJECT BAND 20"},
	 {"-band=20m", "+band=40m", "-band=15m"}},
	{"F4: only what comes after REJECT ALL",
	 false,
	 {"REJECT BAND ALL", "PASS BAND 40"},
	 {"+band=40m", "-band=20m"}},
	{"REJECT ALL of a type", false, {"REJECT MODE ALL"}, {"-mode=CW", "-mode=FT8"}},
	{"F5: symbols hide what has symbols",
	 false,
	 {"REJECT CONFIDENCE ?"},
	 {"-mode=CW glyph=?", "-mode=RTTY", "+mode=CW glyph=V", "+mode=FT8", "+mode=USB",
	  "+mode=MSK144", "-mode=CW", "+mode=FT8 glyph=?"}},
	{"symbols",
	 false,
	 {"REJECT CONFIDENCE ALL", "PASS CONFIDENCE P,V"},
	 {"+glyph=P", "+glyph=V", "-glyph=S", "-glyph=?", "-glyph=C", "+mode=FT4", "+mode=LSB"}},
	{"F6: patterns of the DX",
	 false,
	 {"PASS DXCALL LZ*", "PASS DXCALL *VV"},
	 {"+dx=LZ5VV", "+dx=LZ1AB", "+dx=K1VV", "-dx=K1AB"}},
	{"F7: one pattern goes",
	 false,
	 {"PASS DXCALL LZ*", "PASS DXCALL *VV", "REJECT DXCALL LZ*"},
	 {"+dx=LZ5VV", "-dx=LZ1AB", "+dx=K1VV", "-dx=K1AB"}},
	{"F7: all patterns go",
	 false,
	 {"PASS DXCALL LZ*", "PASS DECALL W3*", "REJECT DXCALL"},
	 {"+dx=K1AB", "-dx=K1AB de=W1AW"}},
	{"patterns of more kinds",
	 false,
	 {"PASS DXCALL *5V*, k?1ab, W1AW"},
	 {"+dx=LZ5VV", "+dx=KK1AB", "-dx=K1AB", "+dx=W1AW", "-dx=W1AWX", "-dx=W1A"}},
	{"spotters with and without SSID",
	 false,
	 {"PASS DECALL W3LPL,KM3T-2*"},
	 {"+de=W3LPL-#", "+de=W3LPL-3", "+de=W3LPL", "-de=KM3T-1-#", "+de=KM3T-2-#", "-de=W3LP"}},
	{"both sides' patterns",
	 false,
	 {"PASS DXCALL LZ*", "PASS DECALL W3*"},
	 {"+dx=LZ1AB de=W3LPL-#", "-dx=LZ1AB de=W1AW", "-dx=K1AB de=W3LPL"}},
	{"F8: who is in an unknown zone",
	 false,
	 {"PASS DXZONE 14"},
	 {"+dxzone=14", "-dxzone=0", "-dxzone=15", "-dxzone=41", "+dxzone=14 dezone=3"}},
	{"unknown zone, nothing chosen",
	 false,
	 {"REJECT DXZONE 14"},
	 {"-dxzone=14", "+dxzone=0", "+dxzone=15"}},
	{"unknown zone, all blocked", false, {"REJECT DXZONE ALL"}, {"-dxzone=0", "-dxzone=15"}},
	{"F9: grids are cut to two",
	 false,
	 {"PASS DXGRID2 FN05,JO"},
	 {"+dxgrid=FN20", "+dxgrid=JO62AA", "-dxgrid=EM66", "-human"}},
	{"spotters' side",
	 false,
	 {"PASS DEZONE 14", "PASS DECONT EU", "PASS DEDXCC 230"},
	 {"+dezone=14 decont=EU dedxcc=230", "-dezone=14 decont=EU dedxcc=291",
	  "-dezone=5 decont=EU dedxcc=230", "-dezone=14 decont=AF dedxcc=230"}},
	{"continents and entities",
	 false,
	 {"PASS DXCONT eu AF", "REJECT DXDXCC 291,230"},
	 {"+dxcont=EU dxdxcc=1", "+dxcont=AF", "-dxcont=NA", "-dxcont=EU dxdxcc=230", "-human"}},
	{"beacons", false, {"REJECT BEACON"}, {"+human", "-beacon", "-human beacon"}},
	{"beacons again", false, {"REJECT BEACON", "PASS BEACON"}, {"+beacon"}},
	{"skimmers of a new user",
	 true,
	 {NULL},
	 {"+human mode=CW", "-mode=CW", "-human mode=FT8", "+human beacon"}},
	{"skimmers too", true, {"PASS SOURCE SKIMMER"}, {"+human mode=CW", "+mode=CW"}},
	{"REJECT ALL forgets all, modes too",
	 true,
	 {"REJECT BEACON", "REJECT ALL"},
	 {"+mode=FT8", "+beacon", "+band=99"}},
	{"SSB is two modes", false, {"PASS MODE SSB"}, {"+mode=LSB", "+mode=USB", "-mode=CW"}},
	{"classes of bands",
	 false,
	 {"PASS BAND warc, 20 meters 70 cm"},
	 {"+band=30m", "+band=17m", "+band=12m", "+band=20m", "+band=70cm", "-band=40m"}},
};

static void test_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct filter filter;

		if (rules[i].new_user)
			filter_default(&filter, SOURCES, MODES_4);
		else
			filter_clear(&filter);
		for (unsigned n = 0; n < 4 && rules[i].commands[n] != NULL; n++)
			told(&filter, rules[i].commands[n]);
		for (unsigned n = 0; n < 8 && rules[i].spots[n] != NULL; n++)
			if (passes(&filter, rules[i].spots[n] + 1) != (rules[i].spots[n][0] == '+'))
				fail_msg("%s: %s", rules[i].name, rules[i].spots[n]);
	}
}

/* ---- replies ---- */

static const struct {
	const char *command, *reply;
} replies[] = {
	{"PASS BAND 20m", "Filter set: Band 20m"},
	{"PASS BAND 20M, 40 metres", "Filter set: Bands 20m, 40m"},
	{"PASS BAND ALL", "All bands enabled"},
	{"PASS MODE cw,FT8", "Filter set: Modes CW, FT8"},
	{"PASS MODE ALL", "All modes enabled"},
	{"PASS SOURCE human", "Filter set: Source HUMAN"},
	{"PASS SOURCE ALL", "Source filtering disabled"},
	{"PASS DXCALL lz*", "Filter set: DX callsign LZ*"},
	{"PASS DECALL W3LPL", "Filter set: DE callsign W3LPL"},
	{"PASS CONFIDENCE p,v", "Confidence symbols enabled: P, V"},
	{"PASS CONFIDENCE ALL", "All confidence symbols enabled"},
	{"PASS BEACON", "Beacon spots enabled"},
	{"REJECT BEACON", "Beacon spots disabled"},
	{"PASS DXCONT EU,AF", "Filter set: DX continents EU, AF"},
	{"PASS DECONT EU", "Filter set: DE continents EU"},
	{"PASS DXCONT ALL", "All DX continents enabled"},
	{"PASS DXZONE 14,15", "Filter set: DX zones 14, 15"},
	{"PASS DXZONE 99", "Unknown CQ zone: [99]\nValid zones: 1-40"},
	{"PASS DEZONE 0 41 x", "Unknown CQ zone: [0 41 X]\nValid zones: 1-40"},
	{"PASS DXDXCC 291", "Filter set: DX DXCC 291"},
	{"PASS DXDXCC W", "Invalid DXCC code: W"},
	{"PASS DXDXCC 1024", "Invalid DXCC code: 1024"},
	{"PASS DXGRID2 fn31", "Filter set: DX 2-character grids FN"},
	{"PASS DXGRID2 ZZ", "Unknown 2-character grid: ZZ"},
	{"PASS DEGRID2 F", "Unknown 2-character grid: F"},
	{"PASS SOURCE ROBOT", "Unknown source: ROBOT\nValid sources: HUMAN, SKIMMER"},
	{"REJECT BAND 15m", "Band filters disabled: 15m"},
	{"REJECT MODE FT8", "Mode filters disabled: FT8"},
	{"REJECT SOURCE SKIMMER", "Source filters disabled: SKIMMER"},
	{"REJECT CONFIDENCE ?", "Confidence symbols disabled: ?"},
	{"REJECT DXCONT NA", "DX continent filters disabled: NA"},
	{"REJECT DEZONE 3", "DE zone filters disabled: 3"},
	{"REJECT DXDXCC 291", "DX DXCC filters disabled: 291"},
	{"REJECT DXGRID2 FN", "DX 2-character grid filters disabled: FN"},
	{"REJECT BAND ALL", "All bands blocked"},
	{"REJECT MODE ALL", "All modes blocked"},
	{"REJECT CONFIDENCE ALL", "All confidence symbols blocked (non-exempt modes)"},
	{"REJECT DXCONT ALL", "All DX continents blocked"},
	{"REJECT DECONT ALL", "All DE continents blocked"},
	{"REJECT DXZONE ALL", "All DX zones blocked"},
	{"REJECT DXDXCC ALL", "All DX DXCCs blocked"},
	{"REJECT DEGRID2 ALL", "All DE 2-character grids blocked"},
	{"REJECT SOURCE ALL", "Unknown source: ALL\nValid sources: HUMAN, SKIMMER"},
	{"REJECT DXCALL", "DX callsign filters cleared"},
	{"REJECT DECALL", "DE callsign filters cleared"},
	{"REJECT ALL", "All filters cleared"},
	{"PASS DXCALL ", "Usage: PASS DXCALL pattern (LZ5VV, LZ*, *VV, *5V*, K?1A)"},
	{"PASS DXCALL LZ5VV;", "Invalid callsign pattern: LZ5VV;"},
	{"PASS DXCALL AAAAAAAAAAAAAAAAA", "Invalid callsign pattern: AAAAAAAAAAAAAAAAA"},
	{"REJECT DXCALL K1*", "DX callsign filters disabled: K1*"},
};

static void test_replies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		struct filter filter;

		filter_clear(&filter);
		say(&filter, replies[i].command, replies[i].reply);
	}
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void test_long_replies_begin_as_they_should(void **state)
{
	struct filter filter;

	(void)state;
	filter_clear(&filter);
	assert_true(begins(told(&filter, "PASS BAND 20m,99m"),
			   "Unknown band: 99m\nSupported bands: 2200m, 630m, 160m, 80m, "));
	assert_true(begins(told(&filter, "PASS MODE xyz"),
			   "Unknown mode: XYZ\n"
			   "Supported modes: CW, FT4, FT8, LSB, USB, RTTY, MSK144, "));
	assert_true(begins(told(&filter, "PASS COLOUR red"), "Unknown filter type. Types: BAND, "));
	assert_true(begins(told(&filter, "PASS "), "Usage: PASS type list\nTypes: "));
	assert_true(begins(told(&filter, "REJECT"), "Usage: REJECT type list\nTypes: "));
	assert_true(begins(told(&filter, "PASS ZONE 3"), "Unknown filter type."));
	assert_true(begins(told(&filter, "PASS BAND"), "Usage: PASS BAND list|ALL\nSupported"));
}

/* F10, and a wrong element anywhere. */
static void test_a_wrong_element_changes_nothing(void **state)
{
	static const char *const wrong[] = {
		"PASS BAND 20m,99m",  "PASS BAND 99m,20m",   "PASS MODE CW XX",
		"PASS DXZONE 14,99",  "REJECT DXCONT EU,XX", "PASS DXDXCC 291,K",
		"PASS DXGRID2 FN,SS", "PASS CONFIDENCE P,Q", "PASS DXCALL LZ*,K1!",
		"PASS SOURCE HUMAN,",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct filter before, after;
		char reply[FILTER_REPLY];
		bool changed;

		filter_default(&before, SOURCES, MODES_4);
		told(&before, "PASS DXCALL LZ*");
		after = before;
		changed = begins(wrong[i], "PASS")
				  ? filter_pass_words(&after, wrong[i] + 5, reply)
				  : filter_reject_words(&after, wrong[i] + 7, reply);
		/* a comma at the end is no element */
		assert_int_equal(changed, strcmp(wrong[i], "PASS SOURCE HUMAN,") == 0);
		assert_memory_equal(&before, &after, sizeof(after));
	}
}

static void test_used_up_is_said(void **state)
{
	struct filter filter;

	(void)state;
	filter_clear(&filter);
	told(&filter, "PASS BAND 20m");
	say(&filter, "REJECT BAND 20m",
	    "Band filters disabled: 20m\nNothing passes now. PASS BAND ALL lets everything pass.");
	say(&filter, "PASS BAND 20m", "Filter set: Band 20m");
	assert_true(passes(&filter, "band=20m"));
}

/* ---- bounds ---- */

static void test_patterns_are_bounded(void **state)
{
	struct filter filter, copy;
	char command[64];
	unsigned i;

	(void)state;
	filter_clear(&filter);
	for (i = 0; i < FILTER_PATTERNS; i++) {
		snprintf(command, sizeof(command), "PASS %s K%uA*", i % 2 ? "DXCALL" : "DECALL", i);
		assert_true(begins(told(&filter, command), "Filter set: "));
	}
	copy = filter;
	for (; i < 1000; i++) {
		snprintf(command, sizeof(command), "PASS DXCALL K%uA*", i);
		say(&filter, command, "Too many callsign patterns: 64 are allowed");
	}
	assert_memory_equal(&filter, &copy, sizeof(copy));
	/* one that is there is not another */
	say(&filter, "PASS DXCALL K1A*", "Filter set: DX callsign K1A*");
	told(&filter, "REJECT DECALL");
	assert_int_equal(filter.patterns, FILTER_PATTERNS / 2);
	assert_int_equal(filter.de, 0);
	for (i = 0; i < FILTER_PATTERNS; i++) {
		snprintf(command, sizeof(command), "K%uA*", i);
		assert_int_equal(strncmp(filter.pattern[i / 2], command, FILTER_PATTERN) == 0,
				 i % 2);
	}
}

static void test_glob(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} cases[] = {
		{"LZ5VV", "LZ5VV", true},
		{"LZ5V", "LZ5VV", false},
		{"LZ5VV*", "LZ5VV", true},
		{"*", "", true},
		{"", "", true},
		{"", "A", false},
		{"*VV", "VV", true},
		{"*VV", "VVV", true},
		{"*VV", "VVX", false},
		{"A*B*C", "AXBXBXC", true},
		{"A*B*C", "AXCXB", false},
		{"?", "", false},
		{"?*", "A", true},
		{"**?**", "A", true},
		{"*A?C*", "XABCX", true},
		{"*A*A*A*A*A*A*A*B", "AAAAAAAAAAAAAAA", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(filter_glob(cases[i].pattern, strlen(cases[i].pattern),
					     cases[i].text, strlen(cases[i].text)),
				 cases[i].matches);
}

/* ---- the two forms ---- */

static void check_same(const char *const *a, const char *const *b, bool same)
{
	struct filter_program first, second;
	struct filter one, two;

	filter_clear(&one);
	filter_clear(&two);
	while (*a != NULL)
		told(&one, *a++);
	while (*b != NULL)
		told(&two, *b++);
	filter_compile(&one, &first);
	filter_compile(&two, &second);
	assert_int_equal(memcmp(&first, &second, sizeof(first)) == 0, same);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_equal_filters_are_equal_bytes(void **state)
{
	(void)state;
	check_same(WORDS("PASS BAND 20m,40m"), WORDS("PASS BAND 40m", "PASS BAND 20m"), true);
	check_same(WORDS("PASS DXCALL K1*", "PASS DXCALL LZ*", "PASS DECALL W1AW"),
		   WORDS("PASS DECALL W1AW", "PASS DXCALL LZ*", "PASS DXCALL K1*,K1*"), true);
	check_same(WORDS("PASS SOURCE HUMAN,SKIMMER"), WORDS("PASS SOURCE ALL"), true);
	check_same(WORDS("PASS SOURCE HUMAN"), WORDS("REJECT SOURCE SKIMMER"), true);
	check_same(WORDS("REJECT BAND ALL"), WORDS("PASS BAND 20m", "REJECT BAND 20m"), true);
	check_same(WORDS("REJECT MODE CW", "PASS MODE CW", "PASS MODE ALL"), WORDS("REJECT ALL"),
		   true);
	/* bands that are unknown pass one of these */
	check_same(WORDS("PASS BAND all,20m"), WORDS("PASS BAND ALL"), false);
	check_same(WORDS("PASS DXCALL K1*"), WORDS("PASS DECALL K1*"), false);
}

static void test_check_takes_what_was_stored(void **state)
{
	struct filter filter, back;

	(void)state;
	filter_default(&filter, SOURCES, MODES_4);
	told(&filter, "PASS DXDXCC 1,1023");
	told(&filter, "PASS DXGRID2 AA,RR");
	told(&filter, "PASS DECALL *A-#");
	told(&filter, "REJECT DXZONE 40");
	assert_true(filter_size() <= FILTER_SIZE_MAX);
	assert_true(filter_check(&filter, filter_size(), &back));
	assert_memory_equal(&filter, &back, sizeof(back));
}

static void spoil(struct filter *filter, unsigned how)
{
	switch (how) {
	case 0:
		filter->version++;
		break;
	case 1:
		filter->beacons = 2;
		break;
	case 2:
		filter->patterns = FILTER_PATTERNS + 1;
		break;
	case 3:
		filter->reserved = 1;
		break;
	case 4:
		filter->nothing = 1U << FILTER_DIMENSIONS;
		break;
	case 5:
		filter->de = 4;
		break;
	case 6:
		filter->pattern[0][0] = '\n';
		break;
	case 7:
		filter->pattern[0][FILTER_PATTERN - 1] = 'X';
		break;
	case 8:
		filter->pattern[1][0] = 'X';
		break;
	case 9:
		filter->allow[filter_places[FILTER_BAND].first] |= UINT64_C(1) << BANDS;
		break;
	case 10:
		filter->allow[filter_places[FILTER_MODE].first] |= 1;
		break;
	case 11:
		filter->block[filter_places[FILTER_DEGRID2].first + 5] |= UINT64_C(1) << 63;
		break;
	case 12:
		filter->pattern[0][0] = '\0';
		break;
	default:
		filter->block[filter_places[FILTER_DXZONE].first] |= UINT64_C(1) << 41;
		break;
	}
}

static void test_check_refuses_what_is_none(void **state)
{
	struct filter filter, clear, back;

	(void)state;
	filter_clear(&clear);
	for (unsigned how = 0; how < 14; how++) {
		filter_clear(&filter);
		told(&filter, "PASS DXCALL LZ*");
		assert_true(filter_check(&filter, sizeof(filter), &back));
		spoil(&filter, how);
		assert_false(filter_check(&filter, sizeof(filter), &back));
		assert_memory_equal(&back, &clear, sizeof(back));
	}
	assert_false(filter_check(&clear, sizeof(clear) - 1, &back));
	assert_false(filter_check("", 0, &back));
}

/* What is set for new users may be wrong: the rest counts. */
static void test_default_leaves_out_what_is_wrong(void **state)
{
	struct filter filter;

	(void)state;
	filter_default(&filter, "", "");
	assert_true(passes(&filter, "mode=FT8"));
	filter_default(&filter, "ROBOT", "CW,morse");
	assert_true(passes(&filter, "mode=CW"));
	assert_false(passes(&filter, "mode=FT8"));
}

/* ---- SHOW FILTER ---- */

static void check_show(const struct filter *filter, const char *what, const char *want)
{
	char text[FILTER_REPLY];

	filter_show(filter, what, text, sizeof(text));
	assert_string_equal(text, want);
}

static void test_show(void **state)
{
	struct filter filter;
	char text[4096], small[16];

	(void)state;
	filter_default(&filter, "", MODES_4);
	filter_show(&filter, "", text, sizeof(text));
	assert_true(begins(text, "Current filters: Bands: ALL | Modes: CW, LSB, RTTY, USB | "
				 "Source: ALL | "));
	/* what is blocked is shown too */
	told(&filter, "REJECT BAND 20m");
	told(&filter, "REJECT DXCONT ALL");
	told(&filter, "PASS DXCALL LZ*");
	filter_show(&filter, "", text, sizeof(text));
	assert_non_null(strstr(text, "Bands: ALL except 20m | "));
	assert_non_null(strstr(text, "DX continents: NONE | "));
	assert_non_null(strstr(text, "DX calls: LZ* | DE calls: ALL | "));
	filter_show(&filter, "MODES", text, sizeof(text));
	assert_true(begins(text, "Supported modes: AM=DISABLED, CW=ENABLED, DIGI=DISABLED, "));
	filter_show(&filter, "bands", text, sizeof(text));
	assert_true(begins(text, "Supported bands: 2200m=ENABLED, "));
	assert_non_null(strstr(text, " 20m=DISABLED, "));
	told(&filter, "REJECT CONFIDENCE ?");
	check_show(&filter, "CONFIDENCE",
		   "Confidence symbols: ?=DISABLED, S=ENABLED, C=ENABLED, "
		   "P=ENABLED, V=ENABLED, B=ENABLED");
	check_show(&filter, "BEACON", "Beacon spots: ENABLED");
	check_show(&filter, "DXDXCC", "DX DXCC: ALL");
	told(&filter, "PASS DEDXCC 291,1");
	check_show(&filter, "DEDXCC", "DE DXCC: 1, 291");
	check_show(&filter, "DECONT",
		   "DE continents: AF=ENABLED, AN=ENABLED, AS=ENABLED, EU=ENABLED, NA=ENABLED, "
		   "OC=ENABLED, SA=ENABLED");
	check_show(&filter, "COLOUR", "Unknown filter type.");
	filter_show(&filter, "", small, sizeof(small));
	assert_string_equal(small, "Current filters");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_long_replies_begin_as_they_should),
		cmocka_unit_test(test_a_wrong_element_changes_nothing),
		cmocka_unit_test(test_used_up_is_said),
		cmocka_unit_test(test_patterns_are_bounded),
		cmocka_unit_test(test_glob),
		cmocka_unit_test(test_equal_filters_are_equal_bytes),
		cmocka_unit_test(test_check_takes_what_was_stored),
		cmocka_unit_test(test_check_refuses_what_is_none),
		cmocka_unit_test(test_default_leaves_out_what_is_wrong),
		cmocka_unit_test(test_show),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
