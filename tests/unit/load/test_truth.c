/* SPDX-License-Identifier: ISC
 *
 * NAME      test_truth - unit test of tests/load/lib_truth, lib_hist and lib_net
 * PURPOSE   the books of one talker and receiver, the window of 64, percentiles, names
 * OWNER     make check
 * CONTRACT  cmocka
 * LIMITS    what many pairs do together is tested by tests/load/test_truth.py
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/load/lib_hist.h"
#include "tests/load/lib_net.h"
#include "tests/load/lib_truth.h"

static void test_pair_in_order(void **state)
{
	struct truth_pair p = {0};

	(void)state;
	for (uint32_t seq = 0; seq < 1000; seq++)
		assert_int_equal(truth_pair_book(&p, seq), TRUTH_NEW);
	assert_int_equal(p.got, 1000);
	assert_int_equal(p.doubled + p.reordered + p.stale, 0);
}

static void test_pair_faults(void **state)
{
	struct truth_pair p = {0};

	(void)state;
	assert_int_equal(truth_pair_book(&p, 5), TRUTH_NEW); /* 0..4 still to come */
	assert_int_equal(truth_pair_book(&p, 5), TRUTH_DOUBLE);
	assert_int_equal(truth_pair_book(&p, 0), TRUTH_REORDERED);
	assert_int_equal(truth_pair_book(&p, 0), TRUTH_DOUBLE);
	assert_int_equal(truth_pair_book(&p, 4), TRUTH_REORDERED);
	assert_int_equal(p.got, 3);
	assert_int_equal(p.doubled, 2);
	assert_int_equal(p.reordered, 2);
}

static void test_pair_window(void **state)
{
	struct truth_pair p = {0};

	(void)state;
	truth_pair_book(&p, 0);
	truth_pair_book(&p, 63);
	assert_int_equal(truth_pair_book(&p, 0), TRUTH_DOUBLE); /* the window's last place */
	truth_pair_book(&p, 64);
	assert_int_equal(truth_pair_book(&p, 0), TRUTH_STALE);
	assert_int_equal(truth_pair_book(&p, 1), TRUTH_REORDERED);
	assert_int_equal(truth_pair_book(&p, 5000), TRUTH_NEW); /* a jump clears the window */
	assert_int_equal(truth_pair_book(&p, 4999), TRUTH_REORDERED);
	assert_int_equal(p.stale, 1);
}

/* A frame of a call of four, after so many nanoseconds. */
static void hear(struct truth_talker *t, uint32_t member, uint32_t seq, uint64_t latency)
{
	uint64_t sent = t->flight[seq % TRUTH_RING].sent_ns;
	struct truth_arrival a = {member, seq, seq == 0, seq == 3, false, sent, sent + latency};

	truth_heard(t, &a, 2000);
}

static void test_talker_books(void **state)
{
	struct truth_talker *t = truth_talker_create(2, 3);
	struct truth_sum sum = {0};

	(void)state;
	truth_call(t);
	for (int i = 0; i < 4; i++)
		truth_sent(t, NET_SECOND);
	/* Member 0 talks; member 1 gets all, member 2 misses the header and gets frame 2 late. */
	for (uint32_t seq = 0; seq < 4; seq++)
		hear(t, 1, seq, 1000);
	hear(t, 2, 1, 1000);
	hear(t, 2, 2, 3000);
	hear(t, 2, 3, 1000);
	assert_int_equal(truth_outstanding(t), 4);
	truth_give_up(t);
	assert_int_equal(truth_outstanding(t), 0);
	truth_close(t, &sum, 0);
	assert_int_equal(sum.expected, 8);
	assert_int_equal(sum.delivered, 7);
	assert_int_equal(sum.lost, 1);
	assert_int_equal(sum.headers_missing, 1);
	assert_int_equal(sum.ends_missing, 0);
	assert_int_equal(sum.complete, 3);
	assert_int_equal(sum.partial, 1);
	assert_int_equal(sum.late, 1);
	truth_talker_destroy(&t);
	assert_null(t);
}

