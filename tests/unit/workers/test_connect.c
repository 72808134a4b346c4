/* SPDX-License-Identifier: ISC
 *
 * NAME      test_connect - tests of connections that are begun without waiting
 * PURPOSE   one that stands, one that is refused, one that can't even begin
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "workers/connect.h"

/* A socket on a port of the kernel's choice on loopback. */
static int bound(struct addr *addr_r)
{
	union addr_sock sock;
	socklen_t length;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(addr_parse("127.0.0.1", 0, addr_r), 0);
	length = addr_to_sock(addr_r, &sock);
	assert_int_equal(bind(fd, &sock.sa, length), 0);
	assert_int_equal(getsockname(fd, &sock.sa, &length), 0);
	addr_r->port = ntohs(((struct sockaddr_in *)&sock.sa)->sin_port);
	return fd;
}

static int decided(const struct addr *addr)
{
	struct pollfd wait = {.fd = connect_begin(addr), .events = POLLOUT};
	int result;

	assert_true(wait.fd >= 0);
	assert_true(fcntl(wait.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(wait.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(poll(&wait, 1, 10000), 1);
	result = connect_result(wait.fd);
	close(wait.fd);
	return result;
}

static void test_results(void **state)
{
	struct addr addr;
	int fd = bound(&addr);

	(void)state;
	assert_int_equal(decided(&addr), ECONNREFUSED); /* nobody listens yet */
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(decided(&addr), 0);
	close(fd);
}

static void test_none_begun(void **state)
{
	struct addr addr;

	(void)state;
	assert_int_equal(addr_parse("255.255.255.255", 7300, &addr), 0);
	errno = 0;
	assert_int_equal(connect_begin(&addr), -1);
	assert_int_not_equal(errno, 0);
}

static void test_no_socket(void **state)
{
	(void)state;
	errno = 0;
	assert_int_equal(connect_result(-1), EBADF);
	assert_int_equal(errno, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_none_begun),
		cmocka_unit_test(test_no_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
