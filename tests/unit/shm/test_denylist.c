/* SPDX-License-Identifier: ISC
 *
 * NAME      test_denylist - tests of the lines of access files
 * PURPOSE   every kind of line that operators of pYSFReflector3 know and its checks; networks and
 *           IPv6; block lists of YSFReflector; files of any origin cut into lines
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

#include "shm/addr.h"
#include "shm/denylist.h"

static struct deny_rule rule;

static enum line_kind parse_bytes(const char *text, size_t length)
{
	struct lines lines;
	const char *line;

	lines_begin(&lines, text, length);
	assert_true(lines_next(&lines, &line, &length));
	return denylist_parse(line, length, &rule);
}

static void good(const char *line, enum access_set set, const char *text)
{
	assert_int_equal(parse_bytes(line, strlen(line)), LINE_RULE);
	assert_int_equal(rule.set, set);
	assert_string_equal(rule.text, text);
	assert_string_equal(rule.host, "");
}

static void net(const char *line, enum access_set set, const char *ip, unsigned length)
{
	struct addr addr;

	assert_int_equal(parse_bytes(line, strlen(line)), LINE_RULE);
	assert_int_equal(rule.set, set);
	assert_string_equal(rule.host, "");
	assert_int_equal(addr_parse(ip, 0, &addr), 0);
	assert_memory_equal(rule.net.ip, addr.ip, 16);
	assert_int_equal(rule.net.length, length);
}

static void host(const char *line, const char *name)
{
	assert_int_equal(parse_bytes(line, strlen(line)), LINE_RULE);
	assert_string_equal(rule.host, name);
}

static void bad(const char *line, const char *part)
{
	assert_int_equal(parse_bytes(line, strlen(line)), LINE_BAD);
	if (strstr(rule.why, part) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part, rule.why);
}

static void nothing(const char *line)
{
	assert_int_equal(parse_bytes(line, strlen(line)), LINE_NOTHING);
}

static void test_texts(void **state)
{
	(void)state;
	good("IU5JAE", ACCESS_CS, "IU5JAE");
	good("CS:IU5JAE", ACCESS_CS, "IU5JAE");
	good("CS:ABC", ACCESS_CS, "ABC");
	good("  CS : IU5JAE \t", ACCESS_CS, "IU5JAE");
	good("CS:IU5JAE:a remark", ACCESS_CS, "IU5JAE");
	good("CS:iu5jae", ACCESS_CS, "iu5jae");
	good("AL:N0CALL", ACCESS_AL, "N0CALL");
	good("AL:A1", ACCESS_AL, "A1");
	good("SB:RPT", ACCESS_SB, "RPT");
	good("GW:IU5JAE-ND1", ACCESS_GW, "IU5JAE-ND1");
	good("GWB:BM 222", ACCESS_GWB, "BM 222");
	good("SN:Fkek5", ACCESS_SN, "Fkek5");
	nothing("\n");
	nothing("   ");
	nothing("# CS:IU5JAE");
	nothing("#");
	nothing("  # indented \xe4 comments may hold anything");
}

static void test_bad_texts(void **state)
{
	(void)state;
	bad("ABC", "shorter than four");
	bad("CS:AB", "three to eight");
	bad("ABCDEFGHI", "three to eight");
	bad("CS:ABCDEFGHI", "three to eight");
	bad("CS:ABCDEFGHIJK", "more than ten");
	bad("CS: ", "shorter than four");
	bad("CS:  :x", "nothing behind");
	bad("AL:A:B", "second colon");
	bad("SB:A:B", "second colon");
	bad("GW:A:B", "second colon");
	bad("GWB:A-NAME-TOO-LONG", "more than ten");
	bad("SN:1234", "five characters");
	bad("SN:123456", "five characters");
	bad("XX:IU5JAE", "none of CS");
	bad("cs:IU5JAE", "none of CS");
	bad("SUB:IU5JAE", "none of CS");
	bad(":IU5JAE", "none of CS");
	bad("CS:IU5JAE-1", "more than one part");
	bad("IU5JAE RPT", "three to eight");
	bad("CS:IU5 JAE", "more than one part");
	bad("CS:IU5JA\xc3\x89", "character that no call");
	bad("GW:caf\xe9", "character that no call");
	bad("CS:A\033[2J", "control character");
	bad("GW:A\tB", "tab");
	assert_int_equal(parse_bytes("CS:A\0BCD", 8), LINE_BAD);
}

static void test_networks(void **state)
{
	(void)state;
	net("IP:192.0.2.7", ACCESS_IP, "192.0.2.7", 128);
	net("IPB: 192.0.2.0/24 ", ACCESS_IPB, "192.0.2.0", 120);
	net("IP:192.0.2.7/24", ACCESS_IP, "192.0.2.0", 120);
	net("IP:10.255.0.0/9", ACCESS_IP, "10.128.0.0", 105);
	net("IP:0.0.0.0/0", ACCESS_IP, "0.0.0.0", 96);
	net("IP:192.0.2.7/32", ACCESS_IP, "192.0.2.7", 128);
	net("IP:2001:db8::/32", ACCESS_IP, "2001:db8::", 32);
	net("IP:2001:db8::1", ACCESS_IP, "2001:db8::1", 128);
	net("IP:2001:db8:ffff::/33", ACCESS_IP, "2001:db8:8000::", 33);
	net("IP:[2001:db8::1]", ACCESS_IP, "2001:db8::1", 128);
	net("IP:[2001:db8::]/32", ACCESS_IP, "2001:db8::", 32);
	net("IP: ::1", ACCESS_IP, "::1", 128);
	net("IP:::/0", ACCESS_IP, "::", 0);
	net("IP:::ffff:192.0.2.0/120", ACCESS_IP, "192.0.2.0", 120);
}

static void test_bad_networks(void **state)
{
	static const char *const lines[] = {
		"IP:192.0.2.0/33",
		"IP:2001:db8::/129",
		"IP:192.0.2.0/",
		"IP:192.0.2.0/-1",
		"IP:192.0.2.0/+8",
		"IP:192.0.2.0/x",
		"IP:192.0.2",
		"IP:192.0.2.256",
		"IP:192.0.2.7:42000",
		"IP:2001:db8:::1",
		"IP:[2001:db8::1]:42000",
		"IP:2001:db8::1:2:3:4:5:6:7:8",
		"IP:a b",
		"IP:a,b",
		"IP:.example",
		"IP:a..example",
		"IP:example.1",
		"IP:/24",
		"IP:[::1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (parse_bytes(lines[i], strlen(lines[i])) != LINE_BAD)
			fail_msg("\"%s\" is good", lines[i]);
	bad("IPB: ", "nothing behind");
}

static void test_hosts(void **state)
{
	char line[320] = "IP:";

	(void)state;
	host("IP:gateway.example", "gateway.example");
	host("IPB:GateWay.Example.", "gateway.example.");
	host("IP:localhost", "localhost");
	host("IP:xn--caf-dma.example", "xn--caf-dma.example");
	host("IP:1st.example", "1st.example");
	memset(line + 3, 'a', 250);
	bad(line, "neither an address");
	memset(line + 3, 'a', 290);
	bad(line, "too long");
	for (size_t at = 3; at < 253; at += 50)
		line[at] = '.';
	line[3] = 'a';
	line[3 + 253] = '\0';
	assert_int_equal(parse_bytes(line, strlen(line)), LINE_RULE);
}

static void test_long_lines(void **state)
{
	static char line[10001];

	(void)state;
	memset(line, 'A', 10000);
	bad(line, "longer than any rule");
	line[0] = '#';
	nothing(line);
}

static void test_blocklist(void **state)
{
	(void)state;
	assert_int_equal(blocklist_parse("n0c", 3, &rule), LINE_RULE);
	assert_int_equal(rule.set, ACCESS_SUB);
	assert_string_equal(rule.text, "N0C");
	assert_int_equal(blocklist_parse("A", 1, &rule), LINE_RULE);
	assert_int_equal(blocklist_parse("IU5JAE-RPT", 10, &rule), LINE_RULE);
	assert_int_equal(blocklist_parse("IU5JAE-RPT1", 11, &rule), LINE_BAD);
	assert_int_equal(blocklist_parse("", 0, &rule), LINE_NOTHING);
	assert_int_equal(blocklist_parse("# x", 3, &rule), LINE_NOTHING);
}

/* ---- files ---- */

static void cut(const char *text, size_t length, const char *expected)
{
	struct lines lines;
	const char *line;
	char seen[256] = "";
	size_t size;

	lines_begin(&lines, text, length);
	while (lines_next(&lines, &line, &size)) {
		strncat(seen, line, size);
		strcat(seen, "|");
	}
	assert_string_equal(seen, expected);
}

static void test_lines(void **state)
{
	(void)state;
	cut("", 0, "");
	cut("\n", 1, "|");
	cut("a\nb", 3, "a|b|");
	cut("a\r\nb\r\n", 6, "a|b|");
	cut("\xef\xbb\xbf"
	    "a\n",
	    5, "a|");
	cut("\xef\xbb", 2, "\xef\xbb|");
	cut(" a \t\n\n\tb\v\f\r\n", 11, "a||b|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),	  cmocka_unit_test(test_bad_texts),
		cmocka_unit_test(test_networks),  cmocka_unit_test(test_bad_networks),
		cmocka_unit_test(test_hosts),	  cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_blocklist), cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
