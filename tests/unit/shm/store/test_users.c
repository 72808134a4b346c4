/* SPDX-License-Identifier: ISC
 *
 * NAME      test_users - tests of sessions, users and filters
 * PURPOSE   one session a call, each line's effect once; fresh and durable records, bounds, damage
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

#include "shm/store/sessions.h"
#include "shm/store/users.h"
#include "tests/unit/shm/store/lab.h"

#define DAY (24 * 3600 * NS_PER_SEC)

static void enter(struct lab *lab, enum store_kind kind)
{
	lab_enter(lab);
	lab->config.kind = kind;
	lab->config.max_users = 100;
	lab->config.max_sessions = 3;
	lab->config.map_size = store_map_size(&lab->config);
	lab_open(lab);
}

static void begin(struct lab *lab, struct store_txn *txn)
{
	assert_int_equal(store_write(lab->store, txn), STORE_OK);
}

static void look(struct lab *lab, struct store_txn *txn)
{
	assert_int_equal(store_read(lab->store, txn), STORE_OK);
}

static void commit(struct store_txn *txn)
{
	assert_int_equal(store_end(txn), STORE_OK);
}

/* Writes what no module would. */
static void write_raw(struct lab *lab, const char *db, const char *call, const void *data,
		      size_t size)
{
	char key[CALL_TEXT_SIZE] = "";
	MDB_val name = {sizeof(key), key}, value = {size, (void *)data};
	MDB_txn *txn;
	MDB_env *env;
	MDB_dbi dbi;

	snprintf(key, sizeof(key), "%s", call);
	store_close(&lab->store);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, STORE_DBS), 0);
	assert_int_equal(mdb_env_open(env, lab->path, MDB_NOTLS, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, db, 0, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &name, &value, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	lab_open(lab);
}

struct heard {
	unsigned count;
	struct event_record event[16];
};

static void hear(uint64_t number, const struct event_record *event, void *arg)
{
	struct heard *heard = arg;

	(void)number;
	assert_true(heard->count < 16);
	heard->event[heard->count++] = *event;
}

/* ---- sessions ---- */

static struct session_record session_make(uint64_t session)
{
	return (struct session_record){
		.session = session,
		.slot = "dxc.1",
		.index = (uint32_t)session,
		.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 9},
		.port = 4711,
		.since = 1,
	};
}

static void test_sessions(void **state)
{
	struct session_record one = session_make(101), other = session_make(102), got;
	struct store_generations before, after;
	struct heard heard = {.count = 0};
	uint64_t cursor = 0;
	struct store_txn txn;
	struct lab lab;

	(void)state;
	enter(&lab, STORE_SPOTS);
	begin(&lab, &txn);
	store_generations(&txn, &before);
	assert_int_equal(sessions_put(&txn, "DL1ABC", &one, &got), STORE_OK);
	assert_int_equal(got.session, 0);
	/* the step again after a death */
	assert_int_equal(sessions_put(&txn, "DL1ABC", &one, &got), STORE_OK);
	assert_int_equal(got.session, 0);
	commit(&txn);
	begin(&lab, &txn);
	store_generations(&txn, &after);
	assert_true(after.clients > before.clients);
	assert_int_equal(sessions_put(&txn, "DL1ABC", &other, &got), STORE_OK);
	assert_int_equal(got.session, 101);
	assert_int_equal(sessions_del(&txn, "DL1ABC", 101, REASON_BYE), STORE_NOT_FOUND);
	assert_int_equal(sessions_get(&txn, "DL1ABC", &got), STORE_OK);
	assert_int_equal(got.session, 102);
	assert_int_equal(got.id, 2);
	assert_int_equal(sessions_del(&txn, "DL1ABC", 102, REASON_BYE), STORE_OK);
	assert_int_equal(sessions_get(&txn, "DL1ABC", &got), STORE_NOT_FOUND);
	commit(&txn);
	look(&lab, &txn);
	assert_int_equal(events_walk(&txn, &cursor, 100, hear, &heard), 4);
	commit(&txn);
	assert_int_equal(heard.event[0].type, EVENT_SESSION_LOGIN);
	assert_string_equal(heard.event[0].user, "DL1ABC");
	assert_string_equal(heard.event[0].slot, "dxc.1");
	assert_int_equal(heard.event[1].type, EVENT_SESSION_LOGOUT);
	assert_int_equal(heard.event[1].reason, REASON_REPLACED);
	assert_int_equal(heard.event[1].session, 101);
	assert_int_equal(heard.event[1].client, 1);
	assert_int_equal(heard.event[2].type, EVENT_SESSION_LOGIN);
	assert_int_equal(heard.event[3].reason, REASON_BYE);
	lab_leave(&lab);
}

