/* SPDX-License-Identifier: ISC
 *
 * NAME      orphans - children that no slot knows
 * PURPOSE   See master/orphans.h.
 * OWNER     master
 * CONTRACT  see master/orphans.h
 * LIMITS    see master/orphans.h
 */
#include "master/orphans.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/reap.h"
#include "shm/log.h"

/* Parent of PID; 0 when it is gone. */
static pid_t parent_of(pid_t pid)
{
	char path[32], text[512], *at;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return 0;
	text[got] = '\0';
	at = strrchr(text, ')'); /* the name may hold anything */
	return at != NULL && strlen(at) > 4 ? (pid_t)strtol(at + 4, NULL, 10) : 0;
}

static bool is_known(const struct master *master, pid_t pid)
{
	for (unsigned i = 0; i < master->slots; i++)
		if (master->slot[i].pid == pid)
			return true;
	return false;
}

/* Who holds nothing of ours waits for nothing: SIGKILL is quick. */
static void end_one(pid_t pid)
{
	log_info("ending process %d of the build that failed", (int)pid);
	if (kill(pid, SIGKILL) == 0)
		reap_orphan(pid);
}

void orphans_end(struct master *master)
{
	DIR *dir = opendir("/proc");
	pid_t own = getpid();
	struct dirent *entry;

	if (dir == NULL) {
		log_error("can't look for processes of the build that failed: %s", strerror(errno));
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && parent_of(pid) == own && !is_known(master, pid))
			end_one(pid);
	}
	closedir(dir);
}
