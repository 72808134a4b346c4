/* SPDX-License-Identifier: ISC
 *
 * NAME      test_gps - tests of position and model
 * PURPOSE   the protocol's vectors, impossible positions, blocks that are too short
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

#include <stdlib.h>

#include "tests/unit/workers/ysf/vectors.h"
#include "workers/ysf/gps.h"

#define BLOCK 20

static uint8_t sum_of(const uint8_t *data, size_t length)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + data[i]);
	return sum;
}

/* Decodes a copy that ends with its last byte, so that a sanitizer sees who reads behind it. */
static bool decode(const uint8_t *data, size_t length, struct gps *gps_r)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);

	assert_non_null(copy);
	memcpy(copy, data, length);
	bool found = gps_decode(copy, length, gps_r);
	free(copy);
	return found;
}

static void assert_block(const char *hex, uint8_t radio, int32_t latitude, int32_t longitude)
{
	uint8_t data[BLOCK];
	struct gps gps;

	vector_read(hex, data);
	assert_true(decode(data, strlen(hex) / 2, &gps));
	assert_int_equal(gps.radio, radio);
	assert_true(gps.position);
	assert_int_equal(gps.latitude, latitude);
	assert_int_equal(gps.longitude, longitude);
}

static void test_positions(void **state)
{
	(void)state;
	assert_block("4522625f31543355593230263a536c201c20036e", 49, 43986667, 10509167);
	assert_block("5222625f30343334563733272a23201c202003b3", 48, 43778833, 11234500);
	assert_block("5247645f283333353251334f2854201c2020031f", 40, -33868833, 151209333);
	assert_block("5222625f37303033505050762b1c201c2020032b", 55, 500000, -250000);
	assert_block("5222625f253435333050506b5744201c2020034b", 37, -45500000, -179990000);
}

static void assert_model_only(const char *hex, uint8_t radio)
{
	uint8_t data[BLOCK];
	struct gps gps;

	vector_read(hex, data);
	assert_true(decode(data, strlen(hex) / 2, &gps));
	assert_int_equal(gps.radio, radio);
	assert_false(gps.position);
}

static void test_model_without_position(void **state)
{
	(void)state;
	assert_model_only("5222615f2b0362202020", 43);
	assert_model_only("0722615f2b0317000000", 43);
}

/* A block of the first vector with byte AT replaced and the sum made right again. */
static bool changed(unsigned at, uint8_t value, struct gps *gps_r)
{
	uint8_t data[BLOCK];

	vector_read("5222625f30343334563733272a23201c202003b3", data);
	data[at] = value;
	data[19] = sum_of(data, 19);
	return decode(data, BLOCK, gps_r);
}

static void test_impossible_positions(void **state)
{
	static const struct {
		unsigned at;
		uint8_t value;
	} bad[] = {
		{5, 0x44},  {6, 0x64},	{7, 0x03},  {8, 0xF6},	{9, 0x47},  {10, 0x93}, /* nibbles */
		{5, 0x39},  {5, 0x3A},	{6, 0x3A},				 /* 90 degrees */
		{7, 0x36},  {8, 0x5A},						 /* 60 minutes */
		{9, 0x3A},							 /* hundredths */
		{11, 0x25}, {11, 0x80}, {12, 0x25}, {12, 0x62}, {13, 0x1B}, {13, 0x80},
		{11, 0x00}, {12, 0xFF}, {13, 0xFF},
	};
	struct gps gps;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(changed(bad[i].at, bad[i].value, &gps));
		assert_int_equal(gps.radio, 48);
		assert_false(gps.position);
	}
}

static void test_ten_units_of_hundredths(void **state)
{
	struct gps gps;

	(void)state;
	/* 43 degrees, 46.70 and ten more */
	assert_true(changed(10, 0x3A, &gps));
	assert_true(gps.position);
	assert_int_equal(gps.latitude, 43780000);
	assert_true(changed(9, 0x39, &gps)); /* 93 + nothing: as it is */
	assert_true(gps.position);
}

static void test_outer_longitudes(void **state)
{
	struct gps gps;

	(void)state;
	/* high nibble of byte 9 is 5: 0..9, 100..109, 110..179 */
	static const struct {
		uint8_t value;
		int degrees;
	} byte[] = {{0x76, 0}, {0x7F, 9}, {0x6C, 100}, {0x75, 109}, {0x26, 110}, {0x6B, 179}};
	for (size_t i = 0; i < sizeof(byte) / sizeof(byte[0]); i++) {
		uint8_t data[BLOCK];

		vector_read("5222625f30343334565733272a1c201c202003b3", data);
		data[11] = byte[i].value;
		data[12] = 0x58; /* no minutes */
		data[19] = sum_of(data, 19);
		assert_true(decode(data, BLOCK, &gps));
		assert_true(gps.position);
		assert_int_equal(gps.longitude, byte[i].degrees * 1000000);
	}
}

/* The hostile ones: a marker early in a block that claims a position, and half a block. */
static void test_marker_where_a_position_would_be(void **state)
{
	uint8_t data[10] = {0x52, 0x22, 0x62, 0x03, 0x00, 0x34, 0x33, 0x34, 0x56, 0x37};
	struct gps gps;

	(void)state;
	data[4] = sum_of(data, 4);
	assert_true(decode(data, sizeof(data), &gps));
	assert_false(gps.position);
	assert_int_equal(gps.radio, 0); /* that byte is the sum */
	/* what lies behind the end is no part of the block, even if it could be a position */
	uint8_t whole[BLOCK];
	vector_read("5222620300343334563733272a23200000000000", whole);
	whole[4] = sum_of(whole, 4);
	assert_true(decode(whole, BLOCK, &gps));
	assert_false(gps.position);
	assert_int_equal(gps.radio, 0);
}

static void test_half_a_block(void **state)
{
	uint8_t data[BLOCK];
	struct gps gps;

	(void)state;
	vector_read("4522625f31543355593230263a536c201c20036e", data);
	for (size_t length = 0; length < BLOCK; length++) {
		assert_false(decode(data, length, &gps)); /* the marker is in the second half */
		assert_false(gps.position);
	}
	/* a right sum whose block ends too early for its position */
	for (unsigned end = 1; end < 14; end++) {
		uint8_t cut[BLOCK];

		memcpy(cut, data, BLOCK);
		cut[end] = 0x03;
		cut[end + 1] = sum_of(cut, end + 1U);
		assert_true(decode(cut, end + 2U, &gps));
		assert_false(gps.position);
	}
}

static void test_a_marker_with_a_wrong_sum_is_passed_over(void **state)
{
	uint8_t data[BLOCK];
	struct gps gps;

	(void)state;
	/* rubbish behind the block, a marker in it */
	vector_read("0722615f2b0317000000", data);
	memcpy(data + 10, "\x00\x03\xEE\x03\x03\x03\x00\x00\x03", 9);
	assert_true(decode(data, BLOCK - 1, &gps));
	assert_int_equal(gps.radio, 43);
	vector_read("0722615f2b0316000000", data);
	assert_false(decode(data, 10, &gps));
	assert_int_equal(gps.radio, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_positions),
		cmocka_unit_test(test_model_without_position),
		cmocka_unit_test(test_impossible_positions),
		cmocka_unit_test(test_ten_units_of_hundredths),
		cmocka_unit_test(test_outer_longitudes),
		cmocka_unit_test(test_marker_where_a_position_would_be),
		cmocka_unit_test(test_half_a_block),
		cmocka_unit_test(test_a_marker_with_a_wrong_sum_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
