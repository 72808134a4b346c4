/* SPDX-License-Identifier: ISC
 *
 * NAME      tcp_lab - a slot with one connection, without a daemon
 * PURPOSE   What the tests of tcp have in common: the table, the client, holders that come and die.
 * OWNER     make check
 * CONTRACT  loopback TCP; included once in a program
 * LIMITS    the kills need ptrace
 */
#ifndef SHACKD_TESTS_TCP_LAB_H
#define SHACKD_TESTS_TCP_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workers/tcp.h"

#define SESSION 77
#define PLACE	1

struct lab {
	struct worker worker;
	int page_fd, table_fd, master, client, vaulted;
	struct table_entry *entry;
	const struct tcp_kind *kind;
	struct tcp *tcp;
	char got[65536]; /* by the client */
	size_t length;
};

static inline void make_connection(struct lab *lab)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(sin);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&sin, length), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sin, &length), 0);
	lab->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(lab->client, (struct sockaddr *)&sin, length), 0);
	lab->vaulted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(lab->vaulted >= 0);
	close(listener);
}

static inline struct lab *lab_new_of(const struct tcp_kind *kind)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	const struct addr peer = {.port = 9};
	struct table_counts counts;
	int pair[2];

	lab->page_fd = page_create("line.0", 0);
	lab->table_fd = table_create("line.0", 4);
	lab->worker.page = page_map(lab->page_fd);
	lab->worker.loop = ev_loop_new(EVFLAG_NOENV);
	assert_non_null(lab->worker.page);
	assert_true(table_map(lab->table_fd, &lab->worker.table));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	lab->worker.control = pair[0];
	lab->master = pair[1];
	make_connection(lab);
	assert_int_equal(table_measure(lab->vaulted, &counts), 0);
	lab->entry = &lab->worker.table.block->entry[PLACE];
	table_fill(lab->entry, SESSION, &peer, &counts);
	lab->kind = kind;
	return lab;
}

/* A new holder, up to GO. */
static inline void lab_begin(struct lab *lab)
{
	struct msg_fd head = {.role = FD_TCP, .index = PLACE};
	struct msg msg = {.type = MSG_FD, .length = sizeof(head), .fd = dup(lab->vaulted)};

	memcpy(msg.body, &head, sizeof(head));
	lab->tcp = tcp_new(&lab->worker, lab->kind);
	assert_non_null(lab->tcp);
	assert_true(tcp_take(lab->tcp, &msg));
	assert_int_equal(msg.fd, -1);
	tcp_go(lab->tcp);
}

/* The death of a holder that had nothing in hand. */
static inline void lab_end(struct lab *lab)
{
	tcp_free(&lab->tcp);
}

static inline void lab_free(struct lab *lab)
{
	lab_end(lab);
	ev_loop_destroy(lab->worker.loop);
	table_unmap(&lab->worker.table);
	page_unmap((const struct page **)&lab->worker.page);
	close(lab->page_fd);
	close(lab->table_fd);
	close(lab->master);
	close(lab->worker.control);
	close(lab->client);
	if (lab->vaulted >= 0)
		close(lab->vaulted);
	free(lab);
}

static inline void turn(struct lab *lab)
{
	ev_run(lab->worker.loop, EVRUN_NOWAIT);
	tcp_tick(lab->tcp);
}

static inline void lab_send(struct lab *lab, const char *text)
{
	assert_int_equal(send(lab->client, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What the client has got so far; turns the loop until LENGTH bytes are there, or the end. */
static inline void lab_read(struct lab *lab, size_t length)
{
	for (unsigned i = 0; i < 5000 && lab->length < length; i++) {
		ssize_t got = recv(lab->client, lab->got + lab->length,
				   sizeof(lab->got) - lab->length - 1, MSG_DONTWAIT);

		if (got == 0)
			break;
		if (got > 0)
			lab->length += (size_t)got;
		else if (lab->tcp != NULL)
			turn(lab);
		if (got < 0)
			poll(NULL, 0, i < 50 ? 0 : 1);
	}
	lab->got[lab->length] = '\0';
}

/* The client gets exactly TEXT from now on, and nothing behind it. */
static inline void lab_expect(struct lab *lab, const char *text)
{
	lab->length = 0;
	lab_read(lab, strlen(text));
	assert_string_equal(lab->got, text);
	for (unsigned i = 0; i < 20; i++)
		turn(lab);
	assert_int_equal(recv(lab->client, lab->got, 1, MSG_DONTWAIT), -1);
}

static inline void wait_unread(struct lab *lab, size_t length)
{
	struct table_counts counts = {0};

	for (unsigned i = 0; i < 1000 && counts.unread < length; i++) {
		assert_int_equal(table_measure(lab->vaulted, &counts), 0);
		poll(NULL, 0, 1);
	}
	assert_int_equal(counts.unread, length);
}

/* ---- killed ---- */

/* Lets a holder work up to its STOPth stop at a system call, and STEPS instructions further, then
 * kills it there. Returns false when it ended before; ALLOWED_R: could it be traced at all? */
static inline bool kill_at(struct lab *lab, void (*work)(struct lab *lab), unsigned stop,
			   unsigned steps, bool *allowed_r)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		work(lab);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	*allowed_r = WIFSTOPPED(status);
	for (unsigned i = 0; i < stop + steps && WIFSTOPPED(status); i++) {
		ptrace(i < stop ? PTRACE_SYSCALL : PTRACE_SINGLESTEP, pid, NULL, NULL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	if (!WIFSTOPPED(status))
		return false;
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return true;
}

#endif
