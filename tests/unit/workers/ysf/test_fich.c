/* SPDX-License-Identifier: ISC
 *
 * NAME      test_fich - tests of the frame information channel
 * PURPOSE   the protocol's vectors, the FICHs of real and constructed frames, damage, bad input
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

#include "workers/ysf/fich.h"
#include "workers/ysf/tables.h"

struct vector {
	const char *info;	/* hex of the information bytes */
	const char *coded;	/* hex of the 25 bytes */
	struct fich fields;
};

/* The first five are the protocol's table, the others the frames A, B, D, E6, E7, F, GH, GC. */
static const struct vector vectors[] = {
	{ "24070200", "116578e0fc220dbfd6e6d0416204aa6021e380877d4fd237ac",
	  { .fi = 0, .cs = 2, .cm = 1, .fn = 0, .ft = 7, .dt = 2, .sq = 0 } },
	{ "64160200", "206d384468ed81ffe7989bf282e4542ff303fbc8f95c21383c",
	  { .fi = 1, .cs = 2, .cm = 1, .fn = 2, .ft = 6, .dt = 2 } },
	{ "64070a16", "2197b791aee19d93f63391bfe6c46c2ce5d926c4f78b836bd4",
	  { .fi = 1, .cs = 2, .cm = 1, .fn = 0, .ft = 7, .mr = 1, .dt = 2, .sq = 22 } },
	{ "a4073200", "d2ca443ea163e56ce6e59c72507156ea6cc30e8bbe89b29c90",
	  { .fi = 2, .cs = 2, .cm = 1, .ft = 7, .mr = 6, .dt = 2 } },
	{ "2407027f", "116572c583220db19f88d0416777966021eb2bee7d4feb1b5b",
	  { .fi = 0, .cs = 2, .cm = 1, .fn = 0, .ft = 7, .dt = 2, .sq = 127 } },
	{ "64160200", "206d384468ed81ffe7989bf282e4542ff303fbc8f95c21383c",
	  { .fi = 1, .cs = 2, .cm = 1, .fn = 2, .ft = 6, .dt = 2 } },
	{ "24060200", "116d38dcec2201ff300ed0728278ec60330086717d5c20a66f",
	  { .fi = 0, .cs = 2, .cm = 1, .fn = 0, .ft = 6, .dt = 2 } },
	{ "a0071696", "e2973fc0c970c06825c383871b6ba0c1e85ba5588c02804c20",
	  { .fi = 2, .cs = 2, .cm = 0, .ft = 7, .mr = 2, .voip = 1, .dt = 2, .sql = 1, .sq = 22 } },
	{ "64370200", "2db5787012ebfdbca152924163978322a1e1e624f04fd16e1c",
	  { .fi = 1, .cs = 2, .cm = 1, .fn = 6, .ft = 7, .dt = 2 } },
	{ "643f0200", "2da500e1b1ebeeb3d4da9263f2077d22911382d2f08c723a4b",
	  { .fi = 1, .cs = 2, .cm = 1, .fn = 7, .ft = 7, .dt = 2 } },
	{ "60070000", "11c4e49a2bf2bfdcd7638e423092450763a377dbc502019310",
	  { .fi = 1, .cs = 2, .cm = 0, .fn = 0, .ft = 7, .dt = 0 } },
	{ "20010100", "210b4478ed310edf02c8cfb3229a7d4b9150fed74fd203a8f8",
	  { .fi = 0, .cs = 2, .cm = 0, .ft = 1, .dt = 1 } },
	{ "60090100", "11eb3c0031f28dd000be8e61b00e190761a0040ac5d1a009e7",
	  { .fi = 1, .cs = 2, .cm = 0, .fn = 1, .ft = 1, .dt = 1 } },
};

#define VECTORS	(sizeof(vectors) / sizeof(vectors[0]))

