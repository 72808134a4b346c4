/* SPDX-License-Identifier: ISC
 *
 * NAME      test_render - tests of the layouts of spots
 * PURPOSE   the example lines of every layout, the columns that programs cut at, and hostile texts
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
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "shm/band.h"
#include "shm/country.h"
#include "workers/render.h"

#define NOV_22 1763769600 /* 2025-11-22 */
#define DEC_1  1764547200

/* What the examples have in common: the rest of a spot is set as it is needed. */
struct given {
	const char *de, *khz, *dx;
	unsigned mode; /* MODE_NONE: inferred as CW */
	int report;    /* NONE */
	const char *comment;
	const char *grid; /* of the DX; lower case: derived */
	char glyph;
	unsigned hhmm;
	bool human;
	int64_t day;
};

#define NONE 999

static void make(const struct given *given, struct spot *spot_r)
{
	size_t length = strlen(given->grid);

	memset(spot_r, 0, sizeof(*spot_r));
	spot_r->version = SPOT_VERSION;
	spot_r->source = given->human ? SPOT_UPSTREAM : SPOT_RBN;
	assert_true(band_frequency(given->khz, strlen(given->khz), &spot_r->hz));
	spot_r->raw_hz = spot_r->hz;
	spot_r->band = (uint8_t)band_of(spot_r->hz);
	spot_r->mode = (uint8_t)(given->mode != MODE_NONE ? given->mode : MODE_CW);
	spot_r->flags = (uint8_t)((given->human ? SPOT_HUMAN : 0) |
				  (given->mode == MODE_NONE ? SPOT_MODE_INFERRED : 0) |
				  (given->report != NONE ? SPOT_HAS_REPORT : 0));
	spot_r->report = (int16_t)(given->report != NONE ? given->report : 0);
	spot_r->glyph = given->glyph;
	spot_r->time = (given->day != 0 ? given->day : NOV_22) + given->hhmm / 100 * 3600 +
		       given->hhmm % 100 * 60;
	strcpy(spot_r->dx, given->dx);
	strcpy(spot_r->de, given->de);
	for (size_t i = 0; i < length; i++) {
		spot_r->dx_side.derived |= given->grid[i] >= 'a';
		spot_r->dx_side.grid[i] =
			(char)(given->grid[i] >= 'a' ? given->grid[i] - 32 : given->grid[i]);
	}
	if (strstr(given->comment, " WPM ") != NULL || strstr(given->comment, " BPS ") != NULL) {
		spot_r->unit =
			strstr(given->comment, " WPM ") != NULL ? SPOT_UNIT_WPM : SPOT_UNIT_BPS;
		spot_r->speed = (uint16_t)atoi(given->comment);
	}
	spot_set_comment(spot_r, given->comment, strlen(given->comment));
}

static void check_live(unsigned format, const struct given *given, const char *want)
{
	char line[RENDER_MAX + 1], all[RENDER_MAX + 1];
	struct spot spot;

	make(given, &spot);
	line[render_spot(format, 7, &spot, false, line)] = '\0';
	snprintf(all, sizeof(all), "%s\r\n", want);
	assert_string_equal(line, all);
}

/* ---- GoCluster's layout ---- */

