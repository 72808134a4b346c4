/* SPDX-License-Identifier: ISC
 *
 * NAME      test_meta - tests of what the frames of a call tell
 * PURPOSE   remarks, model and position from frames in order, out of order, damaged and missing
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/workers/ysf/vectors.h"
#include "workers/ysf/dch.h"
#include "workers/ysf/frame.h"
#include "workers/ysf/meta.h"
#include "workers/ysf/tables.h"

#define POSITION "4522625f31543355593230263a536c201c20036e" /* a real radio's */

static bool vd2(struct meta *meta, unsigned fn, unsigned ft, const char *data)
{
	const struct fich fich = {.fi = FICH_FI_COMMUNICATION,
				  .fn = (uint8_t)fn,
				  .ft = (uint8_t)ft,
				  .dt = FICH_DT_VD2};
	uint8_t payload[PAYLOAD_BYTES] = {0};

	if (data != NULL)
		dch_write(payload, (const uint8_t *)data);
	return meta_gather(meta, payload, &fich);
}

static bool vd1(struct meta *meta, unsigned fn, unsigned ft, const uint8_t data[CSD_BYTES])
{
	const struct fich fich = {.fi = FICH_FI_COMMUNICATION,
				  .fn = (uint8_t)fn,
				  .ft = (uint8_t)ft,
				  .dt = FICH_DT_VD1};
	uint8_t payload[PAYLOAD_BYTES] = {0};

	if (data != NULL)
		csd_write(payload, CSD_LEFT, data);
	return meta_gather(meta, payload, &fich);
}

static void assert_nowhere(const struct meta *meta)
{
	assert_int_equal(meta->facts.latitude, META_NOWHERE);
	assert_int_equal(meta->facts.longitude, META_NOWHERE);
}

static void test_real_frames(void **state)
{
	uint8_t frame[YSF_FRAME_BYTES];
	struct meta meta;
	struct fich fich;

	(void)state;
	meta_begin(&meta);
	vector_read(FRAME_E6, frame);
	fich_decode(frame + YSF_FICH_AT, &fich);
	assert_false(meta_gather(&meta, frame + YSF_PAYLOAD_AT, &fich));
	vector_read(FRAME_E7, frame);
	fich_decode(frame + YSF_FICH_AT, &fich);
	assert_true(meta_gather(&meta, frame + YSF_PAYLOAD_AT, &fich));
	assert_int_equal(meta.facts.radio, 49);
	assert_int_equal(meta.facts.latitude, 43986667);
	assert_int_equal(meta.facts.longitude, 10509167);
}

static void test_remarks(void **state)
{
	struct meta meta;

	(void)state;
	meta_begin(&meta);
	assert_true(vd2(&meta, 4, 7, "12345ABCDE"));
	assert_true(vd2(&meta, 5, 7, "54321FAHuL"));
	assert_string_equal(meta.facts.rem12, "12345ABCDE");
	assert_string_equal(meta.facts.rem34, "54321FAHuL");
	assert_false(vd2(&meta, 4, 7, "12345ABCDE"));
	assert_false(vd2(&meta, 4, 7, "          "));
	assert_false(vd2(&meta, 4, 7, NULL));
	assert_string_equal(meta.facts.rem12, "12345ABCDE");
	assert_true(vd2(&meta, 4, 7, "     \x1b[31m"));
	assert_string_equal(meta.facts.rem12, "      [31m");
}

static void test_first_position_stays_and_the_model_changes(void **state)
{
	uint8_t data[20], other[20];
	struct meta meta;

	(void)state;
	meta_begin(&meta);
	vector_read(POSITION, data);
	vector_read("5222625f30343334563733272a23201c202003b3", other);
	vd2(&meta, 6, 7, (const char *)data);
	assert_true(vd2(&meta, 7, 7, (const char *)data + 10));
	vd2(&meta, 6, 7, (const char *)data);
	assert_false(vd2(&meta, 7, 7, (const char *)data + 10));
	vd2(&meta, 6, 7, (const char *)other);
	assert_true(vd2(&meta, 7, 7, (const char *)other + 10));
	assert_int_equal(meta.facts.radio, 48);
	assert_int_equal(meta.facts.latitude, 43986667);
}

