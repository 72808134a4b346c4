/* SPDX-License-Identifier: ISC
 *
 * NAME      test_rights - who may ask the master for what
 * PURPOSE   The table of the interface: root, the starter, the group, the daemon's own user,
 *           others.
 * OWNER     make check
 * CONTRACT  cmocka; exit status 0 when all pass
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "master/control.h"

static const struct rights_who as_root = {.master_uid = 0, .worker_uid = 100, .control_gid = 200};
static const struct rights_who as_user = {
	.master_uid = 1000, .worker_uid = UINT32_MAX, .control_gid = UINT32_MAX};

static void who_is_who(void **state)
{
	const uint32_t groups[] = {5, 200, 7};

	(void)state;
	assert_int_equal(rights_of(&as_root, 0, 0, NULL, 0), RIGHTS_ALL);
	assert_int_equal(rights_of(&as_root, 1000, 200, NULL, 0), RIGHTS_GROUP);
	assert_int_equal(rights_of(&as_root, 1000, 1000, groups, 3), RIGHTS_GROUP);
	assert_int_equal(rights_of(&as_root, 1000, 1000, groups, 1), RIGHTS_NONE);
	/* the workers are in the group; that must not lift them */
	assert_int_equal(rights_of(&as_root, 100, 200, groups, 3), RIGHTS_READ);
	assert_int_equal(rights_of(&as_user, 1000, 1000, NULL, 0), RIGHTS_ALL);
	assert_int_equal(rights_of(&as_user, 0, 0, NULL, 0), RIGHTS_ALL);
	assert_int_equal(rights_of(&as_user, 1001, UINT32_MAX, NULL, 0), RIGHTS_NONE);
}

static void who_may_what(void **state)
{
	static const char *const reading[] = {"status", "workers", "clients", "streams", "sessions",
					      "feeds",	"spots",   "blocked", "metrics", "events"};
	static const char *const changing[] = {"block",	 "unblock", "kick",	"say",
					       "reload", "reopen",  "stop",	"drain",
					       "backup", "compact", "nonsense", ""};
	static const char *const root_only[] = {"upgrade", "restore", "passwd", "import"};

	(void)state;
	for (size_t i = 0; i < sizeof(reading) / sizeof(reading[0]); i++) {
		assert_true(rights_allow(RIGHTS_READ, reading[i]));
		assert_true(rights_allow(RIGHTS_GROUP, reading[i]));
		assert_false(rights_allow(RIGHTS_NONE, reading[i]));
	}
	for (size_t i = 0; i < sizeof(changing) / sizeof(changing[0]); i++) {
		assert_false(rights_allow(RIGHTS_READ, changing[i]));
		assert_true(rights_allow(RIGHTS_GROUP, changing[i]));
		assert_false(rights_allow(RIGHTS_NONE, changing[i]));
	}
	for (size_t i = 0; i < sizeof(root_only) / sizeof(root_only[0]); i++) {
		assert_false(rights_allow(RIGHTS_READ, root_only[i]));
		assert_false(rights_allow(RIGHTS_GROUP, root_only[i]));
		assert_true(rights_allow(RIGHTS_ALL, root_only[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_who),
		cmocka_unit_test(who_may_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
