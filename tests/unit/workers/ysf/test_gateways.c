/* SPDX-License-Identifier: ISC
 *
 * NAME      test_gateways - the worker's tables: gateways, fan-out, blocked callers, sources
 * PURPOSE   Membership, the lists that run through the table, and that arrays and places agree after
 *           any row of changes.
 * OWNER     tests
 * CONTRACT  no network but two sockets on loopback
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/addr.h"
#include "workers/ysf/blocked.h"
#include "workers/ysf/fanout.h"
#include "workers/ysf/gateways.h"
#include "workers/ysf/sources.h"

static struct client_key key_number(uint32_t n)
{
	struct client_key key = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 127}};

	key.ip[13] = (uint8_t)(n >> 16);
	key.ip[14] = (uint8_t)(n >> 8);
	key.ip[15] = (uint8_t)n;
	key.port[0] = 0xa4;
	key.port[1] = 0x10;
	return key;
}

static void test_table(void **state)
{
	struct gateways table;

	(void)state;
	assert_true(gateways_init(&table));
	for (uint32_t n = 1; n <= 3000; n++) {
		struct client_key key = key_number(n);
		struct gateway *gateway = gateways_add(&table, &key);

		assert_non_null(gateway);
		gateway->id = n;
	}
	assert_int_equal(table.count, 3000);
	for (uint32_t n = 1; n <= 3000; n += 3) {
		struct client_key key = key_number(n);

		gateways_remove(&table, gateways_find(&table, &key));
		assert_null(gateways_find(&table, &key));
	}
	assert_int_equal(table.count, 2000);
	for (uint32_t n = 5001; n <= 6000; n++) {
		struct client_key key = key_number(n);

		assert_non_null(gateways_add(&table, &key));
	}
	assert_int_equal(table.top, 3000); /* vacant places were used again */
	for (uint32_t n = 2; n <= 3000; n += 3) {
		struct client_key key = key_number(n);

		assert_int_equal(gateways_find(&table, &key)->id, n);
	}
	gateways_free(&table);
}

static void test_unproven_are_in_the_order_of_linking(void **state)
{
	struct gateway *gateway[5];
	struct gateways table;

	(void)state;
	assert_true(gateways_init(&table));
	for (uint32_t n = 0; n < 5; n++) {
		struct client_key key = key_number(n);

		gateway[n] = gateways_add(&table, &key);
		gateways_unproven(&table, gateway[n]);
	}
	assert_ptr_equal(table.oldest, gateway[0]);
	gateways_proven(&table, gateway[0]);
	gateways_proven(&table, gateway[0]); /* twice is once */
	gateways_remove(&table, gateway[2]);
	assert_ptr_equal(table.oldest, gateway[1]);
	assert_ptr_equal(table.oldest->newer, gateway[3]);
	gateways_proven(&table, gateway[4]);
	assert_ptr_equal(table.newest, gateway[3]);
	gateways_remove(&table, gateway[1]);
	gateways_remove(&table, gateway[3]);
	assert_null(table.oldest);
	assert_null(table.newest);
	gateways_free(&table);
}

/* After a rebuild they come in the order of their keys. */
static void test_unproven_are_sorted_by_linking(void **state)
{
	static const uint64_t linked[] = {50, 10, 40, 20, 30};
	struct gateways table;
	uint64_t last = 0;

	(void)state;
	assert_true(gateways_init(&table));
	assert_true(gateways_sort_unproven(&table));
	for (uint32_t n = 0; n < 5; n++) {
		struct client_key key = key_number(n);
		struct gateway *gateway = gateways_add(&table, &key);

		gateway->linked = linked[n];
		gateways_unproven(&table, gateway);
	}
	assert_true(gateways_sort_unproven(&table));
	for (struct gateway *g = table.oldest; g != NULL; last = g->linked, g = g->newer)
		assert_true(g->linked > last);
	assert_int_equal(last, 50);
	assert_null(table.newest->newer);
	assert_null(table.oldest->older);
	gateways_free(&table);
}

static void test_marks(void **state)
{
	struct gateway *gateway[3];
	struct gateways table;

	(void)state;
	assert_true(gateways_init(&table));
	for (uint32_t n = 0; n < 3; n++) {
		struct client_key key = key_number(n);

		gateway[n] = gateways_add(&table, &key);
		gateways_mark(&table, gateway[n]);
		gateways_mark(&table, gateway[n]);
	}
	gateways_remove(&table, gateway[1]);
	/* who was marked first comes first, or a crowd would starve him */
	assert_ptr_equal(gateways_unmark(&table), gateway[0]);
	gateways_mark(&table, gateway[0]);
	assert_ptr_equal(gateways_unmark(&table), gateway[2]);
	assert_ptr_equal(gateways_unmark(&table), gateway[0]);
	assert_null(gateways_unmark(&table));
	gateways_mark(&table, gateway[2]);
	assert_ptr_equal(gateways_unmark(&table), gateway[2]);
	gateways_free(&table);
}

