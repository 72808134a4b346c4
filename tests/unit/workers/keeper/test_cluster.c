/* SPDX-License-Identifier: ISC
 *
 * NAME      test_cluster - users and human spots become durable
 * PURPOSE   Nothing is lost and nothing is doubled whatever keeper dies of; a damaged record is kept
 *           aside; sessions that nobody holds go.
 * OWNER     make check
 * CONTRACT  a program of its own; a failure stops it
 * LIMITS    the disk that is full needs root for a tmpfs of its own, else SKIP
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <lmdb.h>

#include "shm/clock.h"
#include "shm/store/human.h"
#include "shm/store/sessions.h"
#include "shm/store/spots.h"
#include "shm/store/users.h"
#include "workers/keeper/cluster.h"

struct lab {
	char dir[64], path[3][96];
	int gate[3], page_fd;
	struct worker worker;
	struct keeper keeper;
};

static void open_one(struct lab *lab, enum store_kind kind, struct store **store_r)
{
	struct store_config config = {
		.kind = kind,
		.path = lab->path[kind],
		.gate_fd = lab->gate[kind],
		.max_blocks = 100,
		.max_saved = 100,
		.max_events = 1000,
		.max_spots = 1000,
		.max_sessions = 100,
		.page = lab->worker.page,
		.slot = "keeper",
		.generation = 1,
		.create = true,
	};
	char error[256] = "";
	bool set_aside;

	config.map_size = store_map_size(&config);
	if (store_open(store_r, &config, &set_aside, error) != STORE_OK)
		fail_msg("%s", error);
}

/* The durable store lies at STATE, or beside the other. */
static void enter_at(struct lab *lab, const char *state)
{
	memset(lab, 0, sizeof(*lab));
	snprintf(lab->dir, sizeof(lab->dir), "/dev/shm/shackd-test-XXXXXX");
	assert_non_null(mkdtemp(lab->dir));
	snprintf(lab->path[STORE_STATE], sizeof(lab->path[0]), "%s/state",
		 state != NULL ? state : lab->dir);
	snprintf(lab->path[STORE_SPOTS], sizeof(lab->path[0]), "%s/spots", lab->dir);
	lab->gate[STORE_STATE] = gate_create("state");
	lab->gate[STORE_SPOTS] = gate_create("spots");
	lab->page_fd = page_create("keeper", 0);
	lab->worker.page = page_map(lab->page_fd);
	assert_non_null(lab->worker.page);
	lab->keeper.worker = &lab->worker;
	open_one(lab, STORE_STATE, &lab->worker.state);
	open_one(lab, STORE_SPOTS, &lab->worker.spots);
	assert_true(cluster_open(&lab->keeper));
}

static void enter(struct lab *lab)
{
	enter_at(lab, NULL);
}

static void remove_store(const char *path)
{
	char file[128];

	snprintf(file, sizeof(file), "%s/data.mdb", path);
	unlink(file);
	snprintf(file, sizeof(file), "%s/lock.mdb", path);
	unlink(file);
	rmdir(path);
}

static void leave(struct lab *lab)
{
	cluster_close(&lab->keeper);
	store_close(&lab->worker.spots);
	store_close(&lab->worker.state);
	page_unmap((const struct page **)&lab->worker.page);
	close(lab->page_fd);
	close(lab->gate[STORE_STATE]);
	close(lab->gate[STORE_SPOTS]);
	remove_store(lab->path[STORE_STATE]);
	remove_store(lab->path[STORE_SPOTS]);
	rmdir(lab->dir);
}

/* As a new keeper, that knows only what is written down. */
static void restart(struct lab *lab)
{
	cluster_close(&lab->keeper);
	assert_true(cluster_open(&lab->keeper));
}

/* As after a boot. */
static void lose_spots(struct lab *lab)
{
	store_close(&lab->worker.spots);
	remove_store(lab->path[STORE_SPOTS]);
	open_one(lab, STORE_SPOTS, &lab->worker.spots);
	restart(lab);
}

