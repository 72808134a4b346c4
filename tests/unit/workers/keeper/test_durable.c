/* SPDX-License-Identifier: ISC
 *
 * NAME      test_durable - blocks in two stores
 * PURPOSE   The durable store follows the log of the volatile one, whatever was missed or repeated,
 *           and fills a new volatile store.
 * OWNER     make check
 * CONTRACT  a program of its own; a failure stops it
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/clock.h"
#include "shm/store/blocks.h"
#include "shm/store/clients.h"
#include "shm/store/saved.h"
#include "shm/text.h"
#include "workers/keeper/keeper.h"

#define EVENTS 40

struct lab {
	char dir[64], path[2][96];
	int gate[2], page_fd;
	struct worker worker;
	struct keeper keeper;
};

static void open_one(struct lab *lab, enum store_kind kind, struct store **store_r)
{
	struct store_config config = {
		.kind = kind,
		.path = lab->path[kind],
		.gate_fd = lab->gate[kind],
		.max_clients = 100,
		.max_streams = 10,
		.max_blocks = 1000,
		.max_events = EVENTS,
		.page = lab->worker.page,
		.slot = "keeper",
		.generation = 1,
		.create = true,
	};
	char error[256] = "";
	bool set_aside;

	config.map_size = store_map_size(&config);
	mkdir(lab->path[kind], 0700);
	if (store_open(store_r, &config, &set_aside, error) != STORE_OK)
		fail_msg("%s", error);
}

static void enter(struct lab *lab)
{
	memset(lab, 0, sizeof(*lab));
	snprintf(lab->dir, sizeof(lab->dir), "/dev/shm/shackd-test-XXXXXX");
	assert_non_null(mkdtemp(lab->dir));
	snprintf(lab->path[0], sizeof(lab->path[0]), "%s/voice", lab->dir);
	snprintf(lab->path[1], sizeof(lab->path[1]), "%s/state", lab->dir);
	lab->gate[0] = gate_create("voice");
	lab->gate[1] = gate_create("state");
	lab->page_fd = page_create("keeper", 0);
	lab->worker.page = page_map(lab->page_fd);
	assert_non_null(lab->worker.page);
	lab->keeper.worker = &lab->worker;
	open_one(lab, STORE_VOICE, &lab->worker.voice);
	open_one(lab, STORE_STATE, &lab->worker.state);
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
	store_close(&lab->worker.voice);
	store_close(&lab->worker.state);
	page_unmap((const struct page **)&lab->worker.page);
	close(lab->page_fd);
	close(lab->gate[0]);
	close(lab->gate[1]);
	remove_store(lab->path[0]);
	remove_store(lab->path[1]);
	rmdir(lab->dir);
}

/* As a new keeper, that knows only what is written down. */
static void restart(struct lab *lab)
{
	memset(&lab->keeper, 0, sizeof(lab->keeper));
	lab->keeper.worker = &lab->worker;
	assert_int_equal(durable_start(&lab->keeper), STORE_OK);
}

/* As after a boot. */
static void lose_voice(struct lab *lab)
{
	store_close(&lab->worker.voice);
	remove_store(lab->path[STORE_VOICE]);
	open_one(lab, STORE_VOICE, &lab->worker.voice);
}

static void follow_all(struct lab *lab)
{
	enum step step = STEP_AGAIN;

	while (step == STEP_AGAIN)
		step = durable_follow(&lab->keeper, 0);
	assert_int_equal(step, STEP_DONE);
}

static void block(struct store *store, const char *call, uint64_t seconds)
{
	struct block_record record = {
		.version = RECORD_VERSION,
		.reason = BLOCK_OPERATOR,
		.until = seconds ? clock_mono() + seconds * NS_PER_SEC : BLOCK_FOREVER,
		.until_real = seconds ? clock_real() + seconds * NS_PER_SEC : BLOCK_FOREVER,
		.by = "operator",
	};
	struct store_txn txn;

	assert_int_equal(store_write(store, &txn), STORE_OK);
	blocks_add(&txn, call, &record);
	assert_int_equal(store_end(&txn), STORE_OK);
}

static void unblock(struct store *store, const char *call)
{
	struct store_txn txn;

	assert_int_equal(store_write(store, &txn), STORE_OK);
	assert_int_equal(blocks_remove(&txn, call), STORE_OK);
	assert_int_equal(store_end(&txn), STORE_OK);
}

static bool has(struct store *store, const char *call, struct block_record *record_r)
{
	struct block_record record;
	struct store_txn txn;
	bool there;

	assert_int_equal(store_read(store, &txn), STORE_OK);
	there = blocks_get(&txn, call, record_r != NULL ? record_r : &record) == STORE_OK;
	store_end(&txn);
	return there;
}