/* A line's effect happens once, whatever dies, and only for who holds the call. */
static void test_sessions_act(void **state)
{
	struct session_record record = session_make(7), got;
	struct store_txn txn;
	struct lab lab;

	(void)state;
	enter(&lab, STORE_SPOTS);
	begin(&lab, &txn);
	assert_int_equal(sessions_act(&txn, "DL1ABC", 7, 10), STORE_NOT_FOUND);
	sessions_put(&txn, "DL1ABC", &record, NULL);
	assert_int_equal(sessions_act(&txn, "DL1ABC", 8, 10), STORE_NOT_FOUND);
	assert_int_equal(sessions_act(&txn, "DL1ABC", 7, 10), STORE_OK);
	assert_int_equal(sessions_act(&txn, "DL1ABC", 7, 10), STORE_EXISTS);
	assert_int_equal(sessions_act(&txn, "DL1ABC", 7, 9), STORE_EXISTS);
	assert_int_equal(sessions_act(&txn, "DL1ABC", 7, 30), STORE_OK);
	/* a login that is repeated must not forget it */
	sessions_put(&txn, "DL1ABC", &record, NULL);
	assert_int_equal(sessions_act(&txn, "DL1ABC", 7, 30), STORE_EXISTS);
	commit(&txn);
	begin(&lab, &txn);
	assert_int_equal(sessions_act(&txn, "DL1ABC", 7, 40), STORE_OK);
	store_abort(&txn);
	look(&lab, &txn);
	assert_int_equal(sessions_get(&txn, "DL1ABC", &got), STORE_OK);
	assert_int_equal(got.acted, 30);
	commit(&txn);
	lab_leave(&lab);
}

static bool count_session(const char *call, const struct session_record *record, void *arg)
{
	assert_memory_equal(call, "C", 1);
	assert_true(record->session >= 1);
	(*(unsigned *)arg)++;
	return true;
}

static void test_sessions_bound_and_damage(void **state)
{
	char call[CALL_TEXT_SIZE], cursor[CALL_TEXT_SIZE] = "";
	struct session_record record, got;
	struct store_txn txn;
	unsigned count = 0;
	struct lab lab;

	(void)state;
	enter(&lab, STORE_SPOTS);
	begin(&lab, &txn);
	for (unsigned i = 0; i < 6; i++) {
		snprintf(call, sizeof(call), "C%uABC", i);
		record = session_make(i + 1);
		assert_int_equal(sessions_put(&txn, call, &record, NULL), STORE_OK);
	}
	record = session_make(99);
	assert_int_equal(sessions_put(&txn, "C9ABC", &record, NULL), STORE_LIMIT);
	assert_int_equal(sessions_put(&txn, "C1ABC", &record, NULL), STORE_OK);
	commit(&txn);
	write_raw(&lab, "sessions", "C3ABC", "junk", 4);
	begin(&lab, &txn);
	assert_int_equal(sessions_walk(&txn, cursor, 100, count_session, &count), 6);
	assert_int_equal(count, 5);
	assert_int_equal(sessions_get(&txn, "C3ABC", &got), STORE_BAD_RECORD);
	assert_int_equal(sessions_act(&txn, "C3ABC", 4, 10), STORE_NOT_FOUND);
	assert_int_equal(sessions_put(&txn, "C3ABC", &record, NULL), STORE_OK);
	assert_int_equal(sessions_get(&txn, "C3ABC", &got), STORE_OK);
	commit(&txn);
	lab_leave(&lab);
}

