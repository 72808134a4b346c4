/* SPDX-License-Identifier: ISC
 *
 * NAME      test_listen - every address keeps its index
 * PURPOSE   What stays, comes and goes when ysf.listen changes, and which indices that gives.
 * OWNER     make check
 * CONTRACT  none
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "master/reload/listen.h"

struct bench {
	struct addr bound[CONF_LISTEN_MAX], asked[CONF_LISTEN_MAX];
	uint8_t dgid[CONF_LISTEN_MAX];
	bool used[CONF_LISTEN_MAX], known[CONF_LISTEN_MAX];
	struct listen_plan plan;
};

/* 127.0.0.HOST:PORT, as an auxiliary port of DGID unless that is 0 */
static struct config_listener aux(unsigned host, unsigned port, uint8_t dgid)
{
	struct config_listener listener = {.dgid = dgid};
	char text[32];

	snprintf(text, sizeof(text), "127.0.0.%u:%u", host, port);
	assert_int_equal(addr_parse(text, 0, &listener.addr), 0);
	return listener;
}

static struct config_listener at(unsigned host, unsigned port)
{
	return aux(host, port, 0);
}

static bool compare(struct bench *bench, const struct config_listener *wanted, size_t count)
{
	struct listen_now now = {bench->bound, bench->asked, bench->dgid, bench->used,
				 bench->known};

	return listen_compare(&now, wanted, count, &bench->plan);
}

/* What the master does when a plan comes into force; port 0 becomes 40000 + index. */
static void obey(struct bench *bench)
{
	for (unsigned i = 0; i < bench->plan.entries; i++) {
		const struct listen_entry *entry = &bench->plan.entry[i];

		bench->dgid[entry->index] = entry->dgid;
		if (entry->kept)
			continue;
		bench->asked[entry->index] = bench->bound[entry->index] = entry->asked;
		if (entry->asked.port == 0)
			bench->bound[entry->index].port = (uint16_t)(40000 + entry->index);
		bench->used[entry->index] = bench->known[entry->index] = true;
	}
	for (unsigned i = 0; i < CONF_LISTEN_MAX; i++)
		if (bench->plan.gone >> i & 1)
			bench->used[i] = false;
}

static void change(struct bench *bench, const struct config_listener *wanted, size_t count)
{
	assert_true(compare(bench, wanted, count));
	obey(bench);
}

static void test_first_ones_in_order(void **state)
{
	struct bench bench = {0};
	struct config_listener wanted[] = {at(1, 1), at(1, 2), at(2, 0)};

	(void)state;
	assert_true(compare(&bench, wanted, 3));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(bench.plan.entry[i].index, i);
		assert_false(bench.plan.entry[i].kept);
	}
	assert_int_equal(bench.plan.gone, 0);
}

