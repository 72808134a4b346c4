/* SPDX-License-Identifier: ISC
 *
 * NAME      test_cty - tests of the reader of country files
 * PURPOSE   three forms say the same; marks and overrides; what is no country file is refused
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    whole files are read in tests/unit/shm/test_country.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "workers/data/cty.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

/* What a text gives, one line an item. */
static const char *read_all(const char *text, size_t length)
{
	static char out[8000];
	struct cty cty;
	size_t at = 0;

	out[0] = '\0';
	cty_begin(&cty, text, length);
	for (unsigned i = 0; i < 1000; i++) {
		const struct country_rule *rule = &cty.alias.rule;

		switch (cty_next(&cty)) {
		case CTY_END:
			return out;
		case CTY_REFUSED:
			snprintf(out + at, sizeof(out) - at, "refused: %s\n", cty.why);
			return out;
		case CTY_BAD:
			at += (size_t)snprintf(out + at, sizeof(out) - at, "%u bad\n", cty.line);
			break;
		case CTY_VERSION:
			at += (size_t)snprintf(out + at, sizeof(out) - at, "version %s\n",
					       cty.version);
			break;
		case CTY_ENTITY:
			at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%s %s %u\n",
					       cty.entity.starred ? "*" : "", cty.entity.prefix,
					       cty.entity.name, cty.entity.adif);
			break;
		case CTY_ALIAS:
			at += (size_t)snprintf(out + at, sizeof(out) - at,
					       "%s%s %u %u %s %.2f %.2f\n",
					       cty.alias.exact ? "=" : "", cty.alias.key, rule->cq,
					       rule->itu, continent_name(rule->continent),
					       rule->latitude / 1e6, rule->longitude / 1e6);
			break;
		}
	}
	fail_msg("it does not end");
	return out;
}

static void check(const char *text, const char *wanted)
{
	assert_string_equal(read_all(text, strlen(text)), wanted);
}

static void test_dat(void **state)
{
	(void)state;
	check("Italy:   15:  28:  EU:   42.82:   -12.58:    -1.0:  I:\r\n"
	      "    I,=4U0WFP,\r\n    =4U4F;\r\n"
	      "Sicily:  15:  28:  EU:   37.50:   -14.00:    -1.0:  *IT9:\n    IT9;\n"
	      "Conway Reef: 32:56:OC:-22.00:-175.00:-12.0:3D2/c:=3D2AG/P;",
	      "I Italy 248\nI 15 28 EU 42.82 12.58\n=4U0WFP 15 28 EU 42.82 12.58\n"
	      "=4U4F 15 28 EU 42.82 12.58\n"
	      "*IT9 Sicily 248\nIT9 15 28 EU 37.50 14.00\n"
	      "3D2/c Conway Reef 489\n=3D2AG/P 32 56 OC -22.00 175.00\n");
	/* the number is found by the name when the prefix is another one */
	check("Spratly Islands: 26:50:AS:9.88:-114.23:-8.0:9M0:9M0;",
	      "9M0 Spratly Islands 247\n9M0 26 50 AS 9.88 114.23\n");
	check("Atlantis: 26:50:AS:9.88:-114.23:-8.0:1X:1X;",
	      "1X Atlantis 0\n1X 26 50 AS 9.88 114.23\n");
}

static void test_csv(void **state)
{
	(void)state;
	check("\xef\xbb\xbfI,Italy,248,EU,15,28,42.82,-12.58,-1.0,I =4U0WFP;\r\n"
	      "*IT9,Sicily,248,EU,15,28,37.50,-14.00,-1.0,IT9;\r\n",
	      "I Italy 248\nI 15 28 EU 42.82 12.58\n=4U0WFP 15 28 EU 42.82 12.58\n"
	      "*IT9 Sicily 248\nIT9 15 28 EU 37.50 14.00\n");
}

static void test_marks(void **state)
{
	(void)state;
	check("K,United States,291,NA,5,8,37.60,91.87,5.0,"
	      "K =AA0O(4)[7] N5[7] =W1X{AF}<-36.5/12.25>~-2.0~ W[6](3);",
	      "K United States 291\nK 5 8 NA 37.60 -91.87\n=AA0O 4 7 NA 37.60 -91.87\n"
	      "N5 5 7 NA 37.60 -91.87\n=W1X 5 8 AF -36.50 -12.25\nW 3 6 NA 37.60 -91.87\n");
	check("K,United States,291,NA,5,8,37.60,91.87,5.0,"
	      "=VER20230502 =VERSION =VERA =VER2023050 VERSION;",
	      "K United States 291\nversion 20230502\n=VERA 5 8 NA 37.60 -91.87\n"
	      "=VER2023050 5 8 NA 37.60 -91.87\nVERSION 5 8 NA 37.60 -91.87\n");
	/* the last thing of the file */
	check("K,United States,291,NA,5,8,37.60,91.87,5.0,=VERSION;", "K United States 291\n");
}

