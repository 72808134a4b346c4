/* SPDX-License-Identifier: ISC
 *
 * NAME      test_conf - tests of the configuration snapshot, both sides
 * PURPOSE   what the master writes is what a worker reads; nothing else is taken
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

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/config.h"
#include "master/snapshot.h"
#include "shm/conf.h"

static struct problems problems;

static int build(const char *ini, uint64_t generation)
{
	struct config_request request = {.file = "test.ini", .directory = "/base"};
	struct config *config;
	int fd;

	assert_int_equal(config_parse(&config, &request, ini, strlen(ini), &problems), 0);
	fd = snapshot_build(config, generation, NULL);
	assert_true(fd >= 0);
	config_destroy(&config);
	return fd;
}

static void test_values(void **state)
{
	int fd = build("[server]\nname = n\nrun_dir = run\nlog_level = debug\nlog_format = json\n"
		       "watchdog = 1500ms\n[ysf]\nlisten = *:42000, 127.0.0.1:42002\n"
		       "aux_ports = 41:42397\n"
		       "late_entry = on\n[dgid]\nlist = 1,5-7,22,99\n[workers]\nysf = 3\n",
		       7);
	struct conf *conf = conf_map(fd);
	struct conf_dgids dgids;
	const struct addr *addr;
	char text[ADDR_TEXT_MAX];
	size_t count;

	(void)state;
	assert_non_null(conf);
	assert_int_equal(conf_generation(conf), 7);
	assert_string_equal(conf_text(conf, CONF_SERVER_NAME), "n");
	assert_string_equal(conf_text(conf, CONF_YSF_NAME), "n");
	assert_string_equal(conf_text(conf, CONF_YSF_DESCRIPTION), "");
	assert_string_equal(conf_text(conf, CONF_SERVER_RUN_DIR), "/base/run");
	assert_string_equal(conf_text(conf, CONF_SERVER_LOG), "syslog");
	assert_string_equal(conf_text(conf, CONF_SERVER_LOG_FORMAT), "json");
	assert_int_equal(conf_number(conf, CONF_SERVER_LOG_LEVEL), 4);
	assert_int_equal(conf_number(conf, CONF_SERVER_WATCHDOG), 1500000000);
	assert_int_equal(conf_number(conf, CONF_WORKERS_YSF), 3);
	assert_int_equal(conf_number(conf, CONF_DGID_DEFAULT), 22);
	assert_true(conf_bool(conf, CONF_YSF_LATE_ENTRY));
	assert_true(conf_bool(conf, CONF_SERVER_SANDBOX));
	dgids = conf_dgids(conf, CONF_DGID_LIST);
	assert_true(conf_dgid_in(&dgids, 99) && conf_dgid_in(&dgids, 6));
	assert_false(conf_dgid_in(&dgids, 8) || conf_dgid_in(&dgids, 0) ||
		     conf_dgid_in(&dgids, 1000));
	addr = conf_listen(conf, CONF_YSF_LISTEN, &count);
	assert_int_equal(count, 3);
	assert_string_equal(addr_text(&addr[2], text), "127.0.0.1:42002");
	/* the wildcard covers the third, so the auxiliary port is bound twice */
	for (unsigned i = 0; i < CONF_LISTEN_MAX; i++) {
		assert_int_equal(conf_listener(conf, i) != NULL, i < 5);
		assert_int_equal(conf_listener_dgid(conf, i), i == 3 || i == 4 ? 41 : 0);
	}
	assert_string_equal(addr_text(conf_listener(conf, 4), text), "[::]:42397");
	assert_int_equal(conf_listener_dgid(conf, 1000), 0);
	conf_unmap(&conf);
	assert_null(conf);
	conf_unmap(&conf);
	close(fd);
}

static void test_sealed(void **state)
{
	int fd = build("", 1);
	struct stat st;

	(void)state;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, st.st_size + 1), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