static const struct {
	struct given given;
	const char *line;
} wide[] = {
	{{"W2NAF-#", "7014.0", "KE0UI", MODE_CW, 27, "22 WPM CQ", "FN20", 'V', 454, false, 0},
	 "DX de W2NAF-#:     7014.0  KE0UI       CW 27 dB 22 WPM CQ         FN20 V 0454Z"},
	{{"W3LPL", "3525.1", "E51DWC", MODE_NONE, NONE, "Heard in WA", "BH85", 'S', 919, true, 0},
	 "DX de W3LPL:       3525.1  E51DWC      CW Heard in WA             BH85 S 0919Z"},
	{{"S50ARX-#", "14074.0", "DL1ABC", MODE_FT8, -13, "CQ", "JO62", 0, 7, false, 0},
	 "DX de S50ARX-#:   14074.0  DL1ABC      FT8 -13 dB CQ              JO62   0007Z"},
	{{"S50TA", "144336.0", "ON4WIY", MODE_MSK144, 6, "ABCDEFGHIJKLMN", "DM04", 'S', 2140, true,
	  0},
	 "DX de S50TA:     144336.0  ON4WIY      MSK144 +6 dB ABCDEFGHIJKLM DM04 S 2140Z"},
	{{"JI1HFJ-#", "1294068.2", "JA1ABC", MODE_CW, 9, "20 WPM CQ", "", '?', 101, false, 0},
	 "DX de JI1HFJ-#: 1294068.2  JA1ABC      CW 9 dB 20 WPM CQ               ? 0101Z"},
	{{"N2WQ-1-#", "14074.0", "N0CALL", MODE_FT8, 0, "", "", 0, 615, false, 0},
	 "DX de N2WQ-#:     14074.0  N0CALL      FT8 +0 dB                         0615Z"},
	/* long calls keep a blank between themselves and their neighbours */
	{{"PY0F/PY2ABC", "28014.2", "VK9/OH1ABC/P", MODE_USB, NONE, "up 5", "", 0, 304, true, 0},
	 "DX de PY0F/PY2AB: 28014.2  VK9/OH1ABC  USB up 5                          0304Z"},
	{{"KM3T-22-#", "10368100.0", "ABC1DEFGHIJKL", MODE_CW, 5, "", "fn31", 0, 0, false, 0},
	 "DX de KM3T-#:  10368100.0  ABC1DEFGHIJ CW 5 dB                    fn31   0000Z"},
	{{"ABCDEF1GHI-#", "10368100.0", "W1AW/VE3/QRP", MODE_FM, NONE, "", "FN31PR", 0, 0, false,
	  0},
	 "DX de ABCDE-#: 10368100.0  W1AW/VE3    FM                         FN31   0000Z"},
};

static void test_wide78(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
		assert_int_equal(strlen(wide[i].line), 78);
		check_live(FORMAT_WIDE78, &wide[i].given, wide[i].line);
	}
}

/* ---- DXSpider's layout ---- */

