/* SPDX-License-Identifier: ISC
 *
 * NAME      gate - the lock in front of a store's writer
 * PURPOSE   A robust process-shared mutex in a sealed memfd, taken by trylock alone.
 * OWNER     made by the master, taken by every writer through shm/store/env
 * CONTRACT  see gate.h
 * LIMITS    none known
 */
#include "shm/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/clock.h"

#define GATE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static int gate_close_failed(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

static int gate_init_mutex(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;
	int error;

	error = pthread_mutexattr_init(&attr);
	if (error)
		return error;
	error = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	if (!error)
		error = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	if (!error)
		error = pthread_mutex_init(mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	return error;
}

int gate_create(const char *name)
{
	struct gate *gate;
	int fd, error;

	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -1;
	if (fchmod(fd, 0600) < 0 || ftruncate(fd, sizeof(*gate)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, GATE_SEALS) < 0)
		return gate_close_failed(fd);
	gate = mmap(NULL, sizeof(*gate), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (gate == MAP_FAILED)
		return gate_close_failed(fd);
	error = gate_init_mutex(&gate->mutex);
	gate->magic = GATE_MAGIC;
	munmap(gate, sizeof(*gate));
	if (error) {
		errno = error;
		return gate_close_failed(fd);
	}
	return fd;
}

/* A file that could shrink under a mapping would be a SIGBUS in every process that maps it. */
static bool gate_is_sealed(int fd)
{
	struct stat st;
	int seals;

	seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && (seals & F_SEAL_SHRINK) && fstat(fd, &st) == 0 &&
	       st.st_size == (off_t)sizeof(struct gate);
}

struct gate *gate_map(int fd)
{
	struct gate *gate;

	if (!gate_is_sealed(fd)) {
		errno = EINVAL;
		return NULL;
	}
	gate = mmap(NULL, sizeof(*gate), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (gate == MAP_FAILED)
		return NULL;
	if (gate->magic != GATE_MAGIC) {
		munmap(gate, sizeof(*gate));
		errno = EINVAL;
		return NULL;
	}
	return gate;
}

void gate_unmap(struct gate **gate)
{
	if (!*gate)
		return;
	munmap(*gate, sizeof(**gate));
	*gate = NULL;
}

static void gate_note_holder(struct gate *gate)
{
	atomic_store_explicit(&gate->taken, clock_mono(), memory_order_relaxed);
	atomic_store_explicit(&gate->holder, (int32_t)getpid(), memory_order_relaxed);
}

enum gate_result gate_try(struct gate *gate)
{
	switch (pthread_mutex_trylock(&gate->mutex)) {
	case 0:
		gate_note_holder(gate);
		return GATE_TAKEN;
	case EOWNERDEAD:
		if (pthread_mutex_consistent(&gate->mutex) != 0)
			return GATE_BROKEN;
		gate_note_holder(gate);
		atomic_fetch_add_explicit(&gate->recovered, 1, memory_order_relaxed);
		return GATE_RECOVERED;
	case EBUSY:
	case EAGAIN:
		return GATE_BUSY;
	default:
		return GATE_BROKEN;
	}
}

void gate_leave(struct gate *gate)
{
	atomic_store_explicit(&gate->holder, 0, memory_order_relaxed);
	atomic_store_explicit(&gate->taken, 0, memory_order_relaxed);
	pthread_mutex_unlock(&gate->mutex);
}