static void test_follows_and_repeats(void **state)
{
	struct block_record record;
	struct lab lab;

	(void)state;
	enter(&lab);
	restart(&lab);
	block(lab.worker.voice, "DL1AAA", 0);
	block(lab.worker.voice, "DL1BBB", 600);
	follow_all(&lab);
	assert_true(has(lab.worker.state, "DL1AAA", &record));
	assert_string_equal(record.by, "operator");
	assert_int_equal(record.reason, BLOCK_OPERATOR);
	assert_true(has(lab.worker.state, "DL1BBB", NULL));
	unblock(lab.worker.voice, "DL1AAA");
	restart(&lab); /* applied at the start, too */
	assert_false(has(lab.worker.state, "DL1AAA", NULL));
	lab.keeper.applied = 0; /* the same events again change nothing */
	follow_all(&lab);
	assert_false(has(lab.worker.state, "DL1AAA", NULL));
	assert_true(has(lab.worker.state, "DL1BBB", NULL));
	leave(&lab);
}

static void test_fills_a_new_voice_store(void **state)
{
	struct block_record record;
	struct lab lab;

	(void)state;
	enter(&lab);
	restart(&lab);
	block(lab.worker.voice, "DL1AAA", 0);
	block(lab.worker.voice, "DL1BBB", 600);
	follow_all(&lab);
	lose_voice(&lab);
	restart(&lab);
	assert_true(has(lab.worker.voice, "DL1AAA", &record));
	assert_true(record.until == BLOCK_FOREVER);
	assert_true(has(lab.worker.voice, "DL1BBB", &record));
	assert_true(record.until > clock_mono() + 590 * NS_PER_SEC);
	assert_true(record.until <= clock_mono() + 600 * NS_PER_SEC);
	/* taken back at once, and keeper dies: the block must not come back */
	unblock(lab.worker.voice, "DL1AAA");
	restart(&lab);
	assert_false(has(lab.worker.voice, "DL1AAA", NULL));
	assert_false(has(lab.worker.state, "DL1AAA", NULL));
	leave(&lab);
}

static void test_overtaken_by_the_log(void **state)
{
	char call[16];
	struct lab lab;

	(void)state;
	enter(&lab);
	restart(&lab);
	block(lab.worker.voice, "GONE", 0);
	follow_all(&lab);
	assert_true(has(lab.worker.state, "GONE", NULL));
	unblock(lab.worker.voice, "GONE");
	for (int i = 0; i < 3 * EVENTS; i++) { /* nobody follows meanwhile */
		snprintf(call, sizeof(call), "T%05d", i);
		block(lab.worker.voice, call, 0);
	}
	follow_all(&lab);
	assert_int_equal(atomic_load(&lab.worker.page->counter[COUNT_EVENTS_LAPPED]), 1);
	assert_false(has(lab.worker.state, "GONE", NULL));
	for (int i = 0; i < 3 * EVENTS; i++) {
		snprintf(call, sizeof(call), "T%05d", i);
		assert_true(has(lab.worker.state, call, NULL));
	}
	leave(&lab);
}

static void test_durable_blocks_run_out(void **state)
{
	struct block_record record;
	struct store_txn txn;
	struct lab lab;

	(void)state;
	enter(&lab);
	restart(&lab);
	block(lab.worker.state, "LASTING", 0);
	block(lab.worker.state, "OVER", 600);
	has(lab.worker.state, "OVER", &record);
	record.until_real = clock_real() - NS_PER_SEC;
	assert_int_equal(store_write(lab.worker.state, &txn), STORE_OK);
	blocks_add(&txn, "OVER", &record);
	assert_int_equal(store_end(&txn), STORE_OK);
	lose_voice(&lab);
	restart(&lab); /* not brought back, though it is still written there */
	assert_false(has(lab.worker.voice, "OVER", NULL));
	assert_true(has(lab.worker.voice, "LASTING", NULL));
	assert_int_equal(durable_expire(&lab.keeper, 0), STEP_DONE);
	assert_false(has(lab.worker.state, "OVER", NULL));
	assert_true(has(lab.worker.state, "LASTING", NULL));
	leave(&lab);
}

/* ---- saved DG-IDs ---- */