static const struct {
	struct given given;
	const char *inside, *behind;
	const char *line;
} spider[] = {
	{{"W3LPL", "3525.1", "E51DWC", MODE_NONE, NONE, "Heard in WA", "", 0, 919, true, 0},
	 NULL,
	 NULL,
	 "DX de W3LPL:      3525.1  E51DWC       Heard in WA                    0919Z"},
	{{"W3LPL", "3525.1", "E51DWC", MODE_NONE, NONE, "Heard in WA", "", 0, 919, true, 0},
	 NULL,
	 " FM19",
	 "DX de W3LPL:      3525.1  E51DWC       Heard in WA                    0919Z FM19"},
	{{"F8DGY-#", "7018.3", "RW1M", MODE_CW, NONE, "CW  23dB Q:9* Z:20", "", 0, 2259, true, 0},
	 " 16",
	 " 14", /* runs of blanks are one */
	 "DX de F8DGY-#:    7018.3  RW1M         CW 23dB Q:9* Z:20           16 2259Z 14"},
	/* the mode that the parser took out is behind the words */
	{{"DL1YAW", "144360.0", "S51AT", MODE_MSK144, 5, "JO41DX<MS>JN75", "", 0, 1800, true, 0},
	 NULL,
	 NULL,
	 "DX de DL1YAW:   144360.0  S51AT        JO41DX<MS>JN75 MSK144 +5 dB    1800Z"},
	{{"JI1HFJ-#", "1294068.2", "JA1ABC", MODE_CW, NONE, "CW 9 dB 20 WPM CQ", "", 0, 101, true,
	  0},
	 NULL,
	 NULL,
	 "DX de JI1HFJ-#: 1294068.2  JA1ABC      CW 9 dB 20 WPM CQ              0101Z"},
	{{"II4FMOB", "144350.0", "IU4JJJ", MODE_NONE, NONE, "50 Diploma RADIO FLASH MOB AWARD", "",
	  0, 1830, true, 0},
	 NULL,
	 NULL,
	 "DX de II4FMOB:  144350.0  IU4JJJ       50 Diploma RADIO FLASH MOB AWA 1830Z"},
	{{"N0CALL", "14025.3", "LZ5VV", MODE_NONE, NONE, "up 2", "", 0, 455, true, 0},
	 NULL,
	 NULL,
	 "DX de N0CALL:    14025.3  LZ5VV        up 2                           0455Z"},
	/* what skimmers say */
	{{"W3LPL-#", "14025.3", "LZ5VV", MODE_CW, 24, "22 WPM CQ", "", 'V', 2259, false, 0},
	 NULL,
	 NULL,
	 "DX de W3LPL-#:   14025.3  LZ5VV        CW   24dB 22 WPM CQ V          2259Z"},
	{{"KM3T-2-#", "14074.3", "PC2J", MODE_FT8, -18, "JO22LE91>EM35KG34XX12345", "", 'P', 1,
	  false, 0},
	 NULL,
	 NULL,
	 "DX de KM3T-#:    14074.3  PC2J         FT8 -18dB JO22LE91>EM35KG34X P 0001Z"},
	{{"W1ABC-#", "7030.0", "K1ABC", MODE_CW, NONE, "", "", 0, 1, false, 0},
	 NULL,
	 NULL,
	 "DX de W1ABC-#:    7030.0  K1ABC        CW                             0001Z"},
	/* long calls take from the comment, the time keeps its place */
	{{"PY0F/PY2ABC", "28014.2", "VK9/OH1ABC/P", MODE_NONE, NONE, "up 5", "", 0, 304, true, 0},
	 NULL,
	 NULL,
	 "DX de PY0F/PY2ABC:  28014.2  VK9/OH1ABC/P up 5                        0304Z"},
	{{"W3LPL", "10368100.0", "E51DWC", MODE_NONE, NONE, "x", "", 0, 1, true, 0},
	 NULL,
	 NULL,
	 "DX de W3LPL:  10368100.0  E51DWC       x                              0001Z"},
	/* the comment says the mode itself */
	{{"EI55WAW", "7046.5", "EI55WAW", MODE_RTTY, NONE, "ses rtty", "", 0, 1604, true, 0},
	 NULL,
	 NULL,
	 "DX de EI55WAW:    7046.5  EI55WAW      ses rtty                       1604Z"},
	{{"EI55WAW", "7046.5", "EI55WAW", MODE_RTTY, NONE, "ses", "", 0, 1604, true, 0},
	 NULL,
	 NULL,
	 "DX de EI55WAW:    7046.5  EI55WAW      ses RTTY                       1604Z"},
	{{"G4XYZ", "7160.5", "LY2XX", MODE_LSB, NONE, "ssb 59+20db", "", 0, 2011, true, 0},
	 NULL,
	 NULL,
	 "DX de G4XYZ:      7160.5  LY2XX        ssb 59+20db                    2011Z"},
	{{"EB3WH", "7074.0", "PD5XMAS", MODE_FT8, -12, "SES XMAS AWARD FOR ALL OF YOU", "", 0, 1801,
	  true, 0},
	 NULL,
	 NULL,
	 "DX de EB3WH:      7074.0  PD5XMAS      SES XMAS AWARD FOR  FT8 -12 dB 1801Z"},
};

static void test_spider(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(spider) / sizeof(spider[0]); i++) {
		char line[RENDER_MAX + 1];
		struct spot spot;

		make(&spider[i].given, &spot);
		line[render_spider(&spot, spider[i].inside, spider[i].behind, line)] = '\0';
		assert_string_equal(line, spider[i].line);
		assert_int_equal(line[74], 'Z');
		if (spider[i].inside == NULL && spider[i].behind == NULL)
			check_live(FORMAT_SPIDER, &spider[i].given, spider[i].line);
	}
}

/* ---- the Reverse Beacon Network's ---- */

