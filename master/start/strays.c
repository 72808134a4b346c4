/* SPDX-License-Identifier: ISC
 *
 * NAME      strays - what a daemon that died here left behind
 * PURPOSE   Workers follow their master at once, but not within no time: a start right after its death
 *           meets processes that still hold its ports and stores. Those that are just ending are waited
 *           for; a worker that did not follow is ended; one that can't be ended stops the start.
 * OWNER     master, between the lock of the pid file and the first use of a store or port
 * CONTRACT  see place_clear in master/start/place.h. Ended is only what is surely ours: a worker by its
 *           arguments, of our run_dir, of a program of ours, of our users, and without a master. Looked
 *           at through a pidfd, so that it can't become another process meanwhile
 * LIMITS    who may not see what a process executes (not root) goes by the other signs; FOUND_MAX at a
 *           time
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/proc.h"
#include "master/start/place.h"
#include "shm/clock.h"
#include "shm/log.h"
#include "shm/role.h"

#define FOUND_MAX 256
#define PATIENCE  (2 * NS_PER_SEC)
#define COMM_MAX  16	     /* of a process, with the NUL */
#define EXITING	  0x00000004 /* PF_EXITING: its descriptors go, its arguments are gone */

/* One process as /proc tells of it. */
struct process {
	pid_t pid, parent, tracer;
	uid_t uid;
	char name[COMM_MAX];
	char task; /* state letter */
	bool exiting;
	unsigned namespaces; /* how deep its pid namespace lies */
};

struct search {
	struct master *master;
	struct process found[FOUND_MAX];
	int pidfd[FOUND_MAX];
	unsigned count;
};

/* A file of a process as text; its length, 0 when there is nothing to read. */
static size_t read_file(pid_t pid, const char *file, char *buf, size_t size)
{
	char path[64];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd >= 0 ? read(fd, buf, size - 1) : 0;
	if (fd >= 0)
		close(fd);
	buf[got > 0 ? got : 0] = '\0';
	return got > 0 ? (size_t)got : 0;
}

static bool read_stat(pid_t pid, struct process *process_r)
{
	const char *name, *after;
	char buf[1024];

	memset(process_r, 0, sizeof(*process_r));
	process_r->pid = pid;
	if (read_file(pid, "stat", buf, sizeof(buf)) == 0)
		return false;
	name = strchr(buf, '(');
	after = strrchr(buf, ')'); /* a name may hold brackets */
	if (name == NULL || after == NULL)
		return false;
	snprintf(process_r->name, sizeof(process_r->name), "%.*s", (int)(after - name - 1),
		 name + 1);
	process_r->task = *proc_field(after + 1, 0);
	process_r->parent = (pid_t)strtol(proc_field(after + 1, 1), NULL, 10);
	process_r->exiting = strtoul(proc_field(after + 1, 6), NULL, 10) & EXITING;
	return true;
}

static const char *status_line(const char *status, const char *key)
{
	const char *line = strstr(status, key);

	return line != NULL ? line + strlen(key) : "";
}

static bool read_status(struct process *process)
{
	char buf[4096];
	const char *at;

	if (read_file(process->pid, "status", buf, sizeof(buf)) == 0)
		return false;
	process->uid = (uid_t)strtoul(status_line(buf, "\nUid:"), NULL, 10);
	process->tracer = (pid_t)strtol(status_line(buf, "\nTracerPid:"), NULL, 10);
	process->namespaces = 0;
	for (at = status_line(buf, "\nNSpid:"); *at != '\n' && *at != '\0'; at++)
		process->namespaces += *at == '\t';
	return true;
}

static bool is_dead(const struct process *process)
{
	return strchr("ZXx", process->task) != NULL;
}

static bool is_named(const struct process *process)
{
	return strncmp(process->name, "shackd", 6) == 0;
}

bool place_lives(pid_t pid)
{
	struct process process;

	return read_stat(pid, &process) && is_named(&process) && !is_dead(&process) &&
	       !process.exiting;
}

/* Its master, or a master of somebody else, takes care of it. */
static bool has_master(const struct process *process)
{
	return process->parent > 1 && place_lives(process->parent);
}

static bool is_worker_of(const struct master *master, pid_t pid)
{
	const char *run_dir = config_text(master->config, CONF_SERVER_RUN_DIR);
	char buf[CONF_TEXT_MAX + 128];
	const char *word[ROLE_ARGS];
	size_t length = read_file(pid, "cmdline", buf, sizeof(buf));
	unsigned words = 0;

	for (const char *at = buf; at < buf + length; at += strlen(at) + 1) {
		if (words == ROLE_ARGS)
			return false;
		word[words++] = at;
	}
	return words == ROLE_ARGS && strcmp(word[1], ROLE_FLAG) == 0 &&
	       strcmp(word[3], run_dir) == 0;
}

