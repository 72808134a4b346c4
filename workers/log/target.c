/* SPDX-License-Identifier: ISC
 *
 * NAME      target - where log lines go
 * PURPOSE   See target.h.
 * OWNER     log worker
 * CONTRACT  see target.h
 * LIMITS    see target.h
 */
#include "workers/log/target.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/text.h"

static void forget(struct target *target)
{
	if (target->fd >= 0)
		close(target->fd);
	target->fd = -1;
	target->torn = false;
}

static int open_syslog(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd;

	if (!text_copy(to.sun_path, sizeof(to.sun_path), path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		fd = -1;
	}
	return fd;
}

/* Non-blocking, for the path may name a FIFO. */
static int open_file(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
}

bool target_check(const char *spec, char *why_r, size_t size)
{
	int fd;

	if (strcmp(spec, "stderr") == 0 || strcmp(spec, "syslog") == 0)
		return true; /* syslog's daemon may come later */
	fd = open_file(spec);
	if (fd < 0) {
		snprintf(why_r, size, "%s: %s", spec, strerror(errno));
		return false;
	}
	close(fd);
	return true;
}

static void open_target(struct target *target, uint64_t now)
{
	target->checked = now;
	if (target->kind == TARGET_SYSLOG)
		target->fd = open_syslog(target->path);
	else
		target->fd = open_file(target->path);
	if (target->fd >= 0) {
		if (target->complained)
			log_info("log target %s is there again", target->path);
		target->complained = false;
	} else if (!target->complained) {
		log_error("can't open the log target %s: %s (server.log); "
			  "lines go to standard error until it is there",
			  target->path, strerror(errno));
		target->complained = true;
	}
}

/* Moved or removed by log rotation: what is open has another name, or none. */
static bool is_exchanged(const struct target *target)
{
	struct stat open_now, at_path;

	if (fstat(target->fd, &open_now) != 0 || stat(target->path, &at_path) != 0)
		return true;
	return open_now.st_ino != at_path.st_ino || open_now.st_dev != at_path.st_dev;
}

/* Brings the target up when a second has passed since the last look. */
static void look(struct target *target, uint64_t now)
{
	if (clock_age(now, target->checked) < NS_PER_SEC)
		return;
	target->checked = now;
	if (target->fd >= 0 && target->kind == TARGET_FILE && is_exchanged(target))
		forget(target);
	if (target->fd < 0)
		open_target(target, now);
}

/* In the background nobody has a standard error: what is written there is lost. */
static bool is_null(int fd)
{
	struct stat null, own;

	return fd < 0 || (stat("/dev/null", &null) == 0 && fstat(fd, &own) == 0 &&
			  S_ISCHR(own.st_mode) && own.st_rdev == null.st_rdev);
}

void target_init(struct target *target, const char *spec, line_form *form, int err_fd)
{
	memset(target, 0, sizeof(*target));
	target->form = form;
	target->err_fd = is_null(err_fd) ? -1 : err_fd;
	target->fd = -1;
	if (strcmp(spec, "stderr") == 0) {
		target->kind = TARGET_STDERR;
		return;
	}
	target->kind = strcmp(spec, "syslog") == 0 ? TARGET_SYSLOG : TARGET_FILE;
	text_copy(target->path, sizeof(target->path),
		  target->kind == TARGET_SYSLOG ? _PATH_LOG : spec);
	open_target(target, clock_mono());
}

void target_close(struct target *target)
{
	forget(target);
}

/* The descriptor is shared with the master and whoever started it, so it can't be made
 * non-blocking: ask first. A pipe that is writable takes a whole line. */
static bool write_err(const struct target *target, const char *line, size_t length)
{
	struct pollfd wait = {.fd = target->err_fd, .events = POLLOUT};
	ssize_t wrote;

	if (target->err_fd < 0)
		return false;
	wrote = send(target->err_fd, line, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (wrote < 0 && errno == ENOTSOCK && poll(&wait, 1, 0) == 1 && (wait.revents & POLLOUT))
		wrote = write(target->err_fd, line, length);
	return wrote == (ssize_t)length;
}

static bool write_file(struct target *target, const char *line, size_t length)
{
	ssize_t wrote;

	if (target->torn && write(target->fd, "\n", 1) != 1)
		return false;
	target->torn = false;
	wrote = write(target->fd, line, length);
	target->torn = wrote > 0 && (size_t)wrote < length;
	if (target->torn)
		errno = ENOSPC; /* what else takes a part of a line */
	if (wrote != (ssize_t)length)
		return false;
	if (target->full)
		log_info("the log target %s takes lines again; %llu went to standard error",
			 target->path, (unsigned long long)target->instead);
	target->full = false;
	target->instead = 0;
	return true;
}

/* A full disk: who watches standard error shall know, and read what the file does not take. */
static bool write_instead(struct target *target, const char *line, size_t length)
{
	int why = errno;

	if (why == EAGAIN)
		return false; /* a FIFO whose reader is behind */
	if (!target->full)
		log_error("the log target %s takes no lines: %s (server.log); "
			  "they go to standard error until it does",
			  target->path, strerror(why));
	target->full = true;
	if (!write_err(target, line, length))
		return false;
	target->instead++;
	return true;
}

static bool write_syslog(struct target *target, const struct log_record *record, uint64_t now)
{
	char line[LINE_MAX_SIZE];
	size_t length = line_syslog(record, line);

	if (send(target->fd, line, length, MSG_NOSIGNAL) == (ssize_t)length)
		return true;
	if (errno == EAGAIN || errno == ENOBUFS || errno == EMSGSIZE)
		return false;
	/* its daemon was restarted: the new one has a new socket */
	forget(target);
	open_target(target, now);
	return target->fd >= 0 && send(target->fd, line, length, MSG_NOSIGNAL) == (ssize_t)length;
}

static bool write_somewhere(struct target *target, const struct log_record *record, uint64_t now)
{
	char line[LINE_MAX_SIZE];
	size_t length;

	if (target->kind != TARGET_STDERR)
		look(target, now);
	if (target->kind == TARGET_SYSLOG && target->fd >= 0 && write_syslog(target, record, now))
		return true;
	if (target->kind == TARGET_SYSLOG && target->fd >= 0)
		return false; /* there, but full */
	length = target->form(record, line);
	if (target->kind == TARGET_FILE && target->fd >= 0)
		return write_file(target, line, length) || write_instead(target, line, length);
	return write_err(target, line, length);
}

bool target_write(struct target *target, const struct log_record *record, uint64_t now)
{
	uint64_t lost = target->lost;

	if (!write_somewhere(target, record, now)) {
		target->lost++;
		return false;
	}
	target->lost = 0;
	if (lost > 0)
		log_warning("%llu lines were lost: %s took none", (unsigned long long)lost,
			    target->kind == TARGET_STDERR ? "standard error" : target->path);
	return true;
}
