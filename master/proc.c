/* SPDX-License-Identifier: ISC
 *
 * NAME      proc - what the kernel tells of a process
 * PURPOSE   Reads a few small files of /proc.
 * OWNER     master
 * CONTRACT  see master/proc.h
 * LIMITS    none known
 */
#include "master/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/clock.h"

/* A small file as text. */
static bool slurp(pid_t pid, const char *file, char *buf, size_t size)
{
	char path[64];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, buf, size - 1);
	close(fd);
	if (got <= 0)
		return false;
	buf[got] = '\0';
	return true;
}

const char *proc_field(const char *text, unsigned index)
{
	text += strspn(text, " ");
	for (; index > 0 && *text != '\0'; index--) {
		text += strcspn(text, " ");
		text += strspn(text, " ");
	}
	return text;
}

bool proc_times(pid_t pid, char *task_r, uint64_t *cpu_r)
{
	unsigned long long user, system;
	char buf[1024];
	const char *after;

	*task_r = 0;
	*cpu_r = 0;
	if (!slurp(pid, "stat", buf, sizeof(buf)))
		return false;
	/* the name is in brackets and may hold anything, brackets too */
	after = strrchr(buf, ')');
	if (after == NULL)
		return false;
	*task_r = *proc_field(after + 1, 0);
	user = strtoull(proc_field(after + 1, 11), NULL, 10);
	system = strtoull(proc_field(after + 1, 12), NULL, 10);
	*cpu_r = (user + system) * (NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));
	if (slurp(pid, "schedstat", buf, sizeof(buf)))
		*cpu_r = strtoull(buf, NULL, 10);
	return true;
}

uint64_t proc_rss_kb(pid_t pid)
{
	char buf[128];

	if (!slurp(pid, "statm", buf, sizeof(buf)))
		return 0;
	return strtoull(proc_field(buf, 1), NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

const char *proc_name(pid_t pid, char *buf, size_t size)
{
	if (!slurp(pid, "comm", buf, size))
		snprintf(buf, size, "?");
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}
