/* SPDX-License-Identifier: ISC
 *
 * NAME      test_access - tests of the compiled access list
 * PURPOSE   what is in a set is found and nothing else, networks of both families, parts of
 *           sources; the cost does not grow with the list; damaged lists are refused
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    times are compared within one run, with a generous factor
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shm/addr.h"
#include "shm/clock.h"
#include "shm/denylist.h"
#include "workers/data/compile.h"

#define MANY 100000
#define ASKS 200000

static struct access_rules rules;

static void put(enum access_set set, const char *text)
{
	char key[LIST_TEXT] = "";

	memcpy(key, text, strlen(text));
	assert_int_equal(rows_put(&rules.set[set], key, NULL), ROWS_NEW);
}

static void put_net(enum access_set set, const char *text)
{
	struct access_net net;

	assert_true(denylist_net(text, &net));
	assert_int_equal(rows_put(&rules.set[set], &net, NULL), ROWS_NEW);
}

static int build(void)
{
	static const struct list_source source = {.size = 7, .bad_lines = 2};
	int fd = compile_access(&rules, &source, NULL);

	assert_true(fd >= 0);
	return fd;
}

static struct access *compiled(void)
{
	int fd = build();
	struct access *access = access_map(fd);

	assert_non_null(access);
	close(fd);
	return access;
}

static int setup(void **state)
{
	(void)state;
	return access_rules_init(&rules) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	access_rules_free(&rules);
	return 0;
}

static bool has_ip(const struct access *access, enum access_set set, const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, 0, &addr), 0);
	return access_has_ip(access, set, addr.ip);
}

static void test_sets(void **state)
{
	char text[64];

	(void)state;
	put(ACCESS_CS, "IU5JAE");
	put(ACCESS_CS, "N0CALL");
	put(ACCESS_AL, "NOCALL");
	put(ACCESS_GW, "TENCHARS-1");
	struct access *access = compiled();

	assert_true(access_has(access, ACCESS_CS, "IU5JAE"));
	assert_true(access_has(access, ACCESS_GW, "TENCHARS-1"));
	assert_false(access_has(access, ACCESS_CS, "iu5jae"));
	assert_false(access_has(access, ACCESS_CS, "IU5JA"));
	assert_false(access_has(access, ACCESS_CS, "IU5JAEE"));
	assert_false(access_has(access, ACCESS_CS, ""));
	assert_false(access_has(access, ACCESS_CS, "TENCHARS-12345"));
	assert_false(access_has(access, ACCESS_AL, "IU5JAE"));
	assert_false(access_has(access, ACCESS_GWB, "TENCHARS-1"));
	assert_false(access_has(access, ACCESS_IP, "IU5JAE"));
	assert_int_equal(access_count(access, ACCESS_CS), 2);
	assert_int_equal(access_count(access, ACCESS_SN), 0);
	assert_string_equal(access_entry(access, ACCESS_CS, 0, text), "IU5JAE");
	assert_string_equal(access_entry(access, ACCESS_CS, 1, text), "N0CALL");
	assert_string_equal(access_entry(access, ACCESS_CS, 2, text), "");
	access_unmap(&access);
	assert_null(access);
}

static void test_none(void **state)
{
	char text[64];

	(void)state;
	for (int round = 0; round < 2; round++) {
		struct access *access = round ? compiled() : NULL;

		for (unsigned set = 0; set < ACCESS_SETS; set++) {
			assert_false(access_has(access, set, "IU5JAE"));
			assert_false(has_ip(access, set, "127.0.0.1"));
			assert_int_equal(access_count(access, set), 0);
			assert_string_equal(access_entry(access, set, 0, text), "");
		}
		assert_false(access_has_part(access, "IU5JAE"));
		access_unmap(&access);
	}
	assert_string_equal(access_set_name(ACCESS_GWB), "GWB");
	assert_string_equal(access_set_name(ACCESS_IPB), "IPB");
	assert_string_equal(access_set_name(ACCESS_SETS), "?");
}

static void test_networks(void **state)
{
	char text[64];

	(void)state;
	put_net(ACCESS_IP, "192.0.2.0/24");
	put_net(ACCESS_IP, "198.51.100.7");
	put_net(ACCESS_IP, "10.0.0.0/9");
	put_net(ACCESS_IP, "2001:db8::/32");
	put_net(ACCESS_IP, "2001:db9::1");
	put_net(ACCESS_IPB, "0.0.0.0/0");
	struct access *access = compiled();

	assert_true(has_ip(access, ACCESS_IP, "192.0.2.0"));
	assert_true(has_ip(access, ACCESS_IP, "192.0.2.255"));
	assert_false(has_ip(access, ACCESS_IP, "192.0.3.0"));
	assert_true(has_ip(access, ACCESS_IP, "198.51.100.7"));
	assert_false(has_ip(access, ACCESS_IP, "198.51.100.6"));
	assert_true(has_ip(access, ACCESS_IP, "10.127.255.255"));
	assert_false(has_ip(access, ACCESS_IP, "10.128.0.0"));
	assert_true(has_ip(access, ACCESS_IP, "2001:db8:ffff::1"));
	assert_true(has_ip(access, ACCESS_IP, "2001:db9::1"));
	assert_false(has_ip(access, ACCESS_IP, "2001:db9::2"));
	/* all of IPv4, nothing of IPv6 */
	assert_true(has_ip(access, ACCESS_IPB, "203.0.113.9"));
	assert_false(has_ip(access, ACCESS_IPB, "2001:db8::1"));
	assert_string_equal(access_entry(access, ACCESS_IP, 0, text), "192.0.2.0/24");
	assert_string_equal(access_entry(access, ACCESS_IP, 1, text), "198.51.100.7");
	assert_string_equal(access_entry(access, ACCESS_IP, 3, text), "2001:db8::/32");
	assert_string_equal(access_entry(access, ACCESS_IPB, 0, text), "0.0.0.0/0");
	access_unmap(&access);
}

