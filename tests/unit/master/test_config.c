/* SPDX-License-Identifier: ISC
 *
 * NAME      test_config - tests of the effective configuration
 * PURPOSE   who wins, what is resolved, what contradicts, where findings point
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

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/config.h"

static struct problems problems;

/* NULL when it was refused. SETS ends with NULL. */
static struct config *parse(const char *ini, const char *const *sets, bool foreground)
{
	struct config_request request = {
		.file = "etc/f.ini", .set = sets, .foreground = foreground, .directory = "/base"};
	struct config *config;
	int rc;

	while (sets != NULL && sets[request.sets] != NULL)
		request.sets++;
	problems.count = 0;
	rc = config_parse(&config, &request, ini, strlen(ini), &problems);
	assert_int_equal(rc, config != NULL ? 0 : -1);
	assert_int_equal(problems.count == 0, config != NULL);
	return config;
}

static void text_is(const char *ini, const char *const *sets, enum conf_key key, const char *text)
{
	struct config *config = parse(ini, sets, false);

	assert_non_null(config);
	assert_string_equal(config_text(config, key), text);
	config_destroy(&config);
	assert_null(config);
}

static void refused(const char *ini, const char *const *sets, const char *problem)
{
	struct config *config = parse(ini, sets, false);

	assert_null(config);
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.text[0], problem);
}

#define SET(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_defaults(void **state)
{
	struct config *config = parse("", NULL, false);
	char host[256], text[ADDR_TEXT_MAX];
	const struct addr *addr;
	int64_t workers;
	size_t count;

	(void)state;
	assert_non_null(config);
	assert_int_equal(gethostname(host, sizeof(host)), 0);
	assert_string_equal(config_text(config, CONF_SERVER_NAME), host);
	host[16] = '\0';
	assert_string_equal(config_text(config, CONF_YSF_NAME), host);
	workers = config_number(config, CONF_WORKERS_YSF);
	assert_true(workers >= 1 && workers <= 64);
	assert_string_equal(config_text(config, CONF_SERVER_LOG), "syslog");
	assert_int_equal(config_number(config, CONF_PROTECTION_TX_TIMEOUT), 240000000000);
	assert_true(config_bool(config, CONF_YSF_ENABLED));
	addr = config_listen(config, CONF_YSF_LISTEN, &count);
	assert_int_equal(count, 2);
	assert_string_equal(addr_text(&addr[0], text), "0.0.0.0:42000");
	assert_string_equal(addr_text(&addr[1], text), "[::]:42000");
	assert_true(config_has_file(config));
	config_destroy(&config);
}

static void test_who_wins(void **state)
{
	struct config *config;

	(void)state;
	text_is("[server]\nname=file\n", NULL, CONF_SERVER_NAME, "file");
	text_is("[server]\nname=file\n", SET("server.name=set"), CONF_SERVER_NAME, "set");
	text_is("", SET("server.name=1", "server.name = 2 "), CONF_SERVER_NAME, "2");
	text_is("", SET("server.name=a.b=c"), CONF_SERVER_NAME, "a.b=c");
	text_is("", SET("server.user="), CONF_SERVER_USER, "");
	config = parse("", NULL, true);
	assert_string_equal(config_text(config, CONF_SERVER_LOG), "stderr");
	config_destroy(&config);
	config = parse("[server]\nlog = syslog\n", NULL, true);
	assert_string_equal(config_text(config, CONF_SERVER_LOG), "syslog");
	config_destroy(&config);
}