static void assert_fan_agrees(const struct fan *fan)
{
	for (uint32_t i = 0; i < fan->count; i++) {
		struct sockaddr_in to;

		assert_int_equal(fan->who[i]->fan_at, i);
		assert_ptr_equal(fan->message[i].msg_hdr.msg_name, fan->to + i * fan->stride);
		memcpy(&to, fan->message[i].msg_hdr.msg_name, sizeof(to));
		assert_memory_equal(&to.sin_addr, fan->who[i]->key.ip + 12, 4);
		assert_int_equal(fan->message[i].msg_hdr.msg_control != NULL,
				 (fan->who[i]->flags & CLIENT_PKTINFO) != 0);
		assert_ptr_equal(fan->message[i].msg_hdr.msg_iov,
				 &fan->frame[gateway_movable(fan->who[i])]);
	}
}

static void test_fan_out_after_random_changes(void **state)
{
	static struct gateway gateway[400];
	struct fanout fanout;
	bool in[400] = {false};
	uint32_t count = 0;

	(void)state;
	srand(155);
	assert_true(fanout_init(&fanout));
	assert_null(fanout_fan(&fanout, 22, 0));
	for (uint32_t n = 0; n < 400; n++) {
		gateway[n] = (struct gateway){.key = key_number(n), .dgid = 22};
		gateway[n].flags = n % 7 == 0 ? CLIENT_PKTINFO : 0;
		gateway[n].flags |= n % 3 == 0 ? CLIENT_STATIC : 0;
	}
	for (unsigned round = 0; round < 20000; round++) {
		uint32_t n = (uint32_t)rand() % 400;

		if (in[n])
			fanout_remove(&fanout, &gateway[n]);
		else
			assert_true(fanout_add(&fanout, &gateway[n]));
		count += in[n] ? -1U : 1U;
		in[n] = !in[n];
		n = (uint32_t)rand() % 400;
		gateway[n].flags ^= CLIENT_FIXED; /* the home list has changed */
		if (in[n])
			fanout_suit(&fanout, &gateway[n]);
		if (round % 500 == 0)
			assert_fan_agrees(fanout_fan(&fanout, 22, 0));
	}
	assert_int_equal(fanout_fan(&fanout, 22, 0)->count, count);
	assert_fan_agrees(fanout_fan(&fanout, 22, 0));
	fanout_free(&fanout);
}

/* Some of them have left since, and some that are there are not among them. */
static void test_who_was_served_comes_to_the_front(void **state)
{
	static struct gateway gateway[300];
	uint32_t served[100], there = 0;
	struct fanout fanout;

	(void)state;
	assert_true(fanout_init(&fanout));
	for (uint32_t n = 0; n < 300; n++) {
		gateway[n] = (struct gateway){.key = key_number(n), .dgid = 22, .id = 1000 + n};
		gateway[n].flags = n % 7 == 0 ? CLIENT_PKTINFO : 0;
		assert_true(fanout_add(&fanout, &gateway[n]));
	}
	for (uint32_t i = 0; i < 100; i++) {
		served[i] = 1000 + (i * 37) % 400;
		there += served[i] < 1300;
	}
	struct fan *fan = fanout_fan(&fanout, 22, 0);
	uint64_t version = fan->version;
	assert_int_equal(fan_front(fan, served, 0), 0);
	assert_int_equal(fan_front(fan, served, 100), there);
	assert_true(fan->version > version);
	assert_int_equal(fan->count, 300);
	assert_fan_agrees(fan);
	for (uint32_t i = 0; i < 300; i++) {
		bool was = false;

		assert_int_equal(fan->id[i], fan->who[i]->id);
		for (uint32_t k = 0; k < 100; k++)
			was = was || served[k] == fan->id[i];
		assert_int_equal(was, i < there);
	}
	fanout_free(&fanout);
}

/* One socket that stands for all receivers: each 127.0.0.x is one, told apart by the order. Those
 * that may move get a frame of their own. */
