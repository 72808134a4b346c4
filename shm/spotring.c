/* SPDX-License-Identifier: ISC
 *
 * NAME      spotring - spots on their way from a feed to the pipeline
 * PURPOSE   See shm/spotring.h.
 * OWNER     the master, a feed's present holder, and the holder of spot
 * CONTRACT  an entry is written before `head` says that it is there, and read before `tail` says that
 *           its place is free; what the other side wrote into `head` and `tail` is bounded, not
 *           believed
 * LIMITS    see shm/spotring.h
 */
#include "shm/spotring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/text.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static size_t bytes_of(uint32_t capacity)
{
	return sizeof(struct spotring_head) + (size_t)capacity * sizeof(struct spotring_entry);
}

static int close_failed(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

int spotring_create(const char *slot, unsigned capacity)
{
	struct spotring_head head = {
		.magic = SPOTRING_MAGIC, .version = SPOTRING_VERSION, .capacity = capacity};
	char name[32];
	int fd;

	if (capacity < SPOTRING_MIN || capacity > SPOTRING_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (getrandom(&head.id, sizeof(head.id), 0) != (ssize_t)sizeof(head.id))
		return -1;
	text_copy(head.slot, sizeof(head.slot), slot);
	snprintf(name, sizeof(name), "spots-%s", head.slot);
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -1;
	if (fchmod(fd, 0600) < 0 || ftruncate(fd, (off_t)bytes_of(capacity)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, SEALS) < 0 ||
	    pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return close_failed(fd);
	return fd;
}

/* Is what stands at its start a head, and does the size follow from it? */
static bool head_is_sound(const struct spotring_head *head, off_t size, uint32_t *capacity_r)
{
	*capacity_r = head->capacity;
	return head->magic == SPOTRING_MAGIC && head->version == SPOTRING_VERSION &&
	       *capacity_r >= SPOTRING_MIN && *capacity_r <= SPOTRING_MAX &&
	       (off_t)bytes_of(*capacity_r) == size &&
	       memchr(head->slot, '\0', sizeof(head->slot)) != NULL;
}

bool spotring_map(int fd, struct spotring *ring_r)
{
	struct spotring_head *block;
	struct stat st;
	uint32_t capacity;
	int seals = fcntl(fd, F_GET_SEALS);

	*ring_r = (struct spotring){0};
	if (seals < 0 || fstat(fd, &st) < 0)
		return false;
	errno = EINVAL;
	if (!(seals & F_SEAL_SHRINK) || st.st_size < (off_t)bytes_of(SPOTRING_MIN) ||
	    st.st_size > (off_t)bytes_of(SPOTRING_MAX))
		return false;
	block = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (block == MAP_FAILED)
		return false;
	if (!head_is_sound(block, st.st_size, &capacity)) {
		munmap(block, (size_t)st.st_size);
		errno = EINVAL;
		return false;
	}
	*ring_r = (struct spotring){block, (size_t)st.st_size, capacity};
	return true;
}

void spotring_unmap(struct spotring *ring)
{
	if (ring->block != NULL)
		munmap(ring->block, ring->bytes);
	*ring = (struct spotring){0};
}

static struct spotring_entry *entry_at(const struct spotring *ring, uint64_t number)
{
	return &ring->block->entry[number % ring->capacity];
}

bool spotring_put(struct spotring *ring, uint64_t session, uint64_t offset, const struct spot *spot)
{
	struct spotring_head *block = ring->block;
	uint64_t head = atomic_load_explicit(&block->head, memory_order_relaxed);
	struct spotring_entry *entry = entry_at(ring, head);

	if (head - atomic_load_explicit(&block->tail, memory_order_acquire) >= ring->capacity) {
		atomic_fetch_add_explicit(&block->dropped, 1, memory_order_relaxed);
		return false;
	}
	entry->session = session;
	entry->offset = offset;
	entry->spot = *spot;
	atomic_store_explicit(&block->head, head + 1, memory_order_release);
	return true;
}

bool spotring_last(const struct spotring *ring, uint64_t *session_r, uint64_t *offset_r)
{
	uint64_t head = atomic_load_explicit(&ring->block->head, memory_order_acquire);
	const struct spotring_entry *entry = entry_at(ring, head - 1);

	if (head == 0)
		return false;
	*session_r = entry->session;
	*offset_r = entry->offset;
	return true;
}

const struct spotring_entry *spotring_get(const struct spotring *ring, uint64_t next)
{
	uint64_t there = atomic_load_explicit(&ring->block->head, memory_order_acquire) - next;

	return there >= 1 && there <= ring->capacity ? entry_at(ring, next) : NULL;
}

void spotring_done(struct spotring *ring, uint64_t next)
{
	atomic_store_explicit(&ring->block->tail, next, memory_order_release);
}

unsigned spotring_used(const struct spotring *ring)
{
	uint64_t tail = atomic_load_explicit(&ring->block->tail, memory_order_acquire);
	uint64_t used = atomic_load_explicit(&ring->block->head, memory_order_acquire) - tail;

	return used < ring->capacity ? (unsigned)used : ring->capacity;
}