static void test_names(void **state)
{
	(void)state;
	text_is("[server]\nname=0123456789abcdefg\n", NULL, CONF_YSF_NAME, "0123456789abcdef");
	text_is("[server]\nname=0123456789abcde fg\n", NULL, CONF_YSF_NAME, "0123456789abcde");
	/* Never half a letter. */
	text_is("[server]\nname=0123456789abcde\xc3\xbc\n", NULL, CONF_YSF_NAME, "0123456789abcde");
	text_is("[server]\nname=s\n[ysf]\nname=y\n", NULL, CONF_YSF_NAME, "y");
	refused("[ysf]\nname=0123456789abcdefg\n", NULL,
		"etc/f.ini:2: ysf.name: is 17 bytes long (at most 16)");
	refused("[ysf]\ndescription=0123456789abcde\n", NULL,
		"etc/f.ini:2: ysf.description: is 15 bytes long (at most 14)");
}

static void test_paths(void **state)
{
	char set[CONF_TEXT_MAX];

	(void)state;
	text_is("[server]\nrun_dir=run\n", NULL, CONF_SERVER_RUN_DIR, "/base/etc/run");
	text_is("[server]\nrun_dir=./../run\n", NULL, CONF_SERVER_RUN_DIR, "/base/etc/../run");
	text_is("[server]\nrun_dir=.\n", NULL, CONF_SERVER_RUN_DIR, "/base/etc");
	text_is("[server]\nrun_dir=/run/x\n", NULL, CONF_SERVER_RUN_DIR, "/run/x");
	text_is("", SET("server.run_dir=run"), CONF_SERVER_RUN_DIR, "/base/run");
	text_is("[server]\nlog=l.log\n", NULL, CONF_SERVER_LOG, "/base/etc/l.log");
	text_is("", SET("server.log=stderr"), CONF_SERVER_LOG, "stderr");
	refused("[server]\nrun_dir=\n", NULL,
		"etc/f.ini:2: server.run_dir: must not be empty (path)");
	snprintf(set, sizeof(set), "server.run_dir=/%0188d", 0);
	refused("", SET(set),
		"-o server.run_dir: is too long (a line of 199 bytes when written out, at most "
		"198)");
}

static void test_set_refused(void **state)
{
	char set[2 * CONF_TEXT_MAX + 20] = "server.name=";

	(void)state;
	refused("", SET("x"), "-o x: is not SECTION.KEY=VALUE");
	refused("", SET("name=x"), "-o name=x: is not SECTION.KEY=VALUE");
	refused("", SET("name=x.y"), "-o name=x.y: is not SECTION.KEY=VALUE");
	refused("", SET("ysf.lisen=x"), "-o ysf.lisen: unknown key (nearest: ysf.listen)");
	refused("", SET("yfs.listen=x"), "-o yfs.listen: unknown section (nearest: ysf.listen)");
	refused("", SET("ysf.id=x"), "-o ysf.id: \"x\" is not a whole number");
	refused("", SET("server.name=a ;b"),
		"-o server.name: holds a blank and a semicolon (that begins a comment)");
	memset(set + strlen(set), 'x', 2 * CONF_TEXT_MAX);
	refused("", SET(set), "-o server.name=xxxxxxxxxxxxxxxxxxxxxxxxxxxx...: is too long");
}

static void test_file_refused(void **state)
{
	(void)state;
	refused("[ysf]\nlisen=x\n", NULL,
		"etc/f.ini:2: ysf.lisen: unknown key (nearest: ysf.listen)");
	refused("[ysf]\nid=1\n[dgid]\n[ysf]\nid=1\n", NULL,
		"etc/f.ini:5: ysf.id: given twice (first in line 2)");
	refused("[ysf]\nid=100000\n", NULL,
		"etc/f.ini:2: ysf.id: 100000 is out of range (0 to 99999)");
	refused("[ysf]\nlisten=\n", NULL,
		"etc/f.ini:2: ysf.listen: must not be empty (list of addresses)");
	/* A good -o does not hide what is wrong with the file. */
	refused("[ysf]\nid=x\n", SET("ysf.id=1"),
		"etc/f.ini:2: ysf.id: \"x\" is not a whole number");
}