/* A sealed memfd of these bytes. */
static int forge(const void *data, size_t size, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void refuse(const void *data, size_t size, int seals)
{
	int fd = forge(data, size, seals);

	errno = 0;
	assert_null(conf_map(fd));
	assert_int_equal(errno, EINVAL);
	close(fd);
}

/* Each word of the header and of the entries is broken in turn. */
static void test_refused(void **state)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	static const uint32_t evil[] = {0, 1, 0x7fffffff, 0xffffffff, 0xfffffff8};
	int fd = build("", 1), good;
	struct conf_header *copy;
	struct conf *conf;
	struct stat st;
	size_t size;

	(void)state;
	assert_int_equal(fstat(fd, &st), 0);
	size = (size_t)st.st_size;
	copy = malloc(size);
	assert_non_null(copy);
	assert_int_equal(pread(fd, copy, size, 0), st.st_size);
	close(fd);

	good = forge(copy, size, seals);
	conf = conf_map(good);
	assert_non_null(conf);
	conf_unmap(&conf);
	close(good);

	refuse(copy, size, F_SEAL_SHRINK | F_SEAL_GROW);
	refuse(copy, size - 1, seals);
	refuse(copy, sizeof(*copy), seals);
	refuse("", 0, seals);
	copy->magic++;
	refuse(copy, size, seals);
	copy->magic--;
	copy->version++;
	refuse(copy, size, seals);
	copy->version--;
	copy->keys--;
	refuse(copy, size, seals);
	copy->keys++;
	for (int key = 0; key < CONF_KEYS; key++) {
		struct conf_entry kept = copy->entry[key];

		for (size_t i = 0; i < sizeof(evil) / sizeof(evil[0]); i++) {
			copy->entry[key].offset = evil[i];
			if (evil[i] == kept.offset)
				continue; /* a group's key: it has no value here */
			refuse(copy, size, seals);
			copy->entry[key] = kept;
		}
		copy->entry[key].length = 0xffffffff;
		refuse(copy, size, seals);
		copy->entry[key].length = kept.length + 1;
		refuse(copy, size, seals);
		copy->entry[key] = kept;
	}
	free(copy);
}

#define ALIASES                                                                                    \
	"[ysf alias A]\ndgid = 9\n[ysf alias B C]\ndgid = 22\nid = 12345\ndescription = there\n"

static void test_groups(void **state)
{
	const enum conf_group group = CONF_GROUP_YSF_ALIAS;
	int fd = build(ALIASES, 1);
	struct conf *conf = conf_map(fd);

	(void)state;
	assert_non_null(conf);
	assert_int_equal(conf_group_count(conf, group), 2);
	assert_string_equal(conf_group_name(conf, group, 0), "A");
	assert_int_equal(conf_group_number(conf, group, 0, CONF_YSF_ALIAS_DGID), 9);
	assert_int_equal(conf_group_number(conf, group, 0, CONF_YSF_ALIAS_ID), 0);
	assert_string_equal(conf_group_text(conf, group, 0, CONF_YSF_ALIAS_DESCRIPTION), "");
	assert_string_equal(conf_group_name(conf, group, 1), "B C");
	assert_int_equal(conf_group_number(conf, group, 1, CONF_YSF_ALIAS_DGID), 22);
	assert_int_equal(conf_group_number(conf, group, 1, CONF_YSF_ALIAS_ID), 12345);
	assert_string_equal(conf_group_text(conf, group, 1, CONF_YSF_ALIAS_DESCRIPTION), "there");
	conf_unmap(&conf);
	close(fd);
	fd = build("", 1);
	conf = conf_map(fd);
	assert_int_equal(conf_group_count(conf, group), 0);
	conf_unmap(&conf);
	close(fd);
}

/* Each word of the table of members and of their rows is broken in turn. */
static void test_groups_refused(void **state)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	static const uint32_t evil[] = {0, 1, 0x7fffffff, 0xffffffff, 0xfffffff8};
	struct conf_members *members;
	struct conf_header *copy;
	int fd = build(ALIASES, 1);
	uint32_t *word, kept;
	struct stat st;

	(void)state;
	assert_int_equal(fstat(fd, &st), 0);
	copy = malloc((size_t)st.st_size);
	assert_non_null(copy);
	assert_int_equal(pread(fd, copy, (size_t)st.st_size, 0), st.st_size);
	close(fd);
	members = &copy->group[CONF_GROUP_YSF_ALIAS];
	kept = members->count;
	for (uint32_t count = CONF_GROUP_MAX + 1; count != 0; count *= 2) {
		members->count = count;
		refuse(copy, (size_t)st.st_size, seals);
	}
	members->count = kept;
	word = (uint32_t *)(void *)((char *)copy + members->offset);
	for (size_t i = 0; i < 2 * 4 * 2; i++)
		for (size_t j = 0; j < sizeof(evil) / sizeof(evil[0]); j++) {
			kept = word[i];
			word[i] = evil[j];
			if (kept != evil[j] && (i % 2 == 0 || evil[j] > 1))
				refuse(copy, (size_t)st.st_size, seals);
			word[i] = kept;
		}
	for (size_t j = 0; j < sizeof(evil) / sizeof(evil[0]); j++) {
		members->offset = evil[j];
		refuse(copy, (size_t)st.st_size, seals);
	}
	free(copy);
}

static void test_not_a_memfd(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_null(conf_map(fd));
	close(fd);
	assert_null(conf_map(-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),	       cmocka_unit_test(test_sealed),
		cmocka_unit_test(test_refused),	       cmocka_unit_test(test_groups),
		cmocka_unit_test(test_groups_refused), cmocka_unit_test(test_not_a_memfd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
