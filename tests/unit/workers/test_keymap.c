/* SPDX-License-Identifier: ISC
 *
 * NAME      test_keymap - the index by keys from the network
 * PURPOSE   Find, insert, remove against a plain array as the oracle, over many random rounds.
 * OWNER     tests
 * CONTRACT  deterministic but for the map's own secret
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "workers/keymap.h"

#define ENTRIES 5000

struct table {
	struct {
		uint8_t key[20];
		bool in;
	} entry[ENTRIES];
};

static const void *key_of(const void *table, uint32_t number)
{
	return ((const struct table *)table)->entry[number].key;
}

static void setup(struct table *table, struct keymap *map)
{
	assert_true(sodium_init() >= 0);
	memset(table, 0, sizeof(*table));
	for (uint32_t i = 0; i < ENTRIES; i++)
		memcpy(table->entry[i].key, &i, sizeof(i));
	assert_true(keymap_init(map, table, key_of, 20));
}

static void test_empty(void **state)
{
	static struct table table;
	struct keymap map;

	(void)state;
	setup(&table, &map);
	assert_int_equal(keymap_find(&map, table.entry[7].key), KEYMAP_NONE);
	keymap_remove(&map, 7); /* not there: nothing happens */
	assert_int_equal(map.used, 0);
	keymap_free(&map);
}

static void test_all_are_found_while_it_grows(void **state)
{
	static struct table table;
	struct keymap map;

	(void)state;
	setup(&table, &map);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		assert_true(keymap_insert(&map, i));
		assert_int_equal(keymap_find(&map, table.entry[i].key), i);
		assert_int_equal(keymap_find(&map, table.entry[i / 2].key), i / 2);
	}
	assert_int_equal(map.used, ENTRIES);
	keymap_free(&map);
}

/* Removal closes gaps: after any row of inserts and removals exactly those that are in are found. */
static void test_random_rounds_against_an_array(void **state)
{
	static struct table table;
	struct keymap map;
	uint32_t count = 0;

	(void)state;
	setup(&table, &map);
	srand(20261121);
	for (unsigned round = 0; round < 200000; round++) {
		uint32_t n = (uint32_t)rand() % ENTRIES;

		if (table.entry[n].in) {
			keymap_remove(&map, n);
			count--;
		} else {
			assert_true(keymap_insert(&map, n));
			count++;
		}
		table.entry[n].in = !table.entry[n].in;
		uint32_t m = (uint32_t)rand() % ENTRIES;
		assert_int_equal(keymap_find(&map, table.entry[m].key),
				 table.entry[m].in ? m : KEYMAP_NONE);
	}
	assert_int_equal(map.used, count);
	for (uint32_t i = 0; i < ENTRIES; i++)
		assert_int_equal(keymap_find(&map, table.entry[i].key),
				 table.entry[i].in ? i : KEYMAP_NONE);
	keymap_free(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_all_are_found_while_it_grows),
		cmocka_unit_test(test_random_rounds_against_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
