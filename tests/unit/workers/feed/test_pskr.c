/* SPDX-License-Identifier: ISC
 *
 * NAME      test_pskr - tests of the parser of PSKReporter's reports
 * PURPOSE   worked examples, tolerated oddities, and what must be refused
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "shm/band.h"
#include "workers/feed/pskr.h"

#define NOW 1762369020

static enum pskr_error parse(const char *text, struct spot *spot_r)
{
	return pskr_parse(text, strlen(text), NOW, spot_r);
}

/* One report, of which WHAT replaces the field FIELD; all its texts are in quotes already. */
static enum pskr_error parse_with(const char *field, const char *what, struct spot *spot_r)
{
	static const char *const fields[][2] = {
		{"f", "14074250"},	{"md", "\"FT8\""},    {"rp", "-13"},
		{"t", "1762369016"},	{"sc", "\"WB5XX\""},  {"rc", "\"KD3AN\""},
		{"sl", "\"EM33qf01\""}, {"rl", "\"EM66QH\""}, {"sa", "291"},
		{"ra", "291"},
	};
	char text[2048] = "{";

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const char *value = strcmp(fields[i][0], field) == 0 ? what : fields[i][1];

		if (value != NULL)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s\"%s\":%s",
				 i > 0 ? "," : "", fields[i][0], value);
	}
	strcat(text, "}");
	return parse(text, spot_r);
}

static void test_examples(void **state)
{
	struct spot spot;

	(void)state;
	assert_int_equal(
		parse("{\"sq\":62145576640,\"f\":21074595,\"md\":\"FT8\",\"rp\":-13,\"t\":"
		      "1762369016,"
		      "\"sc\":\"WB5XX\",\"sl\":\"EM33qf01\",\"rc\":\"KD3AN\",\"rl\":\"EM66QH\","
		      "\"sa\":291,\"ra\":291,\"b\":\"15m\"}",
		      &spot),
		PSKR_OK);
	assert_string_equal(spot.de, "KD3AN-#");
	assert_string_equal(spot.dx, "WB5XX");
	assert_string_equal(spot.dx_raw, "WB5XX");
	assert_int_equal(spot_decihertz(spot.hz), 210746);
	assert_int_equal(spot.hz, 21074595);
	assert_int_equal(spot.mode, MODE_FT8);
	assert_int_equal(spot.report, -13);
	assert_int_equal(spot.flags, SPOT_HAS_REPORT);
	assert_string_equal(spot.comment, "EM33QF01>EM66QH");
	assert_int_equal(spot.comment_length, 15);
	assert_int_equal(spot.band, BAND_15M);
	assert_int_equal(spot.time, 1762369016);
	assert_string_equal(spot.dx_side.grid, "EM33QF01");
	assert_string_equal(spot.de_side.grid, "EM66QH");
	assert_int_equal(spot.dx_side.adif, 291);
	/* Q2, Q3, Q4 */
	assert_int_equal(
		parse("{\"f\":28076461,\"md\":\"ft8\",\"rp\":-18,\"t\":1762369016,"
		      "\"sc\":\"pc2j\",\"sl\":\"JO22le91\",\"rc\":\"WB5JJJ\",\"rl\":\"EM35kg34\"}",
		      &spot),
		PSKR_OK);
	assert_string_equal(spot.de, "WB5JJJ-#");
	assert_string_equal(spot.dx, "PC2J");
	assert_int_equal(spot_decihertz(spot.hz), 280765);
	assert_int_equal(spot.mode, MODE_FT8);
	assert_int_equal(parse_with("", NULL, &spot), PSKR_OK);
	assert_int_equal(spot_decihertz(spot.hz), 140743);
	assert_int_equal(parse_with("rc", "\"DL1ABC/QRP\"", &spot), PSKR_OK);
	assert_string_equal(spot.de, "DL1ABC/QRP-#");
}

static void test_tolerated(void **state)
{
	struct spot spot;

	(void)state;
	/* what nobody knows, any order, escapes, repeats, numbers in quotes and with a fraction */
	assert_int_equal(
		parse(" {\"new\":{\"a\":[1,{\"b\":2}]},\"rc\":\"KD3AN\",\"sc\":\"X1X\","
		      "\"sc\":\"W\\u0042\\u0035XX\",\"\\u0066\":\"21074595\",\"t\":1762369016.0,"
		      "\"rp\":\"-13\",\"md\":\"FT8\",\"sl\":null,\"sa\":null} ",
		      &spot),
		PSKR_OK);
	assert_string_equal(spot.dx, "WB5XX");
	assert_int_equal(spot.hz, 21074595);
	assert_int_equal(spot.report, -13);
	assert_string_equal(spot.comment, "");
	assert_int_equal(spot.dx_side.adif, 0);
	/* calls: with a mark of their own, and too long for ours */
	assert_int_equal(parse_with("rc", "\"KD3AN-1\"", &spot), PSKR_OK);
	assert_string_equal(spot.de, "KD3AN-1");
	assert_int_equal(parse_with("rc", "\"VK9/OH1ABC/QRP\"", &spot), PSKR_OK);
	assert_string_equal(spot.de, "VK9/OH1ABC/QRP");
	assert_int_equal(parse_with("sc", "\"oh1abc.p\"", &spot), PSKR_OK);
	assert_string_equal(spot.dx, "OH1ABC/P");
	/* locators that are none: X48 */
	assert_int_equal(parse_with("sl", "\"ZZ99\"", &spot), PSKR_OK);
	assert_string_equal(spot.dx_side.grid, "");
	assert_string_equal(spot.comment, ">EM66QH");
	assert_int_equal(parse_with("sl", "\"%n\"", &spot), PSKR_OK);
	assert_int_equal(parse_with("sl",
				    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
				    "AAAAAAAA\"",
				    &spot),
			 PSKR_OK);
	assert_string_equal(spot.dx_side.grid, "");
	assert_int_equal(parse_with("sl", "17", &spot), PSKR_OK);
	assert_int_equal(parse_with("sl", "\"EM33qf01ab\"", &spot), PSKR_OK);
	assert_string_equal(spot.dx_side.grid, "EM33QF01");
	/* other modes, reports that were never measured, none at all */
	assert_int_equal(parse_with("md", "\"THOR16\"", &spot), PSKR_OK);
	assert_int_equal(spot.mode, MODE_DIGI);
	assert_int_equal(parse_with("md", "\"wspr\"", &spot), PSKR_OK);
	assert_int_equal(spot.mode, MODE_WSPR);
	assert_int_equal(parse_with("rp", "-200", &spot), PSKR_OK);
	assert_int_equal(spot.flags & SPOT_HAS_REPORT, 0);
	assert_int_equal(parse_with("rp", NULL, &spot), PSKR_OK);
	assert_int_equal(parse_with("rc", "\"WB5XX/1\"", &spot), PSKR_OK);
	assert_int_equal(spot.flags & SPOT_SELF, SPOT_SELF);
}