static void test_contradictions(void **state)
{
	struct config *config;

	(void)state;
	refused("[dgid]\nlist=1,2\n", NULL,
		"etc/f.ini:2: dgid.default: 22 is not in dgid.list (add it there or choose "
		"another)");
	refused("[dgid]\ndefault=2\n", NULL,
		"etc/f.ini:2: dgid.default: 2 is not in dgid.list (add it there or choose "
		"another)");
	refused("[dgid]\nlist=2,22\n", NULL,
		"etc/f.ini:2: dgid.local: 1 is not in dgid.list (add it there, or 0 for none)");
	refused("", SET("dgid.local=3"),
		"-o dgid.local: 3 is not in dgid.list (add it there, or 0 for none)");
	refused("[server]\nshm_dir=/x\n", SET("server.state_dir=/x"),
		"-o server.state_dir: is the same directory as server.shm_dir (they need one "
		"each)");
	refused("[server]\nupgrade_key=secret\n", NULL,
		"etc/f.ini:2: server.upgrade_key: is no Ed25519 public key (64 hexadecimal digits, "
		"or base64)");
	refused("[ysf]\ndashboard_allow = ::1, 192.0.2.0/33\n", NULL,
		"etc/f.ini:2: ysf.dashboard_allow: \"192.0.2.0/33\" is no address or network (such as "
		"192.0.2.0/24, 2001:db8::1, or * alone for everybody)");
	config = parse("[dgid]\nlist=2,22\nlocal=0\n", NULL, false);
	assert_non_null(config);
	config_destroy(&config);
	/* No noise about a key that is wrong already. */
	refused("[dgid]\nlist=x\ndefault=70\n", NULL,
		"etc/f.ini:2: dgid.list: \"x\" is neither a DG-ID nor a range (1 to 99, such as "
		"40-49)");
}

static void test_aux(void **state)
{
	struct config *config = parse("[ysf]\naux_ports = 41:42397 , 88 : 0\n", NULL, false);
	const struct value *value;

	(void)state;
	assert_non_null(config);
	value = config_value(config, CONF_YSF_AUX_PORTS);
	assert_int_equal(value->auxes, 2);
	assert_int_equal(value->aux[0].dgid, 41);
	assert_int_equal(value->aux[0].port, 42397);
	assert_int_equal(value->aux[1].dgid, 88);
	assert_int_equal(value->aux[1].port, 0);
	config_destroy(&config);
	refused("", SET("ysf.aux_ports=41"),
		"-o ysf.aux_ports: \"41\" is not DG-ID:PORT (such as 41:42397)");
	refused("", SET("ysf.aux_ports=0:1"),
		"-o ysf.aux_ports: \"0:1\" is not DG-ID:PORT (such as 41:42397)");
	refused("", SET("ysf.aux_ports=1:65536"),
		"-o ysf.aux_ports: \"1:65536\" is not DG-ID:PORT (such as 41:42397)");
	refused("", SET("ysf.aux_ports=1:2,"),
		"-o ysf.aux_ports: has an empty item (a list with commas between)");
	refused("", SET("ysf.aux_ports=1:2,1:3"),
		"-o ysf.aux_ports: DG-ID 1 has two ports (give it one)");
	refused("", SET("ysf.aux_ports=1:2,2:2"),
		"-o ysf.aux_ports: port 2 has two DG-IDs (give it one)");
}

static void listeners_are(const char *listen, const char *aux, const char *expected)
{
	char ini[512], text[ADDR_TEXT_MAX], all[1024] = "";
	struct config_listener listener[CONF_LISTEN_MAX];
	struct config *config;
	size_t count;

	snprintf(ini, sizeof(ini), "[ysf]\nlisten = %s\naux_ports = %s\ndashboard_listen =\n",
		 listen, aux);
	config = parse(ini, NULL, false);
	assert_non_null(config);
	count = config_listeners(config, listener);
	for (size_t i = 0; i < count; i++)
		sprintf(all + strlen(all), "%s%u@%s", i > 0 ? " " : "", listener[i].dgid,
			addr_text(&listener[i].addr, text));
	assert_string_equal(all, expected);
	config_destroy(&config);
}