/* ---- users ---- */

static struct user_record user_make(const char *name, uint64_t login)
{
	struct user_record record;

	user_record_blank(&record);
	snprintf(record.name, sizeof(record.name), "%s", name);
	record.created = DAY;
	record.last_login = login;
	return record;
}

static void put(struct lab *lab, const char *call, const char *name, uint64_t login)
{
	struct user_record record = user_make(name, login);
	struct store_txn txn;

	begin(lab, &txn);
	assert_int_equal(users_put(&txn, call, &record), STORE_OK);
	commit(&txn);
}

static void expect(struct lab *spots, struct lab *durable, const char *call, const char *name,
		   const char *of)
{
	struct user_record record;
	char found[CALL_TEXT_SIZE];

	assert_int_equal(users_read(spots->store, durable->store, call, &record, found), STORE_OK);
	assert_string_equal(record.name, name);
	assert_string_equal(found, of);
}

static void test_users(void **state)
{
	struct store_generations before, after;
	struct lab spots, durable;
	struct user_record record;
	struct store_txn txn;
	char found[CALL_TEXT_SIZE];

	(void)state;
	enter(&spots, STORE_SPOTS);
	enter(&durable, STORE_STATE);
	assert_int_equal(users_read(spots.store, durable.store, "DL1ABC", &record, found),
			 STORE_NOT_FOUND);
	put(&durable, "DL1ABC", "old", DAY);
	expect(&spots, &durable, "DL1ABC", "old", "DL1ABC");
	expect(&spots, &durable, "DL1ABC-2", "old", "DL1ABC");
	look(&spots, &txn);
	store_generations(&txn, &before);
	commit(&txn);
	put(&spots, "DL1ABC", "new", 2 * DAY);
	look(&spots, &txn);
	store_generations(&txn, &after);
	commit(&txn);
	assert_true(after.access > before.access);
	expect(&spots, &durable, "DL1ABC", "new", "DL1ABC");
	put(&spots, "DL1ABC-2", "two", 2 * DAY);
	expect(&spots, &durable, "DL1ABC-2", "two", "DL1ABC-2");
	/* moved only as it was seen */
	look(&spots, &txn);
	assert_int_equal(users_get(&txn, NULL, "DL1ABC", &record), STORE_OK);
	commit(&txn);
	put(&spots, "DL1ABC", "newer", 2 * DAY);
	begin(&spots, &txn);
	users_moved(&txn, "DL1ABC", &record);
	assert_int_equal(users_count(&txn), 2);
	assert_int_equal(users_get(&txn, NULL, "DL1ABC", &record), STORE_OK);
	assert_string_equal(record.name, "newer");
	users_moved(&txn, "DL1ABC", &record);
	assert_int_equal(users_count(&txn), 1);
	commit(&txn);
	expect(&spots, &durable, "DL1ABC", "old", "DL1ABC");
	lab_leave(&spots);
	lab_leave(&durable);
}

static void test_users_fresh_bound(void **state)
{
	struct user_record record = user_make("x", DAY);
	char call[CALL_TEXT_SIZE];
	struct store_txn txn;
	struct lab lab;

	(void)state;
	enter(&lab, STORE_SPOTS);
	begin(&lab, &txn);
	for (unsigned i = 0; i < USERS_FRESH_MAX; i++) {
		snprintf(call, sizeof(call), "C%uABC", i);
		assert_int_equal(users_put(&txn, call, &record), STORE_OK);
	}
	assert_int_equal(users_put(&txn, "DL1ABC", &record), STORE_LIMIT);
	assert_int_equal(users_put(&txn, "C0ABC", &record), STORE_OK);
	assert_int_equal(users_put(&txn, "", &record), STORE_BAD_RECORD);
	record.name[3] = '\r';
	record.name[1] = record.name[2] = 'x';
	assert_int_equal(users_put(&txn, "C0ABC", &record), STORE_BAD_RECORD);
	commit(&txn);
	lab_leave(&lab);
}

