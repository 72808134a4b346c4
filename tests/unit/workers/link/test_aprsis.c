/* SPDX-License-Identifier: ISC
 *
 * NAME      test_aprsis - tests of a session with an APRS-IS server
 * PURPOSE   login, silence, failures and pauses, on a clock of the test's own
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

#include "workers/link/aprsis.h"

#define SEC   NS_PER_SEC
#define START (1000 * SEC)

/* Feeds TEXT; returns the first thing to do. */
static enum aprsis_act hear(struct aprsis *self, uint64_t now, const char *text)
{
	size_t used;

	return aprsis_input(self, now, text, strlen(text), &used);
}

static struct aprsis online(uint64_t now)
{
	struct aprsis self = {0};

	aprsis_connecting(&self, now);
	aprsis_connected(&self, now);
	assert_int_equal(hear(&self, now, "# aprsc 2.1\r\n"), APRSIS_SEND_LOGIN);
	assert_int_equal(hear(&self, now, "# logresp YSF1 verified, server T\r\n"), APRSIS_WELCOME);
	return self;
}

static void test_login(void **state)
{
	struct aprsis self = {0};

	(void)state;
	assert_true(aprsis_may_connect(&self, START));
	aprsis_connecting(&self, START);
	assert_false(aprsis_may_connect(&self, START));
	aprsis_connected(&self, START);
	assert_int_equal(hear(&self, START, "# apr"), APRSIS_NOTHING);
	assert_int_equal(hear(&self, START, "sc 2.1\r"), APRSIS_NOTHING);
	assert_int_equal(hear(&self, START, "\n"), APRSIS_SEND_LOGIN);
	assert_false(aprsis_may_report(&self, START));
	assert_int_equal(hear(&self, START, "# filter none\n"), APRSIS_NOTHING);
	assert_int_equal(hear(&self, START, "# logresp YSF1 verified, server T\n"), APRSIS_WELCOME);
	assert_true(aprsis_may_report(&self, START));
}

/* Nothing of a chunk is lost when there is something to do in its middle. */
static void test_chunk_with_all(void **state)
{
	const char *text = "# aprsc\r\n# logresp YSF1 verified, server T\r\n# more\r\n";
	struct aprsis self = {0};
	size_t used, length = strlen(text);

	(void)state;
	aprsis_connected(&self, START);
	assert_int_equal(aprsis_input(&self, START, text, length, &used), APRSIS_SEND_LOGIN);
	assert_int_equal(used, 9);
	text += used;
	length -= used;
	assert_int_equal(aprsis_input(&self, START, text, length, &used), APRSIS_WELCOME);
	text += used;
	length -= used;
	assert_int_equal(aprsis_input(&self, START, text, length, &used), APRSIS_NOTHING);
	assert_int_equal(used, length);
}

static void test_refusals(void **state)
{
	struct aprsis self = {0};

	(void)state;
	aprsis_connected(&self, START);
	assert_int_equal(hear(&self, START, "# Port full\r\n"), APRSIS_FULL);
	self = (struct aprsis){0};
	aprsis_connected(&self, START);
	hear(&self, START, "# aprsc\r\n");
	assert_int_equal(hear(&self, START, "# logresp YSF1 unverified, server T\r\n"),
			 APRSIS_REFUSED);
	assert_true(aprsis_failed(&self, START, true, 0));
	assert_false(aprsis_may_connect(&self, START + APRSIS_PAUSE - 1));
	assert_true(aprsis_may_connect(&self, START + APRSIS_PAUSE));
}

static void test_long_line(void **state)
{
	struct aprsis self = {0};
	char text[2 * APRS_LINE_MAX];

	(void)state;
	memset(text, '#', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	aprsis_connected(&self, START);
	assert_int_equal(hear(&self, START, text), APRSIS_NOTHING);
	assert_int_equal(hear(&self, START, "\n"), APRSIS_NOTHING);
	assert_int_equal(hear(&self, START, "# aprsc\n"), APRSIS_SEND_LOGIN);
}

static void test_overdue(void **state)
{
	struct aprsis self = {0};
	const char *why = "";

	(void)state;
	assert_false(aprsis_overdue(&self, START, &why));
	aprsis_connecting(&self, START);
	assert_false(aprsis_overdue(&self, START + APRSIS_PATIENCE, &why));
	assert_true(aprsis_overdue(&self, START + APRSIS_PATIENCE + 1, &why));
	assert_string_equal(why, "no connection");
	aprsis_connected(&self, START);
	assert_true(aprsis_overdue(&self, START + APRSIS_PATIENCE + 1, &why));
	assert_string_equal(why, "no banner");
	hear(&self, START, "# x\n");
	assert_true(aprsis_overdue(&self, START + APRSIS_PATIENCE + 1, &why));
	assert_string_equal(why, "no answer to the login");
	self = online(START);
	assert_false(aprsis_overdue(&self, START + APRSIS_SILENCE, &why));
	assert_true(aprsis_overdue(&self, START + APRSIS_SILENCE + 1, &why));
	assert_string_equal(why, "silence");
	hear(&self, START + APRSIS_SILENCE, "# alive\n");
	assert_false(aprsis_overdue(&self, START + APRSIS_SILENCE + 1, &why));
}

static void test_back_off(void **state)
{
	static const unsigned seconds[] = {2, 4, 8, 16, 32, 64, 128};
	struct aprsis self = {0};
	uint64_t now = START;

	(void)state;
	for (unsigned i = 0; i < 7; i++) {
		assert_false(aprsis_failed(&self, now, false, 0));
		assert_int_equal(self.retry - now, seconds[i] * SEC);
		assert_false(aprsis_may_connect(&self, self.retry - 1));
		assert_true(aprsis_may_connect(&self, self.retry));
	}
	assert_true(aprsis_failed(&self, now, false, 0));
	assert_int_equal(self.retry - now, APRSIS_PAUSE);
	assert_false(aprsis_failed(&self, now, false, 0)); /* said once */
}

/* Never earlier than three quarters of the wait. */
static void test_jitter(void **state)
{
	struct aprsis self = {0};

	(void)state;
	aprsis_failed(&self, START, false, UINT32_MAX);
	assert_true(self.retry - START < 2 * SEC);
	assert_true(self.retry - START >= 3 * SEC / 2);
}

static void test_stable_session_forgives(void **state)
{
	struct aprsis self = online(START);

	(void)state;
	self.failures = 6;
	aprsis_failed(&self, START + APRSIS_STABLE - 1, false, 0);
	assert_int_equal(self.failures, 7);
	self = online(START);
	self.failures = 6;
	aprsis_failed(&self, START + APRSIS_STABLE, false, 0);
	assert_int_equal(self.failures, 1);
}

static void test_pace(void **state)
{
	struct aprsis self = online(START);

	(void)state;
	assert_true(aprsis_may_report(&self, START));
	self.reported = self.spoke = START;
	assert_false(aprsis_may_report(&self, START + APRSIS_PACE - 1));
	assert_true(aprsis_may_report(&self, START + APRSIS_PACE));
	assert_false(aprsis_keepalive_due(&self, START + APRSIS_KEEPALIVE - 1));
	assert_true(aprsis_keepalive_due(&self, START + APRSIS_KEEPALIVE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_login),	 cmocka_unit_test(test_chunk_with_all),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_overdue),	 cmocka_unit_test(test_back_off),
		cmocka_unit_test(test_jitter),	 cmocka_unit_test(test_stable_session_forgives),
		cmocka_unit_test(test_pace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