static void test_listeners(void **state)
{
	(void)state;
	listeners_are("127.0.0.1:1", "", "0@127.0.0.1:1");
	listeners_are("*:1", "41:2", "0@0.0.0.0:1 0@[::]:1 41@0.0.0.0:2 41@[::]:2");
	listeners_are("127.0.0.1:1,127.0.0.1:2,[::1]:1", "7:0,8:9",
		      "0@127.0.0.1:1 0@127.0.0.1:2 0@[::1]:1 7@127.0.0.1:0 7@[::1]:0 "
		      "8@127.0.0.1:9 8@[::1]:9");
	/* what a wildcard covers is not bound again */
	listeners_are("127.0.0.1:1,0.0.0.0:2,[::1]:1", "7:3",
		      "0@127.0.0.1:1 0@0.0.0.0:2 0@[::1]:1 7@0.0.0.0:3 7@[::1]:3");
	refused("[ysf]\naux_ports = 41:42000\n", NULL,
		"etc/f.ini:2: ysf.aux_ports: 42000 is a port of ysf.listen too (choose another)");
	refused("[ysf]\nlisten = *:42001\n", NULL,
		"etc/f.ini:2: ysf.dashboard_listen: 127.0.0.1:42001 is taken by ysf.listen (choose "
		"another port)");
	refused("[ysf]\naux_ports = 41:42001\n", NULL,
		"etc/f.ini:2: ysf.dashboard_listen: 127.0.0.1:42001 is taken by ysf.aux_ports "
		"(choose another port)");
	refused("[ysf]\ndashboard_listen =\n"
		"listen=127.0.0.1:1,127.0.0.2:1,127.0.0.3:1,127.0.0.4:1,127.0.0.5:1,127.0.0.6:1\n"
		"aux_ports=1:11,2:12,3:13,4:14,5:15,6:16,7:17,8:18,9:19,10:20\n",
		NULL,
		"etc/f.ini:4: ysf.aux_ports: at every host of ysf.listen it comes to 66 addresses "
		"(at most 64)");
}

static void test_parrot(void **state)
{
	(void)state;
	text_is("", SET("dgid.parrot=9"), CONF_YSF_DESCRIPTION, "");
	refused("", SET("dgid.parrot=10"),
		"-o dgid.parrot: 10 is not in dgid.list (add it there, or 0 for none)");
	refused("[dgid]\nlocal = 9\n", SET("dgid.parrot=9"),
		"-o dgid.parrot: 9 is dgid.local too (choose another, or 0 for none)");
	refused("", SET("dgid.parrot=22"),
		"-o dgid.parrot: 22 is dgid.default too (choose another, or 0 for none)");
}

static void test_empty_paths(void **state)
{
	size_t count;
	struct config *config = parse("[access]\nfile=\n[dgid]\nhome_file = h.db\n"
				      "[ysf]\ndashboard_listen =\nmmdvm_log=log/%Y-%m-%d.log\n",
				      NULL, false);

	(void)state;
	assert_non_null(config);
	assert_string_equal(config_text(config, CONF_ACCESS_FILE), "");
	assert_string_equal(config_text(config, CONF_DGID_HOME_FILE), "/base/etc/h.db");
	assert_string_equal(config_text(config, CONF_YSF_MMDVM_LOG), "/base/etc/log/%Y-%m-%d.log");
	config_listen(config, CONF_YSF_DASHBOARD_LISTEN, &count);
	assert_int_equal(count, 0);
	config_destroy(&config);
}

#define ALIAS "[ysf alias IT PYSF3-TEST]\ndgid = 9\n"

