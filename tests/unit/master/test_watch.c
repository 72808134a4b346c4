/* SPDX-License-Identifier: ISC
 *
 * NAME      test_watch - does a worker hang?
 * PURPOSE   Every way in which a worker can stand still, and those that only look like it.
 * OWNER     make check
 * CONTRACT  cmocka; exit status 0 when all pass
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "master/watch.h"

#define MS    1000000ULL
#define TICK  (100 * MS)
#define LIMIT (1000 * MS)

/* Ticks until something happens, at most MOST; CPU is what the task uses in each. */
static unsigned ticks_until(struct watch *watch, struct watch_sample sample, uint64_t cpu,
			    enum watch_verdict *verdict_r, unsigned most)
{
	for (unsigned i = 1; i <= most; i++) {
		sample.cpu += cpu;
		*verdict_r = watch_judge(watch, &sample, TICK, LIMIT);
		if (*verdict_r != WATCH_FINE)
			return i;
	}
	return 0;
}

static void progress_is_fine(void **state)
{
	struct watch watch = {0};

	(void)state;
	for (uint64_t turns = 1; turns < 1000; turns++) {
		struct watch_sample sample = {.turns = turns, .task = 'R'};
		assert_int_equal(watch_judge(&watch, &sample, TICK, LIMIT), WATCH_FINE);
	}
}

static void sleeping_without_turns_is_a_hang(void **state)
{
	struct watch watch = {.turns = 7};
	enum watch_verdict verdict;

	(void)state;
	assert_int_equal(ticks_until(&watch, (struct watch_sample){.turns = 7, .task = 'S'}, 0,
				     &verdict, 100),
			 10);
	assert_int_equal(verdict, WATCH_ABORT);
	/* and 500 ms later it is killed */
	assert_int_equal(ticks_until(&watch, (struct watch_sample){.turns = 7, .task = 'S'}, 0,
				     &verdict, 100),
			 5);
	assert_int_equal(verdict, WATCH_KILL);
}

static void a_loop_that_burns_is_a_hang(void **state)
{
	struct watch watch = {.turns = 7};
	enum watch_verdict verdict;

	(void)state;
	assert_int_equal(ticks_until(&watch, (struct watch_sample){.turns = 7, .task = 'R'}, TICK,
				     &verdict, 100),
			 10);
	assert_int_equal(verdict, WATCH_ABORT);
}

static void the_starved_are_waited_for(void **state)
{
	struct watch watch = {.turns = 7};
	enum watch_verdict verdict;

	(void)state;
	assert_int_equal(ticks_until(&watch, (struct watch_sample){.turns = 7, .task = 'R'},
				     TICK / 100, &verdict, 1000),
			 100);
	assert_int_equal(verdict, WATCH_ABORT);
}

static void a_loop_that_burns_on_a_busy_machine_is_a_hang(void **state)
{
	struct watch watch = {.turns = 7};
	enum watch_verdict verdict;

	(void)state;
	/* a quarter of a processor: what would be half of the limit takes two of them */
	assert_int_equal(ticks_until(&watch, (struct watch_sample){.turns = 7, .task = 'R'},
				     TICK / 4, &verdict, 1000),
			 21);
	assert_int_equal(verdict, WATCH_ABORT);
}

static void who_waits_for_a_disk_is_waited_for(void **state)
{
	struct watch watch = {.turns = 7};
	struct watch_sample sample = {.turns = 7, .task = 'D', .hold = true};
	enum watch_verdict verdict;

	(void)state;
	assert_int_equal(ticks_until(&watch, sample, 0, &verdict, 1000), 100);
	assert_int_equal(verdict, WATCH_KILL);
}

static void the_stopped_are_killed_at_once(void **state)
{
	enum watch_verdict verdict;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct watch watch = {.turns = 7};
		struct watch_sample sample = {.turns = 7, .task = i == 0 ? 'T' : 't'};
		assert_int_equal(ticks_until(&watch, sample, 0, &verdict, 100), 10);
		assert_int_equal(verdict, WATCH_KILL);
	}
}

static void a_store_holder_is_killed_at_once(void **state)
{
	struct watch watch = {.turns = 7};
	struct watch_sample sample = {.turns = 7, .task = 'S', .hold = true};
	enum watch_verdict verdict;

	(void)state;
	assert_int_equal(ticks_until(&watch, sample, 0, &verdict, 100), 10);
	assert_int_equal(verdict, WATCH_KILL);
}