static const struct {
	struct given given;
	const char *line;
} rbn[] = {
	{{"W3LPL-#", "14025.3", "LZ5VV", MODE_CW, 24, "22 WPM CQ", "", 0, 2259, false, 0},
	 "DX de W3LPL-#:   14025.3  LZ5VV          CW    24 dB  22 WPM  CQ      2259Z"},
	{{"K9LC-#", "28169.9", "VA3XCD/B", MODE_CW, 9, "10 WPM BEACON", "", 0, 2259, false, 0},
	 "DX de K9LC-#:    28169.9  VA3XCD/B       CW     9 dB  10 WPM  BEACON  2259Z"},
	{{"DL9GTB-#", "14071.0", "UR4EYN", MODE_PSK, 44, "31 BPS CQ", "", 0, 1026, false, 0},
	 "DX de DL9GTB-#:  14071.0  UR4EYN         PSK   44 dB  31 BPS  CQ      1026Z"},
	{{"JI1HFJ-#", "1294068.2", "JA1ABC", MODE_CW, 9, "20 WPM CQ", "", 0, 101, false, 0},
	 "DX de JI1HFJ-#:1294068.2  JA1ABC         CW     9 dB  20 WPM  CQ      0101Z"},
	{{"S50ARX-#", "14074.0", "DL1ABC", MODE_FT8, -13, "CQ", "", 0, 7, false, 0},
	 "DX de S50ARX-#:  14074.0  DL1ABC         FT8   -13 dB           CQ      0007Z"},
	{{"RN4WA-#", "14091.6", "IZ0FVD", MODE_RTTY, 29, "45 BPS CQ", "", 0, 1516, false, 0},
	 "DX de RN4WA-#:   14091.6  IZ0FVD         RTTY  29 dB  45 BPS  CQ      1516Z"},
	{{"KM3T-#", "14100.0", "CS3B", MODE_CW, 24, "22 WPM NCDXF B", "", 0, 2259, false, 0},
	 "DX de KM3T-#:    14100.0  CS3B           CW    24 dB  22 WPM  NCDXF B 2259Z"},
	{{"W3LPL", "3525.1", "E51DWC", MODE_NONE, NONE, "Heard in WA", "", 0, 919, true, 0},
	 "DX de W3LPL:      3525.1  E51DWC         CW                    Heard in WA 0919Z"},
};

static void test_rbn(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rbn) / sizeof(rbn[0]); i++)
		check_live(FORMAT_RBN, &rbn[i].given, rbn[i].line);
}

/* ---- rows of SHOW/DX ---- */

static const struct {
	struct given given;
	unsigned width;
	const char *line;
} rows[] = {
	{{"W3LPL-#", "14025.3", "LZ5VV", MODE_CW, 15, "22 WPM CQ", "", 0, 454, false, NOV_22},
	 80,
	 "  14025.3 LZ5VV       22-Nov-2025 0454Z CW 15 dB 22 WPM CQ          <W3LPL-#>"},
	{{"DL1YAW", "144360.0", "S51AT", MODE_MSK144, 5, "JO41DX<MS>JN75 MSK144 +5 dB loud", "", 0,
	  1800, true, DEC_1},
	 80,
	 " 144360.0 S51AT        1-Dec-2025 1800Z JO41DX<MS>JN75 MSK144 +5 dB l<DL1YAW>"},
	{{"PY0F/PY2ABC", "28014.2", "VK9/OH1ABC/P", MODE_NONE, NONE, "up 5", "", 0, 304, true,
	  NOV_22},
	 80,
	 "  28014.2 VK9/OH1ABC/P 22-Nov-2025 0304Z up 5                   <PY0F/PY2ABC>"},
	{{"N0CALL", "14025.3", "LZ5VV", MODE_NONE, NONE, "up 2", "", 0, 455, true, NOV_22},
	 80,
	 "  14025.3 LZ5VV       22-Nov-2025 0455Z up 2                         <N0CALL>"},
	{{"N0CALL", "14025.3", "LZ5VV", MODE_NONE, NONE, "up 2", "", 0, 455, true, NOV_22},
	 100,
	 "  14025.3 LZ5VV       22-Nov-2025 0455Z up 2                                            "
	 " <N0CALL>"},
	/* no room for words */
	{{"N0CALL", "14025.3", "LZ5VV", MODE_NONE, NONE, "up 2", "", 0, 455, true, NOV_22},
	 1,
	 "  14025.3 LZ5VV       22-Nov-2025 0455Z <N0CALL>"},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[RENDER_MAX + 1], all[RENDER_MAX];
		struct spot spot;

		make(&rows[i].given, &spot);
		line[render_history(FORMAT_SPIDER, 7, &spot, rows[i].width, line)] = '\0';
		snprintf(all, sizeof(all), "%s\r\n", rows[i].line);
		assert_string_equal(line, all);
		if (rows[i].width == 80)
			assert_int_equal(strlen(line), 77 + 2);
	}
}

