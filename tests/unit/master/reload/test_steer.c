/* SPDX-License-Identifier: ISC
 *
 * NAME      test_steer - the kernel deals out datagrams as we tell it
 * PURPOSE   Real groups on loopback: all flows are held on the first members while others join and
 *           leave, over many members, and the members' numbers stay.
 * OWNER     make check
 * CONTRACT  none
 * LIMITS    IPv6 is skipped where the machine has none
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/reload/steer.h"
#include "shm/addr.h"

#define FLOWS 64
#define MOST  8

struct group {
	int family;
	union addr_sock name;
	socklen_t length;
	int fd[MOST];
	unsigned members;
	int sender[FLOWS];
};

static int bound(struct group *group, bool first)
{
	int fd = socket(group->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	assert_true(fd >= 0);
	if (!first)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
	if (bind(fd, &group->name.sa, group->length) != 0) {
		close(fd);
		return -1;
	}
	if (first)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
	return fd;
}

static void join_one(struct group *group)
{
	int fd = bound(group, group->members == 0);

	assert_true(fd >= 0);
	if (group->members == 0)
		assert_int_equal(getsockname(fd, &group->name.sa, &group->length), 0);
	group->fd[group->members++] = fd;
}

static void leave_one(struct group *group)
{
	close(group->fd[--group->members]);
}

/* Every flow from an address and port of its own. */
static bool group_make(struct group *group, int family)
{
	memset(group, 0, sizeof(*group));
	group->family = family;
	if (family == AF_INET) {
		group->name.in.sin_family = AF_INET;
		group->name.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		group->length = sizeof(group->name.in);
	} else {
		group->name.in6.sin6_family = AF_INET6;
		group->name.in6.sin6_addr = in6addr_loopback;
		group->length = sizeof(group->name.in6);
	}
	group->fd[0] = bound(group, true);
	if (group->fd[0] < 0)
		return false;
	close(group->fd[0]);
	join_one(group);
	for (unsigned i = 0; i < FLOWS; i++) {
		struct sockaddr_in from = {.sin_family = AF_INET};

		group->sender[i] = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		from.sin_addr.s_addr = htonl(0x7f100001 + i);
		if (family == AF_INET)
			assert_int_equal(
				bind(group->sender[i], (struct sockaddr *)&from, sizeof(from)), 0);
		assert_int_equal(connect(group->sender[i], &group->name.sa, group->length), 0);
	}
	return true;
}

static void group_end(struct group *group)
{
	while (group->members > 0)
		leave_one(group);
	for (unsigned i = 0; i < FLOWS; i++)
		close(group->sender[i]);
}

/* Every flow sends once; how many each member got. */
static void deal(struct group *group, unsigned got_r[MOST])
{
	unsigned all = 0;
	char byte;

	memset(got_r, 0, MOST * sizeof(*got_r));
	for (unsigned i = 0; i < FLOWS; i++)
		assert_int_equal(send(group->sender[i], "x", 1, 0), 1);
	for (unsigned m = 0; m < group->members; m++)
		while (recv(group->fd[m], &byte, 1, 0) == 1)
			got_r[m]++;
	for (unsigned m = 0; m < group->members; m++)
		all += got_r[m];
	assert_int_equal(all, FLOWS);
}

static void hold(struct group *group, unsigned members)
{
	if (!steer_hold(group->fd[0], group->family, members))
		fail_msg("steer_hold: %s", strerror(errno));
}

/* One socket alone is no group yet, for it was bound as a probe; a member that came and went makes
 * it one. */
static void prime(struct group *group)
{
	join_one(group);
	leave_one(group);
}

static void grow_and_shrink(int family)
{
	unsigned got[MOST];
	struct group group;

	if (!group_make(&group, family))
		skip();
	prime(&group);
	hold(&group, 1);
	join_one(&group);
	join_one(&group);
	join_one(&group);
	deal(&group, got);
	assert_int_equal(got[0], FLOWS);
	steer_release(group.fd[0]);
	deal(&group, got);
	for (unsigned m = 0; m < 4; m++)
		assert_true(got[m] > 0);
	hold(&group, 2);
	deal(&group, got);
	assert_true(got[0] > FLOWS / 8 && got[1] > FLOWS / 8);
	assert_int_equal(got[2] + got[3], 0);
	leave_one(&group);
	deal(&group, got);
	assert_int_equal(got[2], 0);
	leave_one(&group);
	deal(&group, got);
	steer_release(group.fd[0]);
	deal(&group, got);
	assert_true(got[0] > 0 && got[1] > 0);
	group_end(&group);
}

static void test_ipv4(void **state)
{
	(void)state;
	grow_and_shrink(AF_INET);
}

static void test_ipv6(void **state)
{
	(void)state;
	grow_and_shrink(AF_INET6);
}

/* All members of a held group are used, each about as much as the others. */
static void test_spread(void **state)
{
	unsigned got[MOST];
	struct group group;

	(void)state;
	assert_true(group_make(&group, AF_INET));
	prime(&group);
	while (group.members < MOST)
		join_one(&group);
	for (unsigned members = 2; members <= 5; members++) {
		hold(&group, members);
		deal(&group, got);
		for (unsigned m = 0; m < MOST; m++)
			assert_int_equal(got[m] > 0, m < members);
	}
	group_end(&group);
}

/* A flow stays where it is as long as the program does. */
static void test_same_flow_same_member(void **state)
{
	unsigned got[MOST];
	struct group group;
	char byte;

	(void)state;
	assert_true(group_make(&group, AF_INET));
	prime(&group);
	while (group.members < 4)
		join_one(&group);
	hold(&group, 3);
	for (unsigned i = 0; i < FLOWS; i++) {
		memset(got, 0, sizeof(got));
		for (unsigned n = 0; n < 3; n++)
			assert_int_equal(send(group.sender[i], "x", 1, 0), 1);
		for (unsigned m = 0; m < 4; m++)
			while (recv(group.fd[m], &byte, 1, 0) == 1)
				got[m]++;
		assert_true(got[0] == 3 || got[1] == 3 || got[2] == 3);
	}
	group_end(&group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_same_flow_same_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
