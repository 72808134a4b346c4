/* SPDX-License-Identifier: ISC
 *
 * NAME      fdprint - is this descriptor still what it was?
 * PURPOSE   See master/upgrade/fdprint.h.
 * OWNER     master
 * CONTRACT  see master/upgrade/fdprint.h
 * LIMITS    see master/upgrade/fdprint.h
 */
#include "master/upgrade/fdprint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/list.h"

/* The number behind NAME in what the kernel tells of FD; 0: nothing. */
static uint64_t told(int fd, const char *name)
{
	char path[48], text[2048], *at;
	ssize_t got;
	int info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return 0;
	got = read(info, text, sizeof(text) - 1);
	close(info);
	if (got <= 0)
		return 0;
	text[got] = '\0';
	at = strstr(text, name);
	return at != NULL ? strtoull(at + strlen(name), NULL, 0) : 0;
}

static bool socket_cookie(int fd, uint64_t *cookie_r)
{
	socklen_t length = sizeof(*cookie_r);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie_r, &length) == 0;
}

bool fdprint_make(int fd, struct handover_print *print_r)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	memset(print_r, 0, sizeof(*print_r));
	if (flags < 0 || fstat(fd, &st) != 0)
		return false;
	print_r->device = st.st_dev;
	print_r->inode = st.st_ino;
	print_r->type = st.st_mode & S_IFMT;
	print_r->access = (uint32_t)(flags & (O_ACCMODE | O_PATH));
	if (S_ISSOCK(st.st_mode))
		return socket_cookie(fd, &print_r->extra);
	if (print_r->type == 0) {
		/* eventfds have a number, pidfds a process; both are below 2^32 */
		print_r->extra = told(fd, "eventfd-id:");
		print_r->extra = print_r->extra << 32 | (told(fd, "\nPid:") & 0xffffffffU);
	}
	return true;
}

/* ---- does it fit its role? ---- */

static bool is_socket(int fd, int type, int listening)
{
	int have = 0, accepts = 0;
	socklen_t length = sizeof(have);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &have, &length) != 0 || have != type)
		return false;
	length = sizeof(accepts);
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &length) == 0 &&
	       accepts == listening;
}

static bool is_bound(const struct handover_fd *item)
{
	union addr_sock sock;
	socklen_t length = sizeof(sock);
	struct addr addr;

	return getsockname(item->fd, &sock.sa, &length) == 0 &&
	       addr_from_sock(&sock.sa, length, &addr) == 0 &&
	       memcmp(addr.ip, item->addr.ip, sizeof(addr.ip)) == 0 && addr.port == item->addr.port;
}

static bool fits(const struct handover_fd *item)
{
	switch (item->role) {
	case ROLE_UDP:
		return is_socket(item->fd, SOCK_DGRAM, 0) && is_bound(item);
	case ROLE_ACCEPT:
		return is_socket(item->fd, SOCK_STREAM, 1) && is_bound(item);
	case ROLE_TCP:
		return is_socket(item->fd, SOCK_STREAM, 0);
	case ROLE_CONTROL:
		return is_socket(item->fd, SOCK_SEQPACKET, 1);
	case ROLE_LOG_READ:
	case ROLE_LOG_WRITE:
	case ROLE_HOLDER:
	case ROLE_ASKER:
	case ROLE_CALLER:
		return is_socket(item->fd, SOCK_SEQPACKET, 0);
	case ROLE_PAGE:
	case ROLE_GATE:
	case ROLE_RING:
	case ROLE_TABLE:
	case ROLE_CONF:
	case ROLE_PROGRESS:
		return fcntl(item->fd, F_GET_SEALS) > 0;
	case ROLE_LIST:
		return list_sealed(item->fd);
	case ROLE_LOCK:
		return item->print.type == S_IFDIR;
	case ROLE_PIDFILE:
	case ROLE_EXECUTABLE:
	case ROLE_NET:
		return item->print.type == S_IFREG;
	default:
		return true; /* its print says all there is */
	}
}

/* A pidfd whose process was reaped since it was recorded: the writer goes on while a child of it
 * rehearses. */
static bool is_reaped(struct handover_print now, const struct handover_fd *item)
{
	if (item->role != ROLE_PIDFD || (now.extra & 0xffffffffU) != 0xffffffffU)
		return false;
	now.extra = item->print.extra;
	return memcmp(&now, &item->print, sizeof(now)) == 0;
}

bool fdprint_check(const struct handover_fd *item, char why_r[160])
{
	const char *name = handover_role_name(item->role);
	struct handover_print now;
	const char *what = NULL;

	if (name == NULL)
		what = "has a role that this build does not know";
	else if (!fdprint_make(item->fd, &now))
		what = "is not open";
	else if (memcmp(&now, &item->print, sizeof(now)) != 0 && !is_reaped(now, item))
		what = "is something else by now";
	else if (!fits(item))
		what = "is not of the sort that it should be";
	if (what == NULL)
		return true;
	snprintf(why_r, 160, "descriptor %d (%s %.15s %u) %s", item->fd, name != NULL ? name : "?",
		 item->slot, item->index, what);
	return false;
}

/* ---- all that are open ---- */

bool fdprint_each(void (*visit)(void *arg, int fd), void *arg)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	if (dir == NULL)
		return false;
	while ((entry = readdir(dir)) != NULL) {
		char *end;
		long fd = strtol(entry->d_name, &end, 10);

		if (end != entry->d_name && *end == '\0' && fd != dirfd(dir))
			visit(arg, (int)fd);
	}
	closedir(dir);
	return true;
}

static void count_one(void *arg, int fd)
{
	int *count = arg;
	int flags = fcntl(fd, F_GETFD);

	*count += flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

int fdprint_count(void)
{
	int count = 0;

	return fdprint_each(count_one, &count) ? count : -1;
}
