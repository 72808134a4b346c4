/* SPDX-License-Identifier: ISC
 *
 * NAME      test_addr - tests of the canonical addresses
 * PURPOSE   both families, every textual form, every refusal, scopes
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

#include <arpa/inet.h>
#include <string.h>

#include "shm/addr.h"

static void test_text_forms(void **state)
{
	static const struct {
		const char *text;
		const char *canonical;
	} good[] = {
		{"192.0.2.1:42000", "192.0.2.1:42000"},
		{"192.0.2.1", "192.0.2.1:7"},
		{"[2001:db8::1]:42000", "[2001:db8::1]:42000"},
		{"[2001:db8::1]", "[2001:db8::1]:7"},
		{"2001:db8:0:0::1", "[2001:db8::1]:7"},
		{"[::ffff:192.0.2.1]:5", "192.0.2.1:5"},
		{"[::]:0", "[::]:0"},
		{"0.0.0.0:65535", "0.0.0.0:65535"},
		{"[fe80::1%3]:5", "[fe80::1%3]:5"},
		{"fe80::1%65535", "[fe80::1%65535]:7"},
	};
	char buf[ADDR_TEXT_MAX];
	struct addr addr;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(addr_parse(good[i].text, 7, &addr), 0);
		assert_string_equal(addr_text(&addr, buf), good[i].canonical);
	}
	assert_string_equal(addr_ip_text(&addr, buf), "fe80::1%65535");
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		":42000",
		"192.0.2.1:",
		"192.0.2.1:65536",
		"192.0.2.1:-1",
		"192.0.2.1:+1",
		"192.0.2.1:1x",
		"192.0.2.256:1",
		"192.0.2:1",
		"localhost:42000",
		"[192.0.2.1]:5",
		"[::1",
		"[::1]5",
		"[::1]:",
		"[]:5",
		"*",
		"*:42000",
		"fe80::1%65536",
		"fe80::1%eth0",
		"fe80::1%",
		"2001:db8::1%3",
		" 192.0.2.1:5",
		"192.0.2.1:5 ",
		"1:2:3",
		"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:42000"};
	static const struct addr zero;
	struct addr addr;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&addr, 0xaa, sizeof(addr));
		assert_int_equal(addr_parse(bad[i], 7, &addr), -1);
		assert_true(addr_equal(&addr, &zero));
	}
}

static void test_listen(void **state)
{
	struct addr addr[2];
	char buf[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(addr_parse_listen("*:42000", 7, addr), 2);
	assert_string_equal(addr_text(&addr[0], buf), "0.0.0.0:42000");
	assert_string_equal(addr_text(&addr[1], buf), "[::]:42000");
	assert_int_equal(addr_parse_listen("*", 7, addr), 2);
	assert_int_equal(addr[0].port, 7);
	assert_int_equal(addr[1].port, 7);
	assert_int_equal(addr_parse_listen("127.0.0.1:0", 7, addr), 1);
	assert_int_equal(addr[0].port, 0);
	assert_int_equal(addr_parse_listen("*:x", 7, addr), -1);
	assert_int_equal(addr_parse_listen("**:1", 7, addr), -1);
	assert_int_equal(addr_parse_listen("", 7, addr), -1);
}

static void test_questions(void **state)
{
	struct addr a, b;

	(void)state;
	addr_parse("127.9.9.9:1", 0, &a);
	assert_true(addr_is_ipv4(&a) && addr_is_loopback(&a) && !addr_is_any(&a));
	assert_int_equal(addr_family(&a), AF_INET);
	addr_parse("127.9.9.9:2", 0, &b);
	assert_false(addr_equal(&a, &b));
	assert_true(addr_same_ip(&a, &b));
	addr_parse("[::1]:1", 0, &a);
	assert_true(!addr_is_ipv4(&a) && addr_is_loopback(&a) && !addr_is_any(&a));
	assert_int_equal(addr_family(&a), AF_INET6);
	assert_false(addr_same_ip(&a, &b));
	addr_parse("[::]:1", 0, &a);
	assert_true(addr_is_any(&a) && !addr_is_loopback(&a));
	addr_parse("0.0.0.0:1", 0, &a);
	assert_true(addr_is_any(&a) && addr_is_ipv4(&a));
	addr_parse("128.0.0.1:1", 0, &a);
	assert_false(addr_is_loopback(&a));
}

/* Through the kernel's form and back nothing changes, and a mapped address is the IPv4 one. */
static void test_sock(void **state)
{
	static const char *const texts[] = {"192.0.2.1:42000", "[2001:db8::1]:1", "[fe80::1%9]:2",
					    "[::]:0", "0.0.0.0:0"};
	struct addr addr, back;
	union addr_sock sock;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		socklen_t len;

		addr_parse(texts[i], 0, &addr);
		len = addr_to_sock(&addr, &sock);
		assert_int_equal(sock.sa.sa_family, addr_family(&addr));
		assert_int_equal(addr_from_sock(&sock.sa, len, &back), 0);
		assert_true(addr_equal(&addr, &back));
		assert_int_equal(addr_from_sock(&sock.sa, len - 1, &back), -1);
	}
	addr_parse("[fe80::1%9]:2", 0, &addr);
	addr_to_sock(&addr, &sock);
	assert_int_equal(sock.in6.sin6_scope_id, 9);
	assert_int_equal(sock.in6.sin6_addr.s6_addr[3], 0);

	memset(&sock, 0, sizeof(sock));
	sock.in6.sin6_family = AF_INET6;
	sock.in6.sin6_port = htons(42000);
	inet_pton(AF_INET6, "::ffff:192.0.2.1", &sock.in6.sin6_addr);
	assert_int_equal(addr_from_sock(&sock.sa, sizeof(sock.in6), &back), 0);
	addr_parse(texts[0], 0, &addr);
	assert_true(addr_equal(&addr, &back));
}

static void test_sock_refused(void **state)
{
	static const struct addr zero;
	union addr_sock sock;
	struct addr addr;

	(void)state;
	memset(&sock, 0, sizeof(sock));
	sock.sa.sa_family = AF_UNIX;
	assert_int_equal(addr_from_sock(&sock.sa, sizeof(sock), &addr), -1);
	assert_int_equal(addr_from_sock(&sock.sa, 0, &addr), -1);
	sock.in6.sin6_family = AF_INET6;
	inet_pton(AF_INET6, "fe80::1", &sock.in6.sin6_addr);
	sock.in6.sin6_scope_id = 65536;
	assert_int_equal(addr_from_sock(&sock.sa, sizeof(sock.in6), &addr), -1);
	assert_true(addr_equal(&addr, &zero));
	/* Of another address the scope means nothing. */
	inet_pton(AF_INET6, "2001:db8::1", &sock.in6.sin6_addr);
	assert_int_equal(addr_from_sock(&sock.sa, sizeof(sock.in6), &addr), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_forms), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_listen),	   cmocka_unit_test(test_questions),
		cmocka_unit_test(test_sock),	   cmocka_unit_test(test_sock_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
