/* SPDX-License-Identifier: ISC
 *
 * NAME      portuser - who holds a port
 * PURPOSE   "Address already in use" is half an answer; this finds the other half.
 * OWNER     master, only after a bind failed
 * CONTRACT  best effort: what /proc does not let us see is said so
 * LIMITS    the first holder found is named; one in another network namespace is not seen
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/bind.h"
#include "master/proc.h"

#define TCP_LISTEN 10

/* Inode of a socket at PORT in one of the kernel's tables, of TCP one that listens; 0: none. */
static unsigned long find_inode(const char *table, unsigned port, bool tcp)
{
	FILE *file = fopen(table, "re");
	unsigned long inode = 0;
	char line[512];

	if (file == NULL)
		return 0;
	while (inode == 0 && fgets(line, sizeof(line), file) != NULL) {
		/* "12: 0100007F:A410 ...": address and port in hexadecimal; the inode is field 9 */
		const char *local = strchr(proc_field(line, 1), ':');

		if (local != NULL && strtoul(local + 1, NULL, 16) == port &&
		    (!tcp || strtoul(proc_field(line, 3), NULL, 16) == TCP_LISTEN))
			inode = strtoul(proc_field(line, 9), NULL, 10);
	}
	fclose(file);
	return inode;
}

/* Has the process a descriptor of that socket? */
static bool holds(const char *pid, unsigned long inode)
{
	char path[300], wanted[64], target[64];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (dir == NULL)
		return false;
	while (!found && (entry = readdir(dir)) != NULL) {
		ssize_t length = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (length <= 0)
			continue;
		target[length] = '\0';
		found = strcmp(target, wanted) == 0;
	}
	closedir(dir);
	return found;
}

static pid_t find_pid(unsigned long inode)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	pid_t pid = 0;

	if (dir == NULL)
		return 0;
	while (pid == 0 && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    holds(entry->d_name, inode))
			pid = (pid_t)strtol(entry->d_name, NULL, 10);
	closedir(dir);
	return pid;
}

const char *portuser_text(unsigned port, bool tcp, char *buf, size_t size)
{
	unsigned long inode = find_inode(tcp ? "/proc/net/tcp" : "/proc/net/udp", port, tcp);
	char name[64];
	pid_t pid;

	if (inode == 0)
		inode = find_inode(tcp ? "/proc/net/tcp6" : "/proc/net/udp6", port, tcp);
	pid = inode != 0 ? find_pid(inode) : 0;
	if (pid == 0) {
		snprintf(buf, size,
			 "in use by another program (which one is not visible from here)");
		return buf;
	}
	proc_name(pid, name, sizeof(name));
	if (pid == getpid())
		snprintf(buf, size,
			 "in use by this daemon itself: it is listed twice, or overlaps an "
			 "address that is served now (take that out in a reload before)");
	else if (strncmp(name, "shackd-", 7) == 0)
		snprintf(buf, size,
			 "in use by pid %d (%s), a stray worker of an earlier shackd; end "
			 "it with: kill %d",
			 (int)pid, name, (int)pid);
	else if (strcmp(name, "shackd") == 0)
		snprintf(buf, size, "in use by pid %d (shackd), another daemon", (int)pid);
	else
		snprintf(buf, size, "in use by pid %d (%s)", (int)pid, name);
	return buf;
}
