/* SPDX-License-Identifier: ISC
 *
 * NAME      place - the directory of a store
 * PURPOSE   Makes it, judges its room, and moves what isn't ours out of the way.
 * OWNER     keeper at its start
 * CONTRACT  nothing is deleted but the store that was set aside the time before
 * LIMITS    none known
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "shm/log.h"
#include "shm/store/inside.h"

#define PLACE_PATH_MAX STORE_PATH_MAX
#define OLD_MOST       9 /* .old9 */
#define MIB	       (1024 * 1024)

static bool place_join(char out[PLACE_PATH_MAX], const char *path, const char *tail)
{
	int length = snprintf(out, PLACE_PATH_MAX, "%s%s", path, tail);

	return length > 0 && length < PLACE_PATH_MAX;
}

/* Only what LMDB makes is removed: a stranger's files stay, and rmdir then refuses. */
static bool place_remove(const char *path)
{
	char file[PLACE_PATH_MAX];

	if (unlink(path) == 0 || errno == ENOENT)
		return true;
	if (place_join(file, path, "/data.mdb"))
		unlink(file);
	if (place_join(file, path, "/lock.mdb"))
		unlink(file);
	return rmdir(path) == 0;
}

/* The name for what is set aside; it is free, or becomes so. */
static bool place_old_name(const struct store *store, char old_r[STORE_PATH_MAX])
{
	unsigned most = store_is_volatile(store->config.kind) ? 0 : OLD_MOST;
	char tail[16] = ".old";
	struct stat st;

	for (unsigned i = 0; i <= most; i++) {
		if (i > 0)
			snprintf(tail, sizeof(tail), ".old%u", i);
		if (!place_join(old_r, store->path, tail)) {
			errno = ENAMETOOLONG;
			return false;
		}
		if (most > 0 && lstat(old_r, &st) != 0 && errno == ENOENT)
			return true;
	}
	return place_remove(old_r);
}

enum store_error place_set_aside(const struct store *store, char old_r[STORE_PATH_MAX],
				 char error_r[256])
{
	if (!place_old_name(store, old_r)) {
		store_say(error_r, "can't remove %.160s: %s", old_r, strerror(errno));
		return STORE_FAILED;
	}
	if (rename(store->path, old_r) < 0) {
		store_say(error_r, "can't rename %.120s to .old: %s", store->path, strerror(errno));
		return STORE_FAILED;
	}
	store_count(store, COUNT_STORE_SET_ASIDE);
	return STORE_OK;
}

enum store_error place_prepare(const struct store *store, bool *set_aside_r, char error_r[256])
{
	char old[STORE_PATH_MAX];
	enum store_error error;
	struct stat st;

	if (lstat(store->path, &st) == 0 && !S_ISDIR(st.st_mode)) {
		error = place_set_aside(store, old, error_r);
		if (error)
			return error;
		*set_aside_r = true;
		log_warning("%s set aside as %s: it was no directory",
			    store_kind_name(store->config.kind), old);
	}
	if (mkdir(store->path, 0700) == 0 || errno == EEXIST)
		return STORE_OK;
	store_say(error_r, "can't make the directory %.160s: %s", store->path, strerror(errno));
	return STORE_FAILED;
}

/* A rename is for good when its directory is on the disk. */
static bool place_sync_parent(const char *path)
{
	char parent[PLACE_PATH_MAX];
	char *slash;
	bool good;
	int fd;

	if (!place_join(parent, path, ""))
		return false;
	slash = strrchr(parent, '/');
	if (!slash)
		return false;
	slash[slash == parent] = '\0';
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	good = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return good;
}

static enum store_error place_swap(const char *path, const char *fresh, char error_r[256])
{
	if (renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_EXCHANGE) == 0)
		return STORE_OK;
	store_say(error_r, "%.100s and %.100s can't change places: %s", path, fresh,
		  errno == EINVAL || errno == ENOSYS ? "this file system knows no exchange"
						     : strerror(errno));
	return STORE_FAILED;
}

enum store_error store_exchange(const char *path, const char *fresh, bool keep, char error_r[256])
{
	char old[PLACE_PATH_MAX];
	enum store_error error;

	if (!place_join(old, path, ".old")) {
		store_say(error_r, "the path of the store is too long: %.100s...", path);
		return STORE_FAILED;
	}
	/* the new one waits under the name that the former one gets: then one rename does it all */
	if (keep && (!place_remove(old) || rename(fresh, old) < 0)) {
		store_say(error_r, "can't make room at %.160s: %s", old, strerror(errno));
		return STORE_FAILED;
	}
	error = place_swap(path, keep ? old : fresh, error_r);
	if (error)
		return error;
	if (!place_sync_parent(path))
		log_warning("%s: the exchange may not be on the disk yet: %s", path,
			    strerror(errno));
	if (!keep && !place_remove(fresh))
		log_warning("can't remove %s: %s", fresh, strerror(errno));
	return STORE_OK;
}

bool place_has_data(const char *path)
{
	char file[PLACE_PATH_MAX];

	return place_join(file, path, "/data.mdb") && access(file, F_OK) == 0;
}

static uint64_t place_own_bytes(const char *path)
{
	char file[PLACE_PATH_MAX];
	struct stat st;

	if (!place_join(file, path, "/data.mdb") || stat(file, &st) < 0)
		return 0;
	return (uint64_t)st.st_blocks * 512;
}

enum store_error place_check_room(const struct store *store, uint64_t need, char error_r[256])
{
	const char *what = store_is_volatile(store->config.kind) ? "shm_dir" : "state_dir";
	struct statvfs fs;
	uint64_t room;

	if (statvfs(store->path, &fs) < 0) {
		store_say(error_r, "can't ask for the room in %.160s: %s", store->path,
			  strerror(errno));
		return STORE_FAILED;
	}
	room = (uint64_t)fs.f_bavail * fs.f_frsize + place_own_bytes(store->path);
	/* a tmpfs without a bound says that it has no blocks at all */
	if (fs.f_blocks == 0 || room >= need)
		return STORE_OK;
	store_say(error_r, "limits need %llu MiB, %s has %llu MiB: enlarge it, or lower keys of [limits]",
		  (unsigned long long)((need + MIB - 1) / MIB), what,
		  (unsigned long long)(room / MIB));
	return STORE_NO_SPACE;
}
