/* SPDX-License-Identifier: ISC
 *
 * NAME      test_page - tests of the slot page
 * PURPOSE   sealed and read-only descriptors, words, lanes, the table of the counters
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    the test of another uid runs as root only
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/page.h"

static void test_create_and_map(void **state)
{
	int fd = page_create("ysf.0", 100);
	const struct page *seen;
	struct page *page;

	(void)state;
	assert_true(fd >= 0);
	page = page_map(fd);
	seen = page_map_readonly(fd);
	assert_non_null(page);
	assert_non_null(seen);
	assert_string_equal(seen->slot, "ysf.0");
	assert_int_equal(seen->lanes, 100);
	assert_int_equal(seen->state, PAGE_EMPTY);
	page_count(page, COUNT_YSF_FRAMES);
	page_count_by(page, COUNT_YSF_FRAMES, 41);
	page_gauge(page, GAUGE_CLIENTS, 7);
	page_beat(page, 1234);
	page_set_state(page, PAGE_LMDB_HOLD);
	assert_int_equal(seen->counter[COUNT_YSF_FRAMES], 42);
	assert_int_equal(seen->gauge[GAUGE_CLIENTS], 7);
	assert_int_equal(seen->turns, 1);
	assert_int_equal(seen->beat, 1234);
	assert_int_equal(seen->state, PAGE_LMDB_HOLD);
	assert_true(seen->state_since > 0);
	assert_int_equal(ftruncate(fd, 0), -1);
	page_unmap((const struct page **)&page);
	page_unmap(&seen);
	assert_null(seen);
	close(fd);
}

static void test_refuses(void **state)
{
	int fd = memfd_create("foreign", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	assert_int_equal(page_create("a-name-of-sixteen", 1), -1);
	assert_int_equal(page_create("ysf.0", PAGE_LANES_MAX + 1), -1);
	assert_null(page_map(fd));
	assert_int_equal(ftruncate(fd, 400000), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_null(page_map(fd));
	assert_int_equal(errno, EINVAL);
	close(fd);
	assert_null(page_map(-1));
}

static void test_readonly(void **state)
{
	int fd = page_create("ysf.1", 4), reader = page_reopen_readonly(fd), status;
	const struct page *seen;
	char path[32];
	pid_t pid;

	(void)state;
	assert_true(reader >= 0);
	assert_null(page_map(reader));
	assert_int_equal(errno, EACCES);
	seen = page_map_readonly(reader);
	assert_non_null(seen);
	page_unmap(&seen);
	assert_int_equal(page_reopen_readonly(-1), -1);
	if (geteuid() == 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", reader);
		pid = fork();
		if (pid == 0) {
			if (setresuid(65534, 65534, 65534) < 0)
				_exit(2);
			_exit(open(path, O_RDWR) < 0 && open(path, O_RDONLY) < 0 ? 0 : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	close(reader);
	close(fd);
}

static void test_lanes(void **state)
{
	int fd = page_create("ysf.0", 2);
	struct page *page = page_map(fd);
	struct page_lane_view view;

	(void)state;
	assert_false(page_lane_read(page, 0, 0, &view));
	assert_false(page_lane_read(page, 0, 5, &view));
	page_lane_touch(page, 1, 5, 1000, 3, 0);
	page_lane_touch(page, 1, 5, 2000, 6, 2);
	assert_true(page_lane_read(page, 1, 5, &view));
	assert_int_equal(view.last, 2000);
	assert_int_equal(view.frames, 2);
	assert_int_equal(view.lost, 2);
	assert_int_equal(view.counter, 6);
	page_lane_touch(page, 1, 6, 3000, 0, 0);
	assert_false(page_lane_read(page, 1, 5, &view));
	assert_int_equal(view.frames, 0);
	assert_true(page_lane_read(page, 1, 6, &view));
	assert_int_equal(view.frames, 1);
	assert_int_equal(view.lost, 0);
	page_lane_touch(page, 2, 6, 3000, 0, 0); /* beyond: nothing happens */
	assert_false(page_lane_read(page, 2, 6, &view));
	page->lanes = UINT32_MAX; /* a holder gone wild */
	assert_false(page_lane_read(page, UINT32_MAX - 1, 6, &view));
	assert_false(page_lane_read(page, PAGE_LANES_MAX - 1, 6, &view));
	page_unmap((const struct page **)&page);
	close(fd);
}

static void test_names(void **state)
{
	const struct page_counter_info *table;
	bool seen[PAGE_COUNTERS] = {false};
	size_t count, i;

	(void)state;
	assert_string_equal(page_state_name(PAGE_LMDB_HOLD), "lmdb-hold");
	assert_string_equal(page_state_name(PAGE_STOPPING), "stopping");
	assert_string_equal(page_state_name(99), "?");
	table = page_counter_table(&count);
	assert_true(count > 50);
	for (i = 0; i < count; i++) {
		assert_true(table[i].number < PAGE_COUNTERS);
		assert_false(seen[table[i].number]);
		seen[table[i].number] = true;
		assert_true(*table[i].name != '\0' && *table[i].help != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create_and_map), cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_readonly),       cmocka_unit_test(test_lanes),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
