/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_talk - one request to the daemon and its answer
 * PURPOSE   See shackctl_talk.h.
 * OWNER     shackctl
 * CONTRACT  see shackctl_talk.h
 * LIMITS    see shackctl_talk.h
 */
#include "master/shackctl_talk.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "shm/msg.h"
#include "shm/text.h"

/* A worker is replaced within milliseconds. */
#define ATTEMPTS   10
#define ATTEMPT_MS 50

static int silent(const struct talk *talk, const char *why)
{
	if (!talk->quiet)
		fprintf(stderr, "shackctl: the daemon does not answer at %s: %s\n", talk->socket,
			why);
	return EXIT_SILENT;
}

/* The reason why nobody is there, as an operator would put it. */
static int not_connected(const struct talk *talk, int error)
{
	if (error == EACCES || error == EPERM) {
		fprintf(stderr, "shackctl: you may not use %s: %s\n", talk->socket,
			strerror(error));
		return EXIT_REFUSED;
	}
	if (error == ENOENT)
		return silent(talk, "no such socket (is shackd running? -s and -c name another)");
	if (error == ECONNREFUSED)
		return silent(talk, "shackd is not running");
	return silent(talk, strerror(error));
}

static int open_socket(const struct talk *talk, int *sock_r)
{
	const struct timeval patience = {.tv_sec = TALK_SECONDS};
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	if (!text_copy(to.sun_path, sizeof(to.sun_path), talk->socket)) {
		fprintf(stderr, "shackctl: the name of the socket is too long: %s\n", talk->socket);
		return EXIT_USAGE;
	}
	*sock_r = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (*sock_r < 0)
		return silent(talk, strerror(errno));
	/* also bounds the wait in connect, when the daemon accepts nobody */
	setsockopt(*sock_r, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(*sock_r, (struct sockaddr *)&to, sizeof(to)) != 0) {
		int error = errno;

		close(*sock_r);
		return not_connected(talk, error);
	}
	return EXIT_DONE;
}

static int send_words(const struct talk *talk, int sock, const char *const words[], int count)
{
	char body[MSG_BODY_MAX];
	size_t length = 0;

	for (int i = 0; i < count; i++) {
		size_t size = strlen(words[i]) + 1;

		if (size > sizeof(body) - length) {
			fprintf(stderr, "shackctl: the arguments are too long\n");
			return EXIT_USAGE;
		}
		memcpy(body + length, words[i], size);
		length += size;
	}
	if (msg_send(sock, MSG_REQUEST, 0, body, length, -1) != 0)
		return silent(talk, strerror(errno));
	/* whoever refuses the request may have hung up already: its reason is read next */
	if (talk->file != NULL && msg_send(sock, MSG_REQUEST, 0, "file", 5, *talk->file) != 0 &&
	    errno != EPIPE)
		return silent(talk, strerror(errno));
	return EXIT_DONE;
}

static int finish(const struct msg *msg)
{
	struct msg_done done;

	memcpy(&done, msg->body, sizeof(done));
	done.text[sizeof(done.text) - 1] = '\0';
	if (done.exit != 0)
		fprintf(stderr, "shackctl: %s\n",
			done.text[0] != '\0' ? done.text : "refused without a reason");
	return done.exit <= EXIT_SILENT ? (int)done.exit : EXIT_REFUSED;
}

/* Stands for an answer that broke off before its first piece. */
#define EXIT_NOTHING (-1)

static int receive(const struct talk *talk, int sock)
{
	struct pollfd wait = {.fd = sock, .events = POLLIN};
	int patience = talk->patience > 0 ? talk->patience : TALK_SECONDS;
	bool nothing = true;
	struct msg msg;

	for (;;) {
		int ready = poll(&wait, 1, talk->follows ? -1 : patience * 1000);

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return silent(talk, ready == 0 ? "it took the request and says nothing"
						       : strerror(errno));
		switch (msg_recv(sock, &msg)) {
		case 0:
			if (nothing)
				return EXIT_NOTHING;
			return silent(talk, "it hung up before the answer was complete");
		case 1:
			break;
		default:
			if (errno == EAGAIN)
				continue;
			return silent(talk, strerror(errno));
		}
		if (msg.fd >= 0)
			close(msg.fd);
		if (msg.type == MSG_DONE)
			return finish(&msg);
		nothing = false;
		if (msg.type == MSG_DATA &&
		    !talk->piece((const char *)msg.body, msg.length, talk->arg))
			return EXIT_REFUSED;
	}
}

static int ask(const struct talk *talk, const char *const words[], int count)
{
	int sock, code = open_socket(talk, &sock);

	if (code != EXIT_DONE)
		return code;
	code = send_words(talk, sock, words, count);
	if (code == EXIT_DONE)
		code = receive(talk, sock);
	close(sock);
	return code;
}

int talk(const struct talk *talk, const char *const words[], int count)
{
	int code = ask(talk, words, count);

	for (int i = 1; i < ATTEMPTS && code == EXIT_NOTHING && talk->repeatable; i++) {
		poll(NULL, 0, ATTEMPT_MS);
		code = ask(talk, words, count);
	}
	if (code == EXIT_NOTHING)
		code = silent(talk, "it hung up without an answer");
	return code;
}