static void
from_hex(const char *hex, uint8_t *bytes_r)
{
	for (size_t i = 0; hex[2 * i]; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		bytes_r[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
}

static void
flip_bit(uint8_t *bytes, unsigned n)
{
	bytes[n / 8] ^= (uint8_t)(0x80 >> n % 8);
}

static void
assert_fields(const struct fich *got, const struct vector *vector)
{
	struct fich want = vector->fields;

	from_hex(vector->info, want.info);
	assert_memory_equal(got, &want, sizeof(want));
}

static void
test_decode_vectors(void **state)
{
	uint8_t coded[FICH_BYTES];
	struct fich fich;

	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		from_hex(vectors[i].coded, coded);
		assert_int_equal(fich_decode(coded, &fich), FICH_OK);
		assert_fields(&fich, &vectors[i]);
	}
}

static void
test_encode_vectors(void **state)
{
	uint8_t want[FICH_BYTES], coded[FICH_BYTES];

	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		from_hex(vectors[i].coded, want);
		fich_encode(&vectors[i].fields, coded);
		assert_memory_equal(coded, want, FICH_BYTES);
	}
}

/* All 2^32 contents would take minutes: a sample. */
static void
test_pack_is_the_reverse_of_unpack(void **state)
{
	uint8_t info[FICH_INFO_BYTES], again[FICH_INFO_BYTES];
	struct fich fich;

	(void)state;
	srand(6);
	for (int round = 0; round < 20000; round++) {
		for (size_t i = 0; i < sizeof(info); i++)
			info[i] = (uint8_t)rand();
		fich_unpack(info, &fich);
		assert_true(fich.fi < 4 && fich.cs < 4 && fich.cm < 4);
		assert_true(fich.bn < 4 && fich.bt < 4);
		assert_true(fich.fn < 8 && fich.ft < 8 && fich.dev < 2 && fich.mr < 8);
		assert_true(fich.voip < 2 && fich.dt < 4 && fich.sql < 2 && fich.sq < 128);
		fich_pack(&fich, again);
		assert_memory_equal(again, info, sizeof(info));
	}
}

/* Values too wide for their field don't spill over into a neighbour. */
static void
test_wide_values_are_cut(void **state)
{
	uint8_t info[FICH_INFO_BYTES];
	struct fich fich = { .cs = 0xFC, .bn = 0xFC, .fn = 0xF8, .mr = 0xF8, .voip = 0xFE,
		.sq = 0x80 };

	(void)state;
	fich_pack(&fich, info);
	assert_memory_equal(info, "\0\0\0\0", sizeof(info));
}

static void
test_all_single_and_double_errors(void **state)
{
	uint8_t coded[FICH_BYTES];
	struct fich fich;

	(void)state;
	from_hex(vectors[2].coded, coded);
	for (unsigned a = 0; a < 8 * FICH_BYTES; a++) {
		flip_bit(coded, a);
		for (unsigned b = a; b < 8 * FICH_BYTES; b++) {
			if (b != a)
				flip_bit(coded, b);
			assert_int_equal(fich_decode(coded, &fich), FICH_CORRECTED);
			assert_fields(&fich, &vectors[2]);
			if (b != a)
				flip_bit(coded, b);
		}
		flip_bit(coded, a);
	}
}

/* Which symbol, in the encoder's order, a bit of the block belongs to. */
static unsigned
symbol_of(unsigned bit)
{
	return bit % 40 / 2 * 5 + bit / 40;
}

/*
 * The code's free distance is 7, so any three errors are corrected; but the decoder assumes no
 * start state, and three errors that all hit the first symbols can be explained by another one.
 */
static void
test_triple_errors(void **state)
{
	uint8_t damaged[FICH_BYTES];
	struct fich fich;

	(void)state;
	srand(7);
	for (int round = 0; round < 50000; round++) {
		const struct vector *vector = &vectors[(size_t)round % VECTORS];
		unsigned a = (unsigned)rand() % 200, b = (unsigned)rand() % 200;
		unsigned c = (unsigned)rand() % 200;

		if (a == b || b == c || a == c)
			continue;
		if (symbol_of(a) < 12 && symbol_of(b) < 12 && symbol_of(c) < 12)
			continue;
		from_hex(vector->coded, damaged);
		flip_bit(damaged, a);
		flip_bit(damaged, b);
		flip_bit(damaged, c);
		assert_int_equal(fich_decode(damaged, &fich), FICH_CORRECTED);
		assert_fields(&fich, vector);
	}
}

