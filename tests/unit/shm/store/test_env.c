/* SPDX-License-Identifier: ISC
 *
 * NAME      test_env - tests of opening a store and of its transactions
 * PURPOSE   making, reusing, setting aside; the gate, generations, meta numbers, memory
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lmdb.h>
#include <sys/wait.h>

#include "tests/unit/shm/store/lab.h"

static void test_make_and_reuse(void **state)
{
	struct store_generations generations;
	struct store_txn txn;
	struct stat st;
	char data[160];
	struct lab lab;
	uint64_t id;

	(void)state;
	lab_enter(&lab);
	lab.config.create = false;
	assert_int_equal(store_open(&lab.store, &lab.config, &lab.set_aside, lab.error),
			 STORE_FAILED);
	assert_non_null(strstr(lab.error, "there is no store at"));
	assert_null(lab.store);
	lab.config.create = true;
	lab_open(&lab);
	assert_false(lab.set_aside);
	assert_string_equal(lab.error, "");
	id = store_id(lab.store);
	assert_true(id != 0);
	assert_string_equal(store_config(lab.store)->slot, "test.0");
	assert_int_equal(stat(lab.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	snprintf(data, sizeof(data), "%s/data.mdb", lab.path);
	assert_int_equal(stat(data, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(store_write(lab.store, &txn), STORE_OK);
	store_meta_put(&txn, "listeners", 4711);
	assert_int_equal(store_end(&txn), STORE_OK);
	store_close(&lab.store);
	store_close(&lab.store);

	lab.config.create = false;
	lab_open(&lab);
	assert_int_equal(store_id(lab.store), id);
	assert_int_equal(store_read(lab.store, &txn), STORE_OK);
	assert_int_equal(store_meta_get(&txn, "listeners"), 4711);
	assert_int_equal(store_meta_get(&txn, "nothing"), 0);
	assert_int_equal(store_generations(&txn, &generations), STORE_OK);
	assert_int_equal(generations.events, 0);
	assert_int_equal(store_end(&txn), STORE_OK);
	lab_leave(&lab);
}

/* Writes one record into the `meta` database behind the store's back. */
static void spoil(struct lab *lab, const char *key, const void *value, size_t size)
{
	MDB_val name = {strlen(key), (void *)key}, data = {size, (void *)value};
	MDB_txn *txn;
	MDB_env *env;
	MDB_dbi dbi;

	assert_int_equal(mdb_env_create(&env), 0);
	mdb_env_set_maxdbs(env, 6);
	assert_int_equal(mdb_env_open(env, lab->path, MDB_NOSYNC | MDB_NOTLS, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "meta", 0, &dbi), 0);
	if (value)
		assert_int_equal(mdb_put(txn, dbi, &name, &data, 0), 0);
	else
		assert_int_equal(mdb_del(txn, dbi, &name, NULL), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void expect_set_aside(struct lab *lab)
{
	struct stat st;
	char old[160];

	lab->config.create = false;
	assert_int_not_equal(store_open(&lab->store, &lab->config, NULL, lab->error), STORE_OK);
	assert_true(strlen(lab->error) > 10);
	lab->config.create = true;
	lab_open(lab);
	assert_true(lab->set_aside);
	snprintf(old, sizeof(old), "%s.old", lab->path);
	assert_int_equal(lstat(old, &st), 0);
	store_close(&lab->store);
	lab_open(lab);
	assert_false(lab->set_aside);
	store_close(&lab->store);
}

static void write_file(const char *path, const char *name, const void *data, size_t size)
{
	char file[256];
	int fd;

	snprintf(file, sizeof(file), "%s%s", path, name);
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	close(fd);
}

static void test_set_aside(void **state)
{
	struct {
		uint64_t schema, id;
		char boot[36];
	} other = {.schema = SCHEMA_VERSION + 1};
	char garbage[8192];
	struct lab lab;

	(void)state;
	lab_enter(&lab);
	memset(garbage, 0xa5, sizeof(garbage));
	write_file(lab.path, "", "a file", 6);
	expect_set_aside(&lab);
	spoil(&lab, "identity", &other, sizeof(other));
	expect_set_aside(&lab);
	other.schema = SCHEMA_VERSION;
	memset(other.boot, 'x', sizeof(other.boot));
	spoil(&lab, "identity", &other, sizeof(other));
	expect_set_aside(&lab);
	spoil(&lab, "identity", "short", 5);
	expect_set_aside(&lab);
	spoil(&lab, "identity", NULL, 0);
	expect_set_aside(&lab);
	spoil(&lab, "generations", "damaged", 7);
	expect_set_aside(&lab);
	write_file(lab.path, "/data.mdb", garbage, sizeof(garbage));
	expect_set_aside(&lab);
	write_file(lab.path, "/data.mdb", garbage, 100);
	expect_set_aside(&lab);
	lab_leave(&lab);
}

/* A file that ends before what its header tells is no SIGBUS. */
static void test_truncated(void **state)
{
	char data[160];
	struct lab lab;

	(void)state;
	lab_enter(&lab);
	lab_open(&lab);
	store_close(&lab.store);
	snprintf(data, sizeof(data), "%s/data.mdb", lab.path);
	assert_int_equal(truncate(data, 8192), 0);
	lab_open(&lab);
	assert_true(lab.set_aside);
	lab_leave(&lab);
}

static void test_durable_over_boot(void **state)
{
	struct {
		uint64_t schema, id;
		char boot[36];
	} other = {.schema = SCHEMA_VERSION, .id = 5};
	struct lab lab;

	(void)state;
	lab_enter(&lab);
	lab.config.kind = STORE_STATE;
	lab.config.map_size = store_map_size(&lab.config);
	lab_open(&lab);
	store_close(&lab.store);
	spoil(&lab, "identity", &other, sizeof(other));
	lab_open(&lab);
	assert_false(lab.set_aside);
	assert_int_equal(store_id(lab.store), 5);
	lab_leave(&lab);
}

static void test_limits_and_room(void **state)
{
	struct store_txn txn;
	struct lab lab;

	(void)state;
	lab_enter(&lab);
	assert_int_equal(store_map_size(&lab.config), 64 << 20);
	lab.config.max_events = 5000000;
	assert_true(store_map_size(&lab.config) > 5000000ULL * 2 * 160);
	lab.config.max_events = 1000;
	lab_open(&lab);
	store_close(&lab.store);
	lab.config.map_size *= 2; /* limits were raised */
	lab_open(&lab);
	assert_false(lab.set_aside);
	assert_int_equal(store_write(lab.store, &txn), STORE_OK);
	store_meta_put(&txn, "a", 1);
	assert_int_equal(store_end(&txn), STORE_OK);
	store_close(&lab.store);
	lab.config.max_events = UINT32_MAX;
	/* a store that is there must come back, whatever room is left */
	assert_int_equal(store_open(&lab.store, &lab.config, NULL, lab.error), STORE_OK);
	lab_leave(&lab);
	/* a new one is refused, with the numbers */
	lab_enter(&lab);
	lab.config.max_events = UINT32_MAX;
	assert_int_equal(store_open(&lab.store, &lab.config, NULL, lab.error), STORE_NO_SPACE);
	assert_non_null(strstr(lab.error, "limits need "));
	assert_non_null(strstr(lab.error, "shm_dir has "));
	lab_leave(&lab);
}

static void test_transactions(void **state)
{
	struct store_txn reading, again, writing;
	uint64_t seen = 0;
	struct lab lab;

	(void)state;
	lab_enter(&lab);
	lab_open(&lab);
	assert_true(store_moved(lab.store, &seen));
	assert_false(store_moved(lab.store, &seen));
	assert_int_equal(store_write(lab.store, &writing), STORE_OK);
	assert_int_equal(lab.page->state, PAGE_LMDB_HOLD);
	assert_int_equal(store_write(lab.store, &again), STORE_BUSY);
	assert_int_equal(store_end(&again), STORE_BUSY);
	assert_int_equal(lab.page->state, PAGE_LMDB_HOLD);
	assert_int_equal(lab_counter(&lab, COUNT_STORE_BUSY), 1);
	store_meta_put(&writing, "a", 1);
	assert_int_equal(store_read(lab.store, &reading), STORE_OK);
	assert_int_equal(store_read(lab.store, &again), STORE_FAILED);
	store_meta_put(&reading, "b", 2);
	assert_int_equal(reading.error, STORE_FAILED);
	assert_int_equal(store_end(&reading), STORE_FAILED);
	assert_int_equal(store_end(&writing), STORE_OK);
	assert_int_equal(lab.page->state, PAGE_BUSY);
	assert_int_equal(lab_counter(&lab, COUNT_STORE_COMMITS), 1);
	assert_true(store_moved(lab.store, &seen));
	assert_false(store_moved(lab.store, &seen));

	assert_int_equal(store_write(lab.store, &writing), STORE_OK);
	store_meta_put(&writing, "a", 2);
	store_abort(&writing);
	store_abort(&writing);
	assert_int_equal(store_write(lab.store, &writing), STORE_OK);
	store_meta_put(&writing, "a", 3);
	store_fail(&writing, STORE_FAILED);
	store_fail(&writing, STORE_LOST);
	store_meta_put(&writing, "a", 4);
	assert_int_equal(store_end(&writing), STORE_FAILED);
	assert_false(store_moved(lab.store, &seen));
	assert_int_equal(store_read(lab.store, &reading), STORE_OK);
	assert_int_equal(store_meta_get(&reading, "a"), 1);
	assert_int_equal(store_end(&reading), STORE_OK);
	assert_int_equal(store_write(lab.store, &writing), STORE_OK);
	assert_int_equal(store_next_id(&writing, "client"), 1);
	assert_int_equal(store_next_id(&writing, "client"), 2);
	assert_int_equal(store_next_id(&writing, "stream"), 1);
	assert_int_equal(store_end(&writing), STORE_OK);
	lab_leave(&lab);
}

static void test_errors(void **state)
{
	struct lab lab;

	(void)state;
	lab_enter(&lab);
	lab_open(&lab);
	assert_int_equal(store_translate(lab.store, MDB_MAP_FULL, "t"), STORE_MAP_FULL);
	assert_int_equal(store_translate(lab.store, ENOSPC, "t"), STORE_NO_SPACE);
	assert_int_equal(store_translate(lab.store, EIO, "t"), STORE_FAILED);
	assert_int_equal(store_translate(lab.store, MDB_PANIC, "t"), STORE_LOST);
	assert_int_equal(store_translate(lab.store, MDB_CORRUPTED, "t"), STORE_LOST);
	assert_int_equal(store_translate(lab.store, MDB_PAGE_NOTFOUND, "t"), STORE_LOST);
	assert_int_equal(store_translate(lab.store, MDB_INVALID, "t"), STORE_LOST);
	assert_int_equal(store_translate(lab.store, MDB_READERS_FULL, "t"), STORE_BUSY);
	assert_int_equal(store_translate(lab.store, EINVAL, "t"), STORE_FAILED);
	assert_int_equal(store_translate(lab.store, 0, "t"), STORE_OK);
	assert_int_equal(lab_counter(&lab, COUNT_STORE_MAP_FULL), 1);
	assert_int_equal(lab_counter(&lab, COUNT_STORE_NO_SPACE), 1);
	assert_int_equal(lab_counter(&lab, COUNT_STORE_FAILED), 6);
	assert_string_equal(store_error_text(STORE_BUSY), "another process is writing");
	assert_string_equal(store_error_text((enum store_error)99), "?");
	lab_leave(&lab);
}

static unsigned long status_kb(const char *field)
{
	FILE *status = fopen("/proc/self/status", "re");
	unsigned long kb = 0;
	char line[256];

	while (status && fgets(line, sizeof(line), status)) {
		if (strncmp(line, field, strlen(field)) == 0)
			kb = strtoul(line + strlen(field), NULL, 10);
	}
	if (status)
		fclose(status);
	return kb;
}

static bool visit_nothing(const struct client_key *key, const struct client_record *record,
			  void *arg)
{
	(void)key;
	(void)record;
	(void)arg;
	return true;
}

static unsigned walk_all(struct lab *lab)
{
	struct client_key key = {{0}, {0}, {0}};
	struct store_txn txn;
	unsigned count;

	assert_int_equal(store_read(lab->store, &txn), STORE_OK);
	count = clients_walk(&txn, &key, 1000000, visit_nothing, NULL);
	assert_int_equal(store_end(&txn), STORE_OK);
	return count;
}

static void test_forget_pages(void **state)
{
	unsigned long before, after;
	struct client_record record;
	struct client_key key;
	struct store_txn txn;
	struct lab lab;
	uint32_t i;

	(void)state;
	lab_enter(&lab);
	lab.config.max_clients = 20000;
	lab_open(&lab);
	for (i = 0; i < 20000; i += 100) {
		assert_int_equal(store_write(lab.store, &txn), STORE_OK);
		for (uint32_t j = i; j < i + 100; j++) {
			key = lab_key(j, 42000);
			record = lab_client("DB0ABC");
			assert_int_equal(clients_link(&txn, &key, &record), STORE_OK);
		}
		assert_int_equal(store_end(&txn), STORE_OK);
	}
	assert_int_equal(walk_all(&lab), 20000);
	before = status_kb("RssShmem:");
	store_forget_pages(lab.store);
	after = status_kb("RssShmem:");
	if (before > 0)
		assert_true(after + 1500 < before);
	assert_int_equal(walk_all(&lab), 20000);
	lab_leave(&lab);
}

/* A reader that dies inside a read leaves its slot, and the next check clears it. */
static void test_readers(void **state)
{
	struct store_txn txn;
	uint64_t pages, bytes;
	struct lab lab;
	int status, go[2];
	pid_t pid;
	char byte;

	(void)state;
	lab_enter(&lab);
	assert_int_equal(pipe(go), 0);
	/* an open checks on its own, and none may be carried over a fork: hence this order */
	pid = fork();
	if (pid == 0) {
		if (read(go[0], &byte, 1) != 1 ||
		    store_open(&lab.store, &lab.config, NULL, lab.error) ||
		    store_read(lab.store, &txn))
			_exit(1);
		_exit(0);
	}
	lab_open(&lab);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(store_check_readers(lab.store), 1);
	assert_int_equal(store_check_readers(lab.store), 0);
	close(go[0]);
	close(go[1]);
	store_size(lab.store, &pages, &bytes);
	assert_true(pages > 2 && pages < 20);
	assert_true(bytes >= 4096 * 4);
	lab_leave(&lab);
}

/* Our own slot may be taken for that of a dead process: reading goes on. */
static void test_lost_reader_slot(void **state)
{
	struct store_txn txn;
	struct lab lab;
	int i;

	(void)state;
	lab_enter(&lab);
	lab_open(&lab);
	for (i = 0; i < 3; i++) {
		assert_int_equal(store_read(lab.store, &txn), STORE_OK);
		assert_int_equal(clients_count(&txn), 0);
		assert_int_equal(store_end(&txn), STORE_OK);
		store_check_readers(lab.store);
	}
	lab_leave(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make_and_reuse),	cmocka_unit_test(test_set_aside),
		cmocka_unit_test(test_truncated),	cmocka_unit_test(test_durable_over_boot),
		cmocka_unit_test(test_limits_and_room), cmocka_unit_test(test_transactions),
		cmocka_unit_test(test_errors),		cmocka_unit_test(test_forget_pages),
		cmocka_unit_test(test_readers),		cmocka_unit_test(test_lost_reader_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
