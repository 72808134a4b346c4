/* SPDX-License-Identifier: ISC
 *
 * NAME      room - size, memory and readers of a store
 * PURPOSE   Keeps room for small commits, gives back pages of the map, clears dead readers.
 * OWNER     keeper; store_forget_pages: every process
 * CONTRACT  see env.h
 * LIMITS    the map is found in /proc/self/maps when the store is opened; without /proc
 *           store_forget_pages does nothing
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "shm/log.h"
#include "shm/store/inside.h"

static bool room_match(struct store *store, const char *line, const struct stat *st)
{
	unsigned long start, end, inode;
	unsigned dev_major, dev_minor;

	/* the kernel's own format: numbers that fit */
	/* NOLINTNEXTLINE(cert-err34-c) */
	if (sscanf(line, "%lx-%lx %*s %*x %x:%x %lu", &start, &end, &dev_major, &dev_minor,
		   &inode) != 5)
		return false;
	if (inode != st->st_ino || dev_major != major(st->st_dev) || dev_minor != minor(st->st_dev))
		return false;
	store->map = (void *)start;
	store->map_length = end - start;
	return true;
}

void room_find_map(struct store *store)
{
	char line[512];
	struct stat st;
	FILE *maps;
	int fd;

	store->map = NULL;
	if (mdb_env_get_fd(store->env, &fd) || fstat(fd, &st) < 0)
		return;
	maps = fopen("/proc/self/maps", "re");
	if (!maps)
		return;
	while (fgets(line, sizeof(line), maps) && !room_match(store, line, &st))
		;
	fclose(maps);
}

void store_forget_pages(struct store *store)
{
	if (store->map && !store->reading)
		madvise(store->map, store->map_length, MADV_DONTNEED);
}

bool store_replaced(struct store *store)
{
	char file[sizeof(store->path) + 16];
	struct stat ours, theirs;
	int fd;

	snprintf(file, sizeof(file), "%s/data.mdb", store->path);
	if (mdb_env_get_fd(store->env, &fd) || fstat(fd, &ours) || stat(file, &theirs))
		return false; /* the next maker of a store will tell */
	return ours.st_ino != theirs.st_ino || ours.st_dev != theirs.st_dev;
}

bool store_is_lost(const struct store *store)
{
	return store != NULL && store->lost;
}

int store_check_readers(struct store *store)
{
	int dead = 0, rc;

	rc = mdb_reader_check(store->env, &dead);
	if (!rc)
		return dead;
	store_translate(store, rc, "check of the readers");
	return -1;
}

static bool room_used(struct store *store, uint64_t *used_r, int *fd_r)
{
	MDB_envinfo info;
	MDB_stat stat;

	if (mdb_env_get_fd(store->env, fd_r) || mdb_env_info(store->env, &info) ||
	    mdb_env_stat(store->env, &stat))
		return false;
	*used_r = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
	return true;
}

void store_size(struct store *store, uint64_t *pages_r, uint64_t *bytes_r)
{
	MDB_envinfo info;
	struct stat st;
	int fd;

	*pages_r = mdb_env_info(store->env, &info) ? 0 : info.me_last_pgno + 1;
	*bytes_r = 0;
	if (mdb_env_get_fd(store->env, &fd) == 0 && fstat(fd, &st) == 0)
		*bytes_r = (uint64_t)st.st_size;
}

/* From where room is sure: pages inside the file that LMDB never wrote (it gave them up within the
 * transaction that took them) are holes until then, and would need space when they are used. */
bool store_reserve(struct store *store, uint64_t bytes)
{
	uint64_t used, end, have = store->reserved_end;
	int fd, rc;

	if (!room_used(store, &used, &fd) || used + bytes <= have)
		return true;
	end = used + bytes + bytes / 2;
	do {
		rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)have, (off_t)(end - have));
	} while (rc < 0 && errno == EINTR);
	if (rc == 0) {
		store->reserved_end = end;
		return true;
	}
	log_limited(LOG_LEVEL_WARNING, "%s: can't reserve %llu KiB: %s", store->path,
		    (unsigned long long)((end - have) / 1024), strerror(errno));
	return false;
}