static void a_turn_starts_the_count_anew(void **state)
{
	struct watch watch = {.turns = 7};
	struct watch_sample sample = {.turns = 7, .task = 'S'};
	enum watch_verdict verdict;

	(void)state;
	assert_int_equal(ticks_until(&watch, sample, 0, &verdict, 9), 0);
	sample.turns = 8;
	assert_int_equal(watch_judge(&watch, &sample, TICK, LIMIT), WATCH_FINE);
	assert_int_equal(ticks_until(&watch, sample, 0, &verdict, 100), 10);
}

static void the_dead_are_not_its_business(void **state)
{
	struct watch watch = {.turns = 7};
	enum watch_verdict verdict;

	(void)state;
	assert_int_equal(ticks_until(&watch, (struct watch_sample){.turns = 7, .task = 'Z'}, 0,
				     &verdict, 1000),
			 0);
}

static void proc_is_read_only_when_needed(void **state)
{
	struct watch watch = {.turns = 7};

	(void)state;
	assert_false(watch_wants_more(&watch, 8));
	assert_true(watch_wants_more(&watch, 7));
	watch.aborted = true;
	assert_true(watch_wants_more(&watch, 8));
}

static void a_gate_is_believed_at_the_second_look(void **state)
{
	struct watch_gate seen = {0};

	(void)state;
	assert_false(watch_gate(&seen, 42, 5 * LIMIT, 7 * LIMIT, LIMIT));
	assert_true(watch_gate(&seen, 42, 5 * LIMIT, 7 * LIMIT + TICK, LIMIT));
	assert_false(watch_gate(&seen, 0, 5 * LIMIT, 8 * LIMIT, LIMIT));
	/* taken again since: a busy gate, not a stuck one */
	assert_false(watch_gate(&seen, 42, 8 * LIMIT, 10 * LIMIT, LIMIT));
	assert_false(watch_gate(&seen, 42, 9 * LIMIT, 10 * LIMIT, LIMIT));
	/* not for long enough */
	assert_false(watch_gate(&seen, 42, 9 * LIMIT, 9 * LIMIT + TICK, LIMIT));
	/* a moment in the future is nonsense, not a reason */
	assert_false(watch_gate(&seen, 42, 99 * LIMIT, 9 * LIMIT, LIMIT));
	assert_false(watch_gate(&seen, 42, 99 * LIMIT, 9 * LIMIT, LIMIT));
}

/* How does a worker hang that shows this at the time of the verdict? */
static enum msg_hang kind_of(char task, bool hold, uint64_t cpu)
{
	struct watch_sample sample = {.turns = 7, .task = task, .hold = hold};
	struct watch watch = {.turns = 7};
	enum watch_verdict verdict;

	assert_true(ticks_until(&watch, sample, cpu, &verdict, 200) > 0);
	sample.cpu = 200 * cpu; /* not less than at the verdict */
	return watch_hang(&watch, &sample);
}

static void hangs_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(kind_of('T', false, 0), MSG_HANG_STOPPED);
	assert_int_equal(kind_of('t', false, 0), MSG_HANG_STOPPED);
	assert_int_equal(kind_of('R', false, TICK), MSG_HANG_SPINNING);
	assert_int_equal(kind_of('S', false, TICK), MSG_HANG_SPINNING); /* just let go */
	assert_int_equal(kind_of('R', false, TICK / 10), MSG_HANG_SPINNING); /* starved for ever */
	assert_int_equal(kind_of('S', false, 0), MSG_HANG_BLOCKED);
	assert_int_equal(kind_of('D', false, 0), MSG_HANG_BLOCKED);
	/* whatever else it does: the others wait for the gate */
	assert_int_equal(kind_of('T', true, 0), MSG_HANG_GATE);
	assert_int_equal(kind_of('R', true, TICK), MSG_HANG_GATE);
	assert_int_equal(kind_of('S', true, 0), MSG_HANG_GATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hangs_are_told_apart),
		cmocka_unit_test(progress_is_fine),
		cmocka_unit_test(sleeping_without_turns_is_a_hang),
		cmocka_unit_test(a_loop_that_burns_is_a_hang),
		cmocka_unit_test(the_starved_are_waited_for),
		cmocka_unit_test(a_loop_that_burns_on_a_busy_machine_is_a_hang),
		cmocka_unit_test(who_waits_for_a_disk_is_waited_for),
		cmocka_unit_test(the_stopped_are_killed_at_once),
		cmocka_unit_test(a_store_holder_is_killed_at_once),
		cmocka_unit_test(a_turn_starts_the_count_anew),
		cmocka_unit_test(the_dead_are_not_its_business),
		cmocka_unit_test(proc_is_read_only_when_needed),
		cmocka_unit_test(a_gate_is_believed_at_the_second_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
