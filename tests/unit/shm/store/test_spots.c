/* SPDX-License-Identifier: ISC
 *
 * NAME      test_spots - tests of the log of spots, the tails, the inbox and the human log
 * PURPOSE   numbers and bounds, walks in both directions, repeats, hostile records
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lmdb.h>

#include "shm/store/human.h"
#include "shm/store/inbox.h"
#include "shm/store/sessions.h"
#include "shm/store/spots.h"
#include "tests/unit/shm/store/lab.h"

static void enter(struct lab *lab, enum store_kind kind)
{
	lab_enter(lab);
	lab->config.kind = kind;
	lab->config.max_spots = 1000;
	lab->config.max_human = 1000;
	lab->config.max_sessions = 10;
	lab->config.map_size = store_map_size(&lab->config);
	lab_open(lab);
}

static void begin(struct lab *lab, struct store_txn *txn)
{
	assert_int_equal(store_write(lab->store, txn), STORE_OK);
}

static void commit(struct store_txn *txn)
{
	assert_int_equal(store_end(txn), STORE_OK);
}

static struct spot spot_make(uint64_t hz, const char *dx, const char *de, const char *comment)
{
	struct spot spot = {
		.version = SPOT_VERSION,
		.source = SPOT_LOCAL,
		.flags = SPOT_HUMAN,
		.hz = hz,
		.raw_hz = hz,
		.time = 1763700000,
	};

	snprintf(spot.dx, sizeof(spot.dx), "%s", dx);
	snprintf(spot.de, sizeof(spot.de), "%s", de);
	spot_set_comment(&spot, comment, strlen(comment));
	return spot;
}

static uint64_t add(struct store_txn *txn, uint64_t hz)
{
	struct spot spot = spot_make(hz, "DL1ABC", "W3LPL", "599 tnx");
	uint64_t number;

	assert_int_equal(spots_append(txn, &spot, &number), STORE_OK);
	return number;
}

/* Writes what no module would. */
static void write_raw(struct lab *lab, const char *db, const void *key, size_t key_size,
		      const void *data, size_t size)
{
	MDB_val name = {key_size, (void *)key}, value = {size, (void *)data};
	MDB_txn *txn;
	MDB_env *env;
	MDB_dbi dbi;

	store_close(&lab->store);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, STORE_DBS), 0);
	assert_int_equal(mdb_env_open(env, lab->path, MDB_NOTLS, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, db, 0, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &name, &value, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	lab_open(lab);
}

struct seen {
	unsigned count, most;
	uint64_t first, last;
	bool back;
};

static bool see(uint64_t number, const struct spot *spot, void *arg)
{
	struct seen *seen = arg;

	assert_int_equal(spot->hz, 14000000 + number);
	if (seen->count++ == 0)
		seen->first = number;
	else
		assert_true(seen->back ? number < seen->last : number > seen->last);
	seen->last = number;
	return seen->count != seen->most;
}

static void test_spots(void **state)
{
	struct store_txn txn;
	struct spot spot;
	struct lab lab;

	(void)state;
	enter(&lab, STORE_SPOTS);
	begin(&lab, &txn);
	assert_int_equal(spots_newest(&txn), 0);
	assert_int_equal(spots_oldest(&txn), 0);
	for (uint64_t i = 1; i <= 10; i++)
		assert_int_equal(add(&txn, 14000000 + i), i);
	assert_int_equal(spots_newest(&txn), 10);
	commit(&txn);
	assert_int_equal(store_read(lab.store, &txn), STORE_OK);
	assert_int_equal(spots_count(&txn), 10);
	assert_int_equal(spots_newest(&txn), 10);
	assert_int_equal(spots_oldest(&txn), 1);
	assert_int_equal(spots_get(&txn, 7, &spot), STORE_OK);
	assert_int_equal(spot.hz, 14000007);
	assert_string_equal(spot.comment, "599 tnx");
	assert_int_equal(spots_get(&txn, 11, &spot), STORE_NOT_FOUND);
	commit(&txn);
	lab_leave(&lab);
}

/* What is aborted was never there, and its numbers are given again. */
static void test_spots_abort(void **state)
{
	struct store_txn txn;
	struct lab lab;

	(void)state;
	enter(&lab, STORE_SPOTS);
	begin(&lab, &txn);
	add(&txn, 14000001);
	store_abort(&txn);
	begin(&lab, &txn);
	assert_int_equal(add(&txn, 14000001), 1);
	commit(&txn);
	begin(&lab, &txn);
	assert_int_equal(add(&txn, 14000002), 2);
	commit(&txn);
	lab_leave(&lab);
}

static void test_spots_bound(void **state)
{
	struct store_txn txn;
	struct lab lab;
	uint64_t number = 0;

	(void)state;
	enter(&lab, STORE_SPOTS);
	for (unsigned round = 0; round < 25; round++) {
		begin(&lab, &txn);
		for (unsigned i = 0; i < 100; i++) {
			assert_int_equal(add(&txn, 14000001 + number), number + 1);
			number++;
			assert_true(spots_count(&txn) <= 1000);
			assert_int_equal(spots_newest(&txn) - spots_oldest(&txn) + 1,
					 spots_count(&txn));
		}
		commit(&txn);
	}
	assert_int_equal(store_read(lab.store, &txn), STORE_OK);
	assert_int_equal(spots_newest(&txn), 2500);
	assert_in_range(spots_count(&txn), 1000 - 31, 1000);
	assert_int_equal(spots_oldest(&txn), 2500 - spots_count(&txn) + 1);
	commit(&txn);
	/* a lower bound by keeper, and the numbers go on over a new opening */
	begin(&lab, &txn);
	spots_bound(&txn, 500);
	assert_int_equal(spots_bounded(&txn), 500);
	for (unsigned i = 0; i < 40; i++)
		add(&txn, 14000001 + number++);
	assert_in_range(spots_count(&txn), 500 - 31, 500);
	commit(&txn);
	store_close(&lab.store);
	lab_open(&lab);
	begin(&lab, &txn);
	assert_int_equal(add(&txn, 14000001 + number), number + 1);
	commit(&txn);
	lab_leave(&lab);
}

static void walk(struct lab *lab, uint64_t from, unsigned most, bool back, struct seen *seen_r)
{
	unsigned stop = seen_r->most;
	struct store_txn txn;
	unsigned seen;

	*seen_r = (struct seen){.back = back, .most = stop};
	assert_int_equal(store_read(lab->store, &txn), STORE_OK);
	seen = back ? spots_each_back(&txn, from, most, see, seen_r)
		    : spots_each(&txn, from, most, see, seen_r);
	assert_int_equal(seen, seen_r->count);
	commit(&txn);
}

static void test_spots_each(void **state)
{
	struct seen seen = {.most = 0};
	struct store_txn txn;
	struct lab lab;

	(void)state;
	enter(&lab, STORE_SPOTS);
	walk(&lab, 0, 100, false, &seen);
	assert_int_equal(seen.count, 0);
	walk(&lab, UINT64_MAX, 100, true, &seen);
	assert_int_equal(seen.count, 0);
	begin(&lab, &txn);
	for (uint64_t i = 1; i <= 1500; i++)
		add(&txn, 14000000 + i);
	uint64_t oldest = spots_oldest(&txn);
	commit(&txn);
	walk(&lab, 0, 10, false, &seen); /* lapped: from the oldest on */
	assert_int_equal(seen.first, oldest);
	assert_int_equal(seen.count, 10);
	walk(&lab, 1499, 10, false, &seen);
	assert_int_equal(seen.first, 1499);
	assert_int_equal(seen.last, 1500);
	walk(&lab, 1501, 10, false, &seen);
	assert_int_equal(seen.count, 0);
	walk(&lab, UINT64_MAX, 3, true, &seen);
	assert_int_equal(seen.first, 1500);
	assert_int_equal(seen.last, 1498);
	walk(&lab, 1497, 3, true, &seen);
	assert_int_equal(seen.first, 1497);
	walk(&lab, 9999, 3, true, &seen);
	assert_int_equal(seen.first, 1500);
	walk(&lab, oldest + 1, 100, true, &seen);
	assert_int_equal(seen.count, 2);
	walk(&lab, oldest - 1, 100, true, &seen);
	assert_int_equal(seen.count, 0);
	seen.most = 4; /* the visitor stops */
	walk(&lab, 0, 100, false, &seen);
	assert_int_equal(seen.count, 4);
	lab_leave(&lab);
}

static bool count_spot(uint64_t number, const struct spot *spot, void *arg)
{
	(void)number;
	(void)spot;
	(*(unsigned *)arg)++;
	return true;
}

static void test_spots_hostile(void **state)
{
	const uint8_t second[8] = {0, 0, 0, 0, 0, 0, 0, 2}, odd[3] = {0, 0, 0};
	struct spot spot = spot_make(7000000, "DL1ABC", "W3LPL", "");
	unsigned count = 0;
	struct store_txn txn;
	struct lab lab;
	uint64_t number;

	(void)state;
	enter(&lab, STORE_SPOTS);
	begin(&lab, &txn);
	for (uint64_t i = 1; i <= 3; i++)
		add(&txn, 14000000 + i);
	spot.version = SPOT_VERSION + 1;
	assert_int_equal(spots_append(&txn, &spot, &number), STORE_BAD_RECORD);
	assert_int_equal(number, 0);
	spot.version = SPOT_VERSION;
	spot.comment_length = SPOT_COMMENT_MAX + 1;
	assert_int_equal(spots_append(&txn, &spot, &number), STORE_BAD_RECORD);
	commit(&txn);
	write_raw(&lab, "spots", second, sizeof(second), "junk", 4);
	write_raw(&lab, "spots", odd, sizeof(odd), "junk", 4);
	assert_int_equal(store_read(lab.store, &txn), STORE_OK);
	assert_int_equal(spots_get(&txn, 2, &spot), STORE_BAD_RECORD);
	spots_each(&txn, 0, 100, count_spot, &count);
	assert_int_equal(count, 2);
	assert_int_equal(spots_oldest(&txn), 1);
	assert_int_equal(spots_newest(&txn), 3);
	commit(&txn);
	begin(&lab, &txn);
	assert_int_equal(add(&txn, 14000004), 4);
	commit(&txn);
	assert_true(lab_counter(&lab, COUNT_STORE_BAD_RECORD) >= 4);
	lab_leave(&lab);
}

static void test_tails(void **state)
{
	struct store_txn txn;
	struct lab lab;

	(void)state;
	enter(&lab, STORE_SPOTS);
	begin(&lab, &txn);
	assert_int_equal(tails_get(&txn, "feed.0", 77), 0);
	tails_put(&txn, "feed.0", 77, 1000);
	tails_put(&txn, "feed.1", 78, 5);
	tails_put(&txn, "feed.0", 77, 1001);
	commit(&txn);
	assert_int_equal(store_read(lab.store, &txn), STORE_OK);
	assert_int_equal(tails_get(&txn, "feed.0", 77), 1001);
	assert_int_equal(tails_get(&txn, "feed.0", 78), 0); /* another ring */
	assert_int_equal(tails_get(&txn, "feed.1", 78), 5);
	assert_int_equal(tails_get(&txn, "feed.2", 78), 0);
	commit(&txn);
	lab_leave(&lab);
}

struct typed {
	unsigned count;
	uint64_t session[INBOX_MAX], offset[INBOX_MAX];
};

static bool type(uint64_t session, uint64_t offset, const struct spot *spot, void *arg)
{
	struct typed *typed = arg;

	assert_int_equal(spot->session, session);
	typed->session[typed->count] = session;
	typed->offset[typed->count++] = offset;
	return true;
}

static void last_event(uint64_t number, const struct event_record *event, void *arg)
{
	(void)number;
	*(struct event_record *)arg = *event;
}

static void test_inbox(void **state)
{
	struct spot spot = spot_make(14025000, "DL1ABC", "W3LPL", "hello");
	struct event_record event = {.type = 0};
	struct typed typed = {.count = 0};
	struct store_txn txn;
	uint64_t cursor = 0;
	struct lab lab;

	(void)state;
	enter(&lab, STORE_SPOTS);
	begin(&lab, &txn);
	assert_int_equal(inbox_put(&txn, 5, 100, &spot), STORE_OK);
	assert_int_equal(inbox_put(&txn, 5, 100, &spot), STORE_EXISTS);
	assert_int_equal(inbox_put(&txn, 4, 7, &spot), STORE_OK);
	assert_int_equal(inbox_put(&txn, 5, 300, &spot), STORE_OK);
	spot.hz = 0;
	assert_int_equal(inbox_put(&txn, 5, 400, &spot), STORE_BAD_RECORD);
	commit(&txn);
	assert_int_equal(store_read(lab.store, &txn), STORE_OK);
	assert_int_equal(inbox_count(&txn), 3);
	assert_int_equal(inbox_each(&txn, 100, type, &typed), 3);
	assert_int_equal(typed.session[0], 4);
	assert_int_equal(typed.offset[2], 300);
	assert_int_equal(events_newest(&txn), 3); /* no event of what was there already */
	events_walk(&txn, &cursor, 1, last_event, &event);
	assert_int_equal(event.type, EVENT_DX_LOCAL);
	assert_string_equal(event.user, "W3LPL");
	assert_string_equal(event.dx, "DL1ABC");
	assert_int_equal(event.session, 5);
	assert_int_equal(event.hz, 14025000);
	commit(&txn);
	begin(&lab, &txn);
	assert_int_equal(inbox_del(&txn, 5, 100), STORE_OK);
	assert_int_equal(inbox_del(&txn, 5, 100), STORE_NOT_FOUND);
	assert_int_equal(inbox_count(&txn), 2);
	commit(&txn);
	lab_leave(&lab);
}

static void test_inbox_bound(void **state)
{
	struct spot spot = spot_make(14025000, "DL1ABC", "W3LPL", "");
	const uint8_t key[16] = {1};
	struct store_txn txn;
	struct lab lab;

	(void)state;
	enter(&lab, STORE_SPOTS);
	begin(&lab, &txn);
	for (uint64_t i = 0; i < INBOX_MAX - 1; i++)
		assert_int_equal(inbox_put(&txn, 1 + i % 7, i, &spot), STORE_OK);
	commit(&txn);
	write_raw(&lab, "inbox", key, sizeof(key), "?", 1);
	begin(&lab, &txn);
	assert_int_equal(inbox_put(&txn, 9, 1, &spot), STORE_LIMIT);
	assert_int_equal(inbox_clean(&txn), 1);
	assert_int_equal(inbox_put(&txn, 9, 1, &spot), STORE_OK);
	assert_int_equal(inbox_put(&txn, 9, 2, &spot), STORE_LIMIT);
	commit(&txn);
	lab_leave(&lab);
}

struct remembered {
	unsigned count;
	uint64_t last;
	uint64_t number;
};

static bool remember(uint64_t number, const struct human_origin *origin, const struct spot *spot,
		     void *arg)
{
	struct remembered *remembered = arg;

	assert_int_equal(spot->hz, 14000000 + origin->number);
	if (remembered->count++ == 0)
		remembered->last = number;
	else
		assert_true(number < remembered->number);
	remembered->number = number;
	return true;
}

static void test_human(void **state)
{
	struct human_origin origin = {.store = 1234}, noted;
	struct remembered remembered = {.count = 0};
	struct store_txn txn;
	struct spot spot;
	struct lab lab;

	(void)state;
	enter(&lab, STORE_STATE);
	begin(&lab, &txn);
	human_noted(&txn, &noted);
	assert_int_equal(noted.store, 0);
	for (origin.number = 1; origin.number <= 1200; origin.number++) {
		spot = spot_make(14000000 + origin.number, "DL1ABC", "W3LPL", "");
		assert_int_equal(human_append(&txn, &origin, &spot), STORE_OK);
	}
	/* once more after a death: it is in */
	origin.number = 1200;
	assert_int_equal(human_append(&txn, &origin, &spot), STORE_EXISTS);
	human_note(&txn, &origin);
	commit(&txn);
	store_close(&lab.store);
	lab_open(&lab);
	assert_int_equal(store_read(lab.store, &txn), STORE_OK);
	human_noted(&txn, &noted);
	assert_int_equal(noted.store, 1234);
	assert_int_equal(noted.number, 1200);
	assert_int_equal(human_newest(&txn), 1200);
	assert_in_range(human_count(&txn), 1000 - 31, 1000);
	human_each_back(&txn, UINT64_MAX, 10, remember, &remembered);
	assert_int_equal(remembered.count, 10);
	assert_int_equal(remembered.last, 1200);
	assert_int_equal(remembered.number, 1191);
	commit(&txn);
	lab_leave(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spots),	      cmocka_unit_test(test_spots_abort),
		cmocka_unit_test(test_spots_bound),   cmocka_unit_test(test_spots_each),
		cmocka_unit_test(test_spots_hostile), cmocka_unit_test(test_tails),
		cmocka_unit_test(test_inbox),	      cmocka_unit_test(test_inbox_bound),
		cmocka_unit_test(test_human),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
