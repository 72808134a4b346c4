/* SPDX-License-Identifier: ISC
 *
 * NAME      test_funnel - from rings and inbox into the log
 * PURPOSE   The order of arrival, repeats after a death at any point, a store that takes nothing, new
 *           rings for old ones, hostile entries; and what a successor learns from the log.
 * OWNER     tests
 * CONTRACT  a store in /dev/shm, rings of the test's own
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shm/band.h"
#include "shm/store/human.h"
#include "shm/store/inbox.h"
#include "shm/store/spots.h"
#include "tests/unit/shm/store/lab.h"
#include "workers/spot/funnel.h"
#include "workers/spot/replay.h"

#define FEEDS 3

static const struct pipeline_rules usual = {
	.max_age = 300 * NS_PER_SEC,
	.max_age_human = 3600 * NS_PER_SEC,
	.window = 120 * NS_PER_SEC,
	.human_window = 3600 * NS_PER_SEC,
	.stronger = true,
};

static struct lab lab, durable;
static struct pipeline pipeline;
static struct funnel funnel;
static struct spotring ring[FEEDS]; /* the feeds' side */
static int ring_fd[FEEDS];
static uint64_t now;

/* Another process takes over. */
static void succeed(void)
{
	struct replay replay;

	funnel_free(&funnel);
	pipeline_free(&pipeline);
	assert_true(pipeline_init(&pipeline, &usual, 1000));
	assert_true(funnel_init(&funnel, &pipeline, lab.page));
	for (unsigned i = 0; i < FEEDS; i++)
		assert_true(funnel_add(&funnel, lab.store, i, ring_fd[i]));
	replay_begin(&replay, &pipeline, lab.store, durable.store, now);
	while (!replay_go_on(&replay))
		;
}

static void make_ring(unsigned feed, unsigned capacity)
{
	char slot[16];

	snprintf(slot, sizeof(slot), "feed.%u", feed);
	ring_fd[feed] = spotring_create(slot, capacity);
	assert_true(spotring_map(ring_fd[feed], &ring[feed]));
}

static void open_lab(struct lab *one, enum store_kind kind)
{
	lab_enter(one);
	one->config.kind = kind;
	one->config.max_spots = 1000;
	one->config.max_human = 1000;
	one->config.max_sessions = 10;
	one->config.map_size = store_map_size(&one->config);
	lab_open(one);
}

static int setup(void **state)
{
	(void)state;
	now = 5000 * NS_PER_SEC;
	open_lab(&lab, STORE_SPOTS);
	open_lab(&durable, STORE_STATE);
	for (unsigned i = 0; i < FEEDS; i++)
		make_ring(i, 64);
	succeed();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	funnel_free(&funnel);
	pipeline_free(&pipeline);
	for (unsigned i = 0; i < FEEDS; i++) {
		spotring_unmap(&ring[i]);
		close(ring_fd[i]);
	}
	lab_leave(&lab);
	lab_leave(&durable);
	return 0;
}

/* Number NUMBER is in the frequency, so that it is found in the log again. */
static struct spot spot_make(const char *dx, unsigned number)
{
	struct spot spot = {.version = SPOT_VERSION, .source = SPOT_RBN, .mode = MODE_CW};

	spot.hz = spot.raw_hz = 14000000 + number * 1000;
	spot.band = BAND_20M;
	spot.arrived = now;
	spot.arrived_real = 1763812800 * NS_PER_SEC + now;
	spot.time = (int64_t)(spot.arrived_real / NS_PER_SEC);
	snprintf(spot.de, sizeof(spot.de), "K3LR-#");
	snprintf(spot.dx, sizeof(spot.dx), "%s", dx);
	return spot;
}

static void put(unsigned feed, const struct spot *spot)
{
	assert_true(spotring_put(&ring[feed], 1, ring[feed].block->head, spot));
}

static void send_number(unsigned feed, unsigned number)
{
	struct spot spot = spot_make("LZ5VV", number);

	put(feed, &spot);
}

static void type(uint64_t offset, const struct spot *spot)
{
	struct store_txn txn;

	assert_int_equal(store_write(lab.store, &txn), STORE_OK);
	assert_int_equal(inbox_put(&txn, 7, offset, spot), STORE_OK);
	assert_int_equal(store_end(&txn), STORE_OK);
}

static struct spot typed_make(const char *dx)
{
	struct spot spot = spot_make(dx, 5);

	spot.source = SPOT_LOCAL;
	spot.flags = SPOT_HUMAN;
	memset(spot.de, 0, sizeof(spot.de));
	memcpy(spot.de, "W1AW", 4);
	return spot;
}

