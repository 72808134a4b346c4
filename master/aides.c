/* SPDX-License-Identifier: ISC
 *
 * NAME      aides - processes for one task each
 * PURPOSE   See master/aides.h.
 * OWNER     master
 * CONTRACT  see master/aides.h
 * LIMITS    see master/aides.h
 */
#include "master/aides.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/reap.h"
#include "master/spawn.h"
#include "master/upgrade/net.h"
#include "shm/log.h"
#include "shm/watch.h"

#define NAME "aide"

struct task {
	struct msg_aide what;
	int socket;
};

struct aide {
	struct master *master;
	pid_t pid; /* 0: none */
	int pidfd;
	ev_io watch;
	ev_timer limit;
};

struct aides {
	struct aide running[AIDES_RUNNING];
	struct task waiting[AIDES_WAITING]; /* [0] is the next */
	unsigned count;
};

/* A worker may have set it so that closing it waits. */
static void drop(int fd)
{
	msg_no_linger(fd);
	close(fd);
}

/* Everything that it needs lies in its socket before it is there. */
static bool brief(const struct master *master, int control, const struct task *task)
{
	const struct msg_fd conf = {.role = FD_CONF};
	const struct msg_start start = {
		.slot = NAME,
		.uid = master->worker_uid,
		.gid = master->worker_gid,
		.master_pid = (int32_t)getpid(),
	};

	return msg_send(control, MSG_FD, 0, &conf, sizeof(conf), master->conf_fd) == 0 &&
	       msg_send(control, MSG_START, 0, &start, sizeof(start), -1) == 0 &&
	       msg_send(control, MSG_AIDE, 0, &task->what, sizeof(task->what), task->socket) == 0;
}

static pid_t start_process(const struct master *master, const struct task *task)
{
	int pair[2];
	pid_t pid = -1;
	int saved;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	if (brief(master, pair[0], task))
		pid = spawn_process(master, KIND_OWN, NAME, pair[1]);
	saved = errno;
	close(pair[0]);
	close(pair[1]);
	errno = saved;
	return pid;
}

static void start(struct aide *aide, const struct task *task)
{
	struct master *master = aide->master;
	pid_t pid = start_process(master, task);

	drop(task->socket);
	if (pid > 0)
		net_spawned(pid);
	aide->pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
	if (aide->pidfd < 0) {
		master->aides_failed++;
		log_limited(LOG_LEVEL_WARNING, "can't start an aide: %s", strerror(errno));
		if (pid > 0) {
			kill(pid, SIGKILL); /* not reaped, so it is still the same process */
			reap_orphan(pid);
		}
		return;
	}
	aide->pid = pid;
	ev_io_set(&aide->watch, aide->pidfd, EV_READ);
	ev_io_start(master->loop, &aide->watch);
	ev_timer_set(&aide->limit,
		     task->what.task == AIDE_PASSWORD ? AIDES_SECONDS : AIDES_SECONDS_LONG, 0);
	ev_timer_start(master->loop, &aide->limit);
}

static struct aide *idle(struct aides *aides)
{
	for (unsigned i = 0; i < AIDES_RUNNING; i++)
		if (aides->running[i].pid == 0)
			return &aides->running[i];
	return NULL;
}

static void start_waiting(struct aides *aides)
{
	struct aide *aide;

	while (aides->count > 0 && (aide = idle(aides)) != NULL) {
		struct task task = aides->waiting[0];

		aides->count--;
		memmove(aides->waiting, aides->waiting + 1, aides->count * sizeof(task));
		start(aide, &task);
	}
}

static void forget(struct aide *aide)
{
	ev_io_stop(aide->master->loop, &aide->watch);
	ev_timer_stop(aide->master->loop, &aide->limit);
	close(aide->pidfd);
	aide->pid = 0;
}

static void on_death(struct ev_loop *loop, ev_io *io, int events)
{
	struct aide *aide = io->data;
	struct master *master = aide->master;
	siginfo_t info = {0};

	if (watch_lost(loop, io, events))
		return;
	if (waitid(P_PIDFD, (id_t)aide->pidfd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0)
		return;
	if (info.si_code != CLD_EXITED || info.si_status != 0) {
		master->aides_failed++;
		log_limited(LOG_LEVEL_WARNING, "an aide (pid %d) ended with %s %d", (int)aide->pid,
			    info.si_code == CLD_EXITED ? "status" : "signal", info.si_status);
	}
	forget(aide);
	start_waiting(master->aides);
}

static void on_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct aide *aide = timer->data;

	(void)loop;
	(void)events;
	log_limited(LOG_LEVEL_WARNING, "an aide (pid %d) takes too long: sending KILL",
		    (int)aide->pid);
	pidfd_send_signal(aide->pidfd, SIGKILL, NULL, 0);
}

static struct aides *make(struct master *master)
{
	struct aides *aides = calloc(1, sizeof(*aides));

	for (unsigned i = 0; aides != NULL && i < AIDES_RUNNING; i++) {
		struct aide *aide = &aides->running[i];

		aide->master = master;
		ev_init(&aide->watch, on_death);
		ev_init(&aide->limit, on_limit);
		aide->watch.data = aide->limit.data = aide;
	}
	return aides;
}

void aides_take(struct slot *slot, struct msg *msg)
{
	struct master *master = slot->master;
	struct aides *aides = master->aides;
	struct task task = {.socket = msg->fd};

	if (aides == NULL)
		aides = master->aides = make(master);
	msg->fd = -1;
	memcpy(&task.what, msg->body, sizeof(task.what));
	if (aides == NULL || aides->count == AIDES_WAITING || master->phase == PHASE_STOPPING) {
		master->aides_refused++;
		log_limited(LOG_LEVEL_WARNING, "%s gets no aide: too many wait", slot->name);
		drop(task.socket);
		return;
	}
	aides->waiting[aides->count++] = task;
	start_waiting(aides);
}

void aides_end(struct master *master)
{
	struct aides *aides = master->aides;

	if (aides == NULL)
		return;
	for (unsigned i = 0; i < aides->count; i++)
		drop(aides->waiting[i].socket);
	for (unsigned i = 0; i < AIDES_RUNNING; i++) {
		struct aide *aide = &aides->running[i];

		if (aide->pid == 0)
			continue;
		pidfd_send_signal(aide->pidfd, SIGKILL, NULL, 0);
		reap_orphan(aide->pid);
		forget(aide);
	}
	free(aides);
	master->aides = NULL;
}
