/* SPDX-License-Identifier: ISC
 *
 * NAME      test_spotline - tests of the parser of feeds' lines
 * PURPOSE   worked examples of skimmers' and people's lines, times around midnight, and what must be
 *           refused
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
#include "workers/feed/spotline.h"

#define NOON	  1763812800 /* 2025-11-22 12:00:00 UTC */
#define MIDNIGHT  (NOON - 43200)
#define NO_REPORT 999
#define DEC(kHz)  ((uint64_t)((kHz)*10 + 0.5))

struct example {
	const char *line;
	bool lenient;
	const char *de;
	double khz;
	const char *dx;
	unsigned mode;
	int report;
	int hhmm; /* -1: of arrival */
	const char *comment;
};

#define RBN   false
#define HUMAN true

static const struct example examples[] = {
	/* P1 to P20 */
	{"DX de KM3T-2-#:  14100.0  CS3B           CW    24 dB  22 WPM  NCDXF B 2259Z", RBN,
	 "KM3T-2-#", 14100.0, "CS3B", MODE_CW, 24, 2259, "22 WPM NCDXF B"},
	{"DX de LZ3CB-#:   7018.20  RW1M           CW    10 dB  18 WPM  CQ      2259Z", RBN,
	 "LZ3CB-#", 7018.2, "RW1M", MODE_CW, 10, 2259, "18 WPM CQ"},
	{"DX de RN4WA-#:  14091.60  IZ0FVD         RTTY  29 dB  45 BPS  CQ      1516Z", RBN,
	 "RN4WA-#", 14091.6, "IZ0FVD", MODE_RTTY, 29, 1516, "45 BPS CQ"},
	{"DX de JI1HFJ-#:1294068.2  JA1ABC         CW     9 dB  20 WPM  CQ      0101Z", RBN,
	 "JI1HFJ-#", 1294068.2, "JA1ABC", MODE_CW, 9, 101, "20 WPM CQ"},
	{"DX de GM5G: 28421.9 GM5G USB ARRL 10m Contest 1708ZIO87 1708Z", HUMAN, "GM5G", 28421.9,
	 "GM5G", MODE_USB, NO_REPORT, 1708, "ARRL 10m Contest IO87"},
	{"DX de EB3WH: 7074.0 PD5XMAS FT8 -12 db SES XMAS AWARD 1801Z", HUMAN, "EB3WH", 7074.0,
	 "PD5XMAS", MODE_FT8, -12, 1801, "SES XMAS AWARD"},
	{"DX de DL1YAW: 144360.0 S51AT JO41DX<MS>JN75 MSK144 +5 dB 1800Z", HUMAN, "DL1YAW",
	 144360.0, "S51AT", MODE_MSK144, 5, 1800, "JO41DX<MS>JN75"},
	{"DX de K0DG: 28015.1 K7SS WA 1912Z", HUMAN, "K0DG", 28015.1, "K7SS", MODE_CW, NO_REPORT,
	 1912, "WA"},
	{"DX de EA1AHP: 14074.0 CX3VB FT8 -13dB from GF27 2062Hz 1943Z", HUMAN, "EA1AHP", 14074.0,
	 "CX3VB", MODE_FT8, -13, 1943, "from GF27 2062Hz"},
	{"DX de BG8NUD:     7014.2  CX2AQ        QSX 7015.20 CW                 0923Z OL36", HUMAN,
	 "BG8NUD", 7014.2, "CX2AQ", MODE_CW, NO_REPORT, 923, "QSX 7015.20 OL36"},
	{"DX de EI55WAW     7046.5  EI55WAW      ses rtty                       1604Z", HUMAN,
	 "EI55WAW", 7046.5, "EI55WAW", MODE_RTTY, NO_REPORT, 1604, "ses"},
	{"DX de JI1IZS/     3500.0  JI1IZS/2     WWFF JAFF-0262    1201Z", HUMAN, "JI1IZS", 3500.0,
	 "JI1IZS/2", MODE_CW, NO_REPORT, 1201, "WWFF JAFF-0262"},
	{"DX de W3LPL:      3525.1  E51DWC       Heard in WA                    0919Z FM19", HUMAN,
	 "W3LPL", 3525.1, "E51DWC", MODE_CW, NO_REPORT, 919, "Heard in WA FM19"},
	{"DX de G4XYZ:50313.0 LY2XX JO33<ES>KO15 2011Z", HUMAN, "G4XYZ", 50313.0, "LY2XX", MODE_FT8,
	 NO_REPORT, 2011, "JO33<ES>KO15"},
	{"DX de DL9GTB-#:  14071.0  UR4EYN         PSK31 44 dB  31 BPS  CQ      1026Z", RBN,
	 "DL9GTB-#", 14071.0, "UR4EYN", MODE_PSK, 44, 1026, "31 BPS CQ"},
	{"DX de G4XYZ: 7160.5 LY2XX ssb 59+20db 2011Z", HUMAN, "G4XYZ", 7160.5, "LY2XX", MODE_LSB,
	 NO_REPORT, 2011, "59+20db"},
	{"DX de W1ABC: 14195.0 VK9/OH1ABC/P up 5 1234Z", HUMAN, "W1ABC", 14195.0, "VK9/OH1ABC/P",
	 MODE_USB, NO_REPORT, 1234, "up 5"},
	{"DX de W1ABC: 14.024 P5RS7 cw 1234Z", HUMAN, "W1ABC", 14024.0, "P5RS7", MODE_CW, NO_REPORT,
	 1234, ""},
	{"Please enter your call: DX de W3LPL-#:   14025.3  LZ5VV   CW 24 dB 22 WPM CQ 2259Z", RBN,
	 "W3LPL-#", 14025.3, "LZ5VV", MODE_CW, 24, 2259, "22 WPM CQ"},
	/* the traps of section 2.3 and 2.4 */
	{"DX de S50ARX-#:  14074.0  DL1ABC         FT8   -13 dB           CQ      0007Z", RBN,
	 "S50ARX-#", 14074.0, "DL1ABC", MODE_FT8, -13, 7, "CQ"},
	{"DX de S50ARX-#:  14074.0  DL1ABC         FT8   -13 dB  JO31     CQ      0007Z", RBN,
	 "S50ARX-#", 14074.0, "DL1ABC", MODE_FT8, -13, 7, "JO31 CQ"},
	{"DX de K9LC-#:    28169.9  VA3XCD/B       CW     9 dB  10 WPM  BEACON  2259Z", RBN,
	 "K9LC-#", 28169.9, "VA3XCD/B", MODE_CW, 9, 2259, "10 WPM BEACON"},
	{"DX de F4FGC:     14074.0  K7QXG        FT8 Tnx                        1630Z\a\a", HUMAN,
	 "F4FGC", 14074.0, "K7QXG", MODE_FT8, NO_REPORT, 1630, "Tnx"},
	{"DX de PY8JL:     21074.9  IK1EZX       FT8 -16                        1830Z", HUMAN,
	 "PY8JL", 21074.9, "IK1EZX", MODE_FT8, -16, 1830, ""},
	{"DX de ON7WN:      7093.0  OT6V/P       onff 0230 : Rene               1001Z", HUMAN,
	 "ON7WN", 7093.0, "OT6V/P", MODE_LSB, NO_REPORT, 1001, "onff 0230 Rene"},
	{"DX de S53M:       7064.6  KL7SB        rtty, ufb sig                  0302Z", HUMAN,
	 "S53M", 7064.6, "KL7SB", MODE_RTTY, NO_REPORT, 302, "ufb sig"},
	{"DX de N6DW:       3586.4  KE0L         WW RTTY                        0306Z", HUMAN,
	 "N6DW", 3586.4, "KE0L", MODE_RTTY, NO_REPORT, 306, "WW"},
	{"DX de K4VTE:     21142.3  VE6KIX                                      1829Z", HUMAN,
	 "K4VTE", 21142.3, "VE6KIX", MODE_FT4, NO_REPORT, 1829, ""},
	{"DX de AA8CS:     24915.4  CX2SA                                       1831Z", HUMAN,
	 "AA8CS", 24915.4, "CX2SA", MODE_FT8, NO_REPORT, 1831, ""},
	{"DX de N2TA:      28180.0  RI0SP        GRID IR37                      1837Z", HUMAN,
	 "N2TA", 28180.0, "RI0SP", MODE_FT4, NO_REPORT, 1837, "GRID IR37"},
	/* what looks like a call and is none, and the locator that is one after all */
	{"DX de G4XYZ: 14195.0 599 IO67 LY2XX 2011Z", HUMAN, "G4XYZ", 14195.0, "LY2XX", MODE_USB,
	 NO_REPORT, 2011, "599 IO67"},
	{"DX de G4XYZ: 7160.0 GB13CO tnx 2011Z", HUMAN, "G4XYZ", 7160.0, "GB13CO", MODE_LSB,
	 NO_REPORT, 2011, "tnx"},
	/* numbers that belong to nothing, or to nobody */
	{"DX de G4XYZ: 14025.0 LY2XX up 5 tnx 10 dB 2011Z", HUMAN, "G4XYZ", 14025.0, "LY2XX",
	 MODE_CW, 10, 2011, "up 5 tnx"},
	{"DX de LZ3CB-#: 7018.2 RW1M CW 233 dB 18 WPM CQ 2259Z", RBN, "LZ3CB-#", 7018.2, "RW1M",
	 MODE_CW, NO_REPORT, 2259, "18 WPM CQ"},
	{"dx DE w3lpl-#: 14025.3 lz5vv cw 24 DB 22 wpm cq 2259Z", RBN, "W3LPL-#", 14025.3, "LZ5VV",
	 MODE_CW, 24, 2259, "22 WPM cq"},
	/* times that are none: that of arrival */
	{"DX de W1ABC: 14025.0 K1XYZ 2575Z", HUMAN, "W1ABC", 14025.0, "K1XYZ", MODE_CW, NO_REPORT,
	 -1, ""},
	{"DX de W1ABC: 14025.0 K1XYZ 99:99Z", HUMAN, "W1ABC", 14025.0, "K1XYZ", MODE_CW, NO_REPORT,
	 -1, "99:99Z"},
	{"DX de W1ABC: 14025.0 K1XYZ 24:00", HUMAN, "W1ABC", 14025.0, "K1XYZ", MODE_CW, NO_REPORT,
	 -1, "24:00"},
	/* control bytes */
	{"DX de W1ABC:\t14025.0\tK1XYZ \x1b[31mred\x1b[0m \x01up 2011Z", HUMAN, "W1ABC", 14025.0,
	 "K1XYZ", MODE_CW, NO_REPORT, 2011, "red up"},
	{"DX de W1ABC: 14025.0 K1XYZ nice\r\nDX de FAKE: 7000.0 2011Z", HUMAN, "W1ABC", 14025.0,
	 "K1XYZ", MODE_CW, NO_REPORT, 2011, "niceDX FAKE 7000.0"},
	/* outside the bands a person may be */
	{"DX de W1ABC: 9750.0 K1XYZ 2011Z", HUMAN, "W1ABC", 9750.0, "K1XYZ", MODE_CW, NO_REPORT,
	 2011, ""},
};

