/* SPDX-License-Identifier: ISC
 *
 * NAME      test_code - unit test of tests/load/lib_code
 * PURPOSE   the simulator's encoder against the vectors of the YSF protocol
 * OWNER     make check
 * CONTRACT  cmocka; vectors come from the protocol description, none from our own output
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/load/lib_code.h"

static void hex_equal(const uint8_t *bytes, size_t len, const char *hex)
{
	char text[2 * 64 + 1];

	assert_true(len <= 64);
	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	assert_string_equal(text, hex);
}

static void test_crc(void **state)
{
	static const uint8_t a[] = {0x64, 0x16, 0x02, 0x00};
	static const uint8_t b[] = {0x24, 0x07, 0x02, 0x00};

	(void)state;
	assert_int_equal(code_crc16((const uint8_t *)"123456789", 9), 0xCE3C);
	assert_int_equal(code_crc16((const uint8_t *)"\0\0\0\0", 4), 0xFFFF);
	assert_int_equal(code_crc16((const uint8_t *)"IU5JAE    ", 10), 0x7D43);
	assert_int_equal(code_crc16(a, 4), 0xFB7D);
	assert_int_equal(code_crc16(b, 4), 0xE1B2);
}

static void test_golay(void **state)
{
	(void)state;
	assert_int_equal(code_golay(0x001), 0x0018EB);
	assert_int_equal(code_golay(0x002), 0x00293E);
	assert_int_equal(code_golay(0x123), 0x1230AC);
	assert_int_equal(code_golay(0x800), 0x800C75);
	assert_int_equal(code_golay(0xABC), 0xABC23C);
	assert_int_equal(code_golay(0xFFF), 0xFFFFFF);
}

static void test_fich(void **state)
{
	static const struct {
		uint8_t info[4];
		const char *wire;
	} v[] = {
		{{0x24, 0x07, 0x02, 0x00}, "116578e0fc220dbfd6e6d0416204aa6021e380877d4fd237ac"},
		{{0x64, 0x16, 0x02, 0x00}, "206d384468ed81ffe7989bf282e4542ff303fbc8f95c21383c"},
		{{0x64, 0x07, 0x0A, 0x16}, "2197b791aee19d93f63391bfe6c46c2ce5d926c4f78b836bd4"},
		{{0xA4, 0x07, 0x32, 0x00}, "d2ca443ea163e56ce6e59c72507156ea6cc30e8bbe89b29c90"},
		{{0x24, 0x07, 0x02, 0x7F}, "116572c583220db19f88d0416777966021eb2bee7d4feb1b5b"},
	};
	uint8_t block[CODE_FICH_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		code_fich(v[i].info, block);
		hex_equal(block, sizeof(block), v[i].wire);
	}
}

static void test_fich_fields(void **state)
{
	const struct code_fich f = {.fi = 1, .fn = 2, .ft = 6, .dt = 2, .sq = 22};
	uint8_t info[4];

	(void)state;
	code_fich_info(&f, info);
	hex_equal(info, 4, "60160216");
}

static void test_csd(void **state)
{
	uint8_t block[CODE_CSD_SIZE];

	(void)state;
	code_csd((const uint8_t *)"90123FAHuLIU5JAE    ", block);
	hex_equal(block, sizeof(block),
		  "cf4da3d81f4d207db0b4ad1db03a97c56d71ada46d5db9b916d3d9daa30c72e4"
		  "c33999e3e09bc63f700ce2e18c");
	code_csd((const uint8_t *)"12345ABCDE54321FAHuL", block);
	hex_equal(block, sizeof(block),
		  "c371c897cd4dcb3de974aeae3f08e5c743a7ed29a1985576e1a485856f7a271b"
		  "85b56d78e5ce006a9c04696f73");
}

static void test_dch(void **state)
{
	uint8_t block[CODE_DCH_SIZE];

	(void)state;
	code_dch((const uint8_t *)"22/IU5JAE ", block);
	hex_equal(block, sizeof(block), "e66b80859e779a444e6db1828488eee8492618efb801a5b118");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc),  cmocka_unit_test(test_golay),
		cmocka_unit_test(test_fich), cmocka_unit_test(test_fich_fields),
		cmocka_unit_test(test_csd),  cmocka_unit_test(test_dch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
