/* SPDX-License-Identifier: ISC
 *
 * NAME      test_rules - what the access list says
 * PURPOSE   Every row of the protocol's access check that a list answers: gateways, addresses,
 *           serials, sources under each check_re.
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    the list is made by the compiler of the product
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "shm/addr.h"
#include "workers/data/compile.h"
#include "shm/denylist.h"
#include "workers/ysf/rules.h"

static struct access_rules rules;

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

static void put(enum access_set set, const char *text)
{
	char key[LIST_TEXT] = "";
	struct access_net net;

	if (set == ACCESS_IP || set == ACCESS_IPB) {
		assert_true(denylist_net(text, &net));
		assert_int_equal(rows_put(&rules.set[set], &net, NULL), ROWS_NEW);
		return;
	}
	memcpy(key, text, strlen(text));
	assert_int_equal(rows_put(&rules.set[set], key, NULL), ROWS_NEW);
}

static struct access *compiled(void)
{
	static const struct list_source source = {.size = 7};
	int fd = compile_access(&rules, &source, NULL);
	struct access *access = access_map(fd);

	assert_non_null(access);
	close(fd);
	return access;
}

static bool passes(const struct access *access, int check_re, const char *source)
{
	struct callsign caller;

	callsign_split(source, &caller);
	return rules_source(access, check_re, source, &caller);
}

static void expect_all(const struct access *access, int check_re, bool passing,
		       const char *const *sources)
{
	for (; *sources != NULL; sources++)
		if (passes(access, check_re, *sources) != passing)
			fail_msg("check_re %d: \"%s\" is %s", check_re, *sources,
				 passing ? "refused" : "let in");
}

/* The examples of the protocol for check_re 1. */
static void test_looks_like_a_call(void **state)
{
	static const char *const good[] = {"IU5JAE", "iu5jae", "2E0ABC", "9A1AA",      "3DA0RS", "A1B",
					   "W1AW/7", "W1AW'X", "IU5JAE-rpt", NULL};
	static const char *const bad[] = {"12345",     "TEST", "A",	 "AA12345A", "1AA1234AB", "",
					  "BM_LNK", "22/IU5JAE", "N0CALL", NULL};

	(void)state;
	expect_all(NULL, 1, true, good);
	expect_all(NULL, 1, false, bad);
	expect_all(NULL, 0, true, good);
	expect_all(NULL, 0, true, bad);
	expect_all(NULL, -1, false, good);
	expect_all(NULL, -1, false, bad);
}

/* 1 and 0: allowed before refused; -1: refused before allowed. */
static void test_order(void **state)
{
	(void)state;
	put(ACCESS_AL, "BRIDGE");
	put(ACCESS_AL, "DL1BOTH");
	put(ACCESS_AL, "DL2GOOD");
	put(ACCESS_CS, "DL1BOTH");
	put(ACCESS_CS, "DL3BAD");
	struct access *access = compiled();

	for (int check_re = -1; check_re <= 1; check_re++) {
		expect_all(access, check_re, true,
			   (const char *const[]){"BRIDGE", "BRIDGE-1", "DL2GOOD", "DL2GOOD/P", NULL});
		expect_all(access, check_re, false,
			   (const char *const[]){"DL3BAD", "DL3BAD-1", "DL3BAD RPT", NULL});
	}
	assert_true(passes(access, 1, "DL1BOTH"));
	assert_true(passes(access, 0, "DL1BOTH"));
	assert_false(passes(access, -1, "DL1BOTH"));
	assert_true(passes(access, 1, "dl3bad")); /* case counts */
	access_unmap(&access);
}

