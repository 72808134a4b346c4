/* SPDX-License-Identifier: ISC
 *
 * NAME      test_nets - tests of lists of networks
 * PURPOSE   what is a list and what is none; who is in a network and who is just outside; the
 *           families are kept apart
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

#include <string.h>

#include "shm/nets.h"

static struct nets nets;
static char bad[ADDR_TEXT_MAX];

static bool in(const char *list, const char *text)
{
	struct addr addr;

	assert_true(nets_parse(list, &nets, bad));
	assert_int_equal(addr_parse(text, 7, &addr), 0);
	return nets_hold(&nets, &addr);
}

static void is_bad(const char *list, const char *item)
{
	struct addr addr;

	assert_false(nets_parse(list, &nets, bad));
	assert_string_equal(bad, item);
	assert_int_equal(addr_parse("127.0.0.1", 7, &addr), 0);
	assert_false(nets_hold(&nets, &addr));
}

static void test_ipv4(void **state)
{
	(void)state;
	assert_true(in("127.0.0.0/8, ::1/128", "127.255.255.255"));
	assert_false(in("127.0.0.0/8, ::1/128", "128.0.0.0"));
	assert_true(in("192.0.2.128/25", "192.0.2.128"));
	assert_false(in("192.0.2.128/25", "192.0.2.127"));
	assert_true(in("192.0.2.77/25", "192.0.2.1")); /* bits beyond the prefix say nothing */
	assert_true(in("192.0.2.1", "192.0.2.1"));
	assert_false(in("192.0.2.1/32", "192.0.2.2"));
	assert_true(in(" 192.0.2.1 ,198.51.100.0/24 ", "198.51.100.9"));
	assert_true(in("0.0.0.0/0", "203.0.113.1"));
}

static void test_ipv6(void **state)
{
	(void)state;
	assert_true(in("127.0.0.0/8, ::1/128", "::1"));
	assert_false(in("127.0.0.0/8, ::1/128", "::2"));
	assert_true(in("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(in("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(in("[2001:db8::]/32", "2001:db8::1"));
	assert_true(in("fe80::/64", "fe80::1%3"));
	assert_true(in("fe80::/10", "fe80::1%3"));
}

static void test_families_are_apart(void **state)
{
	(void)state;
	assert_true(in("::/0", "2001:db8::1"));
	assert_false(in("::/0", "192.0.2.1"));
	assert_false(in("0.0.0.0/0", "2001:db8::1"));
	assert_true(in("192.0.2.0/24", "::ffff:192.0.2.9"));
	assert_true(in("::ffff:192.0.2.0/120", "192.0.2.9"));
}

static void test_everybody_and_nobody(void **state)
{
	(void)state;
	assert_true(in("*", "192.0.2.1"));
	assert_true(in(" * ", "2001:db8::1"));
	assert_false(in("", "127.0.0.1"));
	assert_false(in("  ", "::1"));
}

static void test_no_lists(void **state)
{
	char list[3 * NETS_MAX + 16] = "::", copy[CONF_TEXT_MAX + 8];

	(void)state;
	is_bad("127.0.0.1, 192.0.2.0/33", "192.0.2.0/33");
	is_bad("2001:db8::/129", "2001:db8::/129");
	is_bad("127.0.0.1,", "");
	is_bad("127.0.0.1,,::1", "");
	is_bad("*, 127.0.0.1", "*");
	is_bad("127.0.0.1:42001", "127.0.0.1:42001");
	is_bad("localhost", "localhost");
	is_bad("127.0.0.1 ::1", "127.0.0.1 ::1");
	is_bad("127.0.0.0/", "127.0.0.0/");
	is_bad("127.0.0.0/-1", "127.0.0.0/-1");
	for (unsigned i = 1; i < NETS_MAX; i++)
		strcat(list, ",::");
	assert_true(nets_parse(list, &nets, bad));
	assert_int_equal(nets.count, NETS_MAX);
	memset(copy, '1', sizeof(copy) - 1);
	copy[sizeof(copy) - 1] = '\0';
	assert_false(nets_parse(copy, &nets, bad));
	assert_int_equal(strlen(bad), ADDR_TEXT_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_families_are_apart),
		cmocka_unit_test(test_everybody_and_nobody),
		cmocka_unit_test(test_no_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