static void test_rows_of_other_formats_are_live_lines(void **state)
{
	struct spot spot;

	(void)state;
	make(&wide[0].given, &spot);
	for (unsigned format = FORMAT_SPIDER + 1; format < FORMATS; format++) {
		char live[RENDER_MAX], row[RENDER_MAX];
		size_t length = render_spot(format, 7, &spot, false, live);

		assert_int_equal(render_history(format, 7, &spot, 80, row), length);
		assert_memory_equal(live, row, length);
	}
}

/* ---- switches ---- */

static void test_beep_is_before_the_end_of_texts(void **state)
{
	(void)state;
	for (unsigned format = 0; format < FORMATS; format++) {
		char plain[RENDER_MAX + 1], loud[RENDER_MAX + 1];
		struct spot spot;
		size_t length;

		make(&wide[0].given, &spot);
		plain[length = render_spot(format, 7, &spot, false, plain)] = '\0';
		loud[render_spot(format, 7, &spot, true, loud)] = '\0';
		assert_int_equal(strlen(loud), length + (format == FORMAT_JSON ? 0 : 2));
		if (format != FORMAT_JSON)
			assert_string_equal(loud + length - 2, "\a\a\r\n");
		assert_memory_equal(plain, loud, length - 2);
	}
}

static void test_ssid_is_shown_when_the_feed_keeps_it(void **state)
{
	char line[RENDER_MAX];
	struct spot spot;

	(void)state;
	make(&wide[5].given, &spot);
	render_spot(FORMAT_SPIDER, 7, &spot, false, line);
	assert_memory_equal(line, "DX de N2WQ-#:  ", 15);
	spot.flags |= SPOT_KEEP_SSID;
	render_spot(FORMAT_SPIDER, 7, &spot, false, line);
	assert_memory_equal(line, "DX de N2WQ-1-#:", 15);
	render_spot(FORMAT_WIDE78, 7, &spot, false, line);
	assert_memory_equal(line, "DX de N2WQ-1-#:", 15);
}

static void test_names_of_formats(void **state)
{
	(void)state;
	for (unsigned format = 0; format < FORMATS; format++)
		assert_int_equal(format_parse(format_name(format), strlen(format_name(format))),
				 format);
	assert_int_equal(format_parse("wide78", 6), FORMAT_WIDE78);
	assert_int_equal(format_parse("Json ", 4), FORMAT_JSON);
	assert_int_equal(format_parse("CC11", 4), FORMATS);
	assert_int_equal(format_parse("", 0), FORMATS);
	assert_string_equal(format_name(FORMATS), "");
}

/* ---- JSON ---- */

static void check_object(const struct spot *spot, json_t **object_r)
{
	char line[RENDER_MAX];
	size_t length = render_spot(FORMAT_JSON, 4711, spot, false, line);

	assert_memory_equal(line + length - 3, "}\r\n", 3);
	for (size_t i = 0; i < length - 2; i++)
		assert_true(line[i] >= ' ' && line[i] <= '~');
	*object_r = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(*object_r);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	assert_non_null(text);
	return text;
}

