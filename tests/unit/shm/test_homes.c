/* SPDX-License-Identifier: ISC
 *
 * NAME      test_homes - tests of the compiled home list and of the compiled host names
 * PURPOSE   what is listed is found as it was given; damaged lists are refused
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "workers/data/compile.h"

static const struct list_source source;

static void put_home(struct rows *rows, const char *name, uint8_t dgid, bool fixed,
		     uint32_t seconds)
{
	struct homes_entry entry = {.dgid = dgid, .fixed = fixed, .seconds = seconds};

	memcpy(entry.name, name, strlen(name));
	assert_int_equal(rows_put(rows, &entry, NULL), ROWS_NEW);
}

static struct homes *compiled_homes(void)
{
	struct rows rows;

	assert_true(rows_init(&rows, sizeof(struct homes_entry), LIST_TEXT));
	put_home(&rows, "IU5JAE", 22, false, 900);
	put_home(&rows, "TENCHARS-1", 9, true, 0);
	int fd = compile_homes(&rows, &source, NULL);
	struct homes *homes = homes_map(fd);

	assert_non_null(homes);
	close(fd);
	rows_free(&rows);
	return homes;
}

static void test_homes(void **state)
{
	struct homes *homes = compiled_homes();
	struct home_rule rule;

	(void)state;
	assert_true(homes_get(homes, "IU5JAE", &rule));
	assert_int_equal(rule.dgid, 22);
	assert_false(rule.fixed);
	assert_int_equal(rule.seconds, 900);
	assert_true(homes_get(homes, "TENCHARS-1", &rule));
	assert_int_equal(rule.dgid, 9);
	assert_true(rule.fixed);
	assert_int_equal(rule.seconds, 0);
	assert_false(homes_get(homes, "IU5JA", &rule));
	assert_false(homes_get(homes, "", &rule));
	assert_false(homes_get(homes, "TENCHARS-12", &rule));
	assert_false(homes_get(NULL, "IU5JAE", &rule));
	assert_int_equal(homes_count(homes), 2);
	assert_int_equal(homes_count(NULL), 0);
	assert_string_equal(homes_entry(homes, 1, &rule), "TENCHARS-1");
	assert_int_equal(rule.dgid, 9);
	assert_string_equal(homes_entry(homes, 2, &rule), "");
	homes_unmap(&homes);
}

static void test_damaged_homes(void **state)
{
	struct homes *homes = compiled_homes();
	size_t size = homes->head.size, at = homes->table.entries_at;
	char *copy = malloc(size);

	(void)state;
	for (int round = 0; round < 5; round++) {
		memcpy(copy, homes, size);
		struct homes_entry *entry = (void *)(copy + at);

		if (round == 1)
			entry->dgid = 0;
		else if (round == 2)
			entry->dgid = 100;
		else if (round == 3)
			entry->name[0] = '\0';
		else if (round == 4)
			((struct homes *)copy)->table.slots_at = 1;
		int fd = list_seal(LIST_HOMES, copy, size);
		struct homes *again = homes_map(fd);

		assert_true((again == NULL) == (round > 0));
		homes_unmap(&again);
		close(fd);
	}
	free(copy);
	homes_unmap(&homes);
}

static void test_hosts(void **state)
{
	struct hosts_entry entry = {.host = "a.example", .count = 2};
	uint8_t ip[HOSTS_ADDRS][16];
	struct rows rows;

	(void)state;
	entry.ip[0][15] = 1;
	entry.ip[1][15] = 2;
	assert_true(rows_init(&rows, sizeof(entry), LIST_HOST));
	assert_int_equal(rows_put(&rows, &entry, NULL), ROWS_NEW);
	struct addr first, second;
	unsigned turn = 0;
	int fd = compile_hosts(&rows, NULL);
	struct hosts *hosts = hosts_map(fd);

	assert_non_null(hosts);
	assert_int_equal(hosts_get(hosts, "A.Example", ip), 2);
	assert_int_equal(ip[1][15], 2);
	assert_int_equal(hosts_get(hosts, "b.example", ip), 0);
	assert_int_equal(hosts_get(hosts, "", ip), 0);
	assert_true(hosts_address(hosts, "a.example", 7300, &turn, &first));
	assert_true(hosts_address(hosts, "a.example", 7300, &turn, &second));
	assert_memory_not_equal(first.ip, second.ip, sizeof(first.ip));
	assert_true(hosts_address(hosts, "a.example", 7300, &turn, &second));
	assert_memory_equal(first.ip, second.ip, sizeof(first.ip));
	assert_int_equal(second.port, 7300);
	assert_false(hosts_address(hosts, "b.example", 7300, &turn, &first));
	assert_false(hosts_address(NULL, "a.example", 7300, &turn, &first));
	assert_true(hosts_address(NULL, "192.0.2.1", 7300, &turn, &first));
	assert_int_equal(hosts_get(NULL, "a.example", ip), 0);
	hosts_unmap(&hosts);
	close(fd);
	((struct hosts_entry *)rows_at(&rows, 0))->count = HOSTS_ADDRS + 1;
	fd = compile_hosts(&rows, NULL);
	assert_null(hosts_map(fd));
	close(fd);
	rows_free(&rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_homes),
		cmocka_unit_test(test_damaged_homes),
		cmocka_unit_test(test_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
