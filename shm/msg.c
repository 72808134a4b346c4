/* SPDX-License-Identifier: ISC
 *
 * NAME      msg - typed, size-checked messages with descriptor passing
 * PURPOSE   One table says what each type may carry; sender and receiver are held to the same rule.
 * OWNER     every process
 * CONTRACT  see shm/msg.h; msg_decode is pure
 * LIMITS    none known
 */
#include "shm/msg.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define RECEIVE_FDS 253 /* as many as one packet can carry: none is left to the kernel to close */
#define QUEUE_MOST  1024 /* packets that a queue can hold, and more */

struct header {
	uint32_t magic;
	uint16_t type;
	uint16_t reserved;
	uint32_t length;
	uint32_t reserved2;
	uint64_t generation;
};

enum fd_rule { FD_NONE, FD_ONE, FD_MAYBE };

struct rule {
	uint16_t type;
	uint8_t fd; /* enum fd_rule */
	size_t least, most;
	const char *name;
};

static const struct rule rules[] = {
	{MSG_FD, FD_ONE, sizeof(struct msg_fd), sizeof(struct msg_fd), "fd"},
	{MSG_START, FD_NONE, sizeof(struct msg_start), sizeof(struct msg_start), "start"},
	{MSG_GO, FD_NONE, 0, 0, "go"},
	{MSG_STOP, FD_NONE, 0, 0, "stop"},
	{MSG_CHECK, FD_NONE, sizeof(struct msg_check), sizeof(struct msg_check), "check"},
	{MSG_REQUEST, FD_MAYBE, 1, MSG_BODY_MAX, "request"},
	{MSG_SLOT, FD_NONE, sizeof(struct msg_slot), sizeof(struct msg_slot), "slot"},
	{MSG_STAGE, FD_ONE, sizeof(struct msg_stage), sizeof(struct msg_stage), "stage"},
	{MSG_COMMIT, FD_NONE, sizeof(struct msg_stage), sizeof(struct msg_stage), "commit"},
	{MSG_UNSTAGE, FD_NONE, sizeof(struct msg_stage), sizeof(struct msg_stage), "unstage"},
	{MSG_DRAIN, FD_NONE, sizeof(struct msg_drain), sizeof(struct msg_drain), "drain"},
	{MSG_RELEASE, FD_NONE, sizeof(struct msg_release), sizeof(struct msg_release), "release"},
	{MSG_SCHEMA, FD_NONE, sizeof(struct msg_schema), sizeof(struct msg_schema), "schema"},
	{MSG_NOTE, FD_NONE, sizeof(struct msg_note), sizeof(struct msg_note), "note"},
	{MSG_CRASH, FD_NONE, sizeof(struct msg_crash), MSG_BODY_MAX, "crash"},
	{MSG_REOPEN, FD_NONE, 0, 0, "reopen"},
	{MSG_NO_CALLS, FD_NONE, 0, 0, "no-calls"},
	{MSG_READY, FD_NONE, 0, 0, "ready"},
	{MSG_FAILED, FD_NONE, 0, MSG_BODY_MAX, "failed"},
	{MSG_CHECKED, FD_NONE, sizeof(struct msg_check), sizeof(struct msg_check), "checked"},
	{MSG_STAGED, FD_NONE, sizeof(struct msg_staged), sizeof(struct msg_staged), "staged"},
	{MSG_DRAINED, FD_NONE, sizeof(struct msg_drain), sizeof(struct msg_drain), "drained"},
	{MSG_RELEASED, FD_NONE, sizeof(struct msg_release), sizeof(struct msg_release), "released"},
	{MSG_SCHEMED, FD_NONE, sizeof(struct msg_schema), sizeof(struct msg_schema), "schemed"},
	{MSG_CLOSED, FD_NONE, sizeof(struct msg_closed), sizeof(struct msg_closed), "closed"},
	{MSG_LIST, FD_ONE, sizeof(struct msg_list), sizeof(struct msg_list), "list"},
	{MSG_DIALED, FD_ONE, sizeof(struct msg_dialed), sizeof(struct msg_dialed), "dialed"},
	{MSG_KNOWN, FD_NONE, sizeof(struct msg_closed), sizeof(struct msg_closed), "known"},
	{MSG_AIDE, FD_ONE, sizeof(struct msg_aide), sizeof(struct msg_aide), "aide"},
	{MSG_DIALED, FD_ONE, sizeof(struct msg_dialed), sizeof(struct msg_dialed), "dialed"},
	{MSG_KNOWN, FD_NONE, sizeof(struct msg_closed), sizeof(struct msg_closed), "known"},
	{MSG_AIDE, FD_ONE, sizeof(struct msg_aide), sizeof(struct msg_aide), "aide"},
	{MSG_DATA, FD_NONE, 0, MSG_BODY_MAX, "data"},
	{MSG_DONE, FD_NONE, sizeof(struct msg_done), sizeof(struct msg_done), "done"},
};

static const struct rule *rule_find(unsigned type)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].type == type)
			return &rules[i];
	return NULL;
}

