/* SPDX-License-Identifier: ISC
 *
 * NAME      test_run - the life of a worker, with a master made of a test
 * PURPOSE   The order of READY and GO, every way to end, what a worker gives up, and what it says
 *           when it can't serve.
 * OWNER     make check
 * CONTRACT  a program of its own; a failure stops it. Children are waited for by their pid.
 * LIMITS    giving up the user needs root and is left out without
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/config.h"
#include "master/snapshot.h"
#include "shm/clock.h"
#include "shm/role.h"
#include "workers/run.h"
#include "workers/sandbox.h"

#define SLOT	   "test.1"
#define GENERATION 42
#define NOBODY	   65534

/* ---- the kind under test: tells by exit codes and by gauges of its page what it saw ---- */

enum seen {
	SEEN_TICKS,
	SEEN_RIGHTS,
	SEEN_STOPS,
	SEEN_BEFORE,
	SEEN_CONF,
	SEEN_PEERS,
	SEEN_UNSTAGES,
	SEEN_LISTS, /* news of lists */
	SEEN_BYTES, /* the first byte of each kind's newest, one below the other */
};

static bool lost_everything(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_max > 1024)
		return false;
	if (getuid() == NOBODY && (setuid(0) == 0 || getgroups(0, NULL) != 0))
		return false;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ||
	    prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != SANDBOX_SANITIZED)
		return false;
	return socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EPERM;
}

static bool kind_open(struct worker *worker)
{
	worker->own = worker;
	/* whose rights are left, plus one; 0: more than these */
	page_gauge(worker->page, (enum page_gauge)SEEN_RIGHTS,
		   lost_everything() ? 1 + (uint64_t)getuid() : 0);
	return true;
}

static bool kind_refuses(struct worker *worker)
{
	return worker_failed(worker, "no %s today", "service");
}

static void kind_go(struct worker *worker)
{
	(void)worker;
}

static void kind_tick(struct worker *worker)
{
	_Atomic uint64_t *ticks = &worker->page->gauge[SEEN_TICKS];

	atomic_store(ticks, atomic_load(ticks) + 1);
}

static void kind_stop(struct worker *worker)
{
	page_gauge(worker->page, (enum page_gauge)SEEN_STOPS, 1);
	worker_finish(worker, 0);
}

static const struct worker_kind good_kind = {
	.name = "test",
	.open = kind_open,
	.go = kind_go,
	.tick = kind_tick,
	.stop = kind_stop,
};

static bool open_nothing(struct worker *worker)
{
	worker->own = worker;
	return true;
}

static bool kind_stages(struct worker *worker, const struct conf *conf, char why_r[252])
{
	(void)worker;
	if (conf_number(conf, CONF_YSF_ID) != 666)
		return true;
	snprintf(why_r, 252, "ysf.id: not that one");
	return false;
}

/* Both are there: the one that goes and the one that comes. */
static void kind_commits(struct worker *worker, const struct conf *before)
{
	page_gauge(worker->page, (enum page_gauge)SEEN_BEFORE, conf_generation(before));
	page_gauge(worker->page, (enum page_gauge)SEEN_CONF, conf_generation(worker->conf));
	page_gauge(worker->page, (enum page_gauge)SEEN_PEERS,
		   worker->peers + 100 * worker->peer_bells);
}

static void kind_unstages(struct worker *worker)
{
	page_gauge(worker->page, (enum page_gauge)SEEN_UNSTAGES, 1);
}

static const struct worker_kind staging_kind = {
	.name = "test",
	.open = open_nothing,
	.go = kind_go,
	.stage = kind_stages,
	.commit = kind_commits,
	.unstage = kind_unstages,
};

/* What every list says, read through the descriptor that it is to be mapped by. */
static void show_lists(struct worker *worker)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < LIST_KINDS; i++) {
		uint8_t byte = 0;

		if (worker->list_fd[i] >= 0 && pread(worker->list_fd[i], &byte, 1, 0) == 1)
			bytes |= (uint64_t)byte << (8 * i);
	}
	page_gauge(worker->page, (enum page_gauge)SEEN_BYTES, bytes);
}

static bool open_with_lists(struct worker *worker)
{
	worker->own = worker;
	show_lists(worker);
	return true;
}

static void kind_gets_list(struct worker *worker, unsigned index)
{
	_Atomic uint64_t *seen = &worker->page->gauge[SEEN_LISTS];

	show_lists(worker);
	atomic_store(seen, atomic_load(seen) * 10 + index + 1);
}