static void follow(struct lab *lab, enum step (*job)(struct keeper *keeper, uint64_t now))
{
	enum step step = STEP_AGAIN;

	while (step == STEP_AGAIN)
		step = job(&lab->keeper, 0);
	assert_int_equal(step, STEP_DONE);
}

static uint64_t counted(const struct lab *lab, enum page_counter which)
{
	return lab->worker.page->counter[which];
}

static void write_to(struct store *store, struct store_txn *txn)
{
	assert_int_equal(store_write(store, txn), STORE_OK);
}

static void commit(struct store_txn *txn)
{
	assert_int_equal(store_end(txn), STORE_OK);
}

/* ---- users ---- */

static void set_name(struct lab *lab, const char *call, const char *name)
{
	struct user_record record;
	struct store_txn txn;

	user_record_blank(&record);
	record.created = record.last_login = clock_real();
	snprintf(record.name, sizeof(record.name), "%s", name);
	write_to(lab->worker.spots, &txn);
	assert_int_equal(users_put(&txn, call, &record), STORE_OK);
	commit(&txn);
}

static uint64_t fresh(struct lab *lab)
{
	struct store_txn txn;
	uint64_t count;

	assert_int_equal(store_read(lab->worker.spots, &txn), STORE_OK);
	count = users_count(&txn) + filters_count(&txn);
	commit(&txn);
	return count;
}

static void expect_name(struct store *store, const char *call, const char *name)
{
	struct user_record record;
	struct store_txn txn;

	assert_int_equal(store_read(store, &txn), STORE_OK);
	assert_int_equal(users_get(&txn, NULL, call, &record), STORE_OK);
	commit(&txn);
	assert_string_equal(record.name, name);
}

static void test_users_move(void **state)
{
	char call[CALL_TEXT_SIZE];
	struct store_txn txn;
	struct lab lab;

	(void)state;
	enter(&lab);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(call, sizeof(call), "C%uABC", i);
		set_name(&lab, call, call);
	}
	write_to(lab.worker.spots, &txn);
	for (unsigned i = 0; i < 150; i++) {
		snprintf(call, sizeof(call), "C%uABC", 200 + i); /* some without a user */
		assert_int_equal(filters_put(&txn, call, call, sizeof(call)), STORE_OK);
	}
	commit(&txn);
	follow(&lab, users_follow);
	assert_int_equal(fresh(&lab), 0);
	assert_int_equal(counted(&lab, COUNT_KEEPER_USERS), 300);
	assert_int_equal(counted(&lab, COUNT_KEEPER_FILTERS), 150);
	lose_spots(&lab);
	expect_name(lab.worker.state, "C0ABC", "C0ABC");
	expect_name(lab.worker.state, "C299ABC", "C299ABC");
	expect_name(lab.worker.state, "C349ABC", "");
	assert_int_equal(store_read(lab.worker.state, &txn), STORE_OK);
	assert_int_equal(filters_count(&txn), 150);
	assert_int_equal(users_count(&txn), 350);
	commit(&txn);
	leave(&lab);
}

/* At most once in two seconds; and after a death in the middle it is done again. */
static void test_users_round_and_repeat(void **state)
{
	uint64_t now = clock_mono();
	struct lab lab;

	(void)state;
	enter(&lab);
	set_name(&lab, "DL1ABC", "one");
	while (users_follow(&lab.keeper, now) == STEP_AGAIN)
		;
	assert_int_equal(fresh(&lab), 0);
	set_name(&lab, "DL1ABC", "two");
	while (users_follow(&lab.keeper, now + NS_PER_SEC) == STEP_AGAIN)
		;
	assert_int_equal(fresh(&lab), 1);
	/* idle, read, saved - and dead before it was removed */
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(users_follow(&lab.keeper, now + 3 * NS_PER_SEC), STEP_AGAIN);
	expect_name(lab.worker.state, "DL1ABC", "two");
	assert_int_equal(fresh(&lab), 1);
	set_name(&lab, "DL1ABC", "three");
	restart(&lab);
	follow(&lab, users_follow);
	assert_int_equal(fresh(&lab), 0);
	expect_name(lab.worker.state, "DL1ABC", "three");
	leave(&lab);
}

