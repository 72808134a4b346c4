/* SPDX-License-Identifier: ISC
 *
 * NAME      test_dx - unit test of tests/load/lib_dx
 * PURPOSE   serial numbers come back out of every layout; filters and times are what they say
 * OWNER     make check
 * CONTRACT  cmocka
 * LIMITS    what sessions do together is tested by tests/load/test_dxtruth.py
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/load/lib_dx.h"

#define NOON 1763812800 /* 2025-11-22 12:00:00 UTC */

static void test_lines_come_back(void **state)
{
	static const uint32_t serials[] = {0, 1, 17575, 17576, 175759, 175760, 1000001, 1757599};

	(void)state;
	for (unsigned i = 0; i < sizeof(serials) / sizeof(serials[0]); i++)
		for (unsigned feed = DX_RBN; feed < DX_MQTT; feed++) {
			struct dx_heard heard;
			struct dx_spot spot;
			char line[DX_LINE];
			size_t length;

			dx_spot((enum dx_feed)feed, serials[i], &spot);
			length = dx_write(&spot, NOON, line);
			assert_true(dx_read(line, length - 2, &heard));
			assert_int_equal(heard.serial, serials[i]);
			assert_string_equal(heard.de, spot.de);
			assert_int_equal(heard.hz, spot.hz);
			assert_memory_equal(line + length - 8, " 1200Z\r\n", 8);
		}
}

static void test_known_layouts(void **state)
{
	static const char *const lines[] = {
		"DX de W2NAF-#:     7014.0  DL0AAB      CW 27 dB 22 WPM CQ         FN20 V 0454Z",
		"DX de W2NAF-#:    7014.0  DL0AAB       CW   27dB 22 WPM CQ            0454Z",
		"{\"id\":1,\"dx\":\"DL0AAB\",\"de\":\"W2NAF-#\",\"freq_hz\":7014040,\"x\":{}}"};
	struct dx_heard heard;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_true(dx_read(lines[i], strlen(lines[i]), &heard));
		assert_int_equal(heard.serial, 1);
		assert_string_equal(heard.de, "W2NAF-#");
		assert_int_equal(heard.hz, 7014000);
	}
	assert_false(dx_read("DX de W2NAF-#", 13, &heard));
	assert_false(dx_read("N0CALL de N0NODE-2 22-Nov-2025 0454Z dxspider >", 47, &heard));
	assert_false(dx_read("DX de W2NAF-#:     7014.0  DL0AA", 32, &heard));
}

static void test_filters_differ(void **state)
{
	static uint8_t pass[DX_FILTERS][2000];
	char text[DX_LINE];

	(void)state;
	for (unsigned filter = 0; filter < DX_FILTERS; filter++)
		for (uint32_t serial = 0; serial < 2000; serial++) {
			struct dx_spot spot;

			dx_spot((enum dx_feed)(serial % 3), serial, &spot);
			pass[filter][serial] = dx_filter_passes(filter, &spot);
		}
	assert_int_equal(pass[0][7], 1);
	for (unsigned a = 0; a < DX_FILTERS; a++)
		for (unsigned b = a + 1; b < DX_FILTERS; b++)
			assert_int_not_equal(memcmp(pass[a], pass[b], sizeof(pass[a])), 0);
	dx_filter_commands(4, text);
	assert_string_equal(text, "pass source all\npass mode all\npass band all\n"
				  "pass band 80m,20m,15m,10m\npass mode RTTY\n"
				  "pass source skimmer\n");
}

static void test_time_is_moved(void **state)
{
	char line[] = "DX de BG8NUD:     7014.2  CX2AQ        QSX 7015.20 CW     0923Z OL36";

	(void)state;
	dx_retime(line, strlen(line), NOON);
	assert_string_equal(line + strlen(line) - 10, "1200Z OL36");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_come_back),
		cmocka_unit_test(test_known_layouts),
		cmocka_unit_test(test_filters_differ),
		cmocka_unit_test(test_time_is_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
