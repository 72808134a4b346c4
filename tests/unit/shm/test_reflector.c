/* SPDX-License-Identifier: ISC
 *
 * NAME      test_reflector - tests of the reflector's number
 * PURPOSE   the vectors of the YSF protocol
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

#include "shm/reflector.h"

static void test_hash(void **state)
{
	(void)state;
	assert_int_equal(reflector_hash("IT PYSF3-TEST"), 1021);
	assert_int_equal(reflector_hash("LAB REFLECTOR"), 82138);
	assert_int_equal(reflector_hash("Reflector_name"), 16282);
	assert_int_equal(reflector_hash("A very long refl"), 99001);
	assert_int_equal(reflector_hash("A very long reflector"), 99001);
	assert_int_equal(reflector_hash("US MNWis RDNT"), 57611);
	assert_int_equal(reflector_hash("X"), 63857);
	assert_int_equal(reflector_hash(""), 73991);
}

static void test_given(void **state)
{
	(void)state;
	assert_int_equal(reflector_id(12345, "X"), 12345);
	assert_int_equal(reflector_id(99999, "X"), 99999);
	assert_int_equal(reflector_id(0, "X"), 63857);
	assert_int_equal(reflector_id(100000, "X"), 63857);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
