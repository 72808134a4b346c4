/* SPDX-License-Identifier: ISC
 *
 * NAME      test_window - what came a moment ago
 * PURPOSE   Marks against a plain row as the oracle, over many random steps; the bounds.
 * OWNER     tests
 * CONTRACT  deterministic but for the window's own secret
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "workers/spot/window.h"

#define MOST  200
#define KEYS  90
#define STEPS 20000
#define TICK  1024 /* nanoseconds */

static struct window_key key_of(const struct window *window, uint32_t number)
{
	struct window_key key;

	memset(&key, 0, sizeof(key));
	memcpy(key.bytes, &number, sizeof(number));
	window_hash(window, &key);
	return key;
}

static uint32_t number_of(const uint8_t key[WINDOW_KEY])
{
	uint32_t number;

	memcpy(&number, key, sizeof(number));
	return number;
}

static unsigned count_of(const struct window *window, uint32_t number)
{
	struct window_key key = key_of(window, number);
	const struct window_mark *mark = window_find(window, &key);
	unsigned count = 0;

	for (; mark != NULL; mark = window_next(window, mark)) {
		assert_int_equal(number_of(mark->key), number);
		count++;
	}
	return count;
}

static void test_found_newest_first(void **state)
{
	struct window window;
	struct window_key key;
	struct window_mark *mark;

	(void)state;
	assert_true(window_init(&window, MOST));
	key = key_of(&window, 7);
	assert_null(window_find(&window, &key));
	for (unsigned i = 1; i <= 3; i++)
		window_add(&window, &key, i, i * 100 * TICK);
	mark = window_find(&window, &key);
	assert_int_equal(mark->hz, 3);
	mark = window_next(&window, mark);
	assert_int_equal(mark->hz, 2);
	window_touch(&window, mark, 400 * TICK);
	mark = window_find(&window, &key);
	assert_int_equal(mark->hz, 2);
	assert_int_equal(window_when(mark), 400 * TICK);
	assert_int_equal(window.used, 3);
	window_free(&window);
}

static void test_one_key_has_a_bound(void **state)
{
	struct window window;
	struct window_key key;
	struct window_mark *mark;

	(void)state;
	assert_true(window_init(&window, MOST));
	key = key_of(&window, 7);
	for (unsigned i = 1; i <= 100; i++)
		window_add(&window, &key, i, i);
	assert_int_equal(count_of(&window, 7), WINDOW_SAME);
	assert_int_equal(window.used, WINDOW_SAME);
	assert_int_equal(window.made_room, 100 - WINDOW_SAME);
	mark = window_find(&window, &key);
	for (unsigned i = 0; i < WINDOW_SAME; i++, mark = window_next(&window, mark))
		assert_int_equal(mark->hz, 100 - i);
	window_free(&window);
}

static void test_the_oldest_makes_room(void **state)
{
	struct window window;

	(void)state;
	assert_true(window_init(&window, MOST));
	for (uint32_t i = 0; i < 10 * MOST; i++) {
		struct window_key key = key_of(&window, i);

		window_add(&window, &key, i, i);
		assert_int_equal(count_of(&window, i), 1);
		if (i >= MOST)
			assert_int_equal(count_of(&window, i - MOST), 0);
	}
	assert_int_equal(window.used, MOST);
	assert_int_equal(window.made_room, 9 * MOST);
	window_free(&window);
}

static void test_expiry_goes_by_age(void **state)
{
	struct window window;

	(void)state;
	assert_true(window_init(&window, MOST));
	for (uint32_t i = 0; i < 100; i++) {
		struct window_key key = key_of(&window, i);

		window_add(&window, &key, i, (1000 + i) * TICK);
	}
	for (unsigned i = 0; i < 100; i++)
		window_expire(&window, 1150 * TICK, 100 * TICK); /* those of 1050 and before */
	assert_int_equal(window.used, 49);
	assert_int_equal(count_of(&window, 50), 0);
	assert_int_equal(count_of(&window, 51), 1);
	window_expire(&window, 5 * TICK,
		      100 * TICK); /* a moment before all of them: nothing is old */
	assert_int_equal(window.used, 49);
	window_free(&window);
}

static void test_filled_backwards(void **state)
{
	struct window window;

	(void)state;
	assert_true(window_init(&window, 10));
	for (uint32_t i = 0; i < 20; i++) {
		struct window_key key = key_of(&window, i);

		assert_true((window_add_oldest(&window, &key, i, (100 - i) * TICK) != NULL) ==
			    (i < 10));
	}
	window_expire(&window, 194 * TICK, 100 * TICK); /* 91 to 94 go, which came last */
	assert_int_equal(window.used, 6);
	assert_int_equal(count_of(&window, 5), 1);
	assert_int_equal(count_of(&window, 6), 0);
	window_free(&window);
}

/* ---- against a plain row ---- */

struct plain {
	uint32_t key;
	uint64_t when;
	bool in;
};

static struct plain plain[STEPS];
static unsigned plain_from;

static void plain_remove_oldest_of(uint32_t key, unsigned steps)
{
	for (unsigned i = 0; i < steps; i++)
		if (plain[i].in && plain[i].key == key) {
			plain[i].in = false;
			return;
		}
}

static unsigned plain_count(uint32_t key, unsigned steps)
{
	unsigned count = 0;

	for (unsigned i = plain_from; i < steps; i++)
		count += plain[i].in && plain[i].key == key;
	return count;
}

static unsigned plain_all(unsigned steps)
{
	unsigned count = 0;

	while (plain_from < steps && !plain[plain_from].in)
		plain_from++;
	for (unsigned i = plain_from; i < steps; i++)
		count += plain[i].in;
	return count;
}

static void test_many_steps(void **state)
{
	const unsigned steps = STEPS;
	struct window window;
	uint32_t seed = 1;

	(void)state;
	assert_true(window_init(&window, MOST));
	for (unsigned i = 0; i < steps; i++) {
		struct window_key key;

		seed = seed * 1664525u + 1013904223u;
		plain[i] = (struct plain){.key = (seed >> 8) % KEYS, .when = i, .in = true};
		if (plain_count(plain[i].key, i) == WINDOW_SAME)
			plain_remove_oldest_of(plain[i].key, i);
		if (plain_all(i) == MOST)
			plain[plain_from].in = false;
		key = key_of(&window, plain[i].key);
		window_add(&window, &key, i, i);
		if ((seed >> 16) % 4 == 0) {
			window_remove(&window, window_find(&window, &key));
			plain[i].in = false;
		}
		assert_int_equal(window.used, plain_all(i + 1));
		assert_int_equal(count_of(&window, plain[i].key), plain_count(plain[i].key, i + 1));
	}
	for (uint32_t key = 0; key < KEYS; key++)
		assert_int_equal(count_of(&window, key), plain_count(key, steps));
	window_free(&window);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_newest_first),
		cmocka_unit_test(test_one_key_has_a_bound),
		cmocka_unit_test(test_the_oldest_makes_room),
		cmocka_unit_test(test_expiry_goes_by_age),
		cmocka_unit_test(test_filled_backwards),
		cmocka_unit_test(test_many_steps),
	};

	return sodium_init() < 0 || cmocka_run_group_tests(tests, NULL, NULL);
}
