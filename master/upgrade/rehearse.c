/* SPDX-License-Identifier: ISC
 *
 * NAME      rehearse - another build shows that it could take over
 * PURPOSE   The master's side: starts it, listens, sets it a time, judges its proof.
 * OWNER     master; between fork and exec the child
 * CONTRACT  see master/upgrade/rehearse.h
 * LIMITS    see master/upgrade/rehearse.h
 */
#include "master/upgrade/rehearse.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/reap.h"
#include "master/upgrade/proof.h"
#include "shm/text.h"
#include "shm/watch.h"

extern char **environ;

struct stream {
	int fd;
	ev_io io;
	size_t length;
	char text[REHEARSE_WORDS + 1];
};

struct rehearsal {
	struct master *master;
	struct handover_info info;
	rehearsal_done *done;
	pid_t pid;
	int pidfd;
	ev_io death;
	ev_timer timer;
	bool late;
	struct stream proof, words; /* its standard output and error */
};

/* ---- what it says ---- */

/* What is too much is read and forgotten, so that it need not wait. */
static void read_stream(struct stream *stream, struct ev_loop *loop)
{
	char rest[4096];

	for (unsigned i = 0; i < 64; i++) {
		ssize_t got = read(stream->fd, rest, sizeof(rest));
		size_t room = REHEARSE_WORDS - stream->length;

		if (got <= 0) {
			if (got == 0 || errno != EAGAIN)
				ev_io_stop(loop, &stream->io);
			return;
		}
		if ((size_t)got < room)
			room = (size_t)got;
		memcpy(stream->text + stream->length, rest, room);
		stream->length += room;
	}
}

static void on_stream(struct ev_loop *loop, ev_io *io, int events)
{
	if (watch_lost(loop, io, events))
		return;
	read_stream(io->data, loop);
}

/* One line of what was said. */
static void flatten(char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] > '~')
			text[i] = ' ';
	while (length > 0 && text[length - 1] == ' ')
		text[--length] = '\0';
}

/* ---- its end ---- */

static void judge(struct rehearsal *rehearsal, const siginfo_t *info,
		  struct rehearsal_result *result_r)
{
	struct proof proof = {0};
	bool good = info->si_code == CLD_EXITED && info->si_status == 0;

	*result_r = (struct rehearsal_result){0};
	flatten(rehearsal->words.text);
	if (rehearsal->late)
		snprintf(result_r->why, sizeof(result_r->why), "took longer than %d s: %s",
			 REHEARSE_SECONDS, rehearsal->words.text);
	else if (info->si_code != CLD_EXITED)
		snprintf(result_r->why, sizeof(result_r->why), "died of signal %d (%s): %s",
			 info->si_status, sigabbrev_np(info->si_status), rehearsal->words.text);
	else if (!good)
		snprintf(result_r->why, sizeof(result_r->why), "failed (status %d): %s",
			 info->si_status, rehearsal->words.text);
	else if (!proof_read(rehearsal->proof.text, &rehearsal->info, &proof))
		snprintf(result_r->why, sizeof(result_r->why), "proved nothing: %s",
			 rehearsal->words.text);
	else
		result_r->passed = true;
	if (!result_r->passed)
		return;
	result_r->oldest = proof.oldest;
	result_r->newest = proof.newest;
	result_r->edition = proof.edition;
}

static void destroy(struct rehearsal *rehearsal)
{
	struct ev_loop *loop = rehearsal->master->loop;

	ev_io_stop(loop, &rehearsal->death);
	ev_io_stop(loop, &rehearsal->proof.io);
	ev_io_stop(loop, &rehearsal->words.io);
	ev_timer_stop(loop, &rehearsal->timer);
	close(rehearsal->pidfd);
	close(rehearsal->proof.fd);
	close(rehearsal->words.fd);
	free(rehearsal);
}

static void finish(struct rehearsal *rehearsal, const struct rehearsal_result *result)
{
	struct master *master = rehearsal->master;
	rehearsal_done *done = rehearsal->done;

	destroy(rehearsal);
	done(master, result);
}

void rehearse_end(struct rehearsal **rehearsal)
{
	siginfo_t info;

	if (*rehearsal == NULL)
		return;
	pidfd_send_signal((*rehearsal)->pidfd, SIGKILL, NULL, 0);
	while (waitid(P_PIDFD, (id_t)(*rehearsal)->pidfd, &info, WEXITED) != 0 && errno == EINTR)
		;
	destroy(*rehearsal);
	*rehearsal = NULL;
}