static const struct worker_kind listing_kind = {
	.name = "test",
	.open = open_with_lists,
	.go = kind_go,
	.list = kind_gets_list,
};

static const struct worker_kind still_kind = {.name = "test", .open = open_nothing, .go = kind_go};

static const struct worker_kind bad_kind = {.name = "test", .open = kind_refuses, .go = kind_go};

/* ---- the master ---- */

struct master {
	int control, bell, page_fd, conf_fd;
	struct page *page;
	pid_t child;
};

static int make_conf_of(const char *text, uint64_t generation)
{
	static struct problems problems;
	struct config_request request = {.file = "test.ini", .directory = "/"};
	struct config *config;
	int fd;

	assert_int_equal(config_parse(&config, &request, text, strlen(text), &problems), 0);
	fd = snapshot_build(config, generation, NULL);
	config_destroy(&config);
	assert_true(fd >= 0);
	return fd;
}

static int make_conf(void)
{
	return make_conf_of("", 1);
}

static void send_fd(struct master *master, enum msg_fd_role role, int fd)
{
	struct msg_fd what = {.role = (uint16_t)role};

	assert_int_equal(msg_send(master->control, MSG_FD, GENERATION, &what, sizeof(what), fd), 0);
}

static void send_start_as(struct master *master, uint32_t uid, bool standby)
{
	struct msg_start start = {
		.slot = SLOT, .generation = GENERATION, .count = 1, .master_pid = getpid()};

	start.uid = start.gid = uid;
	start.standby = standby;
	assert_int_equal(
		msg_send(master->control, MSG_START, GENERATION, &start, sizeof(start), -1), 0);
}

static void send_start(struct master *master, uint32_t uid)
{
	send_start_as(master, uid, false);
}

/* A child with the control socket at its place, as after the exec. */
static void launch(struct master *master, const struct worker_kind *kind)
{
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	fflush(NULL);
	master->child = fork();
	assert_true(master->child >= 0);
	if (master->child == 0) {
		close(pair[0]);
		dup2(pair[1], ROLE_CONTROL_FD);
		if (pair[1] != ROLE_CONTROL_FD)
			close(pair[1]);
		_exit(worker_main(kind, SLOT));
	}
	close(pair[1]);
	master->control = pair[0];
}

static void prepare(struct master *master, const struct worker_kind *kind)
{
	memset(master, 0, sizeof(*master));
	master->page_fd = page_create(SLOT, 0);
	master->page = page_map(master->page_fd);
	master->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	master->conf_fd = make_conf();
	assert_non_null(master->page);
	launch(master, kind);
	send_fd(master, FD_CONF, master->conf_fd);
	send_fd(master, FD_PAGE, master->page_fd);
	send_fd(master, FD_BELL, master->bell);
}

static void begin(struct master *master, const struct worker_kind *kind, uint32_t uid)
{
	prepare(master, kind);
	send_start(master, uid);
}

static void begin_standby(struct master *master, const struct worker_kind *kind)
{
	prepare(master, kind);
	send_start_as(master, (uint32_t)-1, true);
}

/* The next message; its type, or 0 at the end of file. */
static unsigned next(struct master *master, struct msg *msg)
{
	struct pollfd wait = {.fd = master->control, .events = POLLIN};
	int got;

	assert_int_equal(poll(&wait, 1, 20000), 1);
	got = msg_recv(master->control, msg);
	assert_true(got >= 0);
	return got > 0 ? msg->type : 0;
}

