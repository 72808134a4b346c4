/* SPDX-License-Identifier: ISC
 *
 * NAME      test_listed - a new access list and the gateways that are there
 * PURPOSE   Who may not hear any more leaves the fan-out, but never while a frame is on its way
 *           through it.
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    the list is made by the compiler of the product
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/denylist.h"
#include "workers/data/compile.h"
#include "workers/ysf/ysf.h"

#define DGID	 22
#define GATEWAYS 3

static struct ysf *ysf;
static struct gateway *gateway[GATEWAYS];

static struct access *list_of(const char *locked)
{
	static const struct list_source source = {.size = 7};
	struct access_rules rules;
	struct access_net net;
	int fd;

	assert_true(access_rules_init(&rules));
	assert_true(denylist_net(locked, &net));
	assert_int_equal(rows_put(&rules.set[ACCESS_IPB], &net, NULL), ROWS_NEW);
	fd = compile_access(&rules, &source, NULL);
	access_rules_free(&rules);
	struct access *access = access_map(fd);
	assert_non_null(access);
	close(fd);
	return access;
}

static void link_gateway(unsigned n)
{
	struct client_key key = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = (uint8_t)(n + 1)}};

	key.port[0] = 0xa4;
	gateway[n] = gateways_add(&ysf->gateways, &key);
	assert_non_null(gateway[n]);
	gateway[n]->id = n + 1;
	gateway[n]->dgid = DGID;
	assert_true(fanout_add(&ysf->fanout, gateway[n]));
}

static int setup(void **state)
{
	(void)state;
	ysf = calloc(1, sizeof(*ysf));
	if (ysf == NULL || !gateways_init(&ysf->gateways) || !fanout_init(&ysf->fanout))
		return -1;
	for (unsigned n = 0; n < GATEWAYS; n++)
		link_gateway(n);
	ysf->access = list_of("127.0.0.1");
	listed_judge_all(ysf);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	listed_close(ysf);
	fanout_free(&ysf->fanout);
	gateways_free(&ysf->gateways);
	free(ysf);
	return 0;
}

static void locked_ones_leave(void **state)
{
	(void)state;
	listed_tick(ysf);
	assert_true(gateway[0]->locked);
	assert_int_equal(gateway[0]->fan_at, GATEWAY_NOWHERE);
	assert_int_equal(fanout_fan(&ysf->fanout, DGID, 0)->count, GATEWAYS - 1);
}

/* The last one takes the place of who leaves: behind it the frame would miss him. */
static void nobody_leaves_under_way(void **state)
{
	struct fan *fan = fanout_fan(&ysf->fanout, DGID, 0);
	uint64_t version = fan->version;

	(void)state;
	ysf->relay.active = true;
	listed_tick(ysf);
	assert_int_equal(fan->version, version);
	assert_int_equal(fan->count, GATEWAYS);
	ysf->relay.active = false;
	listed_tick(ysf);
	assert_int_equal(fan->count, GATEWAYS - 1);
	assert_true(gateway[0]->locked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(locked_ones_leave, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_leaves_under_way, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