static void test_groups(void **state)
{
	struct config *config, *other;

	(void)state;
	config = parse(ALIAS "[ysf]\nid = 7\n[ysf alias B]\nid = 3\ndgid = 50\n"
			     "[ysf alias IT PYSF3-TEST]\ndescription = x\n",
		       SET("ysf alias B.id=4", "ysf alias C.D.dgid=1"), false);
	assert_non_null(config);
	assert_int_equal(config_group_count(config, CONF_GROUP_YSF_ALIAS), 3);
	assert_string_equal(config_group_name(config, CONF_GROUP_YSF_ALIAS, 0), "IT PYSF3-TEST");
	assert_string_equal(config_group_name(config, CONF_GROUP_YSF_ALIAS, 2), "C.D");
	assert_int_equal(config_group_value(config, 0, CONF_YSF_ALIAS_DGID)->number, 9);
	assert_int_equal(config_group_value(config, 0, CONF_YSF_ALIAS_ID)->number, 0);
	assert_string_equal(config_group_value(config, 0, CONF_YSF_ALIAS_DESCRIPTION)->text, "x");
	assert_int_equal(config_group_value(config, 1, CONF_YSF_ALIAS_ID)->number, 4);
	assert_int_equal(config_group_value(config, 2, CONF_YSF_ALIAS_DGID)->number, 1);
	other = parse(ALIAS "description=x\n[ysf alias B]\nid=4\ndgid=50\n[ysf alias C.D]\n"
			    "dgid=1\n",
		      NULL, false);
	assert_true(config_equal(config, other, CONF_YSF_ALIAS_DGID));
	config_destroy(&other);
	other = parse(ALIAS, NULL, false);
	assert_false(config_equal(config, other, CONF_YSF_ALIAS_DGID));
	config_destroy(&other);
	config_destroy(&config);
}

static void test_groups_refused(void **state)
{
	(void)state;
	refused("\n[ysf alias]\ndgid = 9\n", NULL,
		"etc/f.ini:2: ysf alias: needs a name (write [ysf alias NAME])");
	refused("[ysf alias 0123456789abcdefg]\ndgid = 9\n", NULL,
		"etc/f.ini:1: ysf alias 0123456789abcdefg: the name is 17 bytes long (at most "
		"16)");
	refused("[ysf alias A]\n", NULL,
		"etc/f.ini:1: ysf alias A.dgid: is missing (it has no default)");
	refused("[ysf alias A]\ndgid =\n", NULL,
		"etc/f.ini:2: ysf alias A.dgid: must not be empty (DG-ID)");
	refused("[ysf alias A]\ndgid = 10\n", NULL,
		"etc/f.ini:2: ysf alias A.dgid: 10 is neither in ysf.aux_ports nor in dgid.list");
	refused(ALIAS "[ysf alias B]\ndgid = 9\n", NULL,
		"etc/f.ini:4: ysf alias B.dgid: 9 is that of [ysf alias IT PYSF3-TEST] too (one "
		"alias a DG-ID)");
	refused(ALIAS "dgid = 22\n", NULL,
		"etc/f.ini:3: ysf alias IT PYSF3-TEST.dgid: given twice (first in line 2)");
	refused(ALIAS "descripton = x\n", NULL,
		"etc/f.ini:3: ysf alias IT PYSF3-TEST.descripton: unknown key (nearest: "
		"ysf alias IT PYSF3-TEST.description)");
	refused(ALIAS "description = 0123456789abcde\n", NULL,
		"etc/f.ini:3: ysf alias IT PYSF3-TEST.description: is 15 bytes long (at most 14)");
	refused("[ysf alais A]\ndgid = 9\n", NULL,
		"etc/f.ini:1: ysf alais A: unknown section (nearest: [ysf alias NAME])");
	refused("", SET("ysf alias A.id=7"), "-o ysf alias A.dgid: is missing (it has no default)");
	refused("", SET("ysf alias A.di=7"),
		"-o ysf alias A.di: unknown key (nearest: ysf alias A.id)");
	refused("", SET("ysf alias.dgid=9"), "-o ysf alias: needs a name (write [ysf alias NAME])");
}

