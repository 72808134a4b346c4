/* SPDX-License-Identifier: ISC
 *
 * NAME      test_account - tests of workers/dxc/account
 * PURPOSE   what is not known of a user is not taken for "there is no such user": that would let
 *           anybody in without the password
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    what users see of it is tested by tests/flow/test_dxc_*.py
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/shm/store/lab.h"
#include "workers/dxc/account.h"

static void enter(struct lab *lab)
{
	lab_enter(lab);
	lab->config.kind = STORE_SPOTS;
	lab->config.max_users = 100;
	lab->config.map_size = store_map_size(&lab->config);
	lab_open(lab);
}

static void keep(struct lab *lab, const char *call, const char *hash)
{
	struct user_record record;
	struct store_txn txn;

	user_record_blank(&record);
	snprintf(record.hash, sizeof(record.hash), "%s", hash);
	assert_int_equal(store_write(lab->store, &txn), STORE_OK);
	assert_int_equal(users_put(&txn, call, &record), STORE_OK);
	assert_int_equal(store_end(&txn), STORE_OK);
}

static void test_new_users_are_known_to_be_new(void **state)
{
	struct account account;
	struct store_txn spots;
	struct lab lab;

	(void)state;
	enter(&lab);
	assert_int_equal(store_read(lab.store, &spots), STORE_OK);
	assert_int_equal(account_get(&spots, NULL, "G1TLH", &account), STORE_OK);
	assert_string_equal(account.hash, "");
	store_end(&spots);
	lab_leave(&lab);
}

static void test_a_password_counts_for_every_ssid(void **state)
{
	struct account account;
	struct store_txn spots;
	struct lab lab;

	(void)state;
	enter(&lab);
	keep(&lab, "G1TLH", "$argon2id$of-the-base");
	keep(&lab, "G1TLH-2", "");
	assert_int_equal(store_read(lab.store, &spots), STORE_OK);
	assert_int_equal(account_get(&spots, NULL, "G1TLH-2", &account), STORE_OK);
	assert_string_equal(account.hash, "$argon2id$of-the-base");
	assert_int_equal(account_get(&spots, NULL, "G1TLH-7", &account), STORE_OK);
	assert_string_equal(account.hash, "$argon2id$of-the-base");
	store_end(&spots);
	lab_leave(&lab);
}

/* The durable store, where the password is, can't be read now. */
static void test_nobody_knows_is_no_answer(void **state)
{
	struct store_txn spots, durable = {.error = STORE_FAILED};
	struct account account;
	struct lab lab;

	(void)state;
	enter(&lab);
	assert_int_equal(store_read(lab.store, &spots), STORE_OK);
	assert_int_equal(account_get(&spots, &durable, "G1TLH", &account), STORE_FAILED);
	store_end(&spots);
	lab_leave(&lab);
}

/* The call's own record is fresh, that of its base, with the password, can't be read. */
static void test_nor_of_the_base_call(void **state)
{
	struct store_txn spots, durable = {.error = STORE_FAILED};
	struct account account;
	struct lab lab;

	(void)state;
	enter(&lab);
	keep(&lab, "G1TLH-2", "");
	assert_int_equal(store_read(lab.store, &spots), STORE_OK);
	assert_int_equal(account_get(&spots, &durable, "G1TLH-2", &account), STORE_FAILED);
	store_end(&spots);
	lab_leave(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_users_are_known_to_be_new),
		cmocka_unit_test(test_a_password_counts_for_every_ssid),
		cmocka_unit_test(test_nobody_knows_is_no_answer),
		cmocka_unit_test(test_nor_of_the_base_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
