/* SPDX-License-Identifier: ISC
 *
 * NAME      test_conv - tests of convolutional code and interleaver of the YSF radio frame
 * PURPOSE   the protocol's vectors, the interleaver by its formula, inversion against Viterbi,
 *           Viterbi against a search written from the definition
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "workers/ysf/conv.h"

#define BLOCK_MAX	CONV_BLOCK_BYTES(CONV_ROWS_LONG)
#define DATA_MAX	CONV_DATA_BYTES(CONV_ROWS_LONG)

static const unsigned all_rows[] = { CONV_ROWS_SHORT, CONV_ROWS_LONG };

static unsigned
get_bit(const uint8_t *bytes, unsigned n)
{
	return bytes[n / 8] >> (7 - n % 8) & 1;
}

static void
flip_bit(uint8_t *bytes, unsigned n)
{
	bytes[n / 8] ^= (uint8_t)(0x80 >> n % 8);
}

static void
random_bytes(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)rand();
}

static void
from_hex(const char *hex, uint8_t *bytes_r)
{
	for (size_t i = 0; hex[2 * i]; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		bytes_r[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
}

/* Puts the symbols of a block in the encoder's order, by the protocol's formula. */
static void
deinterleave(unsigned rows, const uint8_t *block, uint8_t *coded_r)
{
	memset(coded_r, 0, CONV_BLOCK_BYTES(rows));
	for (unsigned i = 0; i < 20 * rows; i++) {
		unsigned n = 40 * (i % rows) + 2 * (i / rows);

		if (get_bit(block, n))
			flip_bit(coded_r, 2 * i);
		if (get_bit(block, n + 1))
			flip_bit(coded_r, 2 * i + 1);
	}
}

static void
check_start(const char *data_hex, const char *coded_hex)
{
	uint8_t data[DATA_MAX], block[BLOCK_MAX], coded[BLOCK_MAX], want[BLOCK_MAX];

	for (size_t i = 0; i < 2; i++) {
		memset(data, 0, sizeof(data));
		from_hex(data_hex, data);
		from_hex(coded_hex, want);
		conv_encode(all_rows[i], data, block);
		deinterleave(all_rows[i], block, coded);
		assert_memory_equal(coded, want, strlen(coded_hex) / 2);
	}
}

static void
test_encoder_vectors(void **state)
{
	(void)state;
	check_start("80", "D6C0");
	check_start("FF", "EDAA");
	check_start("A53C", "DB9AE5D4");
}

/* Call sign data with its CRC: coded, then interleaved. */
static void
test_long_vector(void **state)
{
	uint8_t data[DATA_MAX], block[BLOCK_MAX], coded[BLOCK_MAX], want[BLOCK_MAX];

	(void)state;
	from_hex("aae76013af692d989a43b168c43961d1cd3e5cf8276e", data);
	conv_encode(CONV_ROWS_LONG, data, block);
	from_hex("cf4da3d81f4d207db0b4ad1db03a97c56d71ada46d5db9b916d3d9daa30c72e4c33999e3e09bc63f"
	    "700ce2e18c", want);
	assert_memory_equal(block, want, BLOCK_MAX);
	deinterleave(CONV_ROWS_LONG, block, coded);
	from_hex("db774227bfdc0355ec417f09968cfe4d154099beeff4630a2345bee2a3dfbb28b89025d92a089d91"
	    "cd57bf321c", want);
	assert_memory_equal(coded, want, BLOCK_MAX);
}

/* A data channel block with its CRC. */
static void
test_short_vector(void **state)
{
	uint8_t data[DATA_MAX], block[BLOCK_MAX], coded[BLOCK_MAX], want[BLOCK_MAX];

	(void)state;
	from_hex("a1e57e68c91a2691aa2fbfb2", data);
	conv_encode(CONV_ROWS_SHORT, data, block);
	from_hex("e66b80859e779a444e6db1828488eee8492618efb801a5b118", want);
	assert_memory_equal(block, want, CONV_BLOCK_BYTES(CONV_ROWS_SHORT));
	deinterleave(CONV_ROWS_SHORT, block, coded);
	from_hex("dbafb52ad069240a23a59880a15409988077a1819f1a9ffa6c", want);
	assert_memory_equal(coded, want, CONV_BLOCK_BYTES(CONV_ROWS_SHORT));
}

