/* SPDX-License-Identifier: ISC
 *
 * NAME      file - a list file that others write whenever they like
 * PURPOSE   See file.h.
 * OWNER     data
 * CONTRACT  see file.h
 * LIMITS    SLICE bytes a turn
 */
#include "workers/data/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLICE	  (1024 * 1024)
#define LOOK_SOON (100 * NS_PER_MS)
#define WHY	  64

void file_init(struct file *file, const char *path)
{
	*file = (struct file){.fd = -1, .most = FILE_SIZE_MAX};
	snprintf(file->path, sizeof(file->path), "%s", path);
}

void file_forget(struct file *file)
{
	free(file->text);
	file->text = NULL;
	file->length = file->room = 0;
}

static void stop_reading(struct file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

void file_free(struct file *file)
{
	stop_reading(file);
	file_forget(file);
}

void file_again(struct file *file, uint64_t now)
{
	stop_reading(file);
	file_forget(file);
	file->judged = false;
	file->due = now;
}

void file_hint(struct file *file, enum file_hint hint, uint64_t now)
{
	file->writing = hint == FILE_WRITTEN || (file->writing && hint != FILE_CLOSED);
	file->closed = hint == FILE_CLOSED || (file->closed && hint != FILE_WRITTEN);
	file->due = now;
}

/* ---- what it looks like ---- */

static struct file_stamp stamp_of(const struct stat *st)
{
	return (struct file_stamp){.dev = st->st_dev,
				   .ino = st->st_ino,
				   .size = (uint64_t)st->st_size,
				   .mtime = (int64_t)st->st_mtim.tv_sec * (int64_t)NS_PER_SEC +
					    st->st_mtim.tv_nsec};
}

static bool same(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime == b->mtime;
}

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "is a directory";
	case S_IFIFO:
		return "is a pipe";
	case S_IFSOCK:
		return "is a socket";
	case S_IFCHR:
	case S_IFBLK:
		return "is a device";
	default:
		return "is no file";
	}
}

/* A trouble is news when it is another one than before. */
static enum file_news trouble(struct file *file, const char *why)
{
	bool news = strcmp(file->why, why) != 0;

	stop_reading(file);
	file_forget(file);
	file->looked = false;
	snprintf(file->why, sizeof(file->why), "%s", why);
	return news ? FILE_TROUBLE : FILE_SAME;
}

static enum file_news no_access(struct file *file, int error)
{
	char why[sizeof(file->why)];

	if (error == EACCES || error == EPERM)
		snprintf(why, sizeof(why),
			 "may not be read by uid %u, as which the workers run: give that user or "
			 "its group the right to read it, and to enter its directory",
			 geteuid());
	else if (error == ENOENT)
		snprintf(why, sizeof(why), "does not exist");
	else
		snprintf(why, sizeof(why), "can't be opened: %s", strerror(error));
	return trouble(file, why);
}

static bool refused(const struct file *file, const struct stat *st, char why_r[WHY])
{
	if (!S_ISREG(st->st_mode))
		snprintf(why_r, WHY, "%s", kind_of(st->st_mode));
	else
		snprintf(why_r, WHY, "is larger than %zu MiB", file->most >> 20);
	return !S_ISREG(st->st_mode) || (uint64_t)st->st_size > file->most;
}

/* ---- reading ---- */

static bool has_end(const struct file *file)
{
	return file->length == 0 || file->text[file->length - 1] == '\n';
}

/* For how long nothing has changed, as far as can be told: by our own looks, and by its date. */
static uint64_t quiet(const struct file *file, uint64_t now, uint64_t real)
{
	uint64_t watched = clock_age(now, file->seen_at);
	uint64_t dated = file->seen.mtime > 0 ? clock_age(real, (uint64_t)file->seen.mtime) : 0;

	return file->writing || watched > dated ? watched : dated;
}

static bool is_settled(const struct file *file, uint64_t now, uint64_t real)
{
	if (file->urgent || (file->closed && !file->writing))
		return true;
	return quiet(file, now, real) >= (file->writing ? FILE_OPEN_QUIET : FILE_QUIET);
}