static void test_json(void **state)
{
	json_t *object, *side;
	struct spot spot;

	(void)state;
	make(&wide[0].given, &spot);
	spot.dx_side.adif = 291;
	spot.dx_side.cq = 5;
	spot.dx_side.itu = 8;
	spot.dx_side.continent = CONTINENT_NA;
	spot.arrived_real = 1763787240UL * 1000000000 + 120000000;
	spot.ip[15] = 42;
	strcpy(spot.feed, "rbn");
	strcpy(spot.dx_raw, "KE0UJ");
	spot_set_comment(&spot, "22 WPM \"CQ\" \\ na\xc3\xafve \xf0\x9f\x93\xbb \xff", 27);
	check_object(&spot, &object);
	assert_int_equal(json_integer_value(json_object_get(object, "id")), 4711);
	assert_int_equal(json_integer_value(json_object_get(object, "freq_hz")), 7014000);
	assert_int_equal(json_integer_value(json_object_get(object, "report")), 27);
	assert_int_equal(json_integer_value(json_object_get(object, "speed")), 22);
	assert_int_equal(json_integer_value(json_object_get(object, "t_spot")), spot.time);
	assert_true(json_real_value(json_object_get(object, "t_rx")) == 1763787240.120);
	assert_string_equal(text_of(object, "dx"), "KE0UI");
	assert_string_equal(text_of(object, "dx_raw"), "KE0UJ");
	assert_string_equal(text_of(object, "de"), "W2NAF-#");
	assert_string_equal(text_of(object, "de_base"), "W2NAF");
	assert_string_equal(text_of(object, "band"), "40m");
	assert_string_equal(text_of(object, "mode"), "CW");
	assert_string_equal(text_of(object, "speed_unit"), "WPM");
	assert_string_equal(text_of(object, "source"), "RBN");
	assert_string_equal(text_of(object, "source_name"), "rbn");
	assert_string_equal(text_of(object, "glyph"), "V");
	assert_string_equal(text_of(object, "comment"),
			    "22 WPM \"CQ\" \\ na\xc3\xafve \xf0\x9f\x93\xbb ?");
	side = json_object_get(object, "dx_side");
	assert_int_equal(json_integer_value(json_object_get(side, "adif")), 291);
	assert_string_equal(text_of(side, "continent"), "NA");
	assert_string_equal(text_of(side, "grid"), "FN20");
	assert_true(json_is_false(json_object_get(side, "grid_derived")));
	assert_true(json_is_null(json_object_get(json_object_get(object, "de_side"), "adif")));
	assert_null(json_object_get(object, "origin_ip"));
	json_decref(object);
}

/* The longest that a record can hold. */
static void test_the_longest_object_fits(void **state)
{
	json_t *object;
	struct spot spot;

	(void)state;
	make(&wide[0].given, &spot);
	strcpy(spot.dx, "ABCDE1FGHI/JKLM");
	strcpy(spot.dx_raw, spot.dx);
	strcpy(spot.de, spot.dx);
	strcpy(spot.feed, "abcdefghijklmnop");
	strcpy(spot.dx_side.grid, "AA00AA00");
	strcpy(spot.de_side.grid, "AA00AA00");
	spot.hz = spot.raw_hz = 250000000000;
	spot.mode = MODE_MSK144;
	spot.source = SPOT_PSKREPORTER;
	spot.flags |= SPOT_MODE_INFERRED;
	spot.report = INT16_MIN;
	spot.speed = UINT16_MAX;
	spot.type = SPOT_TYPE_BEACON;
	spot.time = INT64_C(253402300799);
	spot.arrived_real = UINT64_MAX;
	spot.glyph = '"';
	spot.dx_side.cq = spot.dx_side.itu = spot.de_side.cq = spot.de_side.itu = 255;
	spot.dx_side.continent = spot.de_side.continent = CONTINENT_EU;
	/* every sign of it six times as long */
	for (unsigned i = 0; i < SPOT_COMMENT_MAX; i += 2)
		memcpy(spot.comment + i, "\xc3\xbf", 2);
	spot.comment_length = SPOT_COMMENT_MAX;
	for (unsigned adif = 0; adif < 1024; adif++) {
		spot.dx_side.adif = spot.de_side.adif = (uint16_t)adif;
		check_object(&spot, &object);
		json_decref(object);
	}
}

/* ---- hostile texts ---- */