static bool rule_allows(const struct rule *rule, size_t length, bool have_fd)
{
	if (length < rule->least || length > rule->most)
		return false;
	return rule->fd == FD_MAYBE || have_fd == (rule->fd == FD_ONE);
}

const char *msg_type_name(unsigned type)
{
	const struct rule *rule = rule_find(type);

	return rule != NULL ? rule->name : "?";
}

const char *msg_hang_name(unsigned hang)
{
	static const char *const names[] = {"", "stopped", "spinning", "gate", "blocked"};

	return hang < sizeof(names) / sizeof(names[0]) ? names[hang] : "";
}

int msg_send(int sock, enum msg_type type, uint64_t generation, const void *body, size_t length,
	     int fd)
{
	const struct rule *rule = rule_find(type);
	struct header header = {MSG_MAGIC, (uint16_t)type, 0, (uint32_t)length, 0, generation};
	struct iovec iov[2] = {{&header, sizeof(header)}, {(void *)(uintptr_t)body, length}};
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr packet = {.msg_iov = iov, .msg_iovlen = length > 0 ? 2 : 1};
	ssize_t sent;

	if (rule == NULL || !rule_allows(rule, length, fd >= 0)) {
		errno = EMSGSIZE;
		return -1;
	}
	if (fd >= 0) {
		memset(&control, 0, sizeof(control));
		packet.msg_control = control.room;
		packet.msg_controllen = sizeof(control.room);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&packet);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	do
		sent = sendmsg(sock, &packet, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -1 : 0;
}

int msg_decode(const void *data, size_t length, int have_fd, struct msg *msg_r)
{
	struct header header;
	const struct rule *rule;

	if (length < sizeof(header) || length > sizeof(header) + MSG_BODY_MAX)
		return -1;
	memcpy(&header, data, sizeof(header));
	length -= sizeof(header);
	if (header.magic != MSG_MAGIC || header.length != length || header.reserved != 0 ||
	    header.reserved2 != 0)
		return -1;
	rule = rule_find(header.type);
	if (rule == NULL || !rule_allows(rule, length, have_fd != 0))
		return -1;
	msg_r->type = header.type;
	msg_r->length = length;
	msg_r->generation = header.generation;
	msg_r->fd = -1;
	memcpy(msg_r->body, (const uint8_t *)data + sizeof(header), length);
	msg_r->body[length] = 0;
	return 0;
}

void msg_no_linger(int fd)
{
	const struct linger off = {0};

	/* what is no socket does not linger */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
}

/* Every descriptor that came with the packet is ours now, wanted or not. */
static int take_fds(struct msghdr *packet, int fds[RECEIVE_FDS])
{
	int count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(packet); c != NULL; c = CMSG_NXTHDR(packet, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < here && count < RECEIVE_FDS; i++)
			memcpy(&fds[count++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	for (int i = 0; i < count; i++)
		msg_no_linger(fds[i]);
	return count;
}

static ssize_t receive(int sock, struct msghdr *packet)
{
	ssize_t got;

	do
		got = recvmsg(sock, packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	return got;
}

int msg_recv(int sock, struct msg *msg_r)
{
	uint8_t data[sizeof(struct header) + MSG_BODY_MAX];
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(RECEIVE_FDS * sizeof(int))];
	} control;
	struct iovec iov = {data, sizeof(data)};
	struct msghdr packet = {.msg_iov = &iov,
				.msg_iovlen = 1,
				.msg_control = control.room,
				.msg_controllen = sizeof(control.room)};
	int fds[RECEIVE_FDS], count;
	ssize_t got;

	msg_r->fd = -1;
	got = receive(sock, &packet);
	/* it ended without reading all that it was sent: this comes before its last words, once */
	if (got < 0 && errno == ECONNRESET)
		got = receive(sock, &packet);
	if (got == 0 || (got < 0 && errno == ECONNRESET))
		return 0;
	if (got < 0)
		return -1;
	count = take_fds(&packet, fds);
	if ((packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 && count <= 1 &&
	    msg_decode(data, (size_t)got, count, msg_r) == 0) {
		msg_r->fd = count == 1 ? fds[0] : -1;
		return 1;
	}
	for (int i = 0; i < count; i++)
		close(fds[i]);
	msg_r->fd = -1;
	/* what had no room here is closed, and nobody can be asked for it again */
	errno = (packet.msg_flags & MSG_CTRUNC) != 0 ? EMFILE : EBADMSG;
	return -1;
}

void msg_close(int sock)
{
	struct msg msg;

	shutdown(sock, SHUT_RD);
	for (unsigned i = 0; i < QUEUE_MOST; i++) /* an empty packet looks like the end */
		if (msg_recv(sock, &msg) > 0 && msg.fd >= 0)
			close(msg.fd);
	close(sock);
}

int msg_words(const struct msg *msg, const char *words_r[], int max)
{
	const char *word = (const char *)msg->body;
	const char *end = word + msg->length;
	int count = 0;

	if (msg->length == 0 || end[-1] != '\0')
		return -1;
	while (word < end) {
		if (count == max)
			return -1;
		words_r[count++] = word;
		word += strlen(word) + 1;
	}
	return count;
}
