/* SPDX-License-Identifier: ISC
 *
 * NAME      test_space - a file system that others fill
 * PURPOSE   commits fail cleanly and go on later; with a reserve small commits never fail
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    needs root for a tmpfs of its own, else SKIP
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "tests/unit/shm/store/lab.h"

#define MOUNT_BYTES (24ULL << 20)
#define ROUNDS	    10000

static char mounted[64];

/* A tmpfs that only this process sees. */
static int enter_small_tmpfs(void **state)
{
	char options[64];

	(void)state;
	snprintf(mounted, sizeof(mounted), "/tmp/store-space-XXXXXX");
	if (!mkdtemp(mounted))
		return -1;
	snprintf(options, sizeof(options), "size=%llu,mode=700", MOUNT_BYTES);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", mounted, "tmpfs", 0, options) < 0) {
		rmdir(mounted);
		mounted[0] = '\0';
		printf("SKIP test_space: can't mount a tmpfs (%s)\n", strerror(errno));
	}
	return 0;
}

static int leave_small_tmpfs(void **state)
{
	(void)state;
	if (mounted[0]) {
		umount2(mounted, MNT_DETACH);
		rmdir(mounted);
	}
	return 0;
}

static void fill(const char *dir, char path[128])
{
	static char block[65536];
	int fd;

	snprintf(path, 128, "%s/foreign", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	while (write(fd, block, 4096) > 0)
		;
	close(fd);
}

static void put_round(struct store_txn *txn, unsigned round)
{
	struct stream_record stream = lab_stream(round % 90 + 1, 1);
	struct event_record event = {.type = EVENT_ACCESS_REFUSED};

	assert_int_equal(streams_open(txn, &stream), STORE_OK);
	assert_int_equal(events_append(txn, &event), STORE_OK);
	assert_int_equal(streams_close(txn, stream.key, stream.id, REASON_TERMINATOR, NULL),
			 STORE_OK);
}

static void test_full_without_reserve(void **state)
{
	struct event_record event = {.type = EVENT_ACCESS_REFUSED};
	struct store_generations before, after;
	enum store_error error = STORE_OK;
	struct store_txn txn;
	char foreign[128];
	struct lab lab;
	unsigned i;

	(void)state;
	if (!mounted[0])
		skip();
	lab_enter_at(&lab, mounted);
	lab.config.max_events = 50000;
	lab_open(&lab);
	fill(mounted, foreign);
	assert_int_equal(store_read(lab.store, &txn), STORE_OK);
	store_generations(&txn, &before);
	assert_int_equal(store_end(&txn), STORE_OK);
	for (i = 0; i < 1000 && !error; i++) {
		assert_int_equal(store_write(lab.store, &txn), STORE_OK);
		for (int j = 0; j < 200; j++)
			events_append(&txn, &event);
		error = store_end(&txn);
		if (error)
			break;
		assert_int_equal(store_read(lab.store, &txn), STORE_OK);
		store_generations(&txn, &before);
		assert_int_equal(store_end(&txn), STORE_OK);
	}
	assert_int_equal(error, STORE_NO_SPACE);
	assert_true(lab_counter(&lab, COUNT_STORE_NO_SPACE) > 0);
	assert_int_equal(lab.page->state, PAGE_BUSY);
	/* nothing was changed; reading goes on */
	assert_int_equal(store_read(lab.store, &txn), STORE_OK);
	store_generations(&txn, &after);
	assert_memory_equal(&before, &after, sizeof(after));
	assert_int_equal(store_end(&txn), STORE_OK);
	/* and writing, once there is room */
	unlink(foreign);
	assert_int_equal(store_write(lab.store, &txn), STORE_OK);
	for (int j = 0; j < 200; j++)
		events_append(&txn, &event);
	assert_int_equal(store_end(&txn), STORE_OK);
	lab_leave(&lab);
}

static void test_full_with_reserve(void **state)
{
	struct statvfs fs;
	struct store_txn txn;
	char foreign[128];
	struct lab lab;
	unsigned i;

	(void)state;
	if (!mounted[0])
		skip();
	lab_enter_at(&lab, mounted);
	lab_open(&lab);
	for (i = 0; i < 600; i++) {
		assert_int_equal(store_write(lab.store, &txn), STORE_OK);
		put_round(&txn, i);
		assert_int_equal(store_end(&txn), STORE_OK);
	}
	store_reserve(lab.store, 1 << 20);
	fill(mounted, foreign);
	assert_int_equal(statvfs(mounted, &fs), 0);
	assert_int_equal(fs.f_bavail, 0);
	for (i = 0; i < ROUNDS; i++) {
		assert_int_equal(store_write(lab.store, &txn), STORE_OK);
		put_round(&txn, i);
		assert_int_equal(store_end(&txn), STORE_OK);
		if (i % 100 == 0)
			store_reserve(lab.store, 1 << 20);
	}
	assert_int_equal(lab_counter(&lab, COUNT_STORE_NO_SPACE), 0);
	unlink(foreign);
	lab_leave(&lab);
}

static void test_limits_too_big(void **state)
{
	struct lab lab;

	(void)state;
	if (!mounted[0])
		skip();
	lab_enter_at(&lab, mounted);
	lab.config.max_events = 500000;
	assert_int_equal(store_open(&lab.store, &lab.config, NULL, lab.error), STORE_NO_SPACE);
	assert_string_equal(lab.error, "limits need 93 MiB, shm_dir has 24 MiB: enlarge it, "
			    "or lower keys of [limits]");
	lab_leave(&lab);
}

/* The map holds what the limits allow, however it was put there. */
static void test_map_holds_limits(void **state)
{
	struct event_record event = {.type = EVENT_ACCESS_REFUSED};
	struct client_record record;
	struct client_key key;
	struct store_txn txn;
	struct lab lab;
	uint32_t i, j;

	(void)state;
	lab_enter(&lab);
	lab.config.max_clients = 100000;
	lab.config.max_events = 150000;
	lab.config.map_size = store_map_size(&lab.config);
	assert_true(lab.config.map_size > 64 << 20);
	lab_open(&lab);
	for (i = 0; i < 100000; i += 64) {
		assert_int_equal(store_write(lab.store, &txn), STORE_OK);
		for (j = i; j < i + 64 && j < 100000; j++) {
			key = lab_key(j * 40503U % 16777216U, 42000);
			record = lab_client("DB0ABC");
			clients_link(&txn, &key, &record);
			events_append(&txn, &event);
		}
		assert_int_equal(store_end(&txn), STORE_OK);
	}
	assert_int_equal(store_read(lab.store, &txn), STORE_OK);
	assert_int_equal(clients_count(&txn), 100000);
	assert_int_equal(store_entries(&txn, DB_EVENTS), 150000);
	assert_int_equal(store_end(&txn), STORE_OK);
	lab_leave(&lab);
}

static void test_map_full(void **state)
{
	struct event_record event = {.type = EVENT_ACCESS_REFUSED};
	enum store_error error = STORE_OK;
	struct store_txn txn;
	struct lab lab;
	unsigned i;

	(void)state;
	lab_enter(&lab);
	lab.config.max_events = 100000;
	lab.config.map_size = 1 << 20;
	lab_open(&lab);
	for (i = 0; i < 1000 && !error; i++) {
		assert_int_equal(store_write(lab.store, &txn), STORE_OK);
		for (int j = 0; j < 100; j++)
			events_append(&txn, &event);
		error = store_end(&txn);
	}
	assert_int_equal(error, STORE_MAP_FULL);
	assert_int_equal(lab_counter(&lab, COUNT_STORE_MAP_FULL), 1);
	assert_int_equal(store_write(lab.store, &txn), STORE_OK);
	assert_true(events_newest(&txn) > 1000);
	assert_int_equal(store_end(&txn), STORE_OK);
	/* the same store with the map that its limits need goes on */
	store_close(&lab.store);
	lab.config.map_size = 64 << 20;
	lab_open(&lab);
	assert_false(lab.set_aside);
	assert_int_equal(store_write(lab.store, &txn), STORE_OK);
	for (int j = 0; j < 1000; j++)
		events_append(&txn, &event);
	assert_int_equal(store_end(&txn), STORE_OK);
	lab_leave(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_without_reserve),
		cmocka_unit_test(test_full_with_reserve),
		cmocka_unit_test(test_limits_too_big),
		cmocka_unit_test(test_map_holds_limits),
		cmocka_unit_test(test_map_full),
	};

	return cmocka_run_group_tests(tests, enter_small_tmpfs, leave_small_tmpfs);
}