static unsigned turn(void)
{
	unsigned fresh;

	funnel_take(&funnel, lab.store, now);
	if (!funnel_waits(&funnel))
		return 0;
	assert_int_equal(funnel_commit(&funnel, lab.store, &fresh), STORE_OK);
	return fresh;
}

/* ---- the log ---- */

struct seen {
	unsigned count;
	unsigned number[2000];
	char dx[2000][CALL_TEXT_SIZE];
};

static bool note(uint64_t number, const struct spot *spot, void *arg)
{
	struct seen *seen = arg;

	(void)number;
	seen->number[seen->count] = (unsigned)(spot->hz - 14000000) / 1000;
	memcpy(seen->dx[seen->count], spot->dx, CALL_TEXT_SIZE);
	seen->count++;
	return true;
}

static struct seen *look(void)
{
	static struct seen seen;
	struct store_txn txn;

	seen.count = 0;
	store_read(lab.store, &txn);
	spots_each(&txn, 1, 2000, note, &seen);
	store_end(&txn);
	return &seen;
}

static void expect(unsigned count, const unsigned *numbers)
{
	const struct seen *seen = look();

	assert_int_equal(seen->count, count);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(seen->number[i], numbers[i]);
}

/* ---- tests ---- */

static void test_order_of_arrival(void **state)
{
	static const unsigned order[] = {1, 2, 3, 4, 5, 6};
	static const unsigned feed[] = {2, 0, 0, 1, 2, 0};
	struct spot spot;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		spot = spot_make("LZ5VV", order[i]);
		spot.arrived = now - 100 + i;
		put(feed[i], &spot);
	}
	assert_int_equal(funnel_backlog(&funnel), 6);
	assert_int_equal(turn(), 6);
	assert_int_equal(funnel_backlog(&funnel), 0);
	assert_int_equal(spotring_used(&ring[0]), 0);
	expect(6, order);
	assert_int_equal(turn(), 0);
}

static void test_death_before_the_commit(void **state)
{
	static const unsigned numbers[] = {1, 2, 3};

	(void)state;
	send_number(0, 1);
	send_number(1, 2);
	funnel_take(&funnel, lab.store, now);
	assert_true(funnel_waits(&funnel));
	succeed();
	assert_int_equal(turn(), 2);
	send_number(0, 3);
	assert_int_equal(turn(), 1);
	expect(3, numbers);
}

/* The transaction was committed, the ring's own word had not moved yet. */
static void test_death_behind_the_commit(void **state)
{
	static const unsigned numbers[] = {1, 2, 3};

	(void)state;
	send_number(0, 1);
	send_number(0, 2);
	assert_int_equal(turn(), 2);
	ring[0].block->tail = 0;
	succeed();
	assert_int_equal(ring[0].block->tail, 2);
	assert_int_equal(turn(), 0);
	send_number(0, 3);
	assert_int_equal(turn(), 1);
	expect(3, numbers);
}

static void test_duplicates_are_known_to_the_successor(void **state)
{
	static const unsigned numbers[] = {1, 1};

	(void)state;
	send_number(0, 1);
	assert_int_equal(turn(), 1);
	succeed();
	now += 60 * NS_PER_SEC;
	send_number(0, 1);
	assert_int_equal(turn(), 0);
	assert_int_equal(spotring_used(&ring[0]), 0);
	succeed();
	now += 59 * NS_PER_SEC;
	send_number(0, 1);
	assert_int_equal(turn(), 0);
	succeed();
	now += 1 * NS_PER_SEC;
	send_number(0, 1);
	assert_int_equal(turn(), 1);
	expect(2, numbers);
}

static void test_busy_store(void **state)
{
	static const unsigned numbers[] = {1, 2};
	struct store_txn txn;
	unsigned fresh;

	(void)state;
	send_number(0, 1);
	funnel_take(&funnel, lab.store, now);
	assert_int_equal(store_write(lab.store, &txn), STORE_OK);
	assert_int_equal(funnel_commit(&funnel, lab.store, &fresh), STORE_BUSY);
	store_abort(&txn);
	assert_int_equal(spotring_used(&ring[0]), 1);
	send_number(1, 2);
	funnel_take(&funnel, lab.store, now); /* nothing while something waits */
	assert_int_equal(funnel.keeps, 1);
	assert_int_equal(funnel_commit(&funnel, lab.store, &fresh), STORE_OK);
	assert_int_equal(fresh, 1);
	assert_int_equal(turn(), 1);
	expect(2, numbers);
}