static enum file_news begin_reading(struct file *file)
{
	char why[WHY];
	struct stat st;

	file->fd = open(file->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (file->fd < 0)
		return no_access(file, errno);
	/* it may have been exchanged since the look */
	if (fstat(file->fd, &st) != 0)
		return no_access(file, errno);
	if (refused(file, &st, why))
		return trouble(file, why);
	file->room = (size_t)st.st_size + 1;
	file->length = 0;
	file->text = malloc(file->room);
	return file->text != NULL ? FILE_MORE : trouble(file, "is larger than our memory");
}

/* All is read: is it still what it was when we began? */
static enum file_news finish_reading(struct file *file, uint64_t now, uint64_t real)
{
	struct file_stamp by_fd, by_path;
	struct stat st;

	file->due = now + LOOK_SOON;
	if (fstat(file->fd, &st) != 0)
		return no_access(file, errno);
	by_fd = stamp_of(&st);
	stop_reading(file);
	if (stat(file->path, &st) != 0)
		return no_access(file, errno);
	by_path = stamp_of(&st);
	if (!same(&by_fd, &file->seen) || !same(&by_path, &file->seen) ||
	    file->length != file->seen.size ||
	    (!has_end(file) && !file->urgent && quiet(file, now, real) < FILE_QUIET)) {
		file_forget(file);
		return FILE_SAME; /* the next look tells */
	}
	file->text[file->length] = '\0';
	file->taken = file->seen;
	file->judged = true;
	file->urgent = false;
	file->why[0] = '\0';
	return FILE_CONTENT;
}

static enum file_news read_on(struct file *file, uint64_t now, uint64_t real)
{
	size_t left = file->room - 1 - file->length;
	ssize_t got = read(file->fd, file->text + file->length, left < SLICE ? left : SLICE);

	if (got < 0 && errno != EINTR && errno != EAGAIN)
		return no_access(file, errno);
	if (got > 0)
		file->length += (size_t)got;
	return got == 0 ? finish_reading(file, now, real) : FILE_MORE;
}

/* Some programs remove a file before they write it anew: a moment without it is no trouble yet. */
static bool is_being_replaced(struct file *file, int error, uint64_t now)
{
	if (error != ENOENT || !file->judged || file->why[0] != '\0')
		return false;
	if (!file->gone)
		file->gone_at = now;
	file->gone = true;
	file->due = now + LOOK_SOON;
	errno = error;
	return clock_age(now, file->gone_at) < FILE_QUIET;
}

/* It is what was given last. */
static enum file_news look_at_taken(struct file *file)
{
	bool back = file->why[0] != '\0';

	file->writing = file->closed = false;
	if (access(file->path, R_OK) != 0)
		return no_access(file, errno);
	file->why[0] = '\0';
	return back ? FILE_BACK : FILE_SAME;
}

static enum file_news look(struct file *file, uint64_t now, uint64_t real)
{
	struct file_stamp stamp;
	char why[WHY];
	struct stat st;

	if (stat(file->path, &st) != 0)
		return is_being_replaced(file, errno, now) ? FILE_SAME : no_access(file, errno);
	file->gone = false;
	if (refused(file, &st, why))
		return trouble(file, why);
	stamp = stamp_of(&st);
	if (file->judged && same(&stamp, &file->taken))
		return look_at_taken(file);
	if (!file->looked || !same(&stamp, &file->seen)) {
		file->looked = true;
		file->seen = stamp;
		file->seen_at = now;
	}
	if (is_settled(file, now, real))
		return begin_reading(file);
	file->due = now + LOOK_SOON;
	return FILE_SAME;
}

enum file_news file_turn(struct file *file, uint64_t now, uint64_t real, uint64_t every)
{
	if (file->path[0] == '\0')
		return FILE_SAME;
	if (file->fd >= 0)
		return read_on(file, now, real);
	if (now < file->due)
		return FILE_SAME;
	file->due = now + every;
	return look(file, now, real);
}