static void test_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct example *want = &examples[i];
		struct spot spot;
		enum spotline_error error = spotline_parse(want->line, strlen(want->line),
							   want->lenient, NOON + 30, &spot);

		assert_int_equal(error, SPOTLINE_OK);
		assert_string_equal(spot.de, want->de);
		assert_string_equal(spot.dx, want->dx);
		assert_string_equal(spot.dx_raw, want->dx);
		assert_int_equal(spot_decihertz(spot.hz), DEC(want->khz));
		assert_int_equal(spot.mode, want->mode);
		assert_string_equal(spot.comment, want->comment);
		assert_int_equal(spot.comment_length, strlen(want->comment));
		if (want->report == NO_REPORT)
			assert_int_equal(spot.flags & SPOT_HAS_REPORT, 0);
		else
			assert_int_equal(spot.report, want->report);
		if (want->hhmm >= 0)
			assert_int_equal(spot.time % 86400,
					 want->hhmm / 100 * 3600 + want->hhmm % 100 * 60);
		else
			assert_int_equal(spot.time, NOON);
		assert_int_equal((spot.flags & SPOT_HUMAN) != 0, want->lenient);
		assert_int_equal(spot.band, band_of(spot.hz));
	}
}

static enum spotline_error parse(const char *line, bool lenient, struct spot *spot_r)
{
	return spotline_parse(line, strlen(line), lenient, NOON, spot_r);
}

