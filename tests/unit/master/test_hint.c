/* SPDX-License-Identifier: ISC
 *
 * NAME      test_hint - an error of the system comes with what to do about it
 * PURPOSE   Each error that an operator can do something about is found in a sentence, no other.
 * OWNER     make check
 * CONTRACT  cmocka; exit status 0 when all pass
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "master/start/place.h"

static void assert_hint(int error, const char *part)
{
	char why[200];

	snprintf(why, sizeof(why), "can't make the gate of the voice store: %s", strerror(error));
	assert_non_null(place_hint(why));
	assert_non_null(strstr(place_hint(why), part));
}

static void what_can_be_done_is_said(void **state)
{
	(void)state;
	assert_hint(EMFILE, "ulimit -n");
	assert_hint(ENFILE, "fs.file-nr");
	assert_hint(ENOMEM, "[limits]");
	assert_hint(ENOSPC, "df -h");
	assert_hint(EROFS, "another directory");
	assert_hint(EACCES, "as root");
	assert_hint(EPERM, "as root");
	assert_hint(EAGAIN, "ulimit -u");
}

static void what_says_it_itself_has_none(void **state)
{
	(void)state;
	assert_null(place_hint(""));
	assert_null(place_hint("already running as pid 4711 (/run/shackd/shackd.pid is locked)"));
	assert_null(place_hint(
		"ysf.listen: can't bind 192.0.2.7:42000: this machine has no such address"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_can_be_done_is_said),
		cmocka_unit_test(what_says_it_itself_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
