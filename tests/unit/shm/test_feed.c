/* SPDX-License-Identifier: ISC
 *
 * NAME      test_feed - tests of what a [feed NAME] section says
 * PURPOSE   the defaults of each type, and what the operator says instead
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "master/config.h"
#include "master/snapshot.h"
#include "shm/feed.h"

static struct problems problems;

static struct conf *conf_of(const char *ini)
{
	struct config_request request = {.file = "test.ini", .directory = "/base"};
	struct config *config;
	struct conf *conf;
	int fd;

	assert_int_equal(config_parse(&config, &request, ini, strlen(ini), &problems), 0);
	fd = snapshot_build(config, 1, NULL);
	assert_true(fd >= 0);
	config_destroy(&config);
	conf = conf_map(fd);
	assert_non_null(conf);
	close(fd);
	return conf;
}

static void check(const struct conf *conf, size_t member, enum feed_type type, const char *host,
		  uint16_t port, const char *login)
{
	assert_int_equal(feed_type(conf, member), type);
	assert_string_equal(feed_host(conf, member), host);
	assert_int_equal(feed_port(conf, member), port);
	assert_string_equal(feed_login(conf, member), login);
}

static void test_defaults(void **state)
{
	struct conf *conf = conf_of("[dxc]\nnode_call = N0CALL-1\n[feed a]\ntype = rbn\n"
				    "[feed b]\ntype = pskreporter\n"
				    "[feed c]\ntype = cluster\nhost = dx.example.net\n");

	(void)state;
	check(conf, 0, FEED_RBN, "telnet.reversebeacon.net", 7000, "N0CALL-1");
	check(conf, 1, FEED_PSKREPORTER, "mqtt.pskreporter.info", 1883, "N0CALL-1");
	check(conf, 2, FEED_CLUSTER, "dx.example.net", 7300, "N0CALL-1");
	for (size_t n = 0; n < 3; n++)
		assert_true(feed_wanted(conf, n));
	conf_unmap(&conf);
}

static void test_what_the_operator_says(void **state)
{
	struct conf *conf = conf_of("[dxc]\nnode_call = N0CALL-1\n[feed a]\ntype = rbn\n"
				    "host = 127.0.0.1\nport = 7001\nlogin = W1AW\n"
				    "[feed b]\ntype = rbn\nenabled = no\n");

	(void)state;
	check(conf, 0, FEED_RBN, "127.0.0.1", 7001, "W1AW");
	assert_true(feed_wanted(conf, 0));
	assert_false(feed_wanted(conf, 1));
	conf_unmap(&conf);
}

static void test_without_a_cluster(void **state)
{
	struct conf *conf = conf_of("[feed a]\ntype = rbn\n");

	(void)state;
	assert_false(feed_wanted(conf, 0));
	conf_unmap(&conf);
	conf = conf_of("[dxc]\nnode_call = N0CALL\nenabled = no\n[feed a]\ntype = rbn\n");
	assert_false(feed_wanted(conf, 0));
	conf_unmap(&conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_what_the_operator_says),
		cmocka_unit_test(test_without_a_cluster),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
