/* SPDX-License-Identifier: ISC
 *
 * NAME      shelf - a folder that holds a bounded number of small files
 * PURPOSE   See shelf.h.
 * OWNER     keeper
 * CONTRACT  see shelf.h
 * LIMITS    see shelf.h
 */
#include "workers/keeper/shelf.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/text.h"

#define LOOKED_AT (4 * SHELF_FILES) /* entries of a folder that others may have filled */

bool shelf_name_ok(const char *name)
{
	size_t length = strnlen(name, SHELF_NAME);

	if (length == 0 || length >= SHELF_NAME || name[0] == '.')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '.' && name[i] != '-')
			return false;
	return true;
}

static bool path_of(char path_r[PATH_MAX], const char *folder, const char *name)
{
	int length = snprintf(path_r, PATH_MAX, "%s/%s", folder, name);

	if (length > 0 && length < PATH_MAX)
		return true;
	errno = ENAMETOOLONG;
	return false;
}

bool shelf_make(const char *folder)
{
	return mkdir(folder, 0750) == 0 || errno == EEXIST;
}

/* ---- reading ---- */

static uint64_t time_of(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * NS_PER_SEC + (uint64_t)st->st_mtim.tv_nsec;
}

int shelf_get(const char *folder, const char *name, char data_r[SHELF_BYTES + 1], uint64_t *when_r)
{
	char path[PATH_MAX];
	struct stat st;
	ssize_t got = -1;
	int fd, saved;

	if (!shelf_name_ok(name) || !path_of(path, folder, name)) {
		errno = EINVAL;
		return -1;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -1;
	errno = EINVAL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= SHELF_BYTES)
		got = read(fd, data_r, SHELF_BYTES);
	saved = errno;
	close(fd);
	errno = saved;
	if (got < 0)
		return -1;
	data_r[got] = '\0';
	if (when_r != NULL)
		*when_r = time_of(&st);
	return (int)got;
}

static int older_first(const void *a, const void *b)
{
	const struct shelf_file *one = a, *two = b;

	if (one->when != two->when)
		return one->when < two->when ? -1 : 1;
	return strcmp(one->name, two->name);
}

/* Names and times, in the folder's order. Returns how many, at most MOST; -1 with errno. */
static int look(const char *folder, struct shelf_file *files_r, unsigned most)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	unsigned count = 0;
	struct stat st;

	if (dir == NULL)
		return errno == ENOENT ? 0 : -1;
	while (count < most && (entry = readdir(dir)) != NULL) {
		if (!shelf_name_ok(entry->d_name) ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		text_copy(files_r[count].name, sizeof(files_r[count].name), entry->d_name);
		files_r[count++].when = time_of(&st);
	}
	closedir(dir);
	return (int)count;
}

int shelf_list(const char *folder, struct shelf_file files_r[SHELF_FILES])
{
	int count = look(folder, files_r, SHELF_FILES);

	if (count > 0)
		qsort(files_r, (size_t)count, sizeof(files_r[0]), older_first);
	return count;
}

/* ---- writing ---- */

int shelf_drop(const char *folder, const char *name)
{
	char path[PATH_MAX];

	if (!shelf_name_ok(name) || !path_of(path, folder, name)) {
		errno = EINVAL;
		return -1;
	}
	return unlink(path);
}

static bool write_all(int fd, const void *data, size_t length, uint64_t when)
{
	const struct timespec times[2] = {
		{(time_t)(when / NS_PER_SEC), (long)(when % NS_PER_SEC)},
		{(time_t)(when / NS_PER_SEC), (long)(when % NS_PER_SEC)},
	};
	ssize_t written = write(fd, data, length);

	if (written < 0)
		return false;
	if ((size_t)written != length) {
		errno = ENOSPC;
		return false;
	}
	return when == 0 || futimens(fd, times) == 0;
}

static bool write_file(const char *folder, const char *name, const void *data, size_t length,
		       uint64_t when)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	bool done;
	int fd, saved;

	if (!path_of(path, folder, name) || !path_of(fresh, folder, ".new"))
		return false;
	if (unlink(fresh) != 0 && errno != ENOENT)
		return false;
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return false;
	done = write_all(fd, data, length, when);
	saved = errno;
	close(fd);
	if (done && rename(fresh, path) == 0)
		return true;
	if (done)
		saved = errno;
	unlink(fresh);
	errno = saved;
	return false;
}

static int make_room(const char *folder, unsigned most)
{
	struct shelf_file *files = calloc(LOOKED_AT, sizeof(*files));
	int count, gone = 0;

	if (files == NULL)
		return -1;
	count = look(folder, files, LOOKED_AT);
	if (count > 0)
		qsort(files, (size_t)count, sizeof(*files), older_first);
	for (; count - gone > (int)most; gone++)
		if (shelf_drop(folder, files[gone].name) != 0)
			break;
	free(files);
	return gone;
}

int shelf_put(const char *folder, const char *name, const void *data, size_t length, uint64_t when,
	      unsigned most)
{
	if (!shelf_name_ok(name)) {
		errno = EINVAL;
		return -1;
	}
	if (!shelf_make(folder) || !write_file(folder, name, data, length, when))
		return -1;
	return make_room(folder, most);
}
