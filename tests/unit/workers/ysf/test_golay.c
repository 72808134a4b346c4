/* SPDX-License-Identifier: ISC
 *
 * NAME      test_golay - tests of the Golay (24,12) code of the FICH
 * PURPOSE   the protocol's vectors, the code's distance, every pattern of up to three errors
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workers/ysf/golay.h"
#include "workers/ysf/tables.h"

static const uint16_t some_words[] = { 0x000, 0x001, 0x123, 0x5A5, 0x800, 0xABC, 0xFFF };

#define SOME_WORDS	(sizeof(some_words) / sizeof(some_words[0]))

static void
test_encode_vectors(void **state)
{
	(void)state;
	assert_int_equal(golay_encode(0x001), 0x0018EB);
	assert_int_equal(golay_encode(0x002), 0x00293E);
	assert_int_equal(golay_encode(0x123), 0x1230AC);
	assert_int_equal(golay_encode(0x800), 0x800C75);
	assert_int_equal(golay_encode(0xABC), 0xABC23C);
	assert_int_equal(golay_encode(0xFFF), 0xFFFFFF);
	assert_int_equal(golay_encode(0xF001), 0x0018EB);
}

static void
test_decode_vectors(void **state)
{
	(void)state;
	assert_int_equal(golay_decode(0xABC23C), 0xABC);
	assert_int_equal(golay_decode(0x2BC23C), 0xABC);
	assert_int_equal(golay_decode(0x3BC23D), 0xABC);
	assert_int_equal(golay_decode(0x8BC02C), 0xABC);
	assert_int_equal(golay_decode(0xDBC23D), 0xABC);
	assert_int_equal(golay_decode(0xFFABC23C), 0xABC);
}

/* Any two words of the extended code differ in at least eight bits. */
static void
test_distance(void **state)
{
	(void)state;
	for (unsigned data = 1; data < 4096; data++) {
		uint32_t word = golay_encode((uint16_t)data);

		assert_true(__builtin_popcount(word) >= 8);
		assert_int_equal(word >> 12, data);
		assert_int_equal(golay_decode(word), data);
		assert_int_equal(golay_decode(word ^ 1), data);
	}
}

/* All patterns of one to three errors in bits 1..23, with a right and with a wrong parity bit. */
static void
correct_all(uint16_t data)
{
	uint32_t word = golay_encode(data);

	for (int a = 1; a < 24; a++)
		for (int b = 1; b <= a; b++)
			for (int c = 1; c <= b; c++) {
				uint32_t error = 1U << a | 1U << b | 1U << c;

				assert_int_equal(golay_decode(word ^ error), data);
				assert_int_equal(golay_decode(word ^ error ^ 1), data);
			}
}

static void
test_three_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < SOME_WORDS; i++)
		correct_all(some_words[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode_vectors),
		cmocka_unit_test(test_decode_vectors),
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_three_errors),
	};

	ysf_tables_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
