/* SPDX-License-Identifier: ISC
 *
 * NAME      test_password - workers/password.h: asked, hashed, checked, lost
 * PURPOSE   One request and one answer over a socket that crossed the master's hands, in the sandbox
 *           of a worker.
 * OWNER     test
 * CONTRACT  one cmocka program
 * LIMITS    none known
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workers/password.h"
#include "workers/run.h"
#include "workers/sandbox.h"

static struct worker worker;
static int master_end;

static int set_up(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	worker.control = pair[0];
	master_end = pair[1];
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(worker.control);
	close(master_end);
	return 0;
}

/* What the master gets and hands on. */
static int take_task(void)
{
	struct msg_aide aide;
	struct msg msg;

	assert_int_equal(msg_recv(master_end, &msg), 1);
	assert_int_equal(msg.type, MSG_AIDE);
	memcpy(&aide, msg.body, sizeof(aide));
	assert_int_equal(aide.task, AIDE_PASSWORD);
	return msg.fd;
}

static enum password_answer ask(const char *hash, const char *password, char hash_r[PASSWORD_HASH])
{
	enum password_answer answer;
	int fd, socket;

	assert_true(password_ask(&worker, hash, password, &fd));
	assert_int_equal(password_answer(fd, hash_r), PASSWORD_WAIT);
	socket = take_task();
	assert_true(password_serve(socket));
	close(socket);
	answer = password_answer(fd, hash_r);
	close(fd);
	return answer;
}

static void test_a_hash_fits_its_password_alone(void **state)
{
	char hash[PASSWORD_HASH], again[PASSWORD_HASH];

	(void)state;
	assert_int_equal(ask(NULL, "swordfish", hash), PASSWORD_YES);
	assert_memory_equal(hash, "$argon2id$", 10);
	assert_int_equal(ask("", "swordfish", again), PASSWORD_YES);
	assert_string_not_equal(hash, again); /* salted */
	assert_int_equal(ask(hash, "swordfish", again), PASSWORD_YES);
	assert_string_equal(again, "");
	assert_int_equal(ask(hash, "Swordfish", again), PASSWORD_NO);
	assert_int_equal(ask(hash, "", again), PASSWORD_NO);
	assert_int_equal(ask("no hash at all", "swordfish", again), PASSWORD_NO);
}

static void test_what_is_too_long_is_not_asked(void **state)
{
	char longest[PASSWORD_MAX + 2], hash[PASSWORD_HASH], none[PASSWORD_HASH];
	int fd;

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[PASSWORD_MAX + 1] = '\0';
	assert_false(password_ask(&worker, NULL, longest, &fd));
	assert_int_equal(fd, -1);
	longest[PASSWORD_MAX] = '\0';
	assert_int_equal(ask(NULL, longest, hash), PASSWORD_YES);
	assert_int_equal(ask(hash, longest, none), PASSWORD_YES);
}

static void test_an_aide_that_dies_gives_no_answer(void **state)
{
	char hash[PASSWORD_HASH];
	int fd;

	(void)state;
	assert_true(password_ask(&worker, NULL, "x", &fd));
	close(take_task());
	assert_int_equal(password_answer(fd, hash), PASSWORD_LOST);
	close(fd);
}

static void test_half_a_request_is_none(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(write(pair[0], "half", 4), 4);
	close(pair[0]);
	assert_false(password_serve(pair[1]));
	close(pair[1]);
}

/* A worker may make the one kind of pair that it needs for this. */
static void test_the_sandbox_lets_streams_pass_alone(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		int pair[2], wrong = 0;

		if (sandbox_enter(false) != 0)
			_exit(9);
		wrong += socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0;
		wrong += socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0;
		wrong += socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0;
		wrong += socketpair(AF_TIPC, SOCK_STREAM, 0, pair) == 0;
		_exit(wrong);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (!SANDBOX_SANITIZED)
		assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_hash_fits_its_password_alone),
		cmocka_unit_test(test_what_is_too_long_is_not_asked),
		cmocka_unit_test(test_an_aide_that_dies_gives_no_answer),
		cmocka_unit_test(test_half_a_request_is_none),
		cmocka_unit_test(test_the_sandbox_lets_streams_pass_alone),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