static void test_more_than_a_batch(void **state)
{
	unsigned sent = 0, kept = 0;

	(void)state;
	now += NS_PER_SEC;
	while (sent < 900) {
		while (spotring_used(&ring[0]) < 64 && sent < 900)
			send_number(0, sent++);
		kept += turn();
	}
	assert_int_equal(kept, 900);
	for (unsigned i = 0; i < 900; i++)
		assert_int_equal(look()->number[i], i);
}

static void test_new_ring_for_an_old_one(void **state)
{
	static const unsigned numbers[] = {1, 2, 3, 4};
	struct spotring old = ring[0];
	int old_fd = ring_fd[0];
	struct spot spot = spot_make("LZ5VV", 1);

	(void)state;
	put(0, &spot);
	make_ring(0, 100);
	assert_true(funnel_add(&funnel, lab.store, 0, ring_fd[0]));
	assert_int_equal(turn(), 1);
	spot = spot_make("LZ5VV", 2); /* the feed knows no new one yet */
	assert_true(spotring_put(&old, 1, 2, &spot));
	assert_int_equal(turn(), 1);
	assert_int_equal(funnel.rings, FEEDS + 1);
	spot = spot_make("LZ5VV", 3);
	assert_true(spotring_put(&old, 1, 3, &spot));
	send_number(0, 4);
	assert_int_equal(turn() + turn(), 2);
	turn();
	assert_int_equal(funnel.rings, FEEDS);
	expect(4, numbers);
	spotring_unmap(&old);
	close(old_fd);
	succeed();
	assert_int_equal(turn(), 0);
}

/* A feed that never says anything, and an operator who changes its buffer all day. */
static void test_rings_of_a_silent_feed(void **state)
{
	static const unsigned numbers[] = {1};

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		spotring_unmap(&ring[0]);
		close(ring_fd[0]);
		make_ring(0, 20 + i % 2);
		assert_true(funnel_add(&funnel, lab.store, 0, ring_fd[0]));
		assert_int_equal(turn(), 0);
		assert_true(funnel.rings <= FEEDS + 1);
	}
	send_number(0, 1);
	assert_int_equal(turn() + turn(), 1);
	expect(1, numbers);
}

static void test_the_same_ring_twice(void **state)
{
	(void)state;
	assert_true(funnel_add(&funnel, lab.store, 0, ring_fd[0]));
	assert_int_equal(funnel.rings, FEEDS);
	assert_false(funnel_add(&funnel, lab.store, 0, -1));
	assert_false(funnel_add(&funnel, lab.store, 0, lab.page_fd));
}

static void test_hostile_entries(void **state)
{
	struct spot spot = spot_make("LZ5VV", 1);
	uint64_t bad = lab.page->counter[COUNT_SPOT_DROP_BAD];

	(void)state;
	spot.dx[3] = '\n';
	put(0, &spot);
	spot = spot_make("LZ5VV", 2);
	spot.source = SPOT_LOCAL; /* a feed has no users of ours */
	put(0, &spot);
	spot = spot_make("LZ5VV", 3);
	spot.comment_length = 255;
	put(0, &spot);
	spot = spot_make("LZ5VV", 4);
	spot.version = 9;
	put(0, &spot);
	assert_int_equal(turn(), 0);
	assert_int_equal(lab.page->counter[COUNT_SPOT_DROP_BAD] - bad, 4);
	assert_int_equal(spotring_used(&ring[0]), 0);
	/* one of the future is of now, and its window ends */
	spot = spot_make("LZ5VV", 5);
	spot.arrived = UINT64_MAX;
	spot.session = 34;
	put(0, &spot);
	assert_int_equal(turn(), 1);
	now += 120 * NS_PER_SEC;
	send_number(0, 5);
	assert_int_equal(turn(), 1);
}

/* Feeds go on writing while a batch is taken: their clock is a moment ahead of our look at it. */
static void test_a_moment_ahead_is_no_lie(void **state)
{
	struct spot spot = spot_make("LZ5VV", 1);

	(void)state;
	spot.arrived = now + 5 * NS_PER_MS;
	put(0, &spot);
	assert_int_equal(turn(), 1);
	now += 120 * NS_PER_SEC; /* 5 ms before the end of the window */
	send_number(0, 1);
	assert_int_equal(turn(), 0);
}

