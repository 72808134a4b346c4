/* SPDX-License-Identifier: ISC
 *
 * NAME      test_csd - tests of call sign data
 * PURPOSE   the protocol's vectors, real and constructed frames, damage
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
#include "workers/ysf/frame.h"
#include "workers/ysf/tables.h"

static void payload_of(const char *hex, uint8_t payload_r[PAYLOAD_BYTES])
{
	uint8_t frame[YSF_FRAME_BYTES];

	vector_read(hex, frame);
	memcpy(payload_r, frame + YSF_PAYLOAD_AT, PAYLOAD_BYTES);
}

static void assert_texts(const char *hex, const struct csd *want)
{
	uint8_t payload[PAYLOAD_BYTES];
	struct csd got;

	payload_of(hex, payload);
	assert_int_equal(csd_decode(payload, &got), want->calls);
	assert_int_equal(got.routes, want->routes);
	assert_string_equal(got.dest, want->dest);
	assert_string_equal(got.source, want->source);
	assert_string_equal(got.downlink, want->downlink);
	assert_string_equal(got.uplink, want->uplink);
}

static void test_block_vector(void **state)
{
	uint8_t want[CSD_BLOCK_BYTES], payload[PAYLOAD_BYTES] = {0}, data[CSD_BYTES];

	(void)state;
	vector_read("cf4da3d81f4d207db0b4ad1db03a97c56d71ada46d5db9b916d3d9daa30c72e4"
		    "c33999e3e09bc63f700ce2e18c",
		    want);
	csd_write(payload, CSD_FRONT, (const uint8_t *)"90123FAHuLIU5JAE    ");
	assert_memory_equal(payload, want, sizeof(want));
	assert_true(csd_read(payload, CSD_FRONT, data));
	assert_memory_equal(data, "90123FAHuLIU5JAE    ", CSD_BYTES);
	for (unsigned i = CSD_BLOCK_BYTES; i < PAYLOAD_BYTES; i++)
		assert_int_equal(payload[i], 0);
}

static void test_voice_fr_vector(void **state)
{
	uint8_t payload[PAYLOAD_BYTES] = {0}, data[CSD_BYTES];

	(void)state;
	vector_read("c371c897cd4dcb3de974aeae3f08e5c743a7ed29a1985576e1a485856f7a271b"
		    "85b56d78e5ce006a9c04696f73",
		    payload);
	assert_true(csd_read(payload, CSD_FRONT, data));
	assert_memory_equal(data, "12345ABCDE54321FAHuL", CSD_BYTES);
}

static void test_headers_and_terminators(void **state)
{
	(void)state;
	assert_texts(FRAME_C, &(struct csd){true, true, "90123FAHuL", "IU5JAE    ", "IU5JAE    ",
					    "IU5JAE    "});
	assert_texts(FRAME_D, &(struct csd){true, true, "ALL       ", "IK5XMK    ", "IQ5AA     ",
					    "IQ5AA     "});
}

static void test_damaged_calls_leave_the_routes(void **state)
{
	(void)state;
	assert_texts(FRAME_B, &(struct csd){.routes = true, .downlink = "          ",
					    .uplink = "          "});
}

static void test_vd1_and_data_fr_blocks(void **state)
{
	uint8_t payload[PAYLOAD_BYTES], data[CSD_BYTES];

	(void)state;
	payload_of(FRAME_F, payload);
	assert_true(csd_read(payload, CSD_LEFT, data));
	assert_memory_equal(data, "ALL       IK5XMK    ", CSD_BYTES);
	assert_false(csd_read(payload, CSD_RIGHT, data)); /* voice */
	payload_of(FRAME_GC, payload);
	assert_true(csd_read(payload, CSD_RIGHT, data));
	assert_memory_equal(data, "\x01\x5d\x71\x5f\x2b\x03\x5c", 7);
}

static void test_encoding_gives_the_frame_back(void **state)
{
	uint8_t payload[PAYLOAD_BYTES], again[PAYLOAD_BYTES] = {0};
	struct csd csd;

	(void)state;
	payload_of(FRAME_C, payload);
	assert_true(csd_decode(payload, &csd));
	csd_encode(again, &csd);
	assert_memory_equal(again, payload, PAYLOAD_BYTES);
}

static void test_short_texts_are_padded(void **state)
{
	const struct csd given = {.dest = "ALL", .source = "IK5XMK", .downlink = "", .uplink = "X"};
	uint8_t payload[PAYLOAD_BYTES] = {0};
	struct csd got;

	(void)state;
	csd_encode(payload, &given);
	assert_true(csd_decode(payload, &got));
	assert_string_equal(got.dest, "ALL       ");
	assert_string_equal(got.downlink, "          ");
	assert_string_equal(got.uplink, "X         ");
}

static void test_every_single_error_is_corrected(void **state)
{
	uint8_t payload[PAYLOAD_BYTES];
	struct csd want, got;

	(void)state;
	payload_of(FRAME_C, payload);
	assert_true(csd_decode(payload, &want));
	for (unsigned bit = 0; bit < 8 * PAYLOAD_BYTES; bit++) {
		payload[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		assert_true(csd_decode(payload, &got));
		assert_memory_equal(&got, &want, sizeof(want));
		payload[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
	}
}

static void test_texts_are_cleaned(void **state)
{
	uint8_t payload[PAYLOAD_BYTES] = {0};
	struct csd csd;

	(void)state;
	csd_write(payload, CSD_LEFT, (const uint8_t *)"A\x1b[31m\xff\x00\x7f Z'\"\\</sc>\n");
	assert_true(csd_decode(payload, &csd));
	assert_string_equal(csd.dest, "A [31m    ");
	assert_string_equal(csd.source, "Z'\"\\</sc> ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_block_vector),
		cmocka_unit_test(test_voice_fr_vector),
		cmocka_unit_test(test_headers_and_terminators),
		cmocka_unit_test(test_damaged_calls_leave_the_routes),
		cmocka_unit_test(test_vd1_and_data_fr_blocks),
		cmocka_unit_test(test_encoding_gives_the_frame_back),
		cmocka_unit_test(test_short_texts_are_padded),
		cmocka_unit_test(test_every_single_error_is_corrected),
		cmocka_unit_test(test_texts_are_cleaned),
	};

	ysf_tables_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
