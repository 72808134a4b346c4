/* SPDX-License-Identifier: ISC
 *
 * NAME      test_shelf - a folder that holds a bounded number of small files
 * PURPOSE   Names that lead elsewhere, links, sizes, the bound; where a datagram begins.
 * OWNER     make check
 * CONTRACT  cmocka; exit status 0 when all pass
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/clock.h"
#include "workers/keeper/quarantine.h"
#include "workers/keeper/shelf.h"

static char folder[64], data[SHELF_BYTES + 1];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/shackd-shelf-XXXXXX");
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void names_are_plain(void **state)
{
	static const char *const wrong[] = {"",	    ".",   "..",  ".new", "a/b",
					    "../a", "a b", "a\n", "\xc3"};
	char longest[SHELF_NAME];

	(void)state;
	assert_true(shelf_name_ok("ysf.0-17.dgram"));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(shelf_name_ok(wrong[i]));
		assert_int_equal(shelf_put(folder, wrong[i], "x", 1, 0, 4), -1);
		assert_int_equal(shelf_get(folder, wrong[i], data, NULL), -1);
		assert_int_equal(shelf_drop(folder, wrong[i]), -1);
	}
	memset(longest, 'a', sizeof(longest));
	assert_false(shelf_name_ok(longest));
	longest[SHELF_NAME - 1] = '\0';
	assert_true(shelf_name_ok(longest));
}

static void what_is_put_is_got(void **state)
{
	uint64_t when;

	(void)state;
	assert_int_equal(shelf_put(folder, "a", "x\0y", 3, 1000 * NS_PER_SEC, 4), 0);
	assert_int_equal(shelf_get(folder, "a", data, &when), 3);
	assert_memory_equal(data, "x\0y", 4);
	assert_int_equal(when, 1000 * NS_PER_SEC);
	assert_int_equal(shelf_put(folder, "a", "zz", 2, 0, 4), 0);
	assert_int_equal(shelf_get(folder, "a", data, NULL), 2);
	assert_int_equal(shelf_drop(folder, "a"), 0);
	assert_int_equal(shelf_drop(folder, "a"), -1);
	assert_int_equal(errno, ENOENT);
}

static void the_oldest_makes_room(void **state)
{
	struct shelf_file files[SHELF_FILES];
	char name[8];

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		/* the later the name, the older the file, so that names decide nothing */
		assert_int_equal(shelf_put(folder, name, "x", 1, (100 - i) * NS_PER_SEC, 10), 0);
	}
	assert_int_equal(shelf_put(folder, "g", "x", 1, 200 * NS_PER_SEC, 4), 3);
	assert_int_equal(shelf_list(folder, files), 4);
	assert_string_equal(files[0].name, "f2");
	assert_string_equal(files[1].name, "f1");
	assert_string_equal(files[2].name, "f0");
	assert_string_equal(files[3].name, "g");
}

static void links_and_giants_are_not_read(void **state)
{
	struct shelf_file files[SHELF_FILES];
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/link", folder);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof(path), "%s/folder", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/giant", folder);
	assert_int_equal(shelf_put(folder, "giant", "x", 1, 0, 4), 0);
	assert_int_equal(truncate(path, SHELF_BYTES + 1), 0);
	assert_int_equal(shelf_get(folder, "link", data, NULL), -1);
	assert_int_equal(shelf_get(folder, "folder", data, NULL), -1);
	assert_int_equal(shelf_get(folder, "giant", data, NULL), -1);
	assert_int_equal(shelf_list(folder, files), 1);
}

static void a_missing_folder_is_empty(void **state)
{
	struct shelf_file files[SHELF_FILES];

	(void)state;
	assert_int_equal(shelf_list("/tmp/shackd-there-is-none", files), 0);
	assert_int_equal(shelf_put("/tmp/shackd-there-is-none/x", "a", "x", 1, 0, 4), -1);
}

static void a_datagram_follows_the_empty_line(void **state)
{
	(void)state;
	assert_int_equal(quarantine_body("a: b\n\nX", 7), 6);
	assert_int_equal(quarantine_body("a: b\n\n", 6), 6);
	assert_int_equal(quarantine_body("a: b\n\n\n\n", 8), 6);
	assert_int_equal(quarantine_body("a: b\n", 5), 5);
	assert_int_equal(quarantine_body("", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_are_plain, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(what_is_put_is_got, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(the_oldest_makes_room, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(links_and_giants_are_not_read, make_folder,
						remove_folder),
		cmocka_unit_test(a_missing_folder_is_empty),
		cmocka_unit_test(a_datagram_follows_the_empty_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