/* One of the two that lie where ours do, or did before they were replaced. */
static bool is_program(const struct master *master, pid_t pid)
{
	size_t folder = (size_t)(strrchr(master->program, '/') + 1 - master->program);
	char path[64], target[PATH_MAX];
	struct stat its, ours;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return errno == EACCES || errno == EPERM;
	target[length] = '\0';
	for (unsigned i = 0; i < KIND_PROGRAMS; i++)
		if (stat(path, &its) == 0 && fstat(master->executable[i], &ours) == 0 &&
		    its.st_dev == ours.st_dev && its.st_ino == ours.st_ino)
			return true;
	if (length > 10 && strcmp(target + length - 10, " (deleted)") == 0)
		target[length - 10] = '\0';
	return strncmp(target, master->program, folder) == 0 &&
	       (strcmp(target + folder, "shackd") == 0 ||
		strcmp(target + folder, "shackd-net") == 0);
}

static bool is_ours(const struct master *master, struct process *process,
		    const struct process *self)
{
	if (!is_worker_of(master, process->pid) || !read_status(process) ||
	    process->namespaces != self->namespaces || has_master(process) ||
	    (process->uid != geteuid() &&
	     (!master->privileged || process->uid != (uid_t)master->worker_uid)))
		return false;
	if (is_program(master, process->pid))
		return true;
	log_warning("pid %d (%s) calls itself a worker of this daemon, but executes another "
		    "program: left alone",
		    (int)process->pid, process->name);
	return false;
}

/* Is it to be waited for? What is ours and does not end by itself is made to. */
static bool take(struct search *search, pid_t pid, const struct process *self)
{
	struct process *process = &search->found[search->count];
	int pidfd = pidfd_open(pid, 0);
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};
	bool taken;

	if (pidfd < 0)
		return false;
	taken = read_stat(pid, process) && !is_dead(process) &&
		(process->exiting ? is_named(process) : is_ours(search->master, process, self)) &&
		poll(&ended, 1, 0) == 0;
	if (!taken) {
		close(pidfd);
		return false;
	}
	if (!process->exiting) {
		log_warning("pid %d (%s) outlived the daemon that died here: sending KILL",
			    (int)pid, process->name);
		if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) != 0)
			log_warning("pid %d: %s", (int)pid, strerror(errno));
	}
	search->pidfd[search->count++] = pidfd;
	return true;
}

static void look(struct search *search)
{
	DIR *dir = opendir("/proc");
	struct process self = {.pid = getpid()}, process;
	struct dirent *entry;

	search->count = 0;
	if (dir == NULL || !read_status(&self)) {
		log_warning("can't look for processes of an earlier daemon: /proc: %s",
			    strerror(errno));
		if (dir != NULL)
			closedir(dir);
		return;
	}
	while (search->count < FOUND_MAX && (entry = readdir(dir)) != NULL) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		/* a worker is named by a number until it has given itself a name */
		if (pid > 0 && pid != self.pid && read_stat(pid, &process) &&
		    (is_named(&process) || isdigit((unsigned char)process.name[0])))
			take(search, pid, &self);
	}
	closedir(dir);
}

/* False when some are still there at END; found[0] is one of them then, if possible one of ours: that
 * others end is not our affair. */
static bool await(struct search *search, uint64_t end)
{
	struct process worst = {.exiting = true};
	bool left = false;

	for (unsigned i = 0; i < search->count; i++) {
		struct pollfd ended = {.fd = search->pidfd[i], .events = POLLIN};
		uint64_t now = clock_mono();
		int ms = now < end ? (int)((end - now) / NS_PER_MS) + 1 : 0;

		if (poll(&ended, 1, ms) == 0) {
			left = true;
			if (worst.exiting)
				worst = search->found[i];
		}
		close(search->pidfd[i]);
	}
	search->found[0] = worst;
	return !left;
}

static bool refuse(struct master *master, const struct process *stray)
{
	struct process now = {.pid = stray->pid};
	char hint[160];

	if (!read_stat(stray->pid, &now) || !read_status(&now))
		now = *stray;
	if (now.tracer != 0)
		snprintf(hint, sizeof(hint), "pid %d traces it, end that with: kill %d",
			 (int)now.tracer, (int)now.tracer);
	else
		snprintf(hint, sizeof(hint),
			 "it is frozen or waits inside the kernel, see: cat /proc/%d/wchan "
			 "/proc/%d/cgroup",
			 (int)stray->pid, (int)stray->pid);
	return master_why(master, EXIT_START,
			  "pid %d (%s), left by a daemon that died here, does not end after KILL "
			  "(state %c): %s; then start again",
			  (int)stray->pid, stray->name, now.task, hint);
}

bool place_clear(struct master *master)
{
	/* the one of the process; too big for a stack */
	static struct search search;
	uint64_t end = clock_mono() + PATIENCE;

	search.master = master;
	for (;;) {
		look(&search);
		if (search.count == 0)
			return true;
		if (!await(&search, end))
			return search.found[0].exiting || refuse(master, &search.found[0]);
		if (clock_mono() >= end)
			return true;
	}
}