static void test_a_comment_is_never_more_than_a_comment(void **state)
{
	static const char *const evil[] = {
		"\r\nDX de FAKE:  14000.0  LZ5VV  1234Z",
		"x\nDX de FAKE: 14000.0 LZ5VV",
		"\x1b[2J\x1b]0;title\a hello",
		"a\x7f\x80\x9b"
		"31m\xff\xfe",
		"\xe2\x80\xae gnirts \xc0\xaf \xed\xa0\x80",
		"DX de DX de DX de DX de",
		"\t\v\f   \t",
		"%s%n%d",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(evil) / sizeof(evil[0]); i++) {
		for (unsigned format = 0; format < FORMATS; format++) {
			for (unsigned human = 0; human < 2; human++) {
				char line[RENDER_MAX + 1];
				struct given given = {"W3LPL", "7014.0",   "LZ5VV", MODE_CW,
						      NONE,    "",	   "FN20",  'V',
						      1,       human != 0, 0};
				struct spot spot;
				size_t length;

				make(&given, &spot);
				/* past the record's own rule */
				strcpy(spot.comment, evil[i]);
				spot.comment_length = (uint8_t)strlen(evil[i]);
				line[length = render_spot(format, 1, &spot, false, line)] = '\0';
				assert_int_equal(strlen(line), length);
				for (size_t n = 0; n + 2 < length; n++)
					assert_true(line[n] >= ' ' && line[n] <= '~');
				assert_string_equal(line + length - 2, "\r\n");
				if (format != FORMAT_JSON)
					assert_null(strstr(line + 1, "DX de"));
			}
		}
	}
}

/* One '?' for a character, one for each byte that belongs to none. */
static void test_question_marks(void **state)
{
	static const struct {
		const char *comment, *shown;
	} cases[] = {
		{"na\xc3\xafve", "na?ve"},    {"\xe6\x97\xa5\xe6\x9c\xac", "??"},
		{"\xf0\x9f\x93\xbb", "?"},    {"a\xff\xfe z", "a?? z"},
		{"\xc0\xaf", "??"},	      /* overlong */
		{"\xe0\x80\xaf", "???"},      /* overlong */
		{"\xed\xa0\x80", "???"},      /* surrogate */
		{"\xf4\x90\x80\x80", "????"}, /* beyond the last */
		{"\xe6\x97", "??"},	      /* cut */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct given given = {"W3LPL", "7014.0", "LZ5VV", MODE_NONE, NONE, "",
				      "",      0,	 1,	  true,	     0};
		char line[RENDER_MAX], want[31];
		struct spot spot;

		make(&given, &spot);
		strcpy(spot.comment, cases[i].comment);
		spot.comment_length = (uint8_t)strlen(cases[i].comment);
		render_spot(FORMAT_SPIDER, 1, &spot, false, line);
		snprintf(want, sizeof(want), "%-30s", cases[i].shown);
		assert_memory_equal(line + 39, want, 30);
	}
}

/* Whatever a record holds that passes its check. */
static void test_lines_are_bounded(void **state)
{
	struct spot spot;

	(void)state;
	make(&wide[0].given, &spot);
	strcpy(spot.dx, "ABCDE1FGHI/JKLM");
	strcpy(spot.de, "ABCDE1FGHIJ-1-#");
	spot.hz = 250000000000;
	spot.report = INT16_MIN;
	spot.mode = MODE_MSK144;
	spot.flags |= SPOT_KEEP_SSID;
	memset(spot.comment, 'x', SPOT_COMMENT_MAX);
	spot.comment_length = SPOT_COMMENT_MAX;
	for (unsigned human = 0; human < 2; human++) {
		char line[RENDER_MAX];

		spot.flags = (uint8_t)((spot.flags & ~SPOT_HUMAN) | (human ? SPOT_HUMAN : 0));
		assert_int_equal(render_spot(FORMAT_SPIDER, 1, &spot, false, line), 75 + 2);
		assert_int_equal(render_spot(FORMAT_WIDE78, 1, &spot, false, line), 78 + 2);
		for (unsigned width = 0; width < 1000; width += 7)
			assert_true(render_history(FORMAT_SPIDER, 1, &spot, width, line) < 300);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wide78),
		cmocka_unit_test(test_spider),
		cmocka_unit_test(test_rbn),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rows_of_other_formats_are_live_lines),
		cmocka_unit_test(test_beep_is_before_the_end_of_texts),
		cmocka_unit_test(test_ssid_is_shown_when_the_feed_keeps_it),
		cmocka_unit_test(test_names_of_formats),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_the_longest_object_fits),
		cmocka_unit_test(test_a_comment_is_never_more_than_a_comment),
		cmocka_unit_test(test_question_marks),
		cmocka_unit_test(test_lines_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
