/* SPDX-License-Identifier: ISC
 *
 * NAME      test_examine - files of stores that are damaged
 * PURPOSE   What passes can be opened, walked and written by LMDB without an abort or a fault, whatever
 *           bit was flipped; what is whole passes.
 * OWNER     make check
 * CONTRACT  exit 0 if all is well; ROUNDS in the environment: so many flips, SEED: which
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/wait.h>

#include "shm/store/audit.h"
#include "shm/store/copy.h"
#include "shm/store/users.h"
#include "tests/unit/shm/store/lab.h"

#define BLOCKS 400
#define USERS  60

static struct lab lab;
static char file[160];

static long long setting(const char *name, long long usual)
{
	const char *text = getenv(name);

	return text != NULL ? atoll(text) : usual;
}

static void add_blocks(struct store *store, unsigned from, unsigned to)
{
	struct block_record record = {.version = RECORD_VERSION,
				      .reason = BLOCK_OPERATOR,
				      .until = BLOCK_FOREVER,
				      .until_real = BLOCK_FOREVER,
				      .by = "operator"};
	struct store_txn txn;
	char call[CALL_MAX];

	assert_int_equal(store_write(store, &txn), STORE_OK);
	for (unsigned i = from; i < to; i++) {
		snprintf(call, sizeof(call), "DL%04u", i);
		blocks_add(&txn, call, &record);
	}
	assert_int_equal(store_end(&txn), STORE_OK);
}

static void add_users(struct store *store)
{
	uint8_t filter[FILTER_BYTES_MAX];
	struct user_record record;
	struct store_txn txn;
	char call[CALL_TEXT_SIZE];

	memset(filter, 7, sizeof(filter));
	assert_int_equal(store_write(store, &txn), STORE_OK);
	for (unsigned i = 0; i < USERS; i++) {
		user_record_blank(&record);
		record.created = clock_real();
		snprintf(call, sizeof(call), "DL%uA", i);
		assert_int_equal(users_put(&txn, call, &record), STORE_OK);
		assert_int_equal(filters_put(&txn, call, filter, 100 + 30 * i), STORE_OK);
	}
	assert_int_equal(store_end(&txn), STORE_OK);
}

static void remove_blocks(struct store *store, unsigned from, unsigned to)
{
	struct store_txn txn;
	char call[CALL_MAX];

	assert_int_equal(store_write(store, &txn), STORE_OK);
	for (unsigned i = from; i < to; i++) {
		snprintf(call, sizeof(call), "DL%04u", i);
		blocks_remove(&txn, call);
	}
	assert_int_equal(store_end(&txn), STORE_OK);
}

/* A durable store that has seen life: free pages, trees of two levels, records of all sizes. */
static int enter(void **state)
{
	(void)state;
	lab_enter(&lab);
	lab.config.kind = STORE_STATE;
	lab.config.max_blocks = 10 * BLOCKS;
	lab.config.max_users = 10 * USERS;
	snprintf(file, sizeof(file), "%s/data.mdb", lab.path);
	assert_int_equal(store_open(&lab.store, &lab.config, &lab.set_aside, lab.error), STORE_OK);
	for (unsigned i = 0; i < BLOCKS; i += 100)
		add_blocks(lab.store, i, i + 100);
	add_users(lab.store);
	remove_blocks(lab.store, 50, BLOCKS - 50);
	add_blocks(lab.store, 100, 120);
	return 0;
}

static int leave(void **state)
{
	(void)state;
	store_close(&lab.store);
	lab_leave(&lab);
	return 0;
}

static bool audited(const char *path, struct audit *audit_r, char why_r[256])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool good;

	assert_true(fd >= 0);
	good = audit_file(fd, audit_r, why_r);
	close(fd);
	return good;
}

static void test_a_whole_one_passes(void **state)
{
	struct audit audit;
	char why[256] = "";

	(void)state;
	if (!audited(file, &audit, why))
		fail_msg("%s", why);
	assert_int_equal(audit.blocks, 120);
	assert_int_equal(audit.users, USERS);
	assert_int_equal(audit.filters, USERS);
	assert_int_equal(audit.damaged, 0);
	assert_int_equal(audit.edition, SCHEMA_VERSION);
	assert_true(audit.file.free > 0);
}

static void test_a_copy_has_all_and_no_free_pages(void **state)
{
	char path[160], why[256] = "";
	struct audit audit, before;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/copy", lab.dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	/* in use meanwhile: another environment of this process would be the same one to the kernel */
	if (fork() == 0)
		_exit(copy_store(lab.path, fd, why) == STORE_OK ? 0 : 1);
	int status = 0;
	assert_true(wait(&status) > 0 && status == 0);
	close(fd);
	assert_true(audited(path, &audit, why));
	assert_true(audited(file, &before, why));
	assert_int_equal(audit.blocks, before.blocks);
	assert_int_equal(audit.users, before.users);
	assert_int_equal(audit.filters, before.filters);
	assert_int_equal(audit.file.free, 0);
	assert_true(audit.file.pages <= before.file.pages);
	unlink(path);
}

