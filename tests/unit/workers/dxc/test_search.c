/* SPDX-License-Identifier: ISC
 *
 * NAME      test_search - tests of the search behind SHOW/DX
 * PURPOSE   both logs in one answer, slices of any length, and a log that moves on meanwhile
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shm/store/human.h"
#include "shm/store/spots.h"
#include "tests/unit/shm/store/lab.h"
#include "workers/dxc/filter_inside.h"
#include "workers/dxc/search.h"
#include "workers/render.h"

#define KEPT	  3000 /* spots that the log holds */
#define ADDED	  5000
#define HUMAN	  7  /* each seventh was typed by a person */
#define OLD	  40 /* typed before the log of spots was made */
#define ROWS_ROOM (QUERY_ROWS_MAX * 100)

static struct lab spots, durable;

static void enter(struct lab *lab, enum store_kind kind)
{
	lab_enter(lab);
	lab->config.kind = kind;
	lab->config.max_spots = KEPT;
	lab->config.max_human = 10000;
	lab->config.max_sessions = 10;
	lab->config.map_size = store_map_size(&lab->config);
	lab_open(lab);
}

/* Spot NUMBER of the log; its frequency says which it is. */
static struct spot make(uint64_t number)
{
	struct spot spot = {
		.version = SPOT_VERSION,
		.source = number % HUMAN == 0 ? SPOT_UPSTREAM : SPOT_RBN,
		.flags = number % HUMAN == 0 ? SPOT_HUMAN : 0,
		.mode = MODE_CW,
		.hz = 14000000 + number * 100,
		.time = (int64_t)(clock_real() / NS_PER_SEC),
	};

	spot.raw_hz = spot.hz;
	spot.band = (uint8_t)band_of(spot.hz);
	strcpy(spot.dx, number % 2 == 0 ? "LZ5VV" : "K1ABC");
	strcpy(spot.de, number % HUMAN == 0 ? "W3LPL" : "W3LPL-#");
	return spot;
}

/* Appends COUNT spots; what people typed goes to the durable log too. */
static void add(unsigned count)
{
	struct human_origin origin = {.store = store_id(spots.store)};
	struct store_txn txn, human;

	assert_int_equal(store_write(spots.store, &txn), STORE_OK);
	assert_int_equal(store_write(durable.store, &human), STORE_OK);
	for (unsigned i = 0; i < count; i++) {
		struct spot spot = make(spots_newest(&txn) + 1);

		assert_int_equal(spots_append(&txn, &spot, &origin.number), STORE_OK);
		if ((spot.flags & SPOT_HUMAN) != 0)
			assert_int_equal(human_append(&human, &origin, &spot), STORE_OK);
	}
	assert_int_equal(store_end(&human), STORE_OK);
	assert_int_equal(store_end(&txn), STORE_OK);
}

/* What people typed into an earlier log of spots: 7 MHz. */
static void add_old(void)
{
	struct human_origin origin = {.store = 4711};
	struct store_txn human;

	assert_int_equal(store_write(durable.store, &human), STORE_OK);
	for (origin.number = 1; origin.number <= OLD; origin.number++) {
		struct spot spot = make(origin.number * HUMAN);

		spot.hz = 7000000 + origin.number * 100;
		spot.band = BAND_40M;
		assert_int_equal(human_append(&human, &origin, &spot), STORE_OK);
	}
	assert_int_equal(store_end(&human), STORE_OK);
}

static int enter_both(void **state)
{
	(void)state;
	enter(&spots, STORE_SPOTS);
	enter(&durable, STORE_STATE);
	add_old();
	for (unsigned i = 0; i < ADDED; i += 500)
		add(500);
	return 0;
}

static int leave_both(void **state)
{
	(void)state;
	lab_leave(&spots);
	lab_leave(&durable);
	return 0;
}

/* ---- answers ---- */

struct answer {
	char rows[ROWS_ROOM];
	size_t length;
	unsigned slices;
	struct shdx_place place;
	enum search_result result;
};

static void aim(const char *arguments, struct query *query, struct search *search_r)
{
	char why[QUERY_WHY];

	if (!query_parse(arguments, NULL, query, why))
		fail_msg("%s", why);
	*search_r = (struct search){.spots = spots.store,
				    .state = durable.store,
				    .query = query,
				    .format = FORMAT_SPIDER,
				    .width = 80};
}

/* Asks, in slices: the shortest, or one that ends by itself; each is done TWICE if so, as if a worker had
 * died after it. MEANWHILE is done once, after the first one. */
