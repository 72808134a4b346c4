/* SPDX-License-Identifier: ISC
 *
 * NAME      errand - long jobs of keeper's that a process of their own does
 * PURPOSE   See workers/errand.h.
 * OWNER     see workers/errand.h
 * CONTRACT  see workers/errand.h
 * LIMITS    see workers/errand.h
 */
#include "workers/errand.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "shm/log.h"
#include "workers/run.h"

#define TAKE_SECONDS 5 /* for the request to come: it was written before we were asked for */

union rights {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(int))];
};

static bool put_request(int socket, int file)
{
	char letter = file >= 0 ? 'f' : '-';
	struct iovec iov = {&letter, 1};
	struct msghdr packet = {.msg_iov = &iov, .msg_iovlen = 1};
	union rights control;
	struct cmsghdr *cmsg;

	if (file >= 0) {
		memset(&control, 0, sizeof(control));
		packet.msg_control = control.room;
		packet.msg_controllen = sizeof(control.room);
		cmsg = CMSG_FIRSTHDR(&packet);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &file, sizeof(int));
	}
	return sendmsg(socket, &packet, MSG_NOSIGNAL) == 1;
}

bool errand_ask(struct worker *worker, struct errand *errand, unsigned task, int file)
{
	int pair[2];

	errand->fd = -1;
	errand->length = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		log_limited(LOG_LEVEL_WARNING, "no socket for an aide: %s", strerror(errno));
		return false;
	}
	if (fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0 || !put_request(pair[0], file)) {
		log_limited(LOG_LEVEL_WARNING, "can't brief an aide: %s", strerror(errno));
		close(pair[0]);
		close(pair[1]);
		return false;
	}
	if (!worker_aide(worker, task, pair[1])) {
		close(pair[0]);
		return false;
	}
	errand->fd = pair[0];
	return true;
}

void errand_forget(struct errand *errand)
{
	if (errand->fd >= 0)
		close(errand->fd);
	errand->fd = -1;
}

/* The answer is complete: takes its first letter off. */
static enum errand_state conclude(struct errand *errand)
{
	char letter = errand->length > 0 ? errand->text[0] : '\0';

	errand_forget(errand);
	errand->text[errand->length] = '\0';
	if (letter != '+' && letter != '-')
		return ERRAND_LOST;
	memmove(errand->text, errand->text + 1, errand->length);
	return letter == '+' ? ERRAND_DONE : ERRAND_REFUSED;
}

enum errand_state errand_answer(struct errand *errand)
{
	while (errand->length < sizeof(errand->text) - 1) {
		ssize_t got = recv(errand->fd, errand->text + errand->length,
				   sizeof(errand->text) - 1 - errand->length, MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return ERRAND_WAIT;
		if (got <= 0)
			break;
		errand->length += (size_t)got;
	}
	return conclude(errand);
}

/* ---- the aide ---- */

bool errand_take(int socket, int *file_r)
{
	const struct timeval patience = {.tv_sec = TAKE_SECONDS};
	char letter;
	struct iovec iov = {&letter, 1};
	union rights control;
	struct msghdr packet = {.msg_iov = &iov,
				.msg_iovlen = 1,
				.msg_control = control.room,
				.msg_controllen = sizeof(control.room)};
	struct cmsghdr *cmsg;

	*file_r = -1;
	if (setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
	    recvmsg(socket, &packet, MSG_CMSG_CLOEXEC) != 1)
		return false;
	cmsg = CMSG_FIRSTHDR(&packet);
	if (cmsg != NULL && cmsg->cmsg_type == SCM_RIGHTS &&
	    cmsg->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(file_r, CMSG_DATA(cmsg), sizeof(int));
	return letter == '-' || *file_r >= 0;
}

bool errand_tell(int socket, bool good, const char *text)
{
	char answer[ERRAND_TEXT];
	size_t length = strlen(text);

	if (length > sizeof(answer) - 1)
		length = sizeof(answer) - 1;
	answer[0] = good ? '+' : '-';
	memcpy(answer + 1, text, length);
	length++;
	return send(socket, answer, length, MSG_NOSIGNAL) == (ssize_t)length;
}
