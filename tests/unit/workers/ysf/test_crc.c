/* SPDX-License-Identifier: ISC
 *
 * NAME      test_crc - tests of the CRC-16 of the YSF radio frame
 * PURPOSE   the protocol's vectors, and the table against the bitwise definition
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

#include "workers/ysf/crc.h"
#include "workers/ysf/tables.h"

static void
test_vectors(void **state)
{
	(void)state;
	assert_int_equal(crc16((const uint8_t *)"123456789", 9), 0xCE3C);
	assert_int_equal(crc16((const uint8_t *)"\0\0\0\0", 4), 0xFFFF);
	assert_int_equal(crc16((const uint8_t *)"\x64\x16\x02\x00", 4), 0xFB7D);
	assert_int_equal(crc16((const uint8_t *)"\x24\x07\x02\x00", 4), 0xE1B2);
	assert_int_equal(crc16((const uint8_t *)"IU5JAE    ", 10), 0x7D43);
	assert_int_equal(crc16(NULL, 0), 0xFFFF);
}

/* The definition: long division, one bit at a time. */
static unsigned
bitwise(const uint8_t *data, size_t len)
{
	unsigned crc = 0;

	for (size_t i = 0; i < len * 8; i++) {
		unsigned bit = data[i / 8] >> (7 - i % 8) & 1;
		unsigned top = crc >> 15 & 1;

		crc = crc << 1 & 0xFFFF;
		if (top ^ bit)
			crc ^= 0x1021;
	}
	return crc ^ 0xFFFF;
}

static void
test_definition(void **state)
{
	uint8_t data[40];

	(void)state;
	srand(1);
	for (int round = 0; round < 2000; round++) {
		size_t len = (size_t)rand() % (sizeof(data) + 1);

		for (size_t i = 0; i < len; i++)
			data[i] = (uint8_t)rand();
		assert_int_equal(crc16(data, len), bitwise(data, len));
	}
}

static void
test_init_again_changes_nothing(void **state)
{
	(void)state;
	ysf_tables_init();
	assert_int_equal(crc16((const uint8_t *)"123456789", 9), 0xCE3C);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_definition),
		cmocka_unit_test(test_init_again_changes_nothing),
	};

	ysf_tables_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
