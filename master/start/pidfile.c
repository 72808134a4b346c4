/* SPDX-License-Identifier: ISC
 *
 * NAME      pidfile - one daemon for one run_dir
 * PURPOSE   The lock on the file, not its content, says that a daemon runs; the content is for init
 *           scripts. With another pid file (-p), an answer at the control socket says so.
 * OWNER     master
 * CONTRACT  written once, never followed through a link; the lock ends with the process
 * LIMITS    none known
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "master/start/place.h"
#include "shm/clock.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/text.h"

#define PATIENCE (2 * NS_PER_SEC)

/* Who the file says it is of; 0: nobody who lives. */
static pid_t holder(const struct master *master)
{
	char text[32] = "";
	ssize_t got = pread(master->pidfile, text, sizeof(text) - 1, 0);
	pid_t pid = got > 0 ? (pid_t)strtol(text, NULL, 10) : 0;

	return pid > 0 && place_lives(pid) ? pid : 0;
}

static void held_by_other(struct master *master)
{
	pid_t pid = holder(master);

	if (pid > 0)
		master_why(master, EXIT_START, "already running as pid %d (%s is locked)", (int)pid,
			   master->pidfile_path);
	else
		master_why(master, EXIT_START, "already running (%s is locked)",
			   master->pidfile_path);
}

/* A daemon that has just taken it has not yet written who it is; a process of one that was killed a
 * moment ago, and holds what its master held, lets go at once. */
static bool lock_soon(const struct master *master)
{
	uint64_t end = clock_mono() + PATIENCE;

	while (flock(master->pidfile, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK || holder(master) != 0 || clock_mono() > end)
			return false;
		poll(NULL, 0, 5);
	}
	return true;
}

/* Is what we have locked still what the name leads to? A daemon that stops removes its file. */
static bool still_there(const struct master *master)
{
	struct stat by_name, by_fd;

	return fstat(master->pidfile, &by_fd) == 0 && lstat(master->pidfile_path, &by_name) == 0 &&
	       by_fd.st_ino == by_name.st_ino && by_fd.st_dev == by_name.st_dev;
}

/* 1: it is ours; 0: try again; -1: after master_why. */
static int open_and_lock(struct master *master)
{
	struct stat st;

	master->pidfile = open(master->pidfile_path,
			       O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
	if (master->pidfile < 0 || fstat(master->pidfile, &st) != 0) {
		master_why(master, EXIT_START, "can't open the pid file %s: %s",
			   master->pidfile_path, strerror(errno));
		return -1;
	}
	if (!S_ISREG(st.st_mode) || st.st_nlink > 1 || (st.st_uid != 0 && st.st_uid != geteuid())) {
		master_why(master, EXIT_START,
			   "the pid file %s is not a plain file of ours; remove it first",
			   master->pidfile_path);
		return -1;
	}
	if (!lock_soon(master)) {
		held_by_other(master);
		return -1;
	}
	return still_there(master);
}

static bool take_pidfile(struct master *master)
{
	int taken = 0;

	for (int i = 0; i < 10 && taken == 0; i++) {
		taken = open_and_lock(master);
		if (taken == 1)
			return true;
		/* what is not locked is not ours to remove at the end */
		if (master->pidfile >= 0)
			close(master->pidfile);
		master->pidfile = -1;
	}
	return master_why(master, EXIT_START, "the pid file %s does not stay in its place",
			  master->pidfile_path);
}

bool place_pidfile(struct master *master, const char *path)
{
	char text[32];
	int length = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	fault_point(FAULT_BOOT_DIRECTORIES);
	if (path != NULL)
		master->pidfile_path = strdup(path);
	else if (asprintf(&master->pidfile_path, "%s/shackd.pid",
			  config_text(master->config, CONF_SERVER_RUN_DIR)) < 0)
		master->pidfile_path = NULL;
	if (master->pidfile_path == NULL)
		return master_why(master, EXIT_START, "out of memory");
	if (!take_pidfile(master))
		return false;
	if (ftruncate(master->pidfile, 0) != 0 ||
	    pwrite(master->pidfile, text, (size_t)length, 0) != length)
		return master_why(master, EXIT_START, "can't write the pid file %s: %s",
				  master->pidfile_path, strerror(errno));
	return true;
}

/* Does anybody listen there? PID_R: who began to; 0: that can't be known. */
static bool has_listener(const char *path, pid_t *pid_r)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);
	bool listens;

	text_copy(name.sun_path, sizeof(name.sun_path), path);
	listens = fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0;
	if (listens && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		peer.pid = 0;
	listens = listens || (fd >= 0 && errno == EAGAIN); /* more are waiting than it takes */
	if (fd >= 0)
		close(fd);
	*pid_r = peer.pid;
	return listens;
}

/* A daemon that was killed a moment ago lets go of its socket only after its pid file. */
bool place_alone(struct master *master)
{
	const char *run_dir = config_text(master->config, CONF_SERVER_RUN_DIR);
	uint64_t end = clock_mono() + PATIENCE;
	char path[CONF_TEXT_MAX + 16];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/control.sock", run_dir);
	while (has_listener(path, &pid)) {
		if (pid > 0 && place_lives(pid))
			return master_why(
				master, EXIT_START,
				"server.run_dir: another daemon (pid %d) answers at %s; two of "
				"them need two directories",
				(int)pid, path);
		if (clock_mono() > end)
			return master_why(
				master, EXIT_START,
				"server.run_dir: somebody else listens at %s; see who with: "
				"ss -xlp src %s",
				path, path);
		poll(NULL, 0, 5);
	}
	return true;
}

void place_leave(struct master *master)
{
	/* only who holds the lock may remove the name */
	if (master->pidfile >= 0 && still_there(master) && unlink(master->pidfile_path) != 0)
		log_debug("can't remove the pid file: %s", strerror(errno));
}
