/* SPDX-License-Identifier: ISC
 *
 * NAME      test_msg - typed, size-checked messages with descriptor passing
 * PURPOSE   What may pass passes whole, what may not is refused, and no descriptor is left behind.
 * OWNER     make check
 * CONTRACT  cmocka; exit status 0 when all pass
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "shm/msg.h"

/* The layout on the wire, written down a second time on purpose. */
struct wire {
	uint32_t magic;
	uint16_t type, zero;
	uint32_t length, zero2;
	uint64_t generation;
	uint8_t body[64];
};

#define WIRE_HEADER offsetof(struct wire, body)

static int pair[2];

static int setup(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair);
}

static int teardown(void **state)
{
	(void)state;
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static unsigned open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

/* Who ends without having read all that it was sent is heard nevertheless. */
static void last_words_are_heard(void **state)
{
	struct msg_check check = {0};
	struct msg msg;

	(void)state;
	assert_int_equal(msg_send(pair[0], MSG_CHECK, 1, &check, sizeof(check), -1), 0);
	assert_int_equal(msg_send(pair[1], MSG_FAILED, 1, "why", 3, -1), 0);
	close(pair[1]);
	assert_int_equal(msg_recv(pair[0], &msg), 1);
	assert_int_equal(msg.type, MSG_FAILED);
	assert_string_equal((const char *)msg.body, "why");
	assert_int_equal(msg_recv(pair[0], &msg), 0);
	pair[1] = dup(pair[0]); /* for teardown */
}

static void a_message_arrives_whole(void **state)
{
	struct msg_check check = {.serial = 0x1122334455667788}, got;
	struct msg msg;

	(void)state;
	assert_int_equal(msg_send(pair[0], MSG_CHECK, 77, &check, sizeof(check), -1), 0);
	assert_int_equal(msg_recv(pair[1], &msg), 1);
	assert_int_equal(msg.type, MSG_CHECK);
	assert_int_equal(msg.length, sizeof(check));
	assert_int_equal(msg.generation, 77);
	assert_int_equal(msg.fd, -1);
	memcpy(&got, msg.body, sizeof(got));
	assert_true(got.serial == check.serial);
	assert_int_equal(msg_recv(pair[1], &msg), -1);
	assert_int_equal(errno, EAGAIN);
}

static void a_descriptor_arrives(void **state)
{
	struct msg_fd head = {.role = FD_CONF};
	struct stat sent, got;
	struct msg msg;
	int fd = open("/dev/null", O_RDONLY);

	(void)state;
	assert_int_equal(msg_send(pair[0], MSG_FD, 1, &head, sizeof(head), fd), 0);
	assert_int_equal(msg_recv(pair[1], &msg), 1);
	assert_true(msg.fd >= 0 && msg.fd != fd);
	assert_true(fcntl(msg.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fstat(fd, &sent), 0);
	assert_int_equal(fstat(msg.fd, &got), 0);
	assert_true(sent.st_rdev == got.st_rdev && sent.st_ino == got.st_ino);
	close(msg.fd);
	close(fd);
}

static void the_sender_is_held_to_the_rules(void **state)
{
	static char big[MSG_BODY_MAX + 1];
	struct msg_check check = {0};

	(void)state;
	assert_int_equal(msg_send(pair[0], MSG_CHECK, 0, &check, sizeof(check) - 1, -1), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(msg_send(pair[0], MSG_GO, 0, &check, 1, -1), -1);
	assert_int_equal(msg_send(pair[0], MSG_REQUEST, 0, big, 0, -1), -1);
	assert_int_equal(msg_send(pair[0], MSG_DATA, 0, big, sizeof(big), -1), -1);
	assert_int_equal(msg_send(pair[0], 999, 0, NULL, 0, -1), -1);
	assert_int_equal(msg_send(pair[0], MSG_GO, 0, NULL, 0, 0), -1);
	assert_int_equal(msg_send(pair[0], MSG_DATA, 0, big, MSG_BODY_MAX, -1), 0);
}

static void texts_end_with_nul(void **state)
{
	struct msg msg;

	(void)state;
	memset(&msg, 'x', sizeof(msg));
	assert_int_equal(msg_send(pair[0], MSG_FAILED, 0, "why", 3, -1), 0);
	assert_int_equal(msg_recv(pair[1], &msg), 1);
	assert_string_equal((char *)msg.body, "why");
}

static struct wire good(void)
{
	return (struct wire){.magic = MSG_MAGIC, .type = MSG_CHECK, .length = 8, .generation = 3};
}

static void odd_bytes_are_refused(void **state)
{
	struct wire w = good();
	struct msg msg;

	(void)state;
	assert_int_equal(msg_decode(&w, WIRE_HEADER + 8, 0, &msg), 0);
	assert_int_equal(msg_decode(&w, WIRE_HEADER + 8, 1, &msg), -1); /* a descriptor too many */
	for (size_t length = 0; length < WIRE_HEADER + 16; length++)
		if (length != WIRE_HEADER + 8)
			assert_int_equal(msg_decode(&w, length, 0, &msg), -1);
	w.magic++;
	assert_int_equal(msg_decode(&w, WIRE_HEADER + 8, 0, &msg), -1);
	w = good();
	w.type = 0;
	assert_int_equal(msg_decode(&w, WIRE_HEADER + 8, 0, &msg), -1);
	w = good();
	w.length = 9;
	assert_int_equal(msg_decode(&w, WIRE_HEADER + 8, 0, &msg), -1);
	w = good();
	w.zero = 1;
	assert_int_equal(msg_decode(&w, WIRE_HEADER + 8, 0, &msg), -1);
	w = good();
	w.type = MSG_FD; /* lacks its descriptor */
	assert_int_equal(msg_decode(&w, WIRE_HEADER + sizeof(struct msg_fd), 0, &msg), -1);
}

static void a_refused_message_leaves_nothing(void **state)
{
	struct wire w = good();
	struct msg msg;
	unsigned before = open_descriptors();

	(void)state;
	assert_int_equal(send(pair[0], "rubbish", 7, 0), 7);
	assert_int_equal(msg_recv(pair[1], &msg), -1);
	assert_int_equal(errno, EBADMSG);
	/* three descriptors with a message that takes none */
	struct iovec iov = {&w, WIRE_HEADER + 8};
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(3 * sizeof(int))];
	} control = {0};
	struct msghdr packet = {.msg_iov = &iov,
				.msg_iovlen = 1,
				.msg_control = control.room,
				.msg_controllen = sizeof(control.room)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&packet);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(3 * sizeof(int));
	memcpy(CMSG_DATA(cmsg), (int[]){0, 1, 2}, 3 * sizeof(int));
	assert_int_equal(sendmsg(pair[0], &packet, 0), WIRE_HEADER + 8);
	assert_int_equal(msg_recv(pair[1], &msg), -1);
	assert_int_equal(errno, EBADMSG);
	assert_int_equal(msg.fd, -1);
	assert_int_equal(open_descriptors(), before);
	/* and the socket can be read on */
	assert_int_equal(msg_send(pair[0], MSG_GO, 0, NULL, 0, -1), 0);
	assert_int_equal(msg_recv(pair[1], &msg), 1);
}

/* A TCP connection whose peer reads nothing, set so that closing it waits for the peer. */
static int lingering(int *peer_r)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct linger linger = {1, 20};
	socklen_t length = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&at, length), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &length), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, length), 0);
	*peer_r = accept(listener, NULL, NULL);
	close(listener);
	while (send(fd, &at, sizeof(at), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	return fd;
}

/* Sends FD, which is nobody's then but the receiver's. */
static void give(int sock, int fd, const void *data, size_t length)
{
	struct iovec iov = {(void *)(uintptr_t)data, length};
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr packet = {.msg_iov = &iov,
				.msg_iovlen = 1,
				.msg_control = control.room,
				.msg_controllen = sizeof(control.room)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&packet);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	assert_int_equal(sendmsg(sock, &packet, 0), length);
	close(fd);
}

/* Whoever passes a descriptor must not be able to stop who gets it. */
static void a_descriptor_can_not_hold_us_up(void **state)
{
	struct msg_fd head = {.role = FD_UDP};
	int peer[3];
	struct msg msg;
	time_t began = time(NULL);

	(void)state;
	give(pair[0], lingering(&peer[0]), "rubbish", 7);
	assert_int_equal(msg_recv(pair[1], &msg), -1);
	int fd = lingering(&peer[1]);
	assert_int_equal(msg_send(pair[0], MSG_FD, 0, &head, sizeof(head), fd), 0);
	close(fd);
	assert_int_equal(msg_recv(pair[1], &msg), 1);
	close(msg.fd);
	assert_int_equal(send(pair[0], "", 0, 0), 0);
	give(pair[0], lingering(&peer[2]), "unread", 6);
	msg_close(pair[1]);
	pair[1] = -1;
	assert_in_range(time(NULL) - began, 0, 10);
	for (unsigned i = 0; i < 3; i++)
		close(peer[i]);
}

static void the_end_is_the_end(void **state)
{
	struct msg msg;

	(void)state;
	assert_int_equal(shutdown(pair[0], SHUT_RDWR), 0);
	assert_int_equal(msg_recv(pair[1], &msg), 0);
	assert_int_equal(msg_send(pair[1], MSG_GO, 0, NULL, 0, -1), -1);
	assert_int_equal(errno, EPIPE);
}

static void a_full_queue_is_no_wait(void **state)
{
	int sent = 0;

	(void)state;
	while (sent < 100000 && msg_send(pair[0], MSG_GO, 0, NULL, 0, -1) == 0)
		sent++;
	assert_int_equal(errno, EAGAIN);
	assert_true(sent > 10);
}

static void words_are_split(void **state)
{
	struct msg msg = {.type = MSG_REQUEST, .length = 13};
	const char *words[3];

	(void)state;
	memcpy(msg.body, "kick\0c12\0\0now", 14);
	assert_int_equal(msg_words(&msg, words, 3), -1); /* the last lacks its NUL */
	msg.length = 9;
	assert_int_equal(msg_words(&msg, words, 3), 2);
	assert_string_equal(words[0], "kick");
	assert_string_equal(words[1], "c12");
	msg.length = 10;
	assert_int_equal(msg_words(&msg, words, 3), 3);
	assert_string_equal(words[2], "");
	assert_int_equal(msg_words(&msg, words, 2), -1); /* one too many */
	msg.length = 8;
	assert_int_equal(msg_words(&msg, words, 3), -1);
	msg.length = 0;
	assert_int_equal(msg_words(&msg, words, 3), -1);
}

static void types_have_names(void **state)
{
	(void)state;
	assert_string_equal(msg_type_name(MSG_READY), "ready");
	assert_string_equal(msg_type_name(12345), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_message_arrives_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(last_words_are_heard, setup, teardown),
		cmocka_unit_test_setup_teardown(a_descriptor_arrives, setup, teardown),
		cmocka_unit_test_setup_teardown(the_sender_is_held_to_the_rules, setup, teardown),
		cmocka_unit_test_setup_teardown(texts_end_with_nul, setup, teardown),
		cmocka_unit_test(odd_bytes_are_refused),
		cmocka_unit_test_setup_teardown(a_refused_message_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_descriptor_can_not_hold_us_up, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_is_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_queue_is_no_wait, setup, teardown),
		cmocka_unit_test(words_are_split),
		cmocka_unit_test(types_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
