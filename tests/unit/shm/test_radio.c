/* SPDX-License-Identifier: ISC
 *
 * NAME      test_radio - tests of the model table
 * PURPOSE   every code of the YSF protocol has its name and symbol, every other an answer
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

#include <stdio.h>
#include <string.h>

#include "shm/radio.h"

/* By the decimal numbers that dashboards use. */
static const struct {
	uint8_t code;
	const char *name;
	char symbol;
} table[] = {
	{32, "DR-2X", '-'},	{36, "FT-1D", '['},	{37, "FTM-400D", '>'},
	{38, "DR-1X", '-'},	{39, "FT-991A", '-'},	{40, "FT-2D", '['},
	{41, "FTM-100D", '>'},	{42, "FTM-3200D", '>'}, {43, "FT-70D", '['},
	{45, "FTM-3207D", '>'}, {46, "FTM-7250D", '>'}, {48, "FT-3D", '['},
	{49, "FTM-300D", '>'},	{50, "FTM-200D", '>'},	{51, "FT-5D", '['},
	{52, "FTM-500D", '>'},	{53, "FTM-510D", '>'},	{55, "FTM-310D", '>'},
};

#define MODELS (sizeof(table) / sizeof(table[0]))

static void test_models(void **state)
{
	char buf[RADIO_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < MODELS; i++) {
		assert_true(radio_known(table[i].code));
		assert_string_equal(radio_name(table[i].code, buf), table[i].name);
		assert_int_equal(radio_symbol(table[i].code), table[i].symbol);
	}
}

static void test_unknown(void **state)
{
	unsigned known = 0;
	char buf[RADIO_NAME_MAX];

	(void)state;
	for (unsigned code = 0; code < 256; code++) {
		known += radio_known((uint8_t)code);
		if (radio_known((uint8_t)code))
			continue;
		assert_int_equal(radio_symbol((uint8_t)code), '[');
		assert_int_equal(strncmp(radio_name((uint8_t)code, buf), "<0x", 3), 0);
	}
	assert_int_equal(known, MODELS);
	assert_string_equal(radio_name(0, buf), "<0x00>");
	assert_string_equal(radio_name(0x36, buf), "<0x36>");
	assert_string_equal(radio_name(0xfe, buf), "<0xfe>");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_models),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