/* What changes between the durable commit and the removal stays. */
static void test_users_change_meanwhile(void **state)
{
	uint64_t now = clock_mono();
	struct lab lab;

	(void)state;
	enter(&lab);
	set_name(&lab, "DL1ABC", "one");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(users_follow(&lab.keeper, now), STEP_AGAIN);
	set_name(&lab, "DL1ABC", "two");
	follow(&lab, users_follow);
	assert_int_equal(fresh(&lab), 1);
	expect_name(lab.worker.spots, "DL1ABC", "two");
	follow(&lab, users_follow);
	assert_int_equal(fresh(&lab), 0);
	expect_name(lab.worker.state, "DL1ABC", "two");
	leave(&lab);
}

static void test_users_damaged(void **state)
{
	struct user_record record;
	struct store_txn txn;
	struct lab lab;
	MDB_val name, value;
	char key[CALL_TEXT_SIZE] = "DL1ABC", junk[] = "damaged";
	MDB_env *env;
	MDB_txn *raw;
	MDB_dbi dbi;

	(void)state;
	enter(&lab);
	set_name(&lab, "DL1ABC", "one");
	follow(&lab, users_follow);
	store_close(&lab.worker.state);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, STORE_DBS), 0);
	assert_int_equal(mdb_env_open(env, lab.path[STORE_STATE], MDB_NOTLS, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &raw), 0);
	assert_int_equal(mdb_dbi_open(raw, "users", 0, &dbi), 0);
	name = (MDB_val){sizeof(key), key};
	value = (MDB_val){sizeof(junk), junk};
	assert_int_equal(mdb_put(raw, dbi, &name, &value, 0), 0);
	assert_int_equal(mdb_txn_commit(raw), 0);
	mdb_env_close(env);
	open_one(&lab, STORE_STATE, &lab.worker.state);
	assert_int_equal(users_read(lab.worker.spots, lab.worker.state, "DL1ABC", &record, NULL),
			 STORE_BAD_RECORD);
	set_name(&lab, "DL1ABC", "two");
	follow(&lab, users_follow);
	expect_name(lab.worker.state, "DL1ABC", "two");
	assert_int_equal(counted(&lab, COUNT_KEEPER_USERS_ASIDE), 1);
	assert_int_equal(store_read(lab.worker.state, &txn), STORE_OK);
	assert_int_equal(users_aside(&txn), 1);
	commit(&txn);
	leave(&lab);
}

static void test_users_forget(void **state)
{
	struct user_record record;
	struct store_txn txn;
	struct lab lab;

	(void)state;
	enter(&lab);
	user_record_blank(&record);
	write_to(lab.worker.state, &txn);
	record.last_login = clock_real() - 401 * 24 * 3600 * NS_PER_SEC;
	assert_int_equal(users_put(&txn, "DL1ABC", &record), STORE_OK);
	record.last_login = clock_real() - 399 * 24 * 3600 * NS_PER_SEC;
	assert_int_equal(users_put(&txn, "DL2ABC", &record), STORE_OK);
	commit(&txn);
	assert_int_equal(users_forget(&lab.keeper, clock_mono()), STEP_DONE);
	assert_int_equal(counted(&lab, COUNT_KEEPER_USERS_EXPIRED), 1);
	assert_int_equal(store_read(lab.worker.state, &txn), STORE_OK);
	assert_int_equal(users_get(&txn, NULL, "DL1ABC", &record), STORE_NOT_FOUND);
	assert_int_equal(users_get(&txn, NULL, "DL2ABC", &record), STORE_OK);
	commit(&txn);
	leave(&lab);
}

/* ---- human spots ---- */

/* COUNT spots, each HUMAN-th one by a person (0: none). */
static void spot_some(struct lab *lab, unsigned count, unsigned human)
{
	struct spot spot = {.version = SPOT_VERSION, .source = SPOT_RBN, .raw_hz = 1};
	struct store_txn txn;
	uint64_t number;

	snprintf(spot.dx, sizeof(spot.dx), "DL1ABC");
	snprintf(spot.de, sizeof(spot.de), "W3LPL");
	write_to(lab->worker.spots, &txn);
	for (unsigned i = 1; i <= count; i++) {
		spot.hz = 14000000 + spots_newest(&txn) + 1;
		spot.flags = human && i % human == 0 ? SPOT_HUMAN : 0;
		assert_int_equal(spots_append(&txn, &spot, &number), STORE_OK);
	}
	commit(&txn);
}