static void refused(const char *line, bool lenient, enum spotline_error why)
{
	static const struct spot nothing;
	struct spot spot;
	enum spotline_error error = parse(line, lenient, &spot);

	assert_int_equal(error, why);
	assert_memory_equal(&spot, &nothing, sizeof(spot));
}

static void test_refused(void **state)
{
	static const char *const odd[] = {"nan",   "NaN",	 "inf",	   "1e309", "0x1p3",
					  "-7000", "7.0.0",	 "+14025", "1e4",   "14025e0",
					  "100",   "1000000000", "0",	   "14,025"};
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		snprintf(line, sizeof(line), "DX de G4XYZ: %s LY2XX FT8 2015Z", odd[i]);
		refused(line, HUMAN, SPOTLINE_FREQUENCY);
		refused(line, RBN, SPOTLINE_FREQUENCY);
	}
	refused("DX de W1ABC: 14.024 P5RS7 cw 1234Z", RBN, SPOTLINE_FREQUENCY);
	refused("DX de -#: 14025.0 W1AW CW", RBN, SPOTLINE_SPOTTER);
	refused("DX de : 14025.0 W1AW CW", RBN, SPOTLINE_SPOTTER);
	refused("DX de /: 14025.0 W1AW CW", HUMAN, SPOTLINE_SPOTTER);
	refused("DX de", HUMAN, SPOTLINE_SPOTTER);
	refused("DX de   ", HUMAN, SPOTLINE_SPOTTER);
	refused("DX de ABCDEFGHIJKLMN1OP: 14025.0 W1AW", HUMAN, SPOTLINE_SPOTTER);
	refused("DX de W3LPL-#: 14025.0 -# CW 10 dB", RBN, SPOTLINE_CALL);
	refused("DX de W3LPL-#: 14025.0 599 CW 10 dB", RBN, SPOTLINE_CALL);
	refused("DX de W3LPL-#:", RBN, SPOTLINE_FREQUENCY);
	refused("DX de W3LPL-#: 9750.0 W1AW CW 10 dB", RBN, SPOTLINE_BAND);
	refused("", HUMAN, SPOTLINE_OTHER);
	refused("Hello N0CALL, this is the Reverse Beacon Network", RBN, SPOTLINE_OTHER);
	refused("Local users: 12", RBN, SPOTLINE_OTHER);
	refused("N0CALL de GB7DXC 22-Nov-2025 1200Z dxspider >", HUMAN, SPOTLINE_OTHER);
	refused("To ALL de G4XYZ: hello \xc3\xa4\xc3\xb6", HUMAN, SPOTLINE_OTHER);
	refused("DX dexter: 14025.0 W1AW", HUMAN, SPOTLINE_OTHER);
	refused("\x1f\x8b\x08\x02 and so on", HUMAN, SPOTLINE_GARBAGE);
}