static void test_bad_places(void **state)
{
	static const char head[] = "K,United States,291,NA,5,8,37.60,91.87,5.0,";
	static const char *const bad[] = {
		"w1aw",	     "=",
		"W1-2",	     "W(41)",
		"W[91]",     "W(4",
		"W(x)",	     "W{XX}",
		"W<1>",	     "W(4)x",
		"W<91/0>",   "W<0/181>",
		"W<1e1/0>",  "=W1AWW1AWW1AWW1AW",
		"W\xc3\xbc", "W()",
	};
	char text[200];

	(void)state;
	for (unsigned i = 0; i < ROWS(bad); i++) {
		snprintf(text, sizeof(text), "%s\n%s K;", head, bad[i]);
		check(text, "K United States 291\n2 bad\nK 5 8 NA 37.60 -91.87\n");
	}
}

static void test_bad_records(void **state)
{
	static const char good[] = "K,United States,291,NA,5,8,37.60,91.87,5.0,K;\n";
	static const char *const bad[] = {
		"K,United States,291,NA,5,8,37.60,91.87,5.0;",
		"K,United States,29100,NA,5,8,37.60,91.87,5.0,K;",
		"K,United States,291,XX,5,8,37.60,91.87,5.0,K;",
		"K,United States,291,NA,41,8,37.60,91.87,5.0,K;",
		"K,United States,291,NA,5,91,37.60,91.87,5.0,K;",
		"K,United States,291,NA,5,8,97.60,91.87,5.0,K;",
		"K,United States,291,NA,5,8,37.60,191.87,5.0,K;",
		"K,United States,291,NA,5,8,nan,91.87,5.0,K;",
		"K,,291,NA,5,8,37.60,91.87,5.0,K;",
		",United States,291,NA,5,8,37.60,91.87,5.0,K;",
		"ABCDEFGHI,United States,291,NA,5,8,37.60,91.87,5.0,K;",
		"K!,United States,291,NA,5,8,37.60,91.87,5.0,K;",
		"K,United States,-1,NA,5,8,37.60,91.87,5.0,K;",
		"K,A name that is much longer than that of any entity there ever "
		"was,291,NA,5,8,1,1,1,K;",
		";",
	};
	char text[400];

	(void)state;
	for (unsigned i = 0; i < ROWS(bad); i++) {
		snprintf(text, sizeof(text), "%s%s\n%s", good, bad[i], good);
		check(text, "K United States 291\nK 5 8 NA 37.60 -91.87\n2 bad\n"
			    "K United States 291\nK 5 8 NA 37.60 -91.87\n");
	}
}

/* ---- property lists ---- */

#define HEAD                                                                                       \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                             \
	"<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://x/y.dtd\">\n"             \
	"<plist version=\"1.0\">\n<dict>\n"
#define FOOT "</dict>\n</plist>\n"
#define ENTRY(key, name, prefix, exact)                                                            \
	"<key>" key "</key>\n<dict>\n<key>Country</key>\n<string>" name "</string>\n"              \
	"<key>Prefix</key><string>" prefix "</string>\n<key>ADIF</key><integer>248</integer>\n"    \
	"<key>CQZone</key><integer>15</integer><key>ITUZone</key><integer>28</integer>\n"          \
	"<key>Continent</key><string>EU</string><key>Latitude</key><real>42.82</real>\n"           \
	"<key>Longitude</key><real>-12.58</real><key>GMTOffset</key><real>-1.0</real>\n"           \
	"<key>ExactCallsign</key><" exact "/></dict>\n"
#define ITALY "I 15 28 EU 42.82 12.58\n"

static void test_plist(void **state)
{
	(void)state;
	check(HEAD ENTRY("I", "Italy", "I", "false") ENTRY("4U0WFP", "Italy", "I", "true")
		      ENTRY("VER20230502", "Italy", "I", "true")
			      ENTRY("VERSION", "Italy", "I", "true")
				      ENTRY("IT9", "A &amp; B", "*IT9", "false") FOOT,
	      ITALY "=4U0WFP 15 28 EU 42.82 12.58\nversion 20230502\nIT9 15 28 EU 42.82 12.58\n");
	check(HEAD "<!-- <key>no</key> -->" ENTRY("I", "Italy", "I", "false") FOOT "<!-- -->",
	      ITALY);
	check(HEAD FOOT, "");
}