static void ask(struct search *search, bool shortest, bool twice, void (*meanwhile)(void),
		struct answer *answer_r)
{
	char rows[ROWS_ROOM];
	struct search_slice slice = {.rows = rows};

	memset(answer_r, 0, sizeof(*answer_r));
	answer_r->result = search_begin(search, &answer_r->place);
	while (answer_r->result == SEARCH_MORE) {
		struct shdx_place before = answer_r->place;

		slice.until = shortest ? 0 : clock_mono() + 60 * NS_PER_SEC;
		slice.room = shortest ? RENDER_MAX : sizeof(rows);
		if (twice)
			search_slice(search, &before, &slice);
		answer_r->result = search_slice(search, &answer_r->place, &slice);
		assert_true(!shortest || slice.looked <= 64);
		assert_true(answer_r->length + slice.length <= sizeof(answer_r->rows));
		memcpy(answer_r->rows + answer_r->length, rows, slice.length);
		answer_r->length += slice.length;
		if (answer_r->slices++ == 0 && meanwhile != NULL)
			meanwhile();
	}
}

/* The frequencies of the rows, in units of 100 Hz; returns how many. */
static unsigned frequencies(const struct answer *answer, uint64_t *hundreds_r, unsigned most)
{
	unsigned rows = 0;

	for (const char *at = answer->rows; at < answer->rows + answer->length && rows < most;
	     at = strchr(at, '\n') + 1)
		hundreds_r[rows++] = (uint64_t)(strtod(at, NULL) * 10 + 0.5);
	return rows;
}