static void test_long(void **state)
{
	char line[SPOTLINE_MAX + 2];
	struct spot spot;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "DX de W1ABC: 14025.0 K1XYZ ", 27);
	assert_int_equal(spotline_parse(line, SPOTLINE_MAX, true, NOON, &spot), SPOTLINE_OK);
	assert_int_equal(spot.comment_length, SPOT_COMMENT_MAX);
	assert_int_equal(spotline_parse(line, SPOTLINE_MAX + 1, true, NOON, &spot), SPOTLINE_LONG);
	memset(line, ' ', sizeof(line));
	for (size_t i = 0; i < SPOTLINE_MAX; i += 2)
		line[i] = 'a';
	memcpy(line, "DX de W1ABC: 14025.0 K1XYZ ", 27);
	assert_int_equal(spotline_parse(line, SPOTLINE_MAX, true, NOON, &spot), SPOTLINE_OK);
	assert_int_equal(spot.comment_length, SPOT_COMMENT_MAX - 1);
}

static void test_flags(void **state)
{
	struct spot spot;

	(void)state;
	parse("DX de KM3T-2-#: 14100.0 CS3B CW 24 dB 22 WPM NCDXF B 2259Z", RBN, &spot);
	assert_int_equal(spot.flags, SPOT_BEACON | SPOT_HAS_REPORT);
	assert_int_equal(spot.type, SPOT_TYPE_NCDXF);
	assert_int_equal(spot.speed, 22);
	assert_int_equal(spot.unit, SPOT_UNIT_WPM);
	parse("DX de K9LC-#: 28169.9 VA3XCD.B CW 9 dB 10 WPM BEACON 2259Z", RBN, &spot);
	assert_string_equal(spot.dx, "VA3XCD/B");
	assert_int_equal(spot.flags, SPOT_BEACON | SPOT_HAS_REPORT);
	assert_int_equal(spot.type, SPOT_TYPE_BEACON);
	parse("DX de K9LC-#: 14025.0 W1AW CW 9 dB 10 WPM DX 2259Z", RBN, &spot);
	assert_int_equal(spot.type, SPOT_TYPE_DX);
	parse("DX de K9LC-#: 14025.0 W1AW CW 9 dB 10 WPM CWT 2259Z", RBN, &spot);
	assert_int_equal(spot.type, SPOT_TYPE_TEST);
	assert_string_equal(spot.comment, "10 WPM CWT");
	parse("DX de RN4WA-#: 14091.6 IZ0FVD RTTY 29 dB 45 BPS CQ 1516Z", RBN, &spot);
	assert_int_equal(spot.unit, SPOT_UNIT_BPS);
	parse("DX de S50ARX-#: 14074.0 DL1ABC FT8 -13 dB jo31 CQ 0007Z", RBN, &spot);
	assert_string_equal(spot.dx_side.grid, "JO31");
	parse("DX de W1ABC-2: 14025.0 W1ABC/P hello 1200Z", HUMAN, &spot);
	assert_int_equal(spot.flags, SPOT_HUMAN | SPOT_SELF | SPOT_MODE_INFERRED);
	parse("DX de W1ABC-#: 14025.0 W1XYZ CW 10 dB 1200Z", HUMAN, &spot);
	assert_int_equal(spot.flags, SPOT_HAS_REPORT); /* a skimmer, by way of a cluster */
	parse("DX de W1ABC: 14025.0 W1XYZ 2575Z", HUMAN, &spot);
	assert_int_equal(spot.flags, SPOT_HUMAN | SPOT_BAD_TIME | SPOT_MODE_INFERRED);
}

static void test_times(void **state)
{
	int64_t time;

	(void)state;
	assert_true(spotline_time(23, 59, MIDNIGHT + 90, &time));
	assert_int_equal(time, MIDNIGHT - 60);
	assert_true(spotline_time(0, 0, MIDNIGHT + 86400 - 20, &time));
	assert_int_equal(time, MIDNIGHT + 86400);
	assert_true(spotline_time(11, 30, NOON, &time));
	assert_int_equal(time, NOON - 1800);
	assert_true(spotline_time(0, 0, NOON, &time));
	assert_int_equal(time, MIDNIGHT);
	assert_false(spotline_time(25, 75, NOON, &time));
	assert_false(spotline_time(24, 0, NOON, &time));
	assert_false(spotline_time(23, 60, NOON, &time));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long),	 cmocka_unit_test(test_flags),
		cmocka_unit_test(test_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