static int end_of(struct master *master)
{
	int status;

	assert_int_equal(waitpid(master->child, &status, 0), master->child);
	close(master->control);
	close(master->bell);
	close(master->page_fd);
	close(master->conf_fd);
	page_unmap((const struct page **)&master->page);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void expect_ready(struct master *master)
{
	struct msg msg;

	assert_int_equal(next(master, &msg), MSG_READY);
	assert_int_equal(msg.generation, GENERATION);
}

static uint64_t seen(const struct master *master, enum seen which)
{
	return atomic_load(&master->page->gauge[which]);
}

static void wait_past(struct master *master, _Atomic uint64_t *word, uint64_t value)
{
	for (int i = 0; i < 20000 && atomic_load(word) <= value; i++)
		poll(NULL, 0, 1);
	assert_true(atomic_load(word) > value);
	(void)master;
}

/* ---- tests ---- */

static void test_ready_then_go_then_stop(void **state)
{
	struct master master;

	(void)state;
	begin(&master, &good_kind, (uint32_t)-1);
	expect_ready(&master);
	/* it turns, so that the watchdog sees a heartbeat, but nothing is served before GO */
	wait_past(&master, &master.page->turns, 2);
	assert_int_equal(seen(&master, SEEN_TICKS), 0);
	assert_int_equal(atomic_load(&master.page->state), PAGE_READY);
	assert_int_equal(atomic_load(&master.page->pid), master.child);
	assert_int_equal(msg_send(master.control, MSG_GO, GENERATION, NULL, 0, -1), 0);
	wait_past(&master, &master.page->gauge[SEEN_TICKS], 1);
	assert_int_equal(msg_send(master.control, MSG_STOP, GENERATION, NULL, 0, -1), 0);
	assert_int_equal(waitid(P_PID, (id_t)master.child, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
	assert_int_equal(seen(&master, SEEN_STOPS), 1);
	assert_int_equal(atomic_load(&master.page->state), PAGE_STOPPING);
	assert_int_equal(end_of(&master), 0);
}

/* A bad word from the master makes even a good worker count: here on a page that is not its own. */
static void test_standby_leaves_the_page_alone(void **state)
{
	struct master master;
	struct page *before = malloc(sizeof(*before));
	struct msg_check check = {0};

	(void)state;
	begin_standby(&master, &still_kind);
	assert_non_null(before);
	memcpy(before, master.page, sizeof(*before));
	expect_ready(&master);
	assert_int_equal(msg_send(master.control, MSG_CHECK, GENERATION, &check, sizeof(check), -1),
			 0);
	poll(NULL, 0, 200); /* four turns */
	assert_memory_equal(before, master.page, sizeof(*before));
	assert_int_equal(msg_send(master.control, MSG_GO, GENERATION, NULL, 0, -1), 0);
	wait_past(&master, &master.page->turns, 1);
	assert_int_equal(atomic_load(&master.page->pid), master.child);
	assert_int_equal(msg_send(master.control, MSG_STOP, GENERATION, NULL, 0, -1), 0);
	assert_int_equal(end_of(&master), 0);
	free(before);
}

/* ---- another configuration ---- */

static void send_stage(struct master *master, const char *text, uint64_t generation)
{
	struct msg_stage stage = {generation};
	int fd = make_conf_of(text, generation);

	assert_int_equal(
		msg_send(master->control, MSG_STAGE, GENERATION, &stage, sizeof(stage), fd), 0);
	close(fd);
}

static void send_word(struct master *master, enum msg_type type, uint64_t generation)
{
	struct msg_stage stage = {generation};

	assert_int_equal(msg_send(master->control, type, GENERATION, &stage, sizeof(stage), -1), 0);
}

static struct msg_staged expect_staged(struct master *master, uint64_t generation, uint32_t ok)
{
	struct msg_staged staged;
	struct msg msg;

	assert_int_equal(next(master, &msg), MSG_STAGED);
	memcpy(&staged, msg.body, sizeof(staged));
	assert_int_equal(staged.conf_generation, generation);
	assert_int_equal(staged.ok, ok);
	return staged;
}

static unsigned descriptors_of(const struct master *master)
{
	char path[64];
	unsigned count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)master->child);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static void test_stage_then_commit(void **state)
{
	struct master master;
	unsigned before;

	(void)state;
	begin(&master, &staging_kind, (uint32_t)-1);
	expect_ready(&master);
	before = descriptors_of(&master);
	send_fd(&master, FD_PEER_PAGE, master.page_fd);
	send_fd(&master, FD_PEER_BELL, master.bell);
	send_stage(&master, "[ysf]\nid = 7\n", 2);
	expect_staged(&master, 2, 1);
	assert_int_equal(seen(&master, SEEN_CONF), 0);
	send_word(&master, MSG_COMMIT, 2);
	expect_staged(&master, 2, 2);
	assert_int_equal(seen(&master, SEEN_BEFORE), 1);
	assert_int_equal(seen(&master, SEEN_CONF), 2);
	assert_int_equal(seen(&master, SEEN_PEERS), 101);
	assert_int_equal(descriptors_of(&master), before + 1); /* the bell */
	kill(master.child, SIGTERM);
	assert_int_equal(end_of(&master), 0);
}

static void test_unstage_leaves_no_trace(void **state)
{
	struct master master;
	unsigned before;

	(void)state;
	begin(&master, &staging_kind, (uint32_t)-1);
	expect_ready(&master);
	before = descriptors_of(&master);
	for (unsigned i = 0; i < 10; i++) {
		send_fd(&master, FD_PEER_PAGE, master.page_fd);
		send_fd(&master, FD_PEER_BELL, master.bell);
		send_stage(&master, "[ysf]\nid = 7\n", 2);
		expect_staged(&master, 2, 1);
		send_word(&master, MSG_UNSTAGE, 2);
	}
	send_stage(&master, "[ysf]\nid = 666\n", 2);
	assert_string_equal(expect_staged(&master, 2, 0).why, "ysf.id: not that one");
	send_word(&master, MSG_UNSTAGE, 2);
	send_stage(&master, "", 2); /* by its answer all before it is done */
	expect_staged(&master, 2, 1);
	assert_int_equal(seen(&master, SEEN_UNSTAGES), 1);
	assert_int_equal(seen(&master, SEEN_CONF), 0);
	assert_int_equal(descriptors_of(&master), before);
	kill(master.child, SIGTERM);
	assert_int_equal(end_of(&master), 0);
}

/* Who would go on with the old one leaves, so that a successor begins with the new one. */
static void test_commit_of_what_was_not_staged(void **state)
{
	struct master master;

	(void)state;
	begin(&master, &staging_kind, (uint32_t)-1);
	expect_ready(&master);
	send_stage(&master, "", 2);
	expect_staged(&master, 2, 1);
	send_word(&master, MSG_COMMIT, 3);
	assert_int_equal(end_of(&master), 1);
}

/* ---- lists ---- */

static void send_list(struct master *master, unsigned index, int fd)
{
	struct msg_fd what = {.role = FD_LIST, .index = (uint16_t)index};

	assert_true(fd >= 0);
	assert_int_equal(msg_send(master->control, MSG_FD, GENERATION, &what, sizeof(what), fd), 0);
	close(fd);
}

static int make_list(const char *text)
{
	return list_seal(LIST_ACCESS, text, strlen(text));
}

static void test_newest_list_is_kept(void **state)
{
	struct master master;
	unsigned before;

	(void)state;
	prepare(&master, &listing_kind);
	send_list(&master, LIST_ACCESS, make_list("a"));
	send_list(&master, LIST_ACCESS, make_list("b")); /* it came while others were sent */
	send_list(&master, LIST_HOSTS, make_list("h"));
	send_start(&master, (uint32_t)-1);
	expect_ready(&master);
	assert_int_equal(seen(&master, SEEN_BYTES), 'b' | (uint64_t)'h' << 16);
	assert_int_equal(seen(&master, SEEN_LISTS), 0); /* those before START are no news */
	before = descriptors_of(&master);
	send_list(&master, LIST_HOSTS, make_list("i"));
	send_list(&master, LIST_ACCESS, make_list("c"));
	wait_past(&master, &master.page->gauge[SEEN_LISTS], 30);
	assert_int_equal(seen(&master, SEEN_LISTS), 31);
	assert_int_equal(seen(&master, SEEN_BYTES), 'c' | (uint64_t)'i' << 16);
	assert_int_equal(descriptors_of(&master), before);
	kill(master.child, SIGTERM);
	assert_int_equal(end_of(&master), 0);
}

static void test_bad_list_leaves_the_one_before(void **state)
{
	struct master master;
	unsigned before;

	(void)state;
	prepare(&master, &listing_kind);
	send_list(&master, LIST_HOMES, make_list("a"));
	send_start(&master, (uint32_t)-1);
	expect_ready(&master);
	before = descriptors_of(&master);
	send_list(&master, LIST_HOMES, eventfd(0, EFD_CLOEXEC));
	send_list(&master, LIST_KINDS, make_list("x"));
	send_list(&master, LIST_ACCESS, make_list("b")); /* behind them */
	wait_past(&master, &master.page->gauge[SEEN_LISTS], 0);
	assert_int_equal(seen(&master, SEEN_LISTS), 1);
	assert_int_equal(seen(&master, SEEN_BYTES), 'b' | (uint64_t)'a' << 8);
	assert_int_equal(atomic_load(&master.page->counter[COUNT_MESSAGES_BAD]), 2);
	assert_int_equal(descriptors_of(&master), before + 1);
	kill(master.child, SIGTERM);
	assert_int_equal(end_of(&master), 0);
}

static void test_doorbell_ticks(void **state)
{
	const uint64_t one = 1;
	struct master master;
	uint64_t began;

	(void)state;
	begin(&master, &good_kind, (uint32_t)-1);
	expect_ready(&master);
	assert_int_equal(msg_send(master.control, MSG_GO, GENERATION, NULL, 0, -1), 0);
	began = clock_mono();
	for (int i = 0; i < 200; i++) {
		uint64_t before = seen(&master, SEEN_TICKS);

		assert_int_equal(write(master.bell, &one, sizeof(one)), sizeof(one));
		wait_past(&master, &master.page->gauge[SEEN_TICKS], before);
	}
	/* by its timer alone it would have taken 10 s */
	assert_true(clock_mono() - began < 5 * NS_PER_SEC);
	kill(master.child, SIGTERM);
	assert_int_equal(end_of(&master), 0);
}

static void test_term_before_go(void **state)
{
	struct master master;

	(void)state;
	begin(&master, &good_kind, (uint32_t)-1);
	expect_ready(&master);
	kill(master.child, SIGTERM);
	assert_int_equal(end_of(&master), 0);
}

static void test_other_signals_are_the_masters(void **state)
{
	static const int signals[] = {SIGINT, SIGHUP, SIGPIPE, SIGQUIT, SIGUSR1, SIGUSR2};
	struct master master;

	(void)state;
	begin(&master, &good_kind, (uint32_t)-1);
	expect_ready(&master);
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		kill(master.child, signals[i]);
	wait_past(&master, &master.page->turns, atomic_load(&master.page->turns) + 2);
	assert_int_equal(msg_send(master.control, MSG_STOP, GENERATION, NULL, 0, -1), 0);
	assert_int_equal(end_of(&master), 0);
}

static void test_end_of_file_is_the_end(void **state)
{
	struct master master;

	(void)state;
	begin(&master, &good_kind, (uint32_t)-1);
	expect_ready(&master);
	shutdown(master.control, SHUT_RDWR);
	assert_int_equal(end_of(&master), 0);
}

static void test_rights_are_given_up(void **state)
{
	bool root = geteuid() == 0;
	struct master master;

	(void)state;
	begin(&master, &good_kind, root ? NOBODY : (uint32_t)-1);
	expect_ready(&master);
	assert_int_equal(seen(&master, SEEN_RIGHTS), 1 + (root ? NOBODY : getuid()));
	assert_int_equal(msg_send(master.control, MSG_STOP, GENERATION, NULL, 0, -1), 0);
	assert_int_equal(end_of(&master), 0);
}

static void test_failure_says_why(void **state)
{
	struct master master;
	struct msg msg;

	(void)state;
	begin(&master, &bad_kind, (uint32_t)-1);
	assert_int_equal(next(&master, &msg), MSG_FAILED);
	assert_string_equal((const char *)msg.body, "no service today");
	assert_int_equal(end_of(&master), 1);
}

/* Launches without the usual descriptors. */
static void begin_bare(struct master *master)
{
	memset(master, 0, sizeof(*master));
	master->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	master->page_fd = page_create(SLOT, 0);
	master->conf_fd = make_conf();
	launch(master, &good_kind);
}

static void expect_failed(struct master *master, const char *part)
{
	struct msg msg;

	assert_int_equal(next(master, &msg), MSG_FAILED);
	assert_non_null(strstr((const char *)msg.body, part));
	assert_int_equal(end_of(master), 1);
}

static void test_missing_things_are_refused(void **state)
{
	struct master master;

	(void)state;
	begin_bare(&master);
	send_start(&master, (uint32_t)-1);
	expect_failed(&master, "without the configuration");

	begin_bare(&master);
	send_fd(&master, FD_CONF, master.bell); /* no snapshot */
	expect_failed(&master, "role 1");

	begin_bare(&master);
	send_fd(&master, FD_BELL, master.bell);
	send_fd(&master, FD_BELL, master.bell); /* twice */
	expect_failed(&master, "role 8");

	begin_bare(&master);
	assert_int_equal(msg_send(master.control, MSG_GO, GENERATION, NULL, 0, -1), 0);
	expect_failed(&master, "before START");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ready_then_go_then_stop),
		cmocka_unit_test(test_standby_leaves_the_page_alone),
		cmocka_unit_test(test_stage_then_commit),
		cmocka_unit_test(test_unstage_leaves_no_trace),
		cmocka_unit_test(test_commit_of_what_was_not_staged),
		cmocka_unit_test(test_newest_list_is_kept),
		cmocka_unit_test(test_bad_list_leaves_the_one_before),
		cmocka_unit_test(test_doorbell_ticks),
		cmocka_unit_test(test_term_before_go),
		cmocka_unit_test(test_other_signals_are_the_masters),
		cmocka_unit_test(test_end_of_file_is_the_end),
		cmocka_unit_test(test_rights_are_given_up),
		cmocka_unit_test(test_failure_says_why),
		cmocka_unit_test(test_missing_things_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
