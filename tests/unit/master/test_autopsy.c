/* SPDX-License-Identifier: ISC
 *
 * NAME      test_autopsy - what the master makes of a report
 * PURPOSE   Frames as file and offset; reports that were written to harm their reader.
 * OWNER     make check
 * CONTRACT  cmocka; exit status 0 when all pass
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "master/autopsy.h"

static struct page_crash a_report(void)
{
	return (struct page_crash){
		.signal = 11,
		.frames = 4,
		.walked = 4,
		.modules = 2,
		.frame = {0x10001230, 0x10001240, 0x20000005, 0x30000000},
		.module = {{0x10000000, 0x10002000, "shackd"},
			   {0x20000000, 0x20001000, "libc.so.6"}},
	};
}

static void frames_are_file_and_offset(void **state)
{
	struct page_crash report = a_report();
	char text[AUTOPSY_FRAME_MAX];

	(void)state;
	assert_string_equal(autopsy_frame(&report, 0, text), "shackd+0x1230");
	/* a caller goes on after its call: the call is before that */
	assert_string_equal(autopsy_frame(&report, 1, text), "shackd+0x123f");
	assert_string_equal(autopsy_frame(&report, 2, text), "libc.so.6+0x4");
	assert_string_equal(autopsy_frame(&report, 3, text), "0x2fffffff");
	report.frame[0] = 0x10002000; /* the first address that is not its */
	assert_string_equal(autopsy_frame(&report, 0, text), "0x10002000");
}

static void hostile_numbers_are_bounded(void **state)
{
	struct page_crash report;
	char text[AUTOPSY_FRAME_MAX];

	(void)state;
	memset(&report, 0xff, sizeof(report));
	autopsy_clean(&report);
	assert_int_equal(report.frames, PAGE_CRASH_FRAMES);
	assert_int_equal(report.walked, PAGE_CRASH_FRAMES);
	assert_int_equal(report.modules, PAGE_CRASH_MODULES);
	assert_int_equal(report.build_length, sizeof(report.build));
	assert_int_equal(report.signal, 0);
	for (unsigned i = 0; i < report.modules; i++)
		assert_non_null(memchr(report.module[i].name, '\0', sizeof(report.module[i].name)));
	for (unsigned i = 0; i < report.frames; i++)
		assert_true(strlen(autopsy_frame(&report, i, text)) < sizeof(text));
	report = a_report();
	report.walked = 5;
	autopsy_clean(&report);
	assert_int_equal(report.walked, 4);
}

static void hostile_names_are_made_printable(void **state)
{
	struct page_crash report = a_report();
	char text[AUTOPSY_FRAME_MAX];

	(void)state;
	memcpy(report.module[0].name, "a\x1b[2J\n b\xc3", 10);
	autopsy_clean(&report);
	assert_string_equal(autopsy_frame(&report, 0, text), "a?[2J??b?+0x1230");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_file_and_offset),
		cmocka_unit_test(hostile_numbers_are_bounded),
		cmocka_unit_test(hostile_names_are_made_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