static void test_plist_names(void **state)
{
	static const char text[] = HEAD ENTRY("TA1", "A &amp; B &lt;&#65;", "*TA1", "false") FOOT;
	struct cty cty;

	(void)state;
	cty_begin(&cty, text, strlen(text));
	assert_int_equal(cty_next(&cty), CTY_ALIAS);
	assert_string_equal(cty.entity.name, "A & B <&#65;");
	assert_string_equal(cty.entity.prefix, "TA1");
	assert_int_equal(cty.entity.starred, 1);
	assert_int_equal(cty.entity.adif, 248);
	assert_int_equal(cty_next(&cty), CTY_END);
}

static void test_bad_plist_entries(void **state)
{
	(void)state;
	check(HEAD ENTRY("i-1", "Italy", "I", "false") ENTRY("I", "Italy", "I", "false") FOOT,
	      "5 bad\n" ITALY);
	check(HEAD ENTRY("I1", "", "I", "false") ENTRY("I", "Italy", "I", "false") FOOT,
	      "14 bad\n" ITALY);
	check(HEAD "<key>K</key><dict></dict><key>L</key><string>x</string>" ENTRY(
		      "I", "Italy", "I", "false") FOOT,
	      "5 bad\n" ITALY);
}

static void check_refused(const char *text, size_t length, const char *part)
{
	const char *got = read_all(text, length);
	const char *refused = strstr(got, "refused: ");

	if (refused == NULL || strstr(refused, part) == NULL)
		fail_msg("%s: %s", text, got);
}

static void test_refused(void **state)
{
	static const char *const row[][2] = {
		{"", "is empty"},
		{" \r\n\t", "is empty"},
		{"<!DOCTYPE html><html><body>404: a; b, c</body></html>", "is no country file"},
		{"<html>", "is no country file"},
		{"hello\n", "is no country file"},
		{"a:b:c\n", "is no country file"},
		{"K,United States,291,NA,5,8,37.60,91.87,5.0,=K\n", "cut off"},
		{"K,United States,291,NA,5,8,37.60,91.87,5.0,K;\nOX,Green", "cut off"},
		{HEAD, "cut off"},
		{HEAD "<key>I</key><dict><key>Country</key><string>Ita", "cut off"},
		{"<?xml version=\"1.0\"?><!DOCTYPE plist [<!ENTITY a "
		 "\"b\">]><plist><dict></dict></plist>",
		 "declarations"},
		{"<plist><!ENTITY a \"b\"><dict></dict></plist>", "declarations"},
		{"<plist><![CDATA[x]]></plist>", "declarations"},
		{"<plist><dict><!-- ", "declarations"},
		{"<plist><dict><key", "cut off"},
		{"<plist><a><a><a><a><a><a><a><a>", "too deep"},
		{"<plist></a></a></a>", "too deep"},
		{HEAD "<key>I</key><dict><a><a><a><a><a><a><a>", "too deep"},
	};

	(void)state;
	for (unsigned i = 0; i < ROWS(row); i++)
		check_refused(row[i][0], strlen(row[i][0]), row[i][1]);
	check_refused("K,United\0States,291,NA,5,8,37.60,91.87,5.0,K;", 44, "NUL");
}

static void test_refused_stays_refused(void **state)
{
	struct cty cty;

	(void)state;
	cty_begin(&cty, HEAD, strlen(HEAD));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(cty_next(&cty), CTY_REFUSED);
		assert_non_null(strstr(cty.why, "cut off"));
	}
}

static void test_too_large(void **state)
{
	size_t size = CTY_SIZE_MAX + 1;
	char *text = malloc(size);

	(void)state;
	assert_non_null(text);
	memset(text, ':', size);
	check_refused(text, size, "larger");
	/* the longest that is read: one bad record, without an end */
	check_refused(text, CTY_SIZE_MAX, "cut off");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dat),	    cmocka_unit_test(test_csv),
		cmocka_unit_test(test_marks),	    cmocka_unit_test(test_bad_places),
		cmocka_unit_test(test_bad_records), cmocka_unit_test(test_plist),
		cmocka_unit_test(test_plist_names), cmocka_unit_test(test_bad_plist_entries),
		cmocka_unit_test(test_refused),	    cmocka_unit_test(test_refused_stays_refused),
		cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