/* All of IPv6 is not all of IPv4, though IPv4 is kept in its mapped form. */
static void test_all_of_ipv6(void **state)
{
	(void)state;
	put_net(ACCESS_IP, "::/0");
	struct access *access = compiled();

	assert_true(has_ip(access, ACCESS_IP, "2001:db8::1"));
	assert_false(has_ip(access, ACCESS_IP, "192.0.2.1"));
	access_unmap(&access);
}

static void test_parts(void **state)
{
	(void)state;
	put(ACCESS_SUB, "N0C");
	put(ACCESS_SUB, "TENCHARS12");
	struct access *access = compiled();

	assert_true(access_has_part(access, "N0CALL"));
	assert_true(access_has_part(access, "in0ca"));
	assert_true(access_has_part(access, "XXXXXXXN0C"));
	assert_true(access_has_part(access, "tenchars12"));
	assert_false(access_has_part(access, "N0"));
	assert_false(access_has_part(access, "NOCALL"));
	assert_false(access_has_part(access, ""));
	access_unmap(&access);
}

static void test_way_back(void **state)
{
	struct access_name name = {.host = "a.example", .set = ACCESS_IPB};
	struct access_rules again;

	(void)state;
	put(ACCESS_CS, "IU5JAE");
	put_net(ACCESS_IP, "192.0.2.0/24");
	assert_int_equal(rows_put(&rules.names, &name, NULL), ROWS_NEW);
	struct access *access = compiled();

	assert_int_equal(access->source.size, 7);
	assert_int_equal(access->source.bad_lines, 2);
	assert_true(access_rules_init(&again));
	assert_true(compile_back(access, &again));
	for (unsigned set = 0; set < ACCESS_SETS; set++)
		assert_int_equal(again.set[set].count, rules.set[set].count);
	assert_int_equal(again.names.count, 1);
	assert_memory_equal(rows_at(&again.names, 0), &name, sizeof(name));
	access_rules_free(&again);
	access_unmap(&access);
}

/* ---- cost ---- */

static void fill(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char text[LIST_TEXT] = "", ip[32];

		snprintf(text, sizeof(text), "C%06u", i);
		put(ACCESS_CS, text);
		snprintf(ip, sizeof(ip), "10.%u.%u.%u", i >> 16, (i >> 8) & 255, i & 255);
		put_net(ACCESS_IP, ip);
	}
}

/* The best of five rounds, ns a question; half of them are answered with yes. */
static double cost(const struct access *access, unsigned count)
{
	double best = 1e9;

	for (int round = 0; round < 5; round++) {
		unsigned yes = 0;
		uint64_t began = clock_mono();

		for (unsigned i = 0; i < ASKS; i++) {
			/* both runs touch the table at places that no cache foresees */
			unsigned n = (unsigned)((uint64_t)i * 2654435761U % count);
			char text[LIST_TEXT] = "C000000";

			for (unsigned at = 6, rest = n; rest != 0; at--, rest /= 10)
				text[at] = (char)('0' + rest % 10);
			if (i % 2)
				text[0] = 'D';
			yes += access_has(access, ACCESS_CS, text);
		}
		double each = (double)(clock_mono() - began) / ASKS;

		assert_int_equal(yes, ASKS / 2);
		best = each < best ? each : best;
	}
	return best;
}