struct seen {
	unsigned count;
	uint64_t first, last; /* numbers in the log of spots, newest first */
};

static bool see(uint64_t number, const struct human_origin *origin, const struct spot *spot,
		void *arg)
{
	struct seen *seen = arg;

	(void)number;
	assert_int_equal(spot->hz, 14000000 + origin->number);
	if (seen->count++ == 0)
		seen->first = origin->number;
	else
		assert_true(origin->number < seen->last);
	seen->last = origin->number;
	return true;
}

static struct seen saved(struct lab *lab)
{
	struct seen seen = {.count = 0};
	struct store_txn txn;

	assert_int_equal(store_read(lab->worker.state, &txn), STORE_OK);
	human_each_back(&txn, UINT64_MAX, 100000, see, &seen);
	commit(&txn);
	return seen;
}

static void test_human(void **state)
{
	struct seen seen;
	struct lab lab;

	(void)state;
	enter(&lab);
	follow(&lab, human_follow);
	spot_some(&lab, 900, 3); /* more human ones than a batch holds */
	follow(&lab, human_follow);
	seen = saved(&lab);
	assert_int_equal(seen.count, 300);
	assert_int_equal(seen.first, 900);
	assert_int_equal(seen.last, 3);
	follow(&lab, human_follow);
	assert_int_equal(saved(&lab).count, 300);
	/* a keeper that knows only what is written down copies none twice */
	restart(&lab);
	follow(&lab, human_follow);
	assert_int_equal(saved(&lab).count, 300);
	spot_some(&lab, 10, 1);
	restart(&lab);
	follow(&lab, human_follow);
	assert_int_equal(saved(&lab).count, 310);
	assert_int_equal(counted(&lab, COUNT_KEEPER_HUMAN_LOST), 0);
	leave(&lab);
}

/* A number that was not written down: what is in is left out. */
static void test_human_repeat(void **state)
{
	struct lab lab;

	(void)state;
	enter(&lab);
	spot_some(&lab, 50, 5);
	follow(&lab, human_follow);
	lab.keeper.cluster->human = 0;
	follow(&lab, human_follow);
	assert_int_equal(saved(&lab).count, 10);
	leave(&lab);
}

static void test_human_lapped(void **state)
{
	struct seen seen;
	struct lab lab;

	(void)state;
	enter(&lab);
	spot_some(&lab, 10, 1);
	follow(&lab, human_follow);
	spot_some(&lab, 1500, 1);
	follow(&lab, human_follow);
	seen = saved(&lab);
	assert_int_equal(seen.count + counted(&lab, COUNT_KEEPER_HUMAN_LOST), 1510);
	assert_true(counted(&lab, COUNT_KEEPER_HUMAN_LOST) >= 500);
	assert_int_equal(seen.first, 1510);
	leave(&lab);
}

/* After a boot the numbers begin anew; what was saved stays. */
static void test_human_new_store(void **state)
{
	struct store_txn txn;
	struct lab lab;

	(void)state;
	enter(&lab);
	spot_some(&lab, 20, 2);
	follow(&lab, human_follow);
	lose_spots(&lab);
	spot_some(&lab, 20, 4);
	follow(&lab, human_follow);
	assert_int_equal(store_read(lab.worker.state, &txn), STORE_OK);
	assert_int_equal(human_count(&txn), 15);
	commit(&txn);
	leave(&lab);
}

/* ---- sessions ---- */

static void round_of(struct lab *lab)
{
	enum step step = STEP_AGAIN;

	while (step == STEP_AGAIN)
		step = cluster_round(&lab->keeper, clock_mono());
	assert_int_equal(step, STEP_DONE);
}

