/* SPDX-License-Identifier: ISC
 *
 * NAME      test_spotring - shm/spotring.h: one writer, one reader, and neither believed
 * PURPOSE   Order, bounds, what a successor finds, blocks that were spoilt.
 * OWNER     test
 * CONTRACT  one cmocka program
 * LIMITS    none known
 */
#include <sys/mman.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shm/spotring.h"

static struct spotring ring;
static int fd;

static int set_up(void **state)
{
	(void)state;
	fd = spotring_create("feed.3", SPOTRING_MIN);
	assert_true(fd >= 0);
	assert_true(spotring_map(fd, &ring));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	spotring_unmap(&ring);
	close(fd);
	return 0;
}

static bool put(uint64_t number)
{
	const struct spot spot = {.hz = number};

	return spotring_put(&ring, 7, number, &spot);
}

static void test_a_new_one_is_empty(void **state)
{
	uint64_t session, offset;
	int other = spotring_create("feed.3", SPOTRING_MIN);
	struct spotring second;

	(void)state;
	assert_int_equal(ring.capacity, SPOTRING_MIN);
	assert_string_equal(ring.block->slot, "feed.3");
	assert_int_equal(spotring_used(&ring), 0);
	assert_null(spotring_get(&ring, 0));
	assert_false(spotring_last(&ring, &session, &offset));
	assert_true(spotring_map(other, &second));
	assert_int_not_equal(second.block->id, ring.block->id);
	spotring_unmap(&second);
	assert_null(second.block);
	close(other);
	assert_int_equal(spotring_create("feed.3", SPOTRING_MIN - 1), -1);
	assert_int_equal(spotring_create("feed.3", SPOTRING_MAX + 1), -1);
	assert_int_not_equal(ftruncate(fd, 1), 0);
}

/* Many times round: every entry once, in order, and what is full is counted. */
static void test_all_come_out_in_order(void **state)
{
	uint64_t in = 0, out = 0;

	(void)state;
	for (unsigned round = 0; round < 100; round++) {
		while (put(in))
			in++;
		assert_int_equal(spotring_used(&ring), SPOTRING_MIN);
		for (unsigned i = 0; i < 1 + round % SPOTRING_MIN; i++) {
			const struct spotring_entry *entry = spotring_get(&ring, out);

			assert_non_null(entry);
			assert_int_equal(entry->session, 7);
			assert_int_equal(entry->offset, out);
			assert_int_equal(entry->spot.hz, out);
			out++;
		}
		spotring_done(&ring, out);
	}
	assert_int_equal(atomic_load(&ring.block->dropped), 100);
	assert_int_equal(spotring_used(&ring), in - out);
}

static void test_a_successor_sees_the_last_one(void **state)
{
	struct spotring again;
	uint64_t session, offset;

	(void)state;
	for (uint64_t i = 1; i <= 20; i++) {
		assert_true(put(100 * i));
		spotring_done(&ring, i); /* taken out: it is still the last one */
	}
	assert_true(spotring_map(fd, &again));
	assert_true(spotring_last(&again, &session, &offset));
	assert_int_equal(session, 7);
	assert_int_equal(offset, 2000);
	spotring_unmap(&again);
}

/* The other side may have written anything. */
static void test_wild_words_are_bounded(void **state)
{
	(void)state;
	assert_true(put(1));
	atomic_store(&ring.block->tail, 5); /* ahead of head */
	assert_false(put(2));
	assert_true(spotring_used(&ring) <= SPOTRING_MIN);
	atomic_store(&ring.block->tail, 0);
	atomic_store(&ring.block->head, UINT64_MAX);
	assert_null(spotring_get(&ring, 3));
	assert_non_null(spotring_get(&ring, UINT64_MAX - 1));
	assert_null(spotring_get(&ring, UINT64_MAX));
	assert_true(spotring_used(&ring) <= SPOTRING_MIN);
}

static void test_spoilt_blocks_are_refused(void **state)
{
	struct spotring again;
	int plain = memfd_create("plain", MFD_CLOEXEC);

	(void)state;
	ring.block->capacity++;
	assert_false(spotring_map(fd, &again));
	assert_null(again.block);
	ring.block->capacity = UINT32_MAX;
	assert_false(spotring_map(fd, &again));
	ring.block->capacity = SPOTRING_MIN;
	ring.block->magic++;
	assert_false(spotring_map(fd, &again));
	ring.block->magic--;
	ring.block->version++;
	assert_false(spotring_map(fd, &again));
	ring.block->version--;
	assert_true(spotring_map(fd, &again));
	spotring_unmap(&again);
	assert_int_equal(ftruncate(plain, (off_t)ring.bytes), 0);
	assert_false(spotring_map(plain, &again));
	assert_false(spotring_map(-1, &again));
	close(plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_new_one_is_empty, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_all_come_out_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_successor_sees_the_last_one, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_wild_words_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_spoilt_blocks_are_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