static void test_cost_does_not_grow(void **state)
{
	(void)state;
	fill(10);
	struct access *few = compiled();

	teardown(NULL);
	setup(NULL);
	fill(MANY);
	uint64_t began = clock_mono();
	int fd = build();
	uint64_t made = clock_mono();
	struct access *many = access_map(fd);
	uint64_t mapped = clock_mono();

	close(fd);
	assert_non_null(many);
	double one = cost(few, 10), other = cost(many, MANY);

	print_message(
		"%u entries: compiled in %.1f ms, mapped in %.1f ms; a look-up takes %.0f ns, "
		"%.0f ns among ten\n",
		2 * MANY, (double)(made - began) / 1e6, (double)(mapped - made) / 1e6, other, one);
	assert_true(other < 10 * one + 200);
	access_unmap(&few);
	access_unmap(&many);
}

/* No entry lies further from its place than a look-up goes. */
static void test_all_found(void **state)
{
	char text[LIST_TEXT];

	(void)state;
	fill(MANY);
	struct access *access = compiled();

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "C%06u", i);
		assert_true(access_has(access, ACCESS_CS, text));
	}
	access_unmap(&access);
}

/* ---- damage ---- */

static bool is_refused(void *copy, size_t size)
{
	int fd = list_seal(LIST_ACCESS, copy, size);
	struct access *access = access_map(fd);
	bool refused = access == NULL;

	access_unmap(&access);
	close(fd);
	return refused;
}

static void test_damage(void **state)
{
	(void)state;
	put(ACCESS_CS, "IU5JAE");
	put_net(ACCESS_IP, "192.0.2.0/24");
	struct access *access = compiled();
	size_t size = access->head.size;
	struct access *copy = malloc(size);

#define DAMAGED(change)                                                                            \
	do {                                                                                       \
		memcpy(copy, access, size);                                                        \
		change;                                                                            \
		assert_true(is_refused(copy, size));                                               \
	} while (0)

	memcpy(copy, access, size);
	assert_false(is_refused(copy, size));
	DAMAGED(copy->head.magic++);
	DAMAGED(copy->head.kind = LIST_HOMES);
	DAMAGED(copy->head.version++);
	DAMAGED(copy->head.size++);
	DAMAGED(copy->table[ACCESS_CS].entries = 2);
	DAMAGED(copy->table[ACCESS_CS].entries = UINT32_MAX);
	DAMAGED(copy->table[ACCESS_CS].entries = 0);
	DAMAGED(copy->table[ACCESS_CS].slots = 7);
	DAMAGED(copy->table[ACCESS_CS].slots = 0);
	DAMAGED(copy->table[ACCESS_CS].slots = 1U << 31);
	DAMAGED(copy->table[ACCESS_CS].entries_at = size);
	DAMAGED(copy->table[ACCESS_CS].entries_at = UINT64_MAX - 7);
	DAMAGED(copy->table[ACCESS_CS].entries_at += 4);
	DAMAGED(copy->table[ACCESS_CS].slots_at = size - 8);
	DAMAGED(((char *)copy)[access->table[ACCESS_CS].entries_at] = '\n');
	DAMAGED(memset((char *)copy + access->table[ACCESS_CS].entries_at, 'A', LIST_TEXT));
	DAMAGED(((uint32_t *)((char *)copy + access->table[ACCESS_CS].slots_at))[0] ^= 7);
	DAMAGED(((struct access_net *)((char *)copy + access->table[ACCESS_IP].entries_at))
			->length = 129);
	DAMAGED(copy->lengths[0].v4_count = 34);
	DAMAGED(copy->lengths[1].v6_count = 130);
	DAMAGED(copy->lengths[0].v4[0] = 95);
	DAMAGED(copy->literal[0] = 2);
	DAMAGED(copy->names = 1);
	DAMAGED(copy->names_at = UINT64_MAX - 7);
	assert_true(is_refused(copy, size - 8));
	assert_true(is_refused(copy, sizeof(struct list_head)));
	assert_true(is_refused(copy, 1));
	free(copy);
	access_unmap(&access);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_networks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_of_ipv6, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_way_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cost_does_not_grow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_found, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