static void test_fan_sends_to_all_but_the_talker(void **state)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	uint8_t frame[FRAME_SIZE] = "YSFD", other[FRAME_SIZE] = "YSFX", got[FRAME_SIZE];
	struct fan_result result = {0};
	socklen_t size = sizeof(any);
	struct gateway gateway[5];
	struct fanout fanout;
	uint32_t at = 0;

	(void)state;
	int in = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int out = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(in, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(getsockname(in, (struct sockaddr *)&any, &size), 0);
	assert_true(fanout_init(&fanout));
	for (uint32_t n = 0; n < 5; n++) {
		struct client_key key = key_number(n + 1);

		memcpy(key.port, &any.sin_port, 2);
		gateway[n] = (struct gateway){.key = key, .dgid = 9};
		gateway[n].flags = n < 2 ? CLIENT_STATIC : 0;
		assert_true(fanout_add(&fanout, &gateway[n]));
	}
	struct fan *fan = fanout_fan(&fanout, 9, 0);
	fan->frame[0].iov_base = frame;
	fan->frame[1].iov_base = other;
	struct ring *ring = ring_map(-1, 8, 1);
	struct ring_left left;
	assert_non_null(ring);
	ring_recover(ring, 0, &left);
	ring_relay_list(ring, 0, fan->id, fan->count, 0, fan, fan->version);
	assert_true(fan_send(fan, ring, out, 2, &at, &result));
	ring_unmap(&ring);
	assert_int_equal(result.sent, 4);
	assert_int_equal(at, 5);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(recv(in, got, sizeof(got), 0), FRAME_SIZE);
		assert_memory_equal(got, i < 2 ? frame : other, FRAME_SIZE);
	}
	assert_true(recv(in, got, sizeof(got), 0) < 0);
	fanout_free(&fanout);
	close(in);
	close(out);
}

static void test_blocked_callers(void **state)
{
	struct blocked table;
	char call[CALL_MAX];

	(void)state;
	assert_true(blocked_init(&table));
	assert_false(blocked_is(&table, "IU5JAE", 1));
	for (unsigned i = 0; i < 500; i++) {
		snprintf(call, sizeof(call), "A%uBC", i);
		assert_true(blocked_set(&table, call, 1000 + i));
	}
	for (unsigned i = 0; i < 500; i += 2) {
		snprintf(call, sizeof(call), "A%uBC", i);
		blocked_unset(&table, call);
		blocked_unset(&table, call);
	}
	for (unsigned i = 0; i < 500; i++) {
		snprintf(call, sizeof(call), "A%uBC", i);
		assert_int_equal(blocked_is(&table, call, 999), i % 2 == 1);
	}
	assert_false(blocked_is(&table, "A1BC", 1001)); /* over */
	assert_true(blocked_set(&table, "A1BC", 5000));
	assert_true(blocked_is(&table, "A1BC", 1001));
	assert_false(blocked_is(&table, "A1B", 1));
	blocked_clear(&table);
	assert_int_equal(table.count, 0);
	assert_false(blocked_is(&table, "A1BC", 1));
	blocked_free(&table);
}

static void test_sources_make_room_for_the_newest(void **state)
{
	struct sources table;
	struct addr from = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10}};

	(void)state;
	assert_true(sources_init(&table));
	struct source *first = sources_get(&table, &from);
	first->queries.spent = 77;
	for (uint32_t n = 1; n < SOURCES_MAX; n++) {
		from.ip[14] = (uint8_t)(n >> 8);
		from.ip[15] = (uint8_t)n;
		sources_get(&table, &from)->queries.spent = n;
	}
	from.ip[14] = from.ip[15] = 0;
	assert_int_equal(sources_get(&table, &from)->queries.spent, 77); /* used again: young */
	from.ip[13] = 1;
	assert_int_equal(sources_get(&table, &from)->queries.spent, 0);
	from.ip[13] = 0;
	assert_int_equal(sources_get(&table, &from)->queries.spent, 77);
	from.ip[15] = 1; /* was the oldest: had to go */
	assert_int_equal(sources_get(&table, &from)->queries.spent, 0);
	sources_free(&table);
}

static void test_a_v6_source_is_its_network(void **state)
{
	struct addr a = {.ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
	struct addr b = {.ip = {0x20, 0x01, 0x0d, 0xb8, [8] = 7, [15] = 9}};
	struct addr c = {.ip = {0x20, 0x01, 0x0d, 0xb8, [7] = 1, [15] = 1}};
	struct sources table;

	(void)state;
	assert_true(sources_init(&table));
	struct source *source = sources_get(&table, &a);
	assert_ptr_equal(sources_get(&table, &b), source);
	assert_ptr_not_equal(sources_get(&table, &c), source);
	sources_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_unproven_are_in_the_order_of_linking),
		cmocka_unit_test(test_unproven_are_sorted_by_linking),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_fan_out_after_random_changes),
		cmocka_unit_test(test_who_was_served_comes_to_the_front),
		cmocka_unit_test(test_fan_sends_to_all_but_the_talker),
		cmocka_unit_test(test_blocked_callers),
		cmocka_unit_test(test_sources_make_room_for_the_newest),
		cmocka_unit_test(test_a_v6_source_is_its_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
