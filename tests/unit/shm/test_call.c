/* SPDX-License-Identifier: ISC
 *
 * NAME      test_call - tests of call signs
 * PURPOSE   normal form, validity, the amateur's shape, base and shown form, locators
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "shm/call.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

static void check_normalised(const char *text, const char *wanted)
{
	char call[CALL_TEXT_SIZE];

	assert_true(call_normalise(text, strlen(text), call));
	assert_string_equal(call, wanted);
}

static void test_normalise_and_valid(void **state)
{
	static const struct {
		const char *text, *normal;
		bool valid;
	} row[] = {
		{" w1aw ", "W1AW", true},
		{"w1aw.p", "W1AW/P", true},
		{"JI1IZS/", "JI1IZS", true},
		{"W1AW//", "W1AW/", false},
		{"N2WQ-1-#", "N2WQ-1-#", true},
		{"W1", "W1", false},
		{"ABCDEF", "ABCDEF", false},
		{"599", "599", false},
		{"VK9/OH1ABC/P", "VK9/OH1ABC/P", true},
		{"K1ABC#", "K1ABC#", false},
		{"K1-#A", "K1-#A", false},
		{"R1FJ/ANT", "R1FJ/ANT", true},
		{"TO-MANY-1-#", "TO-MANY-1-#", true},
		{"\tw1aw/ \r\n", "W1AW", true},
		{"w1aw .", "W1AW", true},
		{"", "", false},
		{"/", "", false},
		{"-#", "-#", false},
		{"/W1AW", "/W1AW", false},
		{"A1-", "A1-", false},
		{"W1AW--2", "W1AW--2", false},
		{"W1AW-#-#", "W1AW-#-#", false},
		{"A/B/C/1", "A/B/C/1", true},
		{"A/B/C/D/1", "A/B/C/D/1", false},
		{"ABCDEFGHI1", "ABCDEFGHI1", true},
		{"ABCDEFGHIJ1", "ABCDEFGHIJ1", false},
		{"W1AW W2", "W1AW W2", false},
		{"../../etc", "//////ETC", false},
		{"<script>1", "<SCRIPT>1", false},
		{"W1\xc3\x84W", "W1\xc3\x84W", false},
	};

	(void)state;
	for (unsigned i = 0; i < ROWS(row); i++) {
		check_normalised(row[i].text, row[i].normal);
		assert_int_equal(call_valid(row[i].normal), row[i].valid);
	}
}

static void test_too_long(void **state)
{
	char call[CALL_TEXT_SIZE];

	(void)state;
	assert_true(call_normalise("ABCDEF/ABCDEF12", 15, call));
	assert_true(call_valid(call));
	assert_true(call_normalise("ABCDEF/ABCDEF12/", 16, call));
	assert_false(call_normalise("ABCDEF/ABCDEF123", 16, call));
	assert_string_equal(call, "");
	assert_false(call_normalise("W1AW\0X", 6, call));
	assert_string_equal(call, "");
}

static void test_amateur(void **state)
{
	static const char *const good[] = {
		"W1AW",	    "K1A",	    "9A1A",    "2E0ABC",       "3DA0RU",
		"E51DWC",   "EI55WAW",	    "W1AW/P",  "KH6/W1AW",     "W1AW/KH6",
		"W1AW-2",   "W1AW-15",	    "W1AW/4",  "VK9/OH1ABC/P", "VP2V/K1ABC",
		"F/DL1ABC", "DL1ABC/P/QRP", "R2014FH", "4U1UN",	       "JW/LB2PG-1",
	};
	static const char *const bad[] = {
		"",	  "W1",	      "AW1",	    "599",	"ABCDEF", "IO67",
		"W1AW-#", "W1AW-1-#", "W1AW/",	    "W1AW-123", "W1AW-A", "HELP1",
		"1234",	  "ABC1DEF",  "W1AW/P/Q/R", "QUIT99",	"W1AW1",  "TO-MANY-1",
	};

	(void)state;
	for (unsigned i = 0; i < ROWS(good); i++)
		if (!call_amateur(good[i]))
			fail_msg("%s is refused", good[i]);
	for (unsigned i = 0; i < ROWS(bad); i++)
		if (call_amateur(bad[i]))
			fail_msg("%s is taken", bad[i]);
}

static void test_base(void **state)
{
	static const char *const row[][2] = {
		{"KH6/W1AW", "W1AW"},	    {"W1AW/VE3", "W1AW"}, {"N2WQ-1-#", "N2WQ"},
		{"5B4/DL1ABC/P", "DL1ABC"}, {"W1AW-2", "W1AW"},	  {"W1AW", "W1AW"},
		{"W3LPL-#", "W3LPL"},	    {"KH6/W1A", "KH6"},	  {"G4ABC/BEACON", "G4ABC"},
		{"KH6/W1AW-2", "W1AW"},	    {"ABCDEF", "ABCDEF"}, {"", ""},
	};
	char base[CALL_TEXT_SIZE];

	(void)state;
	for (unsigned i = 0; i < ROWS(row); i++) {
		call_base(row[i][0], base);
		assert_string_equal(base, row[i][1]);
	}
}

static void test_collapse(void **state)
{
	static const char *const row[][2] = {
		{"N2WQ-1-#", "N2WQ-#"},	      {"KM3T-2-#", "KM3T-#"},
		{"W3LPL-#", "W3LPL-#"},	      {"W3LPL-1", "W3LPL-1"},
		{"W3LPL", "W3LPL"},	      {"-1-#", "-1-#"},
		{"W3LPL-AB-#", "W3LPL-AB-#"}, {"ABCDEF/ABCDEF1-", "ABCDEF/ABCDEF1-"},
	};
	char shown[CALL_TEXT_SIZE];

	(void)state;
	for (unsigned i = 0; i < ROWS(row); i++) {
		call_collapse(row[i][0], shown);
		assert_string_equal(shown, row[i][1]);
	}
}

static void test_grid(void **state)
{
	static const char *const good[] = {"JO41", "jo41",   "FM19LA",	 "fm19la",
					   "AA00", "RR99XX", "JO41AB12", "JO41AB12CD"};
	static const char *const bad[] = {"",	     "JO4",	     "SA00",   "ZZ99",
					  "%n",	     "JO411",	     "JO41YA", "12JO",
					  "JO41AB1", "JO41AB12CD34", "JO 41"};

	(void)state;
	for (unsigned i = 0; i < ROWS(good); i++)
		assert_true(call_is_grid(good[i], strlen(good[i])));
	for (unsigned i = 0; i < ROWS(bad); i++)
		assert_false(call_is_grid(bad[i], strlen(bad[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normalise_and_valid),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_amateur),
		cmocka_unit_test(test_base),
		cmocka_unit_test(test_collapse),
		cmocka_unit_test(test_grid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
