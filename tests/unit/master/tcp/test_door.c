/* SPDX-License-Identifier: ISC
 *
 * NAME      test_door - master/tcp/door.h: floods are turned away, crowds wait
 * PURPOSE   Rates of an address, a network, and of all; what is one address and one network.
 * OWNER     test
 * CONTRACT  one cmocka program; time is a number
 * LIMITS    none known
 */
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "master/tcp/door.h"
#include "shm/clock.h"

#define START (1000 * NS_PER_SEC)

static struct door door;

static int set_up(void **state)
{
	(void)state;
	door_init(&door);
	return 0;
}

static struct addr at(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, 1, &addr), 0);
	return addr;
}

static enum door_answer ask(const char *text, uint64_t now)
{
	struct addr addr = at(text);

	return door_ask(&door, &addr, now);
}

/* Of COUNT that knock at once, how many come in? */
static unsigned crowd(const char *text, unsigned count, uint64_t now)
{
	unsigned in = 0;

	for (unsigned i = 0; i < count; i++)
		in += ask(text, now) == DOOR_OPEN;
	return in;
}

static void test_an_address_has_a_burst_and_a_rate(void **state)
{
	(void)state;
	assert_int_equal(crowd("192.0.2.1", 10000, START), 6);
	assert_int_equal(ask("192.0.2.1", START), DOOR_ADDRESS);
	assert_int_equal(ask("192.0.2.2", START), DOOR_OPEN); /* nobody else pays for it */
	assert_int_equal(crowd("192.0.2.1", 100, START + NS_PER_SEC), 3);
	assert_int_equal(crowd("192.0.2.1", 100, START + 61 * NS_PER_SEC), 6);
}

/* 10,000 in ten seconds: what comes in is the burst and three a second. */
static void test_a_flood_gets_the_rate(void **state)
{
	unsigned in = 0;

	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		in += ask("198.51.100.7", START + i * NS_PER_MS) == DOOR_OPEN;
	assert_in_range(in, 35, 36);
}

static void test_a_network_has_its_own(void **state)
{
	unsigned in = 0;
	char text[32];

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "203.0.113.%u", i);
		in += ask(text, START) == DOOR_OPEN;
	}
	assert_int_equal(in, 48);
	assert_int_equal(ask("203.0.113.250", START), DOOR_NETWORK);
	assert_int_equal(ask("203.0.114.1", START), DOOR_OPEN);
	assert_int_equal(ask("203.0.113.251", START + NS_PER_SEC), DOOR_OPEN);
}

static void test_loopback_has_no_network(void **state)
{
	char text[32];

	(void)state;
	for (unsigned i = 1; i < 200; i++) {
		snprintf(text, sizeof(text), "127.0.0.%u", i);
		assert_int_equal(ask(text, START), DOOR_OPEN);
	}
}

static void test_what_is_one_address(void **state)
{
	struct addr a = at("2001:db8::1"), b = at("2001:db8::ffff:2"), c = at("2001:db8:0:1::1");
	struct addr v4 = at("192.0.2.1"), same = at("192.0.2.1:99"), near = at("192.0.2.9");
	struct addr loop = at("127.0.0.1"), loop2 = at("127.0.0.2");

	(void)state;
	assert_true(door_same_address(&a, &b));
	assert_false(door_same_address(&a, &c));
	assert_true(door_same_address(&v4, &same));
	assert_false(door_same_address(&v4, &near));
	assert_true(door_same_network(&v4, &near));
	assert_false(door_same_network(&loop, &loop2));
	assert_false(door_same_network(&a, &b)); /* a /64 is bounded as an address */
	assert_int_equal(crowd("2001:db8::1", 6, START), 6);
	assert_int_equal(ask("2001:db8::2", START), DOOR_ADDRESS);
	assert_int_equal(ask("::ffff:192.0.2.1", START), DOOR_OPEN);
	assert_int_equal(crowd("192.0.2.1", 10, START), 5); /* mapped: the same one */
}

/* 2,000 from as many places: all come in, 300 at once and 300 a second. */
static void test_all_wait_their_turn(void **state)
{
	uint64_t now = START;
	unsigned at_once = 0;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		now += door_wait(&door, now);
		assert_int_equal(door_wait(&door, now), 0);
		at_once += now == START;
		door_pass(&door, now);
	}
	assert_int_equal(at_once, 300);
	assert_in_range(now - START, 5600 * NS_PER_MS, 5700 * NS_PER_MS);
}

/* More strangers than it can remember: those who flood are still slowed down. */
static void test_a_full_memory_forgets_the_oldest(void **state)
{
	unsigned in = 0;
	char text[32];

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.1", i / 256 % 256, i % 256);
		ask(text, START + i * 3 * NS_PER_MS);
		in += ask("192.0.2.1", START + i * 3 * NS_PER_MS) == DOOR_OPEN;
	}
	assert_in_range(in, 900, 906);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_an_address_has_a_burst_and_a_rate, set_up),
		cmocka_unit_test_setup(test_a_flood_gets_the_rate, set_up),
		cmocka_unit_test_setup(test_a_network_has_its_own, set_up),
		cmocka_unit_test_setup(test_loopback_has_no_network, set_up),
		cmocka_unit_test_setup(test_what_is_one_address, set_up),
		cmocka_unit_test_setup(test_all_wait_their_turn, set_up),
		cmocka_unit_test_setup(test_a_full_memory_forgets_the_oldest, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