/* As a worker does on a change by radio, from the address 1. */
static void move(struct store *store, const char *name, uint8_t dgid, bool by_radio)
{
	struct client_key key = {.ip = {1}, .port = {0, 1}};
	struct client_record record = {.dgid = 1};
	struct store_txn txn;

	text_copy(record.name, sizeof(record.name), name);
	assert_int_equal(store_write(store, &txn), STORE_OK);
	assert_int_equal(clients_link(&txn, &key, &record), STORE_OK);
	clients_move(&txn, &key, dgid, by_radio ? REASON_RADIO : REASON_HOME);
	if (by_radio)
		saved_put(&txn, name, key.ip, dgid, clock_real());
	clients_unlink(&txn, &key, REASON_UNLINK);
	assert_int_equal(store_end(&txn), STORE_OK);
}

/* 0: none. */
static unsigned saved(struct store *store, const char *name, uint8_t ip)
{
	struct saved_record record = {.dgid = 0};
	struct store_txn txn;

	assert_int_equal(store_read(store, &txn), STORE_OK);
	saved_lookup(&txn, name, (const uint8_t[16]){ip}, &record);
	store_end(&txn);
	return record.dgid;
}

static void test_saved_follow(void **state)
{
	struct lab lab;

	(void)state;
	enter(&lab);
	restart(&lab);
	move(lab.worker.voice, "DB0ABC", 22, true);
	move(lab.worker.voice, "DB0HOME", 9, false);
	follow_all(&lab);
	assert_int_equal(saved(lab.worker.state, "DB0ABC", 1), 22);
	assert_int_equal(saved(lab.worker.state, "DB0ABC", 2), 22);
	assert_int_equal(saved(lab.worker.state, "DB0HOME", 1), 0);
	move(lab.worker.voice, "DB0ABC", 50, true);
	lose_voice(&lab); /* before anybody followed */
	restart(&lab);
	assert_int_equal(saved(lab.worker.voice, "DB0ABC", 1), 22);
	move(lab.worker.voice, "DB0ABC", 50, true);
	restart(&lab); /* at the start, too */
	lose_voice(&lab);
	restart(&lab);
	assert_int_equal(saved(lab.worker.voice, "DB0ABC", 1), 50);
	assert_int_equal(saved(lab.worker.voice, "DB0ABC", 2), 50);
	leave(&lab);
}

static void test_saved_overtaken(void **state)
{
	char name[16];
	struct lab lab;

	(void)state;
	enter(&lab);
	restart(&lab);
	for (unsigned i = 0; i < 3 * EVENTS; i++) {
		snprintf(name, sizeof(name), "T%05u", i);
		move(lab.worker.voice, name, 22, true);
	}
	follow_all(&lab);
	assert_int_equal(atomic_load(&lab.worker.page->counter[COUNT_EVENTS_LAPPED]), 1);
	for (unsigned i = 0; i < 3 * EVENTS; i++) {
		snprintf(name, sizeof(name), "T%05u", i);
		assert_int_equal(saved(lab.worker.state, name, 1), 22);
	}
	leave(&lab);
}

static void set_edition(struct store *store, unsigned edition)
{
	struct store_txn txn;

	assert_int_equal(store_write(store, &txn), STORE_OK);
	store_set_edition(&txn, edition);
	assert_int_equal(store_end(&txn), STORE_OK);
}

/* What was saved before a step down is there again after the step up; what came in between with
 * one store alone is in both. */
static void test_saved_after_a_step(void **state)
{
	struct lab lab;

	(void)state;
	enter(&lab);
	restart(&lab);
	move(lab.worker.voice, "DB0ABC", 22, true);
	follow_all(&lab);
	set_edition(lab.worker.state, 2);
	move(lab.worker.voice, "DB0NEW", 50, true);
	follow_all(&lab);
	lose_voice(&lab);
	restart(&lab);
	assert_int_equal(saved(lab.worker.voice, "DB0ABC", 1), 0);
	move(lab.worker.voice, "DB0NEW", 50, true);
	follow_all(&lab);
	set_edition(lab.worker.state, 3);
	assert_int_equal(durable_stepped(&lab.keeper), STORE_OK);
	assert_int_equal(saved(lab.worker.voice, "DB0ABC", 1), 22);
	assert_int_equal(saved(lab.worker.state, "DB0ABC", 1), 22);
	assert_int_equal(saved(lab.worker.state, "DB0NEW", 1), 50);
	leave(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follows_and_repeats),
		cmocka_unit_test(test_fills_a_new_voice_store),
		cmocka_unit_test(test_overtaken_by_the_log),
		cmocka_unit_test(test_durable_blocks_run_out),
		cmocka_unit_test(test_saved_follow),
		cmocka_unit_test(test_saved_overtaken),
		cmocka_unit_test(test_saved_after_a_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