/* Frames leave every 100 ns, though once the talker itself pauses for 1,000. */
static void test_gaps(void **state)
{
	static const uint64_t sent[] = {1000, 1100, 1200, 2200, 2300, 2400, 2500, 9000, 9100};
	struct truth_talker *t = truth_talker_create(2, 3);

	(void)state;
	truth_call(t);
	for (size_t i = 0; i < 7; i++)
		truth_sent(t, sent[i]);
	hear(t, 1, 0, 10);
	hear(t, 1, 1, 10);
	assert_int_equal(t->gap_ns, 0);
	hear(t, 1, 2, 40); /* 30 late against the one before it */
	assert_int_equal(t->gap_ns, 30);
	hear(t, 1, 3, 40); /* the pause was the talker's own */
	hear(t, 1, 2, 50); /* a double is no arrival */
	assert_int_equal(t->gap_ns, 30);
	hear(t, 1, 6, 10); /* two frames were lost: 270 of silence where 100 are due */
	assert_int_equal(t->gap_ns, 170);
	assert_int_equal(t->gap_at_ns, 2510);
	assert_int_equal(t->gap_member, 1);
	truth_call(t);
	truth_sent(t, sent[7]);
	truth_sent(t, sent[8]);
	hear(t, 1, 8, 10); /* without the header: its silence is the pause between calls */
	hear(t, 2, 7, 10);
	hear(t, 2, 8, 10);
	assert_int_equal(t->gap_ns, 170);
	truth_talker_destroy(&t);
}

static void test_ring_wraps(void **state)
{
	struct truth_talker *t = truth_talker_create(1, 2);
	struct truth_sum sum = {0};

	(void)state;
	for (uint32_t i = 0; i < 3 * TRUTH_RING; i++) {
		uint32_t seq = truth_sent(t, NET_SECOND);

		if (i % 2 == 0)
			hear(t, 1, seq, 1);
	}
	truth_close(t, &sum, 0);
	assert_int_equal(sum.complete, 3 * TRUTH_RING / 2);
	assert_int_equal(sum.unheard, 3 * TRUTH_RING / 2);
	assert_int_equal(sum.lost, 3 * TRUTH_RING / 2);
	truth_talker_destroy(&t);
}

static void test_quantiles(void **state)
{
	static struct hist h, all;

	(void)state;
	assert_int_equal(hist_quantile(&h, 0.5), 0);
	for (uint64_t v = 1; v <= 100000; v++)
		hist_add(&h, v * 1000);
	hist_merge(&all, &h);
	hist_merge(&all, &h);
	assert_int_equal(all.n, 200000);
	assert_in_range(hist_quantile(&all, 0.5), 49200000, 50800000);
	assert_in_range(hist_quantile(&all, 0.99), 97400000, 100000000);
	assert_int_equal(all.min, 1000);
	assert_int_equal(hist_quantile(&all, 1.0), 100000000);
	hist_subtract(&all, &h);
	assert_int_equal(all.n, 100000);
	assert_in_range(hist_quantile(&all, 0.5), 49200000, 50800000);
	hist_add(&h, UINT64_MAX);
	assert_true(h.max == UINT64_MAX);
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		int dgid;
	} v[] = {
		{"G00001-22 ", 22}, {"G00001-9  ", 9},	{"G00001-09 ", 9}, {"G00001    ", 0},
		{"A-1-2     ", 0},  {"ABCDEFG-99", 99}, {"ABCDEF-100", 0}, {"X-0       ", 0},
		{"X-        ", 0},  {"X- 9      ", 0},	{"X-+9      ", 0}, {"-22       ", 22},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		assert_int_equal(net_name_dgid((const uint8_t *)v[i].name), v[i].dgid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pair_in_order), cmocka_unit_test(test_pair_faults),
		cmocka_unit_test(test_pair_window),   cmocka_unit_test(test_talker_books),
		cmocka_unit_test(test_gaps),	      cmocka_unit_test(test_ring_wraps),
		cmocka_unit_test(test_quantiles),     cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