static void test_unsound_head(void **state)
{
	(void)state;
	send_number(0, 1);
	ring[0].block->head = 100000;
	send_number(1, 2);
	assert_int_equal(turn(), 1); /* others go on */
	succeed();
	assert_int_equal(turn(), 0);
	assert_int_equal(ring[0].block->tail, 100000);
	send_number(0, 3);
	assert_int_equal(turn(), 1);
}

static void test_inbox(void **state)
{
	struct spot spot = typed_make("P5RS7");
	struct store_txn txn;
	unsigned fresh;

	(void)state;
	type(10, &spot);
	funnel_take(&funnel, lab.store, now);
	assert_true(funnel_waits(&funnel));
	assert_true(funnel.human);
	succeed(); /* dies with it in hand */
	funnel_take(&funnel, lab.store, now);
	assert_int_equal(funnel_commit(&funnel, lab.store, &fresh), STORE_OK);
	assert_int_equal(fresh, 1);
	store_read(lab.store, &txn);
	assert_int_equal(inbox_count(&txn), 0);
	store_end(&txn);
	type(20, &spot); /* a duplicate is taken out as well */
	assert_int_equal(turn(), 0);
	store_read(lab.store, &txn);
	assert_int_equal(inbox_count(&txn), 0);
	store_end(&txn);
	assert_int_equal(look()->count, 1);
	assert_false(funnel.human);
}

/* What people typed is known for an hour, though the log does not reach so far. */
static void test_typed_spots_of_the_durable_log(void **state)
{
	struct human_origin origin = {.store = 12345, .number = 1}; /* of another boot */
	struct spot spot = typed_make("P5RS7"), other = typed_make("P5RS8");
	struct store_txn txn;

	(void)state;
	type(10, &spot);
	assert_int_equal(turn(), 1);
	assert_int_equal(store_write(durable.store, &txn), STORE_OK);
	assert_int_equal(human_append(&txn, &origin, &other), STORE_OK);
	origin = (struct human_origin){.store = store_id(lab.store), .number = 1};
	assert_int_equal(human_append(&txn, &origin, &spot), STORE_OK);
	origin = (struct human_origin){.store = store_id(lab.store), .number = 1500};
	other = typed_make("P5RS9");
	assert_int_equal(human_append(&txn, &origin, &other), STORE_OK);
	assert_int_equal(store_end(&txn), STORE_OK);
	for (unsigned i = 0; i < 1200; i++) {
		send_number(0, i);
		if (i % 60 == 59)
			turn();
	}
	turn();
	assert_true(look()->count <= 1000); /* the first one is gone */
	now += 3000 * NS_PER_SEC;
	succeed();
	spot.arrived = now;
	type(20, &spot);
	assert_int_equal(turn(), 0);
	spot = typed_make("P5RS8");
	type(30, &spot);
	assert_int_equal(turn(), 1);
}

/* Deaths at any moment: every number is in the log exactly once, in order. */
static void test_many_deaths(void **state)
{
	uint32_t seed = 3;
	unsigned sent = 0, deaths = 0, fresh;

	(void)state;
	while (sent < 800) {
		seed = seed * 1664525u + 1013904223u;
		for (unsigned i = 0; i < (seed >> 8) % 20 && sent < 800; i++) {
			send_number(sent % FEEDS, sent);
			sent++;
			now++;
		}
		if ((seed >> 16) % 3 != 0)
			funnel_take(&funnel, lab.store, now);
		if ((seed >> 20) % 3 != 0 && funnel_waits(&funnel))
			assert_int_equal(funnel_commit(&funnel, lab.store, &fresh), STORE_OK);
		if ((seed >> 24) % 2 == 0) {
			deaths++;
			succeed();
		}
	}
	turn();
	turn();
	assert_true(deaths > 20);
	assert_int_equal(look()->count, 800);
	for (unsigned i = 0; i < 800; i++)
		assert_int_equal(look()->number[i], i);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_order_of_arrival),
		TEST(test_death_before_the_commit),
		TEST(test_death_behind_the_commit),
		TEST(test_duplicates_are_known_to_the_successor),
		TEST(test_busy_store),
		TEST(test_more_than_a_batch),
		TEST(test_new_ring_for_an_old_one),
		TEST(test_rings_of_a_silent_feed),
		TEST(test_the_same_ring_twice),
		TEST(test_hostile_entries),
		TEST(test_a_moment_ahead_is_no_lie),
		TEST(test_unsound_head),
		TEST(test_inbox),
		TEST(test_typed_spots_of_the_durable_log),
		TEST(test_many_deaths),
	};

	return sodium_init() < 0 || cmocka_run_group_tests(tests, NULL, NULL);
}