static void test_refused_fields(void **state)
{
	static const struct {
		const char *field, *value;
		enum pskr_error why;
	} bad[] = {
		{"t", "0", PSKR_TIME},
		{"t", "-1", PSKR_TIME},
		{"t", "1762372621", PSKR_TIME}, /* an hour and a second ahead */
		{"t", "1762282619", PSKR_TIME}, /* a day and a second ago */
		{"t", "9223372036854775808", PSKR_FIELD},
		{"t", NULL, PSKR_FIELD},
		{"f", "0", PSKR_FIELD},
		{"f", "-1", PSKR_FIELD},
		{"f", "1e308", PSKR_FIELD},
		{"f", "\"x\"", PSKR_FIELD},
		{"f", "true", PSKR_FIELD},
		{"f", "14074250.5", PSKR_FIELD},
		{"f", "9750000", PSKR_BAND},
		{"f", NULL, PSKR_FIELD},
		{"sc", "\"\"", PSKR_FIELD},
		{"sc", NULL, PSKR_FIELD},
		{"sc", "null", PSKR_FIELD},
		{"sc", "17", PSKR_FIELD},
		{"sc", "{\"a\":1}", PSKR_FIELD},
		{"sc", "\"W1AW\\u0000X\"", PSKR_CALL},
		{"sc", "\"W1AW\\nX\"", PSKR_CALL},
		{"sc", "\"../../x\"", PSKR_CALL},
		{"sc", "\"W1\xc3\x28W\"", PSKR_CALL},
		{"sc", "\"W1\\ud800W\"", PSKR_CALL},
		{"rc", "\"\"", PSKR_FIELD},
		{"rc", "\"<script>\"", PSKR_CALL},
		{"md", "\"\"", PSKR_FIELD},
		{"md", "8", PSKR_FIELD},
		{"rp", "\"x\"", PSKR_FIELD},
	};
	static const struct spot nothing;
	char call[304];
	struct spot spot;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse_with(bad[i].field, bad[i].value, &spot), bad[i].why);
		assert_memory_equal(&spot, &nothing, sizeof(spot));
	}
	memset(call, 'A', sizeof(call));
	memcpy(call, "\"W1", 3);
	memcpy(call + 301, "\"", 2);
	assert_int_equal(parse_with("sc", call, &spot), PSKR_CALL);
	/* the limits themselves */
	assert_int_equal(parse_with("t", "1762372620", &spot), PSKR_OK);
	assert_int_equal(parse_with("t", "1762282620", &spot), PSKR_OK);
}

static void test_refused_json(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"17",
		"{",
		"{\"f\":\"x\"",
		"{\"f\"}",
		"{}x",
		"{} {}",
		"{\"a\":1}}",
		"{\"a\":1}]",
		"nothing",
		"{\"a\":\"\\x\"}",
		"{a:1}",
		"{\"a\" 1}",
		"[{\"f\":1}]",
		"{\"a\":[[[[1]]]]}",
		"{1:2}",
		"{\"a\":\"",
	};
	static char deep[2 << 20];
	struct spot spot;
	char many[PSKR_PAYLOAD_MAX + 64] = "{";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i], &spot), PSKR_JSON);
	assert_int_equal(parse("{\"f\":\"x\"}", &spot), PSKR_FIELD);
	assert_int_equal(parse("{}", &spot), PSKR_FIELD);
	memset(deep, '[', sizeof(deep));
	assert_int_equal(pskr_parse(deep, sizeof(deep), NOW, &spot), PSKR_JSON);
	assert_int_equal(pskr_parse(deep, 1000, NOW, &spot), PSKR_JSON);
	/* a hundred times the same key: read, and lacks the others */
	for (unsigned i = 0; i < 100; i++)
		strcat(many, i > 0 ? ",\"f\":1" : "\"f\":1");
	strcat(many, "}");
	assert_int_equal(parse(many, &spot), PSKR_FIELD);
	/* as long as it may be, and one byte longer */
	memset(many, ' ', sizeof(many));
	memcpy(many, "{}", 2);
	assert_int_equal(pskr_parse(many, PSKR_PAYLOAD_MAX, NOW, &spot), PSKR_FIELD);
	assert_int_equal(pskr_parse(many, PSKR_PAYLOAD_MAX + 1, NOW, &spot), PSKR_JSON);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_tolerated),
		cmocka_unit_test(test_refused_fields),
		cmocka_unit_test(test_refused_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
