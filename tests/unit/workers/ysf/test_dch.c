/* SPDX-License-Identifier: ISC
 *
 * NAME      test_dch - tests of the data channel of V/D mode 2
 * PURPOSE   the protocol's vectors, real frames, damage; the voice is not touched
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
#include "workers/ysf/tables.h"

/* Row r of the payload is bytes 18r .. 18r+17; the data channel has the first five. */
static void put_block(uint8_t payload[PAYLOAD_BYTES], const uint8_t block[DCH_BLOCK_BYTES])
{
	for (unsigned r = 0; r < 5; r++)
		memcpy(payload + (size_t)18 * r, block + (size_t)5 * r, 5);
}

static void test_block_vector(void **state)
{
	uint8_t block[DCH_BLOCK_BYTES], want[PAYLOAD_BYTES], got[PAYLOAD_BYTES], data[DCH_BYTES];

	(void)state;
	vector_read("e66b80859e779a444e6db1828488eee8492618efb801a5b118", block);
	memset(want, 0xA5, sizeof(want));
	put_block(want, block);
	memset(got, 0xA5, sizeof(got));
	dch_write(got, (const uint8_t *)"22/IU5JAE ");
	assert_memory_equal(got, want, PAYLOAD_BYTES); /* the voice too */
	assert_true(dch_read(got, data));
	assert_memory_equal(data, "22/IU5JAE ", DCH_BYTES);
}

static void assert_channel(const char *hex, const char *want_hex)
{
	uint8_t frame[YSF_FRAME_BYTES], want[DCH_BYTES], data[DCH_BYTES];

	vector_read(hex, frame);
	vector_read(want_hex, want);
	assert_true(dch_read(frame + YSF_PAYLOAD_AT, data));
	assert_memory_equal(data, want, DCH_BYTES);
}

static void test_real_frames(void **state)
{
	(void)state;
	assert_channel(FRAME_A, "4955354a414520202020"); /* IU5JAE */
	assert_channel(FRAME_E6, "4522625f315433555932");
	assert_channel(FRAME_E7, "30263a536c201c20036e");
	assert_channel(FRAME_E2_OUT, "32322f4955354a414520");
	assert_channel(FRAME_E4, "35302f41423143444546");
}

static void test_every_single_error_is_corrected(void **state)
{
	uint8_t frame[YSF_FRAME_BYTES], data[DCH_BYTES];

	(void)state;
	vector_read(FRAME_A, frame);
	for (unsigned r = 0; r < 5; r++)
		for (unsigned bit = 0; bit < 40; bit++) {
			uint8_t *byte = &frame[YSF_PAYLOAD_AT + 18 * r + bit / 8];

			*byte ^= (uint8_t)(0x80 >> bit % 8);
			assert_true(dch_read(frame + YSF_PAYLOAD_AT, data));
			assert_memory_equal(data, "IU5JAE    ", DCH_BYTES);
			*byte ^= (uint8_t)(0x80 >> bit % 8);
		}
}

static void test_rubbish_is_told(void **state)
{
	uint8_t payload[PAYLOAD_BYTES], data[DCH_BYTES];

	(void)state;
	memset(payload, 0, sizeof(payload));
	assert_false(dch_read(payload, data));
	memset(payload, 0xFF, sizeof(payload));
	assert_false(dch_read(payload, data));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_block_vector),
		cmocka_unit_test(test_real_frames),
		cmocka_unit_test(test_every_single_error_is_corrected),
		cmocka_unit_test(test_rubbish_is_told),
	};

	ysf_tables_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