static void on_death(struct ev_loop *loop, ev_io *io, int events)
{
	struct rehearsal *rehearsal = io->data;
	struct rehearsal_result result;
	siginfo_t info = {0};

	if (watch_lost(loop, io, events))
		return;
	if (waitid(P_PIDFD, (id_t)rehearsal->pidfd, &info, WEXITED | WNOHANG) == 0 &&
	    info.si_pid == 0)
		return;
	read_stream(&rehearsal->proof, loop);
	read_stream(&rehearsal->words, loop);
	judge(rehearsal, &info, &result);
	finish(rehearsal, &result);
}

static void on_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct rehearsal *rehearsal = timer->data;

	(void)loop;
	(void)events;
	rehearsal->late = true;
	pidfd_send_signal(rehearsal->pidfd, SIGKILL, NULL, 0);
}

/* ---- its start ---- */

/* Runs in the child; async-signal-safe calls only. */
static void become(int candidate, const struct record *record, int null, const int proof[2],
		   const int words[2])
{
	char text[16];
	char *argv[] = {(char[]){"shackd"}, (char[]){REHEARSE_FLAG}, text, NULL};
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != record->master.pid)
		_exit(EXIT_START); /* it was gone before: nobody would end us */
	snprintf(text, sizeof(text), "%d", record->fd);
	setsid();
	if (dup2(null, 0) < 0 || dup2(proof[1], 1) < 0 || dup2(words[1], 2) < 0)
		_exit(EXIT_START);
	record_close_on_exec(record, false);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execveat(candidate, "", argv, environ, AT_EMPTY_PATH);
	dprintf(2, "can't be executed: %s\n", strerror(errno));
	_exit(EXIT_START);
}

static void listen_to(struct rehearsal *rehearsal, struct stream *stream, int fd)
{
	stream->fd = fd;
	ev_io_init(&stream->io, on_stream, fd, EV_READ);
	stream->io.data = stream;
	ev_io_start(rehearsal->master->loop, &stream->io);
}

static void follow(struct rehearsal *rehearsal, int proof, int words)
{
	struct ev_loop *loop = rehearsal->master->loop;

	listen_to(rehearsal, &rehearsal->proof, proof);
	listen_to(rehearsal, &rehearsal->words, words);
	ev_io_init(&rehearsal->death, on_death, rehearsal->pidfd, EV_READ);
	ev_timer_init(&rehearsal->timer, on_timeout, REHEARSE_SECONDS, 0);
	rehearsal->death.data = rehearsal->timer.data = rehearsal;
	ev_io_start(loop, &rehearsal->death);
	ev_timer_start(loop, &rehearsal->timer);
}

static bool run(struct rehearsal *rehearsal, int candidate, const struct record *record,
		const int proof[2], const int words[2])
{
	rehearsal->pid = fork();
	if (rehearsal->pid == 0)
		become(candidate, record, rehearsal->master->null, proof, words);
	if (rehearsal->pid < 0)
		return false;
	rehearsal->pidfd = pidfd_open(rehearsal->pid, 0);
	if (rehearsal->pidfd >= 0)
		return true;
	kill(rehearsal->pid, SIGKILL);
	reap_orphan(rehearsal->pid);
	return false;
}

static void close_pair(int pair[2])
{
	for (unsigned i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
}

struct rehearsal *rehearse_start(struct master *master, int candidate, const struct record *record,
				 rehearsal_done *done)
{
	struct rehearsal *rehearsal = calloc(1, sizeof(*rehearsal));
	int proof[2] = {-1, -1}, words[2] = {-1, -1};

	if (rehearsal == NULL)
		return NULL;
	rehearsal->master = master;
	rehearsal->done = done;
	rehearsal->info = record->info;
	if (pipe2(proof, O_CLOEXEC | O_NONBLOCK) != 0 ||
	    pipe2(words, O_CLOEXEC | O_NONBLOCK) != 0 ||
	    !run(rehearsal, candidate, record, proof, words)) {
		close_pair(proof);
		close_pair(words);
		free(rehearsal);
		return NULL;
	}
	close(proof[1]);
	close(words[1]);
	follow(rehearsal, proof[0], words[0]);
	return rehearsal;
}