static void test_order_means_nothing(void **state)
{
	struct bench bench = {0};
	struct config_listener wanted[] = {at(1, 1), at(1, 2), at(1, 3)};
	struct config_listener turned[] = {at(1, 3), at(1, 1), at(1, 2)};

	(void)state;
	change(&bench, wanted, 3);
	assert_true(compare(&bench, turned, 3));
	assert_int_equal(bench.plan.entry[0].index, 2);
	assert_int_equal(bench.plan.entry[1].index, 0);
	assert_int_equal(bench.plan.entry[2].index, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_true(bench.plan.entry[i].kept);
	assert_int_equal(bench.plan.gone, 0);
}

static void test_gap_and_return(void **state)
{
	struct bench bench = {0};
	struct config_listener all[] = {at(1, 1), at(1, 2), at(1, 3)};
	struct config_listener less[] = {at(1, 1), at(1, 3)};
	struct config_listener other[] = {at(1, 3), at(9, 9), at(1, 1)};
	struct config_listener back[] = {at(1, 2), at(1, 1), at(9, 9), at(1, 3)};

	(void)state;
	change(&bench, all, 3);
	assert_true(compare(&bench, less, 2));
	assert_int_equal(bench.plan.gone, 1 << 1);
	obey(&bench);
	/* somebody else does not get the index of the one that may come back */
	assert_true(compare(&bench, other, 3));
	assert_int_equal(bench.plan.entry[1].index, 3);
	obey(&bench);
	assert_true(compare(&bench, back, 4));
	assert_int_equal(bench.plan.entry[0].index, 1);
	assert_false(bench.plan.entry[0].kept);
	assert_int_equal(bench.plan.gone, 0);
}

static void test_port_chosen_by_the_kernel(void **state)
{
	struct bench bench = {0};
	struct config_listener two[] = {at(1, 0), at(1, 0)};
	struct config_listener one[] = {at(1, 0)};
	struct config_listener named[] = {at(1, 40001)};

	(void)state;
	change(&bench, two, 2);
	/* the same words mean the same listeners, each once */
	assert_true(compare(&bench, two, 2));
	assert_int_equal(bench.plan.entry[0].index, 0);
	assert_int_equal(bench.plan.entry[1].index, 1);
	assert_true(bench.plan.entry[1].kept);
	assert_true(compare(&bench, one, 1));
	assert_int_equal(bench.plan.gone, 1 << 1);
	/* and its real port can be named */
	assert_true(compare(&bench, named, 1));
	assert_true(bench.plan.entry[0].kept);
	assert_int_equal(bench.plan.entry[0].index, 1);
	assert_int_equal(bench.plan.gone, 1 << 0);
}

/* Ports of the kernel's choice stay with their DG-ID, whatever comes and goes beside them. */
static void test_auxiliary_ports(void **state)
{
	struct bench bench = {0};
	struct config_listener three[] = {at(1, 0), aux(1, 0, 41), aux(1, 0, 88)};
	struct config_listener two[] = {at(1, 0), aux(1, 0, 88)};
	struct config_listener moved[] = {at(1, 0), aux(1, 40002, 7), aux(1, 0, 41)};

	(void)state;
	change(&bench, three, 3);
	assert_true(compare(&bench, two, 2));
	assert_int_equal(bench.plan.gone, 1 << 1);
	assert_true(bench.plan.entry[1].kept);
	assert_int_equal(bench.plan.entry[1].index, 2);
	obey(&bench);
	/* a port keeps its sockets under another DG-ID */
	assert_true(compare(&bench, moved, 3));
	assert_true(bench.plan.entry[1].kept);
	assert_int_equal(bench.plan.entry[1].index, 2);
	assert_int_equal(bench.plan.entry[1].dgid, 7);
	assert_int_equal(bench.plan.entry[2].index, 1);
	assert_int_equal(bench.plan.gone, 0);
}

static void test_all_go(void **state)
{
	struct bench bench = {0};
	struct config_listener wanted[] = {at(1, 1), at(1, 2)};

	(void)state;
	change(&bench, wanted, 2);
	assert_true(compare(&bench, NULL, 0));
	assert_int_equal(bench.plan.gone, 3);
	assert_int_equal(bench.plan.entries, 0);
}

/* Indices that once were others' are used when there are no new ones; those in use never. */
static void test_full_table(void **state)
{
	struct bench bench = {0};
	struct config_listener wanted[CONF_LISTEN_MAX];

	(void)state;
	for (unsigned i = 0; i < CONF_LISTEN_MAX; i++)
		wanted[i] = at(1, 1000 + i);
	change(&bench, wanted, CONF_LISTEN_MAX);
	wanted[7] = at(2, 7);
	assert_false(compare(&bench, wanted, CONF_LISTEN_MAX)); /* the old one is still there */
	change(&bench, wanted, 7);
	assert_true(compare(&bench, wanted, 8));
	assert_int_equal(bench.plan.entry[7].index, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_ones_in_order),
		cmocka_unit_test(test_order_means_nothing),
		cmocka_unit_test(test_gap_and_return),
		cmocka_unit_test(test_port_chosen_by_the_kernel),
		cmocka_unit_test(test_auxiliary_ports),
		cmocka_unit_test(test_all_go),
		cmocka_unit_test(test_full_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