/* Beyond the code's reach a frame must be refused, not misread: the CRC lets 1 of 65,536 pass. */
static void
test_growing_damage(void **state)
{
	uint8_t damaged[FICH_BYTES];
	struct fich fich;
	int right[31] = { 0 };
	int misread = 0;

	(void)state;
	srand(8);
	for (int errors = 4; errors <= 30; errors++)
		for (int round = 0; round < 500; round++) {
			const struct vector *vector = &vectors[(size_t)round % VECTORS];
			uint8_t info[FICH_INFO_BYTES];

			from_hex(vector->coded, damaged);
			from_hex(vector->info, info);
			for (int i = 0; i < errors; i++)
				flip_bit(damaged, (unsigned)rand() % (8 * FICH_BYTES));
			if (fich_decode(damaged, &fich) == FICH_BAD)
				continue;
			if (memcmp(info, fich.info, sizeof(info)) == 0)
				right[errors]++;
			else
				misread++;
		}
	assert_true(right[4] >= 495);
	assert_true(right[8] >= 450);
	assert_true(misread <= 3);
}

static void
test_noise_is_refused(void **state)
{
	static const struct fich nothing;
	struct fich fich;
	int accepted = 0;

	(void)state;
	srand(9);
	for (int round = 0; round < 20000; round++) {
		/* Exactly as large as needed, so that a sanitizer sees any read beyond. */
		uint8_t *noise = malloc(FICH_BYTES);

		assert_non_null(noise);
		for (size_t i = 0; i < FICH_BYTES; i++)
			noise[i] = (uint8_t)rand();
		if (fich_decode(noise, &fich) == FICH_BAD)
			assert_memory_equal(&fich, &nothing, sizeof(fich));
		else
			accepted++;
		free(noise);
	}
	assert_true(accepted <= 5);
}

static void
test_constant_bytes_are_refused(void **state)
{
	uint8_t coded[FICH_BYTES];
	struct fich fich;

	(void)state;
	memset(coded, 0x00, sizeof(coded));
	assert_int_equal(fich_decode(coded, &fich), FICH_BAD);
	memset(coded, 0xFF, sizeof(coded));
	assert_int_equal(fich_decode(coded, &fich), FICH_BAD);
}

static void
test_set_fi(void **state)
{
	uint8_t coded[FICH_BYTES], before[FICH_BYTES];
	struct fich fich;
	struct fich odd = { .fi = 0, .cs = 2, .mr = 5, .sql = 1, .sq = 99,
		.info = { 0, 0, 0x80, 0 } };

	(void)state;
	fich_encode(&odd, coded);
	flip_bit(coded, 17);
	assert_int_equal(fich_set_fi(coded, FICH_FI_TERMINATOR), FICH_CORRECTED);
	assert_int_equal(fich_decode(coded, &fich), FICH_OK);
	assert_memory_equal(fich.info, "\xA0\x00\xA8\xE3", FICH_INFO_BYTES);

	memset(coded, 0x55, sizeof(coded));
	memcpy(before, coded, sizeof(coded));
	assert_int_equal(fich_set_fi(coded, FICH_FI_TERMINATOR), FICH_BAD);
	assert_memory_equal(coded, before, sizeof(coded));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode_vectors),
		cmocka_unit_test(test_encode_vectors),
		cmocka_unit_test(test_pack_is_the_reverse_of_unpack),
		cmocka_unit_test(test_wide_values_are_cut),
		cmocka_unit_test(test_all_single_and_double_errors),
		cmocka_unit_test(test_triple_errors),
		cmocka_unit_test(test_growing_damage),
		cmocka_unit_test(test_noise_is_refused),
		cmocka_unit_test(test_constant_bytes_are_refused),
		cmocka_unit_test(test_set_fi),
	};

	ysf_tables_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