static void test_newest_first(void **state)
{
	uint64_t got[QUERY_ROWS_MAX];
	struct search search;
	struct answer answer;
	struct query query;

	(void)state;
	aim("", &query, &search);
	ask(&search, false, false, NULL, &answer);
	assert_int_equal(answer.result, SEARCH_DONE);
	assert_int_equal(frequencies(&answer, got, 250), 10);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(got[i], 140000 + ADDED - i);
	aim("11-13", &query, &search);
	ask(&search, false, false, NULL, &answer);
	assert_int_equal(frequencies(&answer, got, 250), 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(got[i], 140000 + ADDED - 10 - i);
}

/* Rows of what people typed, back through both logs: none twice, none left out. */
static void check_human(const struct answer *answer, uint64_t newest, unsigned first, unsigned rows)
{
	uint64_t got[QUERY_ROWS_MAX], number = newest - newest % HUMAN;
	unsigned count = frequencies(answer, got, QUERY_ROWS_MAX), i = 0;

	assert_int_equal(count, rows);
	for (number -= (first - 1) * (uint64_t)HUMAN; i < count && number > 0 && number <= newest;
	     number -= HUMAN)
		assert_int_equal(got[i++], 140000 + number);
	for (uint64_t old = OLD; i < count; old--)
		assert_int_equal(got[i++], 70000 + old);
}

static void test_slices_of_any_length_give_the_same(void **state)
{
	static const char *const arguments[] = {
		"",	     "250",	     "by w3lpl exact",
		"lz 100",    "by w3lpl 250", "601-754 call lz,k1 not by *-#",
		"on 40m 50", "zz9",	     "11-20 on 20m/cw lz",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
		struct answer whole, sliced, twice;
		struct search search;
		struct query query;
		char why[QUERY_WHY];

		if (!query_parse(arguments[i], NULL, &query, why))
			continue;
		aim(arguments[i], &query, &search);
		ask(&search, false, false, NULL, &whole);
		ask(&search, true, false, NULL, &sliced);
		ask(&search, true, true, NULL, &twice);
		assert_int_equal(whole.result, SEARCH_DONE);
		assert_int_equal(sliced.result, SEARCH_DONE);
		assert_int_equal(whole.length, sliced.length);
		assert_int_equal(whole.length, twice.length);
		assert_memory_equal(whole.rows, sliced.rows, whole.length);
		assert_memory_equal(whole.rows, twice.rows, whole.length);
		assert_int_equal(whole.place.found, strcmp(arguments[i], "zz9") != 0);
	}
}

static void test_both_logs_are_one(void **state)
{
	struct search search;
	struct answer answer;
	struct query query;

	(void)state;
	aim("511-760 not by *-#", &query, &search);
	ask(&search, false, false, NULL, &answer);
	check_human(&answer, ADDED, 511, ADDED / HUMAN - 510 + OLD);
	aim("401-650 not by *-#", &query, &search);
	ask(&search, true, true, NULL, &answer);
	check_human(&answer, ADDED, 401, 250);
}

static void add_some(void)
{
	add(500);
	add(500);
	add(500);
}

/* The log of spots moves on and loses its oldest: what people typed is then found in the other. */
static void test_a_log_that_moves_on(void **state)
{
	struct search search;
	struct answer answer;
	struct query query;
	struct store_txn txn;
	uint64_t newest;

	(void)state;
	store_read(spots.store, &txn);
	newest = spots_newest(&txn);
	store_end(&txn);
	aim("301-550 not by *-#", &query, &search);
	ask(&search, true, false, add_some, &answer);
	check_human(&answer, newest, 301, 250);
}

static void test_own_filter(void **state)
{
	struct filter_program program;
	struct filter filter;
	struct search search;
	struct answer answer;
	struct query query;
	uint64_t got[QUERY_ROWS_MAX];
	char reply[FILTER_REPLY];
	unsigned rows;

	(void)state;
	filter_clear(&filter);
	filter_pass_words(&filter, "SOURCE HUMAN", reply);
	filter_pass_words(&filter, "DXCALL K1*", reply);
	filter_compile(&filter, &program);
	aim("filter 20", &query, &search);
	search.own = &program;
	ask(&search, true, false, NULL, &answer);
	rows = frequencies(&answer, got, 250);
	assert_int_equal(rows, 20);
	for (unsigned i = 0; i < rows; i++)
		assert_true((got[i] - 140000) % HUMAN == 0 && (got[i] - 140000) % 2 == 1);
}

static void test_formats(void **state)
{
	struct search search;
	struct answer answer;
	struct query query;

	(void)state;
	aim("1 real", &query, &search);
	ask(&search, false, false, NULL, &answer);
	assert_memory_equal(answer.rows, "DX de W3LPL", 11);
	assert_int_equal(answer.length, 75 + 2);
	aim("1", &query, &search);
	ask(&search, false, false, NULL, &answer);
	assert_int_equal(answer.length, 77 + 2);
	search.format = FORMAT_WIDE78;
	ask(&search, false, false, NULL, &answer);
	assert_int_equal(answer.length, 78 + 2);
}

/* Of a log that is not there any more nothing can be said. */
static void test_another_log(void **state)
{
	char rows[RENDER_MAX];
	struct search_slice slice = {.rows = rows, .room = sizeof(rows)};
	struct shdx_place place;
	struct search search;
	struct query query;

	(void)state;
	aim("", &query, &search);
	assert_int_equal(search_begin(&search, &place), SEARCH_MORE);
	place.store++;
	assert_int_equal(search_slice(&search, &place, &slice), SEARCH_LOST);
	assert_int_equal(slice.length, 0);
}

static void test_without_a_durable_log(void **state)
{
	struct search search;
	struct answer answer;
	struct query query;

	(void)state;
	aim("on 40m", &query, &search);
	search.state = NULL;
	ask(&search, false, false, NULL, &answer);
	assert_int_equal(answer.result, SEARCH_DONE);
	assert_int_equal(answer.length, 0);
	assert_int_equal(answer.place.found, 0);
}

static void test_nothing_yet(void **state)
{
	struct lab none;
	struct search search;
	struct answer answer;
	struct query query;

	(void)state;
	enter(&none, STORE_SPOTS);
	aim("", &query, &search);
	search.spots = none.store;
	search.state = NULL;
	ask(&search, false, false, NULL, &answer);
	assert_int_equal(answer.result, SEARCH_DONE);
	assert_int_equal(answer.length, 0);
	/* but what people typed into an earlier one is there */
	search.state = durable.store;
	ask(&search, true, false, NULL, &answer);
	assert_int_equal(answer.result, SEARCH_DONE);
	assert_int_equal(answer.length, 10 * (77 + 2));
	lab_leave(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_newest_first),
		cmocka_unit_test(test_slices_of_any_length_give_the_same),
		cmocka_unit_test(test_both_logs_are_one),
		cmocka_unit_test(test_own_filter),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_another_log),
		cmocka_unit_test(test_without_a_durable_log),
		cmocka_unit_test(test_nothing_yet),
		/* the last one: it adds */
		cmocka_unit_test(test_a_log_that_moves_on),
	};

	return cmocka_run_group_tests(tests, enter_both, leave_both);
}