/* The longest-away goes, with his filter. */
static void test_users_durable_bound(void **state)
{
	uint8_t bytes[FILTER_BYTES_MAX];
	struct user_record record;
	char call[CALL_TEXT_SIZE];
	struct store_txn txn;
	size_t length;
	struct lab lab;

	(void)state;
	enter(&lab, STORE_STATE);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(call, sizeof(call), "C%uABC", i);
		put(&lab, call, "x", (100 + (i + 50) % 100) * DAY); /* C50ABC is the oldest */
	}
	begin(&lab, &txn);
	assert_int_equal(filters_put(&txn, "C50ABC", "filter", 6), STORE_OK);
	assert_int_equal(filters_put(&txn, "C51ABC", "filter", 6), STORE_OK);
	commit(&txn);
	put(&lab, "DL1ABC", "new", 500 * DAY);
	look(&lab, &txn);
	assert_int_equal(users_count(&txn), 100);
	assert_int_equal(users_get(&txn, NULL, "C50ABC", &record), STORE_NOT_FOUND);
	assert_int_equal(filters_get(&txn, NULL, "C50ABC", bytes, &length), STORE_NOT_FOUND);
	assert_int_equal(filters_get(&txn, NULL, "C51ABC", bytes, &length), STORE_OK);
	commit(&txn);
	assert_int_equal(lab_counter(&lab, COUNT_STORE_ROOM_USERS), 1);
	begin(&lab, &txn);
	assert_int_equal(users_expire(&txn, 150 * DAY, 256), 49);
	assert_int_equal(users_count(&txn), 51);
	assert_int_equal(filters_count(&txn), 0);
	assert_int_equal(users_expire(&txn, 150 * DAY, 256), 0);
	commit(&txn);
	lab_leave(&lab);
}

/* Who was made by an operator and never came is not the longest-away. */
static void test_users_never_seen(void **state)
{
	struct user_record record = user_make("x", 0);
	struct store_txn txn;
	struct lab lab;

	(void)state;
	enter(&lab, STORE_STATE);
	record.created = 300 * DAY;
	begin(&lab, &txn);
	assert_int_equal(users_put(&txn, "DL1ABC", &record), STORE_OK);
	assert_int_equal(users_expire(&txn, 200 * DAY, 256), 0);
	assert_int_equal(users_expire(&txn, 301 * DAY, 256), 1);
	commit(&txn);
	lab_leave(&lab);
}

static void test_users_damage(void **state)
{
	struct user_record record = user_make("x", DAY), got;
	struct lab spots, durable;
	struct store_txn txn;

	(void)state;
	enter(&spots, STORE_SPOTS);
	enter(&durable, STORE_STATE);
	put(&durable, "DL2ABC", "good", DAY);
	record.version = 9;
	write_raw(&durable, "users", "DL1ABC", &record, sizeof(record));
	assert_int_equal(users_read(spots.store, durable.store, "DL1ABC-1", &got, NULL),
			 STORE_BAD_RECORD);
	begin(&durable, &txn);
	assert_false(users_set_aside(&txn, "DL2ABC"));
	assert_false(users_set_aside(&txn, "DL3ABC"));
	assert_true(users_set_aside(&txn, "DL1ABC"));
	assert_false(users_set_aside(&txn, "DL1ABC"));
	assert_int_equal(users_aside(&txn), 1);
	commit(&txn);
	assert_int_equal(users_read(spots.store, durable.store, "DL1ABC", &got, NULL),
			 STORE_NOT_FOUND);
	put(&durable, "DL1ABC", "again", 2 * DAY);
	expect(&spots, &durable, "DL1ABC", "again", "DL1ABC");
	lab_leave(&spots);
	lab_leave(&durable);
}

/* ---- filters ---- */