/* The part directly behind the base alone, and before everything else. */
static void test_suffixes(void **state)
{
	static const char *const good[] = {"IU5JAE",	 "IU5JAE-X-RPT", "IU5JAE-rpt", "IU5JAE--RPT",
					   "IU5JAE-RPTX", "DL2ABC",	  NULL};
	static const char *const bad[] = {"IU5JAE-RPT", "IU5JAE/RPT", "IU5JAE RPT", "IU5JAE'RPT",
					  "DL2ABC-RPT", "-RPT",	      NULL};

	(void)state;
	put(ACCESS_SB, "RPT");
	put(ACCESS_AL, "DL2ABC");
	struct access *access = compiled();

	expect_all(access, 1, true, good);
	expect_all(access, 1, false, bad);
	expect_all(access, 0, false, bad);
	expect_all(access, -1, false, bad);
	access_unmap(&access);
}

static void test_parts_of_sources(void **state)
{
	(void)state;
	put(ACCESS_SUB, "N0C");
	put(ACCESS_AL, "N0CALL");
	struct access *access = compiled();

	expect_all(access, 0, false, (const char *const[]){"N0CALL", "IN0CA", "XN0C", NULL});
	expect_all(access, 0, true, (const char *const[]){"N0", "N1CALL", "", NULL});
	access_unmap(&access);
}

static enum event_reason gateway(const struct access *access, const char *name, const char *ip,
				 bool *locked_r)
{
	struct addr addr;

	assert_int_equal(addr_parse(ip, 0, &addr), 0);
	return rules_gateway(access, name, addr.ip, locked_r);
}

static void test_gateways(void **state)
{
	static const struct {
		const char *name, *ip;
		enum event_reason reason;
		bool locked;
	} cases[] = {
		{"FREE", "192.0.2.1", REASON_NONE, false},
		{"MUTED", "192.0.2.1", REASON_GATEWAY, false},
		{"LOCKED", "192.0.2.1", REASON_GATEWAY, true},
		{"FREE", "192.0.2.7", REASON_ADDRESS, false},
		{"FREE", "192.0.2.8", REASON_ADDRESS, true},
		{"MUTED", "192.0.2.7", REASON_GATEWAY, false}, /* the name comes first */
		{"MUTED", "192.0.2.8", REASON_GATEWAY, true},
		{"muted", "192.0.2.1", REASON_NONE, false},
		{"MUTED-1", "192.0.2.1", REASON_NONE, false},
		{"", "2001:db8::1", REASON_NONE, false},
		{"FREE", "2001:db8:7::1", REASON_ADDRESS, true},
	};

	(void)state;
	put(ACCESS_GW, "MUTED");
	put(ACCESS_GWB, "LOCKED");
	put(ACCESS_IP, "192.0.2.7");
	put(ACCESS_IPB, "192.0.2.8");
	put(ACCESS_IPB, "2001:db8:7::/48");
	struct access *access = compiled();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool locked = !cases[i].locked;

		if (gateway(access, cases[i].name, cases[i].ip, &locked) != cases[i].reason ||
		    locked != cases[i].locked)
			fail_msg("%s at %s", cases[i].name, cases[i].ip);
	}
	access_unmap(&access);
	bool locked = true;
	assert_int_equal(gateway(NULL, "LOCKED", "192.0.2.8", &locked), REASON_NONE);
	assert_false(locked);
}

static void test_serials(void **state)
{
	(void)state;
	put(ACCESS_SN, "FAHuL");
	put(ACCESS_SN, "*****");
	struct access *access = compiled();

	assert_false(rules_serial(access, 1, "90123FAHuL"));
	assert_true(rules_serial(access, 1, "90123fahul"));
	assert_true(rules_serial(access, 1, "FAHuL90123"));
	assert_true(rules_serial(access, 0, "90123FAHuL")); /* the mode of groups has no serial */
	assert_true(rules_serial(access, 2, "90123FAHuL"));
	assert_true(rules_serial(access, 1, "**********")); /* none is known */
	assert_true(rules_serial(access, 1, ""));
	assert_true(rules_serial(access, 1, "FAHuL"));
	assert_true(rules_serial(NULL, 1, "90123FAHuL"));
	access_unmap(&access);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_looks_like_a_call),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_suffixes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parts_of_sources, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gateways, setup, teardown),
		cmocka_unit_test_setup_teardown(test_serials, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