static void test_what_is_no_store(void **state)
{
	char path[160], why[256], page[8192] = "";
	struct audit audit;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/odd", lab.dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_false(audited(path, &audit, why));
	assert_string_equal(why, "the file is empty");
	assert_int_equal(write(fd, page, 100), 100);
	assert_false(audited(path, &audit, why));
	assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
	assert_false(audited(path, &audit, why));
	assert_string_equal(why, "it is no store, or its head is damaged");
	close(fd);
	unlink(path);
	assert_false(audited("/dev/null", &audit, why));
	assert_string_equal(why, "it is no file");
}

/* ---- flips ---- */

static uint64_t dice;

static uint64_t throw(uint64_t below)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice % below;
}

static bool see_block(const char *call, const struct block_record *record, void *arg)
{
	(void)call;
	(void)record;
	(void)arg;
	return true;
}

static bool see_user(const char *call, const struct user_record *record, void *arg)
{
	(void)call;
	(void)record;
	(void)arg;
	return true;
}

/* Reads all, writes some, as a worker would. Errors are no matter; an end by a signal is. */
static void use_store(const char *path)
{
	struct store_config config = lab.config;
	char call[CALL_MAX] = "", user[CALL_TEXT_SIZE] = "", error[256];
	struct block_record block = {.version = RECORD_VERSION,
				     .reason = BLOCK_OPERATOR,
				     .until = BLOCK_FOREVER,
				     .until_real = BLOCK_FOREVER};
	struct store *store;
	struct store_txn txn;

	config.path = path;
	config.page = NULL;
	if (store_open(&store, &config, NULL, error) != STORE_OK)
		_exit(0);
	store_read(store, &txn);
	blocks_walk(&txn, call, 100000, see_block, NULL);
	users_walk(&txn, user, 100000, see_user, NULL);
	store_end(&txn);
	for (unsigned i = 0; i < 40; i++) {
		store_write(store, &txn);
		snprintf(call, sizeof(call), "DM%04u", i);
		blocks_add(&txn, call, &block);
		snprintf(call, sizeof(call), "DL%04u", i);
		blocks_remove(&txn, call);
		store_end(&txn);
	}
	store_close(&store);
	_exit(0);
}

static void copy_file(const uint8_t *bytes, size_t length, const char *to)
{
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), (ssize_t)length);
	close(fd);
}

/* How the child that uses the store ends. */
static int used(const char *path)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDERR_FILENO);
		use_store(path);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_what_passes_kills_nobody(void **state)
{
	long long rounds = setting("ROUNDS", 400), found = 0;
	char dir[128], damaged[160], lock[160], old[160];
	struct audit audit;
	uint8_t *bytes;
	struct stat st;
	char why[256] = "";
	int fd;

	(void)state;
	dice = (uint64_t)setting("SEED", 4711);
	snprintf(dir, sizeof(dir), "%s/damaged", lab.dir);
	snprintf(damaged, sizeof(damaged), "%s/data.mdb", dir);
	snprintf(lock, sizeof(lock), "%s/lock.mdb", dir);
	snprintf(old, sizeof(old), "rm -rf %s.old", dir);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	bytes = malloc((size_t)st.st_size);
	assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
	close(fd);
	assert_true(mkdir(dir, 0700) == 0);
	for (long long i = 0; i < rounds; i++) {
		size_t at = throw((uint64_t)st.st_size);
		uint8_t bit = (uint8_t)(1U << throw(8));

		/* every other one where it hurts: the heads of pages, and their first offsets */
		if (i & 1)
			at = at / 4096 * 4096 + throw(48);
		bytes[at] ^= bit;
		mkdir(dir, 0700);
		copy_file(bytes, (size_t)st.st_size, damaged);
		unlink(lock);
		if (audited(damaged, &audit, why) && used(dir) != 0)
			fail_msg("bit %u of byte %zu passes and kills", bit, at);
		found += why[0] != '\0';
		why[0] = '\0';
		bytes[at] ^= bit;
	}
	assert_int_equal(system(old), 0);
	print_message("%lld of %lld flips were found\n", found, rounds);
	assert_true(found > rounds / 5);
	free(bytes);
	unlink(damaged);
	unlink(lock);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_whole_one_passes),
		cmocka_unit_test(test_a_copy_has_all_and_no_free_pages),
		cmocka_unit_test(test_what_is_no_store),
		cmocka_unit_test(test_what_passes_kills_nobody),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
