/* SPDX-License-Identifier: ISC
 *
 * NAME      test_aprs - tests of what is said to APRS-IS
 * PURPOSE   the vectors of the YSF protocol, minutes that round to sixty, who is not reported
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

#include "shm/clock.h"
#include "workers/link/aprs.h"

/* the 21st, 16:36 */
#define WHEN (1795278999ULL * NS_PER_SEC)

static void test_passcodes(void **state)
{
	static const struct {
		const char *call;
		unsigned code;
	} table[] = {{"YSF12345", 27270}, {"YSF00001", 27776}, {"YSF22220", 27777},
		     {"YSF90123", 28298}, {"IU5JAE", 20152},   {"N0CALL", 13023}};

	(void)state;
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(aprs_passcode(table[i].call), table[i].code);
	assert_int_equal(aprs_passcode("iu5jae-10"), 20152);
}

static void expect_place(int32_t latitude, int32_t longitude, const char *wanted)
{
	char buf[APRS_POSITION_MAX];

	assert_string_equal(aprs_position(latitude, longitude, '[', buf), wanted);
}

static void test_positions(void **state)
{
	(void)state;
	expect_place(43778833, 11234500, "4346.73N/01114.07E[");
	expect_place(-33868833, 151209333, "3352.13S/15112.56E[");
	expect_place(500000, -250000, "0030.00N/00015.00W[");
	expect_place(-45500000, -179990000, "4530.00S/17959.40W[");
	expect_place(0, 0, "0000.00N/00000.00E[");
}

/* 59.9975 minutes are sixty, and sixty are a degree. */
static void test_minutes_carry(void **state)
{
	(void)state;
	expect_place(43999958, 10999959, "4400.00N/01100.00E[");
	expect_place(43999900, 9999990, "4359.99N/01000.00E[");
	expect_place(-89999999, -179999999, "9000.00S/18000.00W[");
}

static void test_report(void **state)
{
	struct aprs_report report = {.call = "IU5JAE",
				     .ssid = "-10",
				     .via = "pYSFReflector",
				     .reflector = 12345,
				     .latitude = 43778833,
				     .longitude = 11234500,
				     .radio = 48,
				     .heard = WHEN};
	char buf[APRS_LINE_MAX];
	size_t length;

	(void)state;
	length = aprs_report(buf, &report);
	assert_int_equal(length, strlen(buf));
	assert_string_equal(buf, "IU5JAE-10>APRS,TCPIP*:@211636z4346.73N/01114.07E[YSF#12345 via "
				 "pYSFReflector FT-3D\r\n");
	report.ssid = "-0";
	report.radio = 0x25;
	aprs_report(buf, &report);
	assert_string_equal(buf, "IU5JAE>APRS,TCPIP*:@211636z4346.73N/01114.07E>YSF#12345 via "
				 "pYSFReflector FTM-400D\r\n");
	report.ssid = "";
	report.radio = 0;
	aprs_report(buf, &report);
	assert_string_equal(buf, "IU5JAE>APRS,TCPIP*:@211636z4346.73N/01114.07E[YSF#12345 via "
				 "pYSFReflector\r\n");
}

/* APRS-IS: nine characters with the SSID. */
static void test_long_names(void **state)
{
	struct aprs_report report = {.call = "DL1ABC", .ssid = "-10", .via = "shackd"};
	char buf[APRS_LINE_MAX];

	(void)state;
	assert_true(aprs_report(buf, &report) > 0);
	report.call = "DL1ABCD";
	assert_int_equal(aprs_report(buf, &report), 0);
	report.ssid = "-9";
	assert_true(aprs_report(buf, &report) > 0);
	report.call = "DL75DARC0";
	assert_int_equal(aprs_report(buf, &report), 0);
	report.ssid = "-0"; /* none */
	assert_true(aprs_report(buf, &report) > 0);
}

static void test_stations(void **state)
{
	static const char *const never[] = {"",	       "AB",	 "A",	   "AB-CDEF",  "/P",
					    "IU5\xff", "I<5JAE", "DL1ABC", "dl1abc/P", "IU5XYZ-9"};
	const char *opt_out = " dl1abc ,IU5XYZ";
	char call[CALL_MAX];

	(void)state;
	for (unsigned i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		assert_false(aprs_station(never[i], opt_out, call));
	assert_true(aprs_station("IU5JAE-7", opt_out, call));
	assert_string_equal(call, "IU5JAE");
	assert_true(aprs_station("iu5jae/P", opt_out, call));
	assert_string_equal(call, "IU5JAE");
	assert_true(aprs_station("DL1ABCD", opt_out, call));
	assert_true(aprs_station("DL1AB", opt_out, call));
	assert_true(aprs_station("DL1ABC", "", call));
	assert_true(aprs_station("0123456789", "", call));
}

static void test_lines(void **state)
{
	char buf[APRS_LINE_MAX];

	(void)state;
	aprs_login(buf, 12345, "20261121");
	assert_string_equal(buf, "user YSF12345 pass 27270 vers shackd 20261121\r\n");
	aprs_keepalive(buf, "20261121");
	assert_string_equal(buf, "# shackd 20261121\r\n");
}

static void test_said(void **state)
{
	static const struct {
		const char *line;
		enum aprs_said said;
	} table[] = {
		{"# aprsc 2.1.14-g5e22b37", APRS_COMMENT},
		{"# logresp YSF12345 verified, server T2TEST", APRS_VERIFIED},
		{"# logresp YSF12345 unverified, server T2TEST", APRS_UNVERIFIED},
		{"#logresp YSF12345 verified", APRS_VERIFIED},
		{"# logresp YSF12345 verifiedly, server", APRS_COMMENT},
		{"# logresp verified", APRS_COMMENT},
		{"# logresp", APRS_COMMENT},
		{"# Port full", APRS_FULL},
		{"# Server full", APRS_FULL},
		{"# Server fuller", APRS_COMMENT},
		{"# Server", APRS_COMMENT},
		{"# filter none active", APRS_COMMENT},
		{"#", APRS_COMMENT},
		{"", APRS_NOTHING},
		{"IU5JAE>APRS:# logresp X verified", APRS_NOTHING},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(aprs_said(table[i].line), table[i].said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passcodes),     cmocka_unit_test(test_positions),
		cmocka_unit_test(test_minutes_carry), cmocka_unit_test(test_report),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_stations),      cmocka_unit_test(test_lines),
		cmocka_unit_test(test_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