static void test_groups_full(void **state)
{
	char ini[8192] = "[dgid]\nlist = 1-99\n";

	(void)state;
	for (int i = 1; i <= CONF_GROUP_MAX; i++)
		sprintf(ini + strlen(ini), "[ysf alias %d]\ndgid = %d\n", i, i);
	text_is(ini, NULL, CONF_YSF_DESCRIPTION, "");
	strcat(ini, "[ysf alias X]\ndgid = 99\nid = 7\n");
	refused(ini, NULL, "etc/f.ini:131: ysf alias X: is one too many (at most 64)");
}

static void test_lenient(void **state)
{
	struct config_request request = {.file = "f.ini", .directory = "/base", .lenient = true};
	const char *ini = "[ysf]\nid = 7\nnews = 1\n[feeder X]\nhost = y\n[dgid]\nlocal = 9\n";
	struct config *config;

	(void)state;
	problems.count = 0;
	assert_int_equal(config_parse(&config, &request, ini, strlen(ini), &problems), 0);
	assert_int_equal(config_number(config, CONF_YSF_ID), 7);
	assert_int_equal(config_number(config, CONF_DGID_LOCAL), 9);
	config_destroy(&config);
}

static void test_all_at_once(void **state)
{
	(void)state;
	assert_null(parse("[ysf]\nid=x\nbla\n[sever]\nx=y\n[dgid]\nlocal=77\n",
			  SET("a.b=c", "ysf.enabled=2"), false));
	assert_int_equal(problems.count, 6);
}

static void test_equal(void **state)
{
	struct config *a = parse("[server]\nname=0123456789abcdefX\n", NULL, false);
	struct config *b =
		parse("[server]\nname=0123456789abcdefY\n[workers]\nysf=63\n", NULL, false);

	(void)state;
	assert_false(config_equal(a, b, CONF_SERVER_NAME));
	assert_true(config_equal(a, b, CONF_YSF_NAME));
	assert_true(config_equal(a, b, CONF_YSF_LISTEN));
	config_destroy(&a);
	config_destroy(&b);
	config_destroy(&b);
}

static void test_load(void **state)
{
	char dir[] = "/tmp/test_config.XXXXXX", path[64];
	struct config_request request = {.file = "f.ini", .directory = dir};
	struct config *config = NULL;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	problems.count = 0;
	/* A file that was asked for must be there, and -o is judged all the same. */
	request.set = SET("ysf.id=x");
	request.sets = 1;
	assert_int_equal(config_load(&config, &request, &problems), -1);
	assert_null(config);
	assert_int_equal(problems.count, 2);
	assert_string_equal(problems.text[0], "f.ini: can't be opened: No such file or directory");
	request.sets = 0;
	assert_int_equal(config_load(&config, &request, &problems), -1);
	assert_null(config);

	snprintf(path, sizeof(path), "%s/f.ini", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "[server]\nrun_dir=r\n", 19), 19);
	close(fd);
	problems.count = 0;
	assert_int_equal(config_load(&config, &request, &problems), 0);
	assert_true(config_has_file(config));
	snprintf(path, sizeof(path), "%s/r", dir);
	assert_string_equal(config_text(config, CONF_SERVER_RUN_DIR), path);
	config_destroy(&config);
	snprintf(path, sizeof(path), "%s/f.ini", dir);
	unlink(path);
	rmdir(dir);
}

static void test_no_file(void **state)
{
	struct config_request request = {.file = NULL};
	struct config *config = NULL;

	(void)state;
	if (access(CONFIG_FILE_DEFAULT, F_OK) == 0)
		skip(); /* this machine has one; not ours to touch */
	problems.count = 0;
	assert_int_equal(config_load(&config, &request, &problems), 0);
	assert_false(config_has_file(config));
	config_destroy(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_who_wins),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_set_refused),
		cmocka_unit_test(test_file_refused),
		cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_aux),
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_parrot),
		cmocka_unit_test(test_empty_paths),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_groups_refused),
		cmocka_unit_test(test_groups_full),
		cmocka_unit_test(test_lenient),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