static void test_model_alone(void **state)
{
	uint8_t data[10];
	struct meta meta;

	(void)state;
	meta_begin(&meta);
	vector_read("5222615f2b0362202020", data);
	assert_false(vd2(&meta, 6, 7, (const char *)data)); /* not its end by number */
	assert_true(vd2(&meta, 6, 6, (const char *)data));
	assert_int_equal(meta.facts.radio, 43);
	assert_nowhere(&meta);
}

static void test_halves_that_do_not_belong_together(void **state)
{
	uint8_t data[20];
	struct meta meta;

	(void)state;
	vector_read(POSITION, data);
	meta_begin(&meta);
	assert_false(vd2(&meta, 7, 7, (const char *)data + 10)); /* no first half */
	vd2(&meta, 6, 7, (const char *)data);
	vd2(&meta, 0, 7, "ALL       "); /* the second half was lost */
	assert_false(vd2(&meta, 7, 7, (const char *)data + 10));
	vd2(&meta, 6, 7, (const char *)data);
	assert_false(vd2(&meta, 7, 7, NULL)); /* damaged */
	assert_false(vd2(&meta, 7, 7, (const char *)data + 10));
	vd2(&meta, 6, 7, NULL);
	assert_false(vd2(&meta, 7, 7, (const char *)data + 10));
	assert_nowhere(&meta);
	assert_int_equal(meta.facts.radio, 0);
}

/* The total changes in mid-call, or is one that no position fits. */
static void test_hostile_totals(void **state)
{
	uint8_t data[20];
	struct meta meta;

	(void)state;
	vector_read(POSITION, data);
	meta_begin(&meta);
	for (unsigned ft = 0; ft < 8; ft++)
		for (unsigned fn = 0; fn < 8; fn++) {
			vd2(&meta, fn, ft, (const char *)data);
			vd1(&meta, fn, ft, data);
			vd2(&meta, fn, 7 - ft, (const char *)data + 10);
		}
	meta_begin(&meta);
	for (unsigned round = 0; round < 100; round++) {
		vd1(&meta, round % 8, 7, data);
		vd2(&meta, round % 8, round % 5, (const char *)data);
		assert_true(meta.gathered <= META_BLOCK_BYTES);
	}
	/* first half announced as the whole */
	meta_begin(&meta);
	assert_false(vd2(&meta, 6, 6, (const char *)data));
	assert_false(vd2(&meta, 7, 6, (const char *)data + 10));
	assert_nowhere(&meta);
	/* frames of other kinds have no data channel */
	const struct fich fich = {.fi = FICH_FI_TERMINATOR, .fn = 4, .dt = FICH_DT_VD2};
	uint8_t payload[PAYLOAD_BYTES] = {0};
	dch_write(payload, (const uint8_t *)"12345ABCDE");
	assert_false(meta_gather(&meta, payload, &fich));
}

static void test_vd1(void **state)
{
	uint8_t data[CSD_BYTES], blank[CSD_BYTES];
	struct meta meta;

	(void)state;
	memset(blank, ' ', sizeof(blank));
	vector_read(POSITION, data);
	meta_begin(&meta);
	assert_true(vd1(&meta, 2, 7, (const uint8_t *)"12345ABCDE54321FAHuL"));
	assert_string_equal(meta.facts.rem12, "12345ABCDE");
	assert_string_equal(meta.facts.rem34, "54321FAHuL");
	assert_false(vd1(&meta, 3, 7, data)); /* more is to come */
	for (unsigned fn = 4; fn < 7; fn++)
		assert_false(vd1(&meta, fn, 7, blank));
	assert_true(vd1(&meta, 7, 7, blank));
	assert_int_equal(meta.facts.latitude, 43986667);
	assert_int_equal(meta.facts.radio, 49);
	meta_begin(&meta);
	assert_true(vd1(&meta, 3, 3, data)); /* all in one */
	assert_int_equal(meta.facts.longitude, 10509167);
	meta_begin(&meta);
	assert_false(vd1(&meta, 3, 5, data));
	assert_false(vd1(&meta, 5, 5, blank)); /* one was lost between */
	assert_nowhere(&meta);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_frames),
		cmocka_unit_test(test_remarks),
		cmocka_unit_test(test_first_position_stays_and_the_model_changes),
		cmocka_unit_test(test_model_alone),
		cmocka_unit_test(test_halves_that_do_not_belong_together),
		cmocka_unit_test(test_hostile_totals),
		cmocka_unit_test(test_vd1),
	};

	ysf_tables_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
