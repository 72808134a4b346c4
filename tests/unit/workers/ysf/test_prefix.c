/* SPDX-License-Identifier: ISC
 *
 * NAME      test_prefix - tests of the DG-ID in front of the caller
 * PURPOSE   the protocol's vectors, what is rewritten and what never is
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
#include "workers/ysf/csd.h"
#include "workers/ysf/dch.h"
#include "workers/ysf/prefix.h"
#include "workers/ysf/tables.h"

static void assert_text(unsigned dgid, const char *source, const char *want)
{
	char text[YSF_NAME_SIZE];

	prefix_text(dgid, source, text);
	assert_string_equal(text, want);
}

static void test_text(void **state)
{
	(void)state;
	assert_text(22, "IU5JAE", "22/IU5JAE ");
	assert_text(50, "AB1CDEFG", "50/AB1CDEF");
	assert_text(9, "AB1CDEFG", "9/AB1CDEFG");
	assert_text(50, "22/IU5JAE", "50/22     ");
	assert_text(50, "IU5JAE GIO", "50/IU5JAE ");
	assert_text(50, "", "50/       ");
	assert_text(1, "IK5XMK-RPT", "1/IK5XMK  ");
	assert_text(50, "-/-/", "50/       ");
	assert_text(127, "AB1CDEFGHI", "127/AB1CDE");
}

/* Decodes the FICH of FRAME and rewrites it. */
static bool rewrite(const uint8_t frame[YSF_FRAME_BYTES], unsigned dgid,
		    uint8_t out_r[YSF_FRAME_BYTES])
{
	struct fich fich;

	assert_int_not_equal(fich_decode(frame + YSF_FICH_AT, &fich), FICH_BAD);
	return prefix_frame(frame, &fich, dgid, out_r);
}

static void assert_vector(const char *in, const char *source, unsigned dgid, const char *out)
{
	uint8_t frame[YSF_FRAME_BYTES], got[YSF_FRAME_BYTES], want[YSF_FRAME_BYTES];

	vector_read(in, frame);
	vector_read(out, want);
	if (source != NULL) {
		memset(frame + YSF_SOURCE_AT, ' ', YSF_NAME_BYTES);
		memcpy(frame + YSF_SOURCE_AT, source, strlen(source));
	}
	assert_true(rewrite(frame, dgid, got));
	assert_memory_equal(got, frame, YSF_PAYLOAD_AT); /* what the network says stays */
	assert_memory_equal(got + YSF_PAYLOAD_AT, want + YSF_PAYLOAD_AT, PAYLOAD_BYTES);
}

static void test_vectors(void **state)
{
	(void)state;
	assert_vector(FRAME_C, NULL, 22, FRAME_E1);
	assert_vector(FRAME_E2_IN, NULL, 22, FRAME_E2_OUT);
	assert_vector(FRAME_C, "AB1CDEFG", 9, FRAME_E3);
	assert_vector(FRAME_E2_IN, "AB1CDEFG", 50, FRAME_E4);
}

static void test_terminator(void **state)
{
	uint8_t frame[YSF_FRAME_BYTES], got[YSF_FRAME_BYTES];
	struct csd csd;

	(void)state;
	vector_read(FRAME_D, frame);
	assert_true(rewrite(frame, 22, got));
	assert_memory_equal(got, frame, YSF_PAYLOAD_AT);
	assert_true(csd_decode(got + YSF_PAYLOAD_AT, &csd));
	assert_string_equal(csd.dest, "ALL       ");
	assert_string_equal(csd.source, "22/IK5XMK "); /* of the network's IK5XMK-RPT */
	assert_string_equal(csd.downlink, "IQ5AA     ");
	assert_string_equal(csd.uplink, "IQ5AA     ");
}

/* It has call sign data where a voice frame of that number has its data channel. */
static void test_terminator_numbered_one(void **state)
{
	uint8_t frame[YSF_FRAME_BYTES], got[YSF_FRAME_BYTES];
	struct fich fich;
	struct csd csd;

	(void)state;
	vector_read(FRAME_D, frame);
	fich_decode(frame + YSF_FICH_AT, &fich);
	fich.fn = 1;
	fich_encode(&fich, frame + YSF_FICH_AT);
	assert_true(rewrite(frame, 22, got));
	assert_true(csd_decode(got + YSF_PAYLOAD_AT, &csd));
	assert_string_equal(csd.source, "22/IK5XMK ");
	assert_true(csd.routes);
}

static void test_damaged_calls_are_not_rewritten(void **state)
{
	uint8_t frame[YSF_FRAME_BYTES], got[YSF_FRAME_BYTES];

	(void)state;
	vector_read(FRAME_B, frame);
	memset(got, 0x5A, sizeof(got));
	assert_false(rewrite(frame, 22, got));
	for (unsigned i = 0; i < sizeof(got); i++)
		assert_int_equal(got[i], 0x5A);
}

static void test_damaged_routes_become_blank(void **state)
{
	uint8_t frame[YSF_FRAME_BYTES], got[YSF_FRAME_BYTES];
	struct csd csd;

	(void)state;
	vector_read(FRAME_C, frame);
	for (unsigned row = 0; row < 5; row++)
		memset(frame + YSF_PAYLOAD_AT + (size_t)18 * row + 9, 0, 9);
	assert_true(rewrite(frame, 22, got));
	assert_true(csd_decode(got + YSF_PAYLOAD_AT, &csd));
	assert_string_equal(csd.source, "22/IU5JAE ");
	assert_true(csd.routes);
	assert_string_equal(csd.downlink, "          ");
	assert_string_equal(csd.uplink, "          ");
}

static void test_damaged_channel_is_rewritten(void **state)
{
	uint8_t frame[YSF_FRAME_BYTES], got[YSF_FRAME_BYTES], data[DCH_BYTES];

	(void)state;
	vector_read(FRAME_E2_IN, frame);
	for (unsigned row = 0; row < 5; row++)
		memset(frame + YSF_PAYLOAD_AT + (size_t)18 * row, 0, 5);
	assert_true(rewrite(frame, 22, got));
	assert_true(dch_read(got + YSF_PAYLOAD_AT, data));
	assert_memory_equal(data, "22/IU5JAE ", DCH_BYTES);
}

static void test_what_is_never_rewritten(void **state)
{
	static const char *const frames[] = {FRAME_A,  FRAME_E6, FRAME_E7, FRAME_F, FRAME_GC};
	uint8_t frame[YSF_FRAME_BYTES], got[YSF_FRAME_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		vector_read(frames[i], frame);
		assert_false(rewrite(frame, 22, got));
	}
	vector_read(FRAME_E2_IN, frame); /* FN 1 of other modes, and test frames */
	for (uint8_t fi = FICH_FI_COMMUNICATION; fi <= FICH_FI_TEST; fi += 2)
		for (uint8_t dt = 0; dt < 4; dt++) {
			struct fich fich;

			fich_decode(frame + YSF_FICH_AT, &fich);
			fich.fi = fi;
			fich.dt = dt;
			assert_int_equal(prefix_frame(frame, &fich, 22, got),
					 fi == FICH_FI_COMMUNICATION && dt == FICH_DT_VD2);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_terminator),
		cmocka_unit_test(test_terminator_numbered_one),
		cmocka_unit_test(test_damaged_calls_are_not_rewritten),
		cmocka_unit_test(test_damaged_routes_become_blank),
		cmocka_unit_test(test_damaged_channel_is_rewritten),
		cmocka_unit_test(test_what_is_never_rewritten),
	};

	ysf_tables_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