static void
test_both_ways_back(void **state)
{
	uint8_t data[DATA_MAX], block[BLOCK_MAX], got[DATA_MAX];

	(void)state;
	srand(2);
	for (int round = 0; round < 1000; round++) {
		unsigned rows = all_rows[round % 2];

		random_bytes(data, sizeof(data));
		conv_encode(rows, data, block);
		assert_true(conv_invert(rows, block, got));
		assert_memory_equal(got, data, CONV_DATA_BYTES(rows));
		conv_viterbi(rows, block, got);
		assert_memory_equal(got, data, CONV_DATA_BYTES(rows));
	}
}

/* Every single bit error is noticed by the fast path and repaired by the slow one. */
static void
test_single_errors(void **state)
{
	uint8_t data[DATA_MAX], block[BLOCK_MAX], got[DATA_MAX];

	(void)state;
	srand(3);
	for (size_t i = 0; i < 2; i++) {
		unsigned rows = all_rows[i];

		random_bytes(data, sizeof(data));
		conv_encode(rows, data, block);
		for (unsigned bit = 0; bit < 40 * rows; bit++) {
			flip_bit(block, bit);
			assert_false(conv_invert(rows, block, got));
			assert_false(conv_decode(rows, block, got));
			assert_memory_equal(got, data, CONV_DATA_BYTES(rows));
			flip_bit(block, bit);
		}
	}
}

/* The block of data whose tail is not zero is a code word of the code, but none of ours. */
static void
test_tail_is_checked(void **state)
{
	uint8_t data[DATA_MAX] = { 0 };
	uint8_t block[BLOCK_MAX];

	(void)state;
	memset(block, 0, sizeof(block));
	assert_true(conv_invert(CONV_ROWS_SHORT, block, data));
	block[24] = 0x03;	/* the last symbol, coded from a last bit of 1 */
	assert_false(conv_invert(CONV_ROWS_SHORT, block, data));
}

/* The decoder by its definition: an array of paths, bits in order, no trick. */
static void
reference_viterbi(unsigned rows, const uint8_t *block, uint8_t *data_r)
{
	uint8_t coded[BLOCK_MAX];
	unsigned metric[16] = { 0 };
	uint8_t path[16][200];

	deinterleave(rows, block, coded);
	for (unsigned i = 0; i < 20 * rows; i++) {
		unsigned next[16];
		uint8_t next_path[16][200];

		for (unsigned to = 0; to < 16; to++) {
			unsigned d = to >> 3, best = ~0U, from = 0;

			/* The predecessor with d4 = 1 comes first: it keeps a tie. */
			for (int d4 = 1; d4 >= 0; d4--) {
				unsigned s = (to << 1 & 15) | (unsigned)d4;
				unsigned d1 = s >> 3, d2 = s >> 2 & 1, d3 = s >> 1 & 1;
				unsigned g1 = d ^ d3 ^ (unsigned)d4;
				unsigned g2 = d ^ d1 ^ d2 ^ (unsigned)d4;
				unsigned cost = metric[s] + (g1 ^ get_bit(coded, 2 * i)) +
				    (g2 ^ get_bit(coded, 2 * i + 1));

				if (cost < best) {
					best = cost;
					from = s;
				}
			}
			next[to] = best;
			memcpy(next_path[to], path[from], i);
			next_path[to][i] = (uint8_t)d;
		}
		memcpy(metric, next, sizeof(metric));
		memcpy(path, next_path, sizeof(path));
	}
	memset(data_r, 0, CONV_DATA_BYTES(rows));
	for (unsigned i = 0; i < 8U * CONV_DATA_BYTES(rows); i++)
		if (path[0][i])
			flip_bit(data_r, i);
}

/* Few errors, many errors, and noise, where only the tie rule decides. */
static void
test_against_definition(void **state)
{
	uint8_t data[DATA_MAX], block[BLOCK_MAX], got[DATA_MAX], want[DATA_MAX];

	(void)state;
	srand(4);
	for (unsigned round = 0; round < 600; round++) {
		unsigned rows = all_rows[round % 2];

		random_bytes(data, sizeof(data));
		conv_encode(rows, data, block);
		for (unsigned errors = round / 6; errors > 0; errors--)
			flip_bit(block, (unsigned)rand() % (40 * rows));
		conv_viterbi(rows, block, got);
		reference_viterbi(rows, block, want);
		assert_memory_equal(got, want, CONV_DATA_BYTES(rows));
		assert_int_equal(conv_decode(rows, block, got), conv_invert(rows, block, data));
		assert_memory_equal(got, want, CONV_DATA_BYTES(rows));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encoder_vectors),
		cmocka_unit_test(test_long_vector),
		cmocka_unit_test(test_short_vector),
		cmocka_unit_test(test_both_ways_back),
		cmocka_unit_test(test_single_errors),
		cmocka_unit_test(test_tail_is_checked),
		cmocka_unit_test(test_against_definition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