static void test_stray_sessions(void **state)
{
	struct session_record held = {.session = 5, .slot = "dxc.0", .index = 1};
	struct session_record stray = {.session = 6, .slot = "dxc.0", .index = 1}, got;
	int fd = table_create("dxc.0", 4);
	struct addr addr = {.port = 1};
	struct table_counts counts = {.received = 0};
	struct store_txn txn;
	struct lab lab;

	(void)state;
	enter(&lab);
	assert_true(table_map(fd, &lab.worker.slot_table[0].table));
	snprintf(lab.worker.slot_table[0].slot, sizeof(lab.worker.slot_table[0].slot), "dxc.0");
	lab.worker.slot_tables = 1;
	table_fill(&lab.worker.slot_table[0].table.block->entry[1], 5, &addr, &counts);
	write_to(lab.worker.spots, &txn);
	assert_int_equal(sessions_put(&txn, "DL1ABC", &held, NULL), STORE_OK);
	assert_int_equal(sessions_put(&txn, "DL2ABC", &stray, NULL), STORE_OK);
	stray.index = 99;
	stray.session = 7;
	assert_int_equal(sessions_put(&txn, "DL3ABC", &stray, NULL), STORE_OK);
	commit(&txn);
	round_of(&lab); /* its worker may be about to remove it */
	assert_int_equal(counted(&lab, COUNT_KEEPER_SESSIONS_LOST), 0);
	round_of(&lab);
	assert_int_equal(counted(&lab, COUNT_KEEPER_SESSIONS_LOST), 2);
	assert_int_equal(store_read(lab.worker.spots, &txn), STORE_OK);
	assert_int_equal(sessions_count(&txn), 1);
	assert_int_equal(sessions_get(&txn, "DL1ABC", &got), STORE_OK);
	commit(&txn);
	table_unmap(&lab.worker.slot_table[0].table);
	close(fd);
	leave(&lab);
}

/* ---- a full disk ---- */

static bool small_disk(char dir[64])
{
	snprintf(dir, 64, "/tmp/keeper-disk-XXXXXX");
	if (!mkdtemp(dir))
		return false;
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=700") == 0)
		return true;
	rmdir(dir);
	return false;
}

static void fill_disk(const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char block[4096];

	assert_true(fd >= 0);
	memset(block, 0x55, sizeof(block));
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
}

/* Nothing is lost and nothing is half: it waits in the spots store until there is room. */
static void test_full_disk(void **state)
{
	char disk[64], file[80], call[CALL_TEXT_SIZE];
	struct lab lab;

	(void)state;
	if (!small_disk(disk)) {
		printf("SKIP test_full_disk: can't mount a tmpfs\n");
		skip();
	}
	enter_at(&lab, disk);
	set_name(&lab, "DL1ABC", "one");
	follow(&lab, users_follow);
	snprintf(file, sizeof(file), "%s/filler", disk);
	fill_disk(file);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(call, sizeof(call), "C%uABC", i);
		set_name(&lab, call, "later");
	}
	set_name(&lab, "DL1ABC", "two");
	spot_some(&lab, 300, 1);
	follow(&lab, users_follow);
	follow(&lab, human_follow);
	assert_true(counted(&lab, COUNT_KEEPER_NOT_MOVED) >= 2);
	assert_int_equal(fresh(&lab), 201);
	expect_name(lab.worker.state, "DL1ABC", "one");
	expect_name(lab.worker.spots, "DL1ABC", "two");
	unlink(file);
	follow(&lab, users_follow);
	follow(&lab, human_follow);
	assert_int_equal(fresh(&lab), 0);
	expect_name(lab.worker.state, "DL1ABC", "two");
	expect_name(lab.worker.state, "C199ABC", "later");
	assert_int_equal(saved(&lab).count, 300);
	leave(&lab);
	umount2(disk, MNT_DETACH);
	rmdir(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_users_move),
		cmocka_unit_test(test_users_round_and_repeat),
		cmocka_unit_test(test_users_change_meanwhile),
		cmocka_unit_test(test_users_damaged),
		cmocka_unit_test(test_users_forget),
		cmocka_unit_test(test_human),
		cmocka_unit_test(test_human_repeat),
		cmocka_unit_test(test_human_lapped),
		cmocka_unit_test(test_human_new_store),
		cmocka_unit_test(test_stray_sessions),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