static bool count_filter(const char *call, const void *bytes, size_t length, void *arg)
{
	assert_string_equal(call, "DL1ABC");
	assert_int_equal(length, FILTER_BYTES_MAX);
	assert_int_equal(*(const uint8_t *)bytes, 0xa5);
	(*(unsigned *)arg)++;
	return true;
}

static void test_filters(void **state)
{
	uint8_t bytes[FILTER_BYTES_MAX + 1], got[FILTER_BYTES_MAX];
	char cursor[CALL_TEXT_SIZE] = "";
	struct lab spots, durable;
	struct store_txn txn, other;
	unsigned count = 0;
	size_t length;

	(void)state;
	enter(&spots, STORE_SPOTS);
	enter(&durable, STORE_STATE);
	memset(bytes, 0xa5, sizeof(bytes));
	begin(&spots, &txn);
	assert_int_equal(filters_put(&txn, "DL1ABC", bytes, sizeof(bytes)), STORE_BAD_RECORD);
	assert_int_equal(filters_put(&txn, "DL1ABC", bytes, FILTER_BYTES_MAX), STORE_OK);
	assert_int_equal(filters_walk(&txn, cursor, 100, count_filter, &count), 1);
	assert_int_equal(count, 1);
	commit(&txn);
	begin(&durable, &txn);
	assert_int_equal(filters_put(&txn, "DL1ABC", "old", 3), STORE_OK);
	assert_int_equal(filters_put(&txn, "DL2ABC", "", 0), STORE_OK);
	commit(&txn);
	look(&spots, &txn);
	look(&durable, &other);
	assert_int_equal(filters_get(&txn, &other, "DL1ABC", got, &length), STORE_OK);
	assert_int_equal(length, FILTER_BYTES_MAX);
	assert_memory_equal(got, bytes, FILTER_BYTES_MAX);
	assert_int_equal(filters_get(&txn, &other, "DL2ABC", got, &length), STORE_OK);
	assert_int_equal(length, 0);
	assert_int_equal(filters_get(&txn, &other, "DL3ABC", got, &length), STORE_NOT_FOUND);
	commit(&txn);
	commit(&other);
	begin(&spots, &txn);
	filters_moved(&txn, "DL1ABC", "another", 7);
	assert_int_equal(filters_count(&txn), 1);
	filters_moved(&txn, "DL1ABC", bytes, FILTER_BYTES_MAX);
	assert_int_equal(filters_count(&txn), 0);
	commit(&txn);
	lab_leave(&spots);
	lab_leave(&durable);
}

/* A durable store of an earlier build lacks the tables until its keeper comes. */
static void test_an_earlier_store(void **state)
{
	struct user_record record = user_make("x", DAY);
	struct store_txn txn;
	struct lab lab;
	MDB_env *env;
	MDB_txn *raw;
	MDB_dbi dbi;

	(void)state;
	enter(&lab, STORE_STATE);
	store_close(&lab.store);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, STORE_DBS), 0);
	assert_int_equal(mdb_env_open(env, lab.path, MDB_NOTLS, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &raw), 0);
	assert_int_equal(mdb_dbi_open(raw, "users", 0, &dbi), 0);
	assert_int_equal(mdb_drop(raw, dbi, 1), 0);
	assert_int_equal(mdb_txn_commit(raw), 0);
	mdb_env_close(env);
	lab.config.create = false;
	lab_open(&lab);
	begin(&lab, &txn);
	assert_int_equal(users_put(&txn, "DL1ABC", &record), STORE_NOT_FOUND);
	assert_int_equal(users_count(&txn), 0);
	commit(&txn);
	store_close(&lab.store);
	lab.config.create = true;
	lab_open(&lab);
	assert_false(lab.set_aside);
	put(&lab, "DL1ABC", "x", DAY);
	lab_leave(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_sessions_act),
		cmocka_unit_test(test_sessions_bound_and_damage),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_users_fresh_bound),
		cmocka_unit_test(test_users_durable_bound),
		cmocka_unit_test(test_users_never_seen),
		cmocka_unit_test(test_users_damage),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_an_earlier_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
