/* SPDX-License-Identifier: ISC
 *
 * NAME      test_trouble - what is said of datagrams that could not be sent
 * PURPOSE   One line when a cause begins, one a minute while it goes on, one when it is over, whatever
 *           the rate; each error has its cause and its counter.
 * OWNER     make check
 * CONTRACT  cmocka
 * LIMITS    the words are for the flow tests
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/log.h"
#include "workers/ysf/ysf.h"

static int line[2]; /* what is said comes out of the first */
static struct ysf *ysf;

static int set_up(void **state)
{
	(void)state;
	ysf = calloc(1, sizeof(*ysf));
	assert_non_null(ysf);
	ysf->page = calloc(1, sizeof(*ysf->page));
	assert_non_null(ysf->page);
	ysf->now = 100 * NS_PER_SEC;
	ysf->route_probe[0] = ysf->route_probe[1] = -1;
	assert_true(gateways_init(&ysf->gateways));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, line), 0);
	log_init(line[1], "test", 1, LOG_LEVEL_INFO, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	log_init(-1, "test", 1, LOG_LEVEL_INFO, NULL);
	close(line[0]);
	close(line[1]);
	gateways_free(&ysf->gateways);
	free(ysf->page);
	free(ysf);
	return 0;
}

/* How many lines were said; the last of them in TEXT_R. */
static unsigned lines(char text_r[LOG_TEXT_MAX])
{
	struct log_record record;
	unsigned count = 0;

	while (recv(line[0], &record, sizeof(record), MSG_DONTWAIT) > 0) {
		memcpy(text_r, record.text, LOG_TEXT_MAX);
		count++;
	}
	return count;
}

static void fails(enum trouble what, int error)
{
	struct addr to;

	assert_int_equal(addr_parse("192.0.2.7", 42000, &to), 0);
	trouble_note(ysf, what, error, &to, 0);
}

static uint64_t counted(enum page_counter which)
{
	return ysf->page->counter[which];
}

static void test_begin_go_on_end(void **state)
{
	char text[LOG_TEXT_MAX];

	(void)state;
	for (unsigned second = 0; second < 130; second++) {
		for (unsigned i = 0; i < 100; i++)
			fails(TROUBLE_ROUTE, ENETUNREACH);
		trouble_tick(ysf);
		ysf->now += NS_PER_SEC;
	}
	/* at once, after 60 s and after 120 s */
	assert_int_equal(lines(text), 3);
	assert_non_null(strstr(text, "still can't send: 6000 datagrams in 60 s, the last to "
				     "192.0.2.7:42000"));
	assert_int_equal(ysf->page->gauge[GAUGE_YSF_TROUBLES], 1);
	for (unsigned second = 0; second < 12; second++) {
		trouble_tick(ysf);
		ysf->now += NS_PER_SEC;
	}
	assert_int_equal(lines(text), 1);
	assert_non_null(strstr(text, "can send again: no route: for 129 s, 13000 datagrams"));
	assert_int_equal(ysf->page->gauge[GAUGE_YSF_TROUBLES], 0);
	assert_int_equal(counted(COUNT_YSF_SEND_UNREACH), 13000);
}

static void test_flapping_is_one_trouble(void **state)
{
	char text[LOG_TEXT_MAX];

	(void)state;
	for (unsigned second = 0; second < 50; second++) {
		if (second % 9 == 0)
			fails(TROUBLE_BUFFERS, ENOBUFS);
		trouble_tick(ysf);
		ysf->now += NS_PER_SEC;
	}
	assert_int_equal(lines(text), 1);
	assert_int_equal(counted(COUNT_YSF_SEND_NOBUFS), 6);
}

static void test_causes_don_t_hide_each_other(void **state)
{
	static const struct {
		int error;
		enum trouble what;
	} errors[] = {
		{ENETUNREACH, TROUBLE_ROUTE},
		{EHOSTUNREACH, TROUBLE_ROUTE},
		{ENETDOWN, TROUBLE_ROUTE},
		{EPERM, TROUBLE_FILTER},
		{EACCES, TROUBLE_FILTER},
		{ENOBUFS, TROUBLE_BUFFERS},
		{ENOMEM, TROUBLE_BUFFERS},
		{EINVAL, TROUBLE_SOURCE},
		{EADDRNOTAVAIL, TROUBLE_SOURCE},
		{EMSGSIZE, TROUBLE_SIZE},
		{EIO, TROUBLE_OTHER},
	};
	char text[LOG_TEXT_MAX];

	(void)state;
	for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		assert_int_equal(trouble_of(errors[i].error), errors[i].what);
		fails(errors[i].what, errors[i].error);
	}
	for (unsigned what = TROUBLE_BACK_PORT; what < TROUBLES; what++)
		fails((enum trouble)what, ECONNREFUSED);
	assert_int_equal(lines(text), TROUBLES);
	assert_int_equal(counted(COUNT_YSF_SEND_SOURCE), 2);
	assert_int_equal(counted(COUNT_YSF_SEND_SIZE), 1);
	assert_int_equal(counted(COUNT_YSF_BACK_PORT), 1);
	assert_int_equal(ysf->page->gauge[GAUGE_YSF_TROUBLES], TROUBLES);
}

/* An error that an ICMP message may have left is no reason to leave a receiver out, but neither is it
 * tried for ever. */
static void test_errors_of_others_are_tried_again(void **state)
{
	unsigned tries = 0;

	(void)state;
	for (unsigned i = 0; i < TROUBLE_TRIES; i++)
		assert_true(trouble_again(ECONNREFUSED, &tries));
	assert_false(trouble_again(ECONNREFUSED, &tries));
	tries = 0;
	assert_false(trouble_again(EPERM, &tries));
	assert_false(trouble_again(ENOBUFS, &tries));
	assert_false(trouble_again(EINVAL, &tries));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_begin_go_on_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flapping_is_one_trouble, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_causes_don_t_hide_each_other, set_up,
						tear_down),
		cmocka_unit_test(test_errors_of_others_are_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
