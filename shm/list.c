/* SPDX-License-Identifier: ISC
 *
 * NAME      list - compiled lists: what they have in common
 * PURPOSE   Sealing one, and looking at one before it is believed.
 * OWNER     see shm/list.h
 * CONTRACT  see shm/list.h
 * LIMITS    see shm/list.h
 */
#include "shm/list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* The size of a sealed FD, or 0 with errno. */
static size_t sealed_size(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || fstat(fd, &st) != 0)
		return 0;
	if ((seals & SEALS) == SEALS && st.st_size > 0 && (uint64_t)st.st_size <= LIST_SIZE_MAX)
		return (size_t)st.st_size;
	errno = EINVAL;
	return 0;
}

bool list_sealed(int fd)
{
	return sealed_size(fd) > 0;
}

static bool head_ok(const struct list_head *head, enum list_kind kind, unsigned version,
		    size_t size)
{
	return head->magic == LIST_MAGIC && head->kind == kind && head->version == version &&
	       head->size == size;
}

const struct list_head *list_map(int fd, enum list_kind kind, unsigned version)
{
	size_t size = sealed_size(fd);
	void *map;

	if (size == 0)
		return NULL;
	if (size < sizeof(struct list_head)) {
		errno = EINVAL;
		return NULL;
	}
	/* Private: kernels before 6.7 refuse even a reading MAP_SHARED of a write-sealed memfd. */
	map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	if (head_ok(map, kind, version, size))
		return map;
	munmap(map, size);
	errno = EINVAL;
	return NULL;
}

void list_unmap(const struct list_head **list)
{
	/* it was checked against the size of the mapping, and can't have changed */
	if (*list != NULL)
		munmap((void *)(uintptr_t)*list, (*list)->size);
	*list = NULL;
}

static bool write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t sent = write(fd, at, size);

		if (sent < 0 && errno != EINTR)
			return false;
		if (sent > 0) {
			at += sent;
			size -= (size_t)sent;
		}
	}
	return true;
}

int list_seal(enum list_kind kind, const void *data, size_t size)
{
	char name[32];
	int fd, error;

	if (size == 0 || size > LIST_SIZE_MAX) {
		errno = EFBIG;
		return -1;
	}
	snprintf(name, sizeof(name), "shackd-list-%s", list_name(kind));
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -1;
	if (write_all(fd, data, size) && fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

const char *list_name(enum list_kind kind)
{
	static const char *const names[LIST_KINDS] = {"access", "homes", "hosts", "countries",
							 "known"};

	return (unsigned)kind < LIST_KINDS ? names[kind] : "?";
}
