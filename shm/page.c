/* SPDX-License-Identifier: ISC
 *
 * NAME      page - the block of shared memory that belongs to a slot
 * PURPOSE   Makes, maps and fills the pages; holds the table of the counters' names.
 * OWNER     made and held by the master, written by the slot's present holder
 * CONTRACT  see page.h
 * LIMITS    PAGE_LANES_MAX lanes. Every page has address space for all of them (memory is taken
 *           by the lanes in use alone), so that no holder can lead a reader beyond the mapping by
 *           what it writes into its own page.
 */
#include "shm/page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/clock.h"

#define PAGE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define PAGE_BYTES (sizeof(struct page) + PAGE_LANES_MAX * sizeof(struct page_lane))

static const struct page_counter_info counter_table[] = {
#define COUNTER(number, id, name, labels, help) {number, name, labels, help},
#include "shm/counters.def"
#undef COUNTER
};

static int page_close_failed(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

int page_create(const char *slot, uint32_t lanes)
{
	char name[32];
	struct page *page;
	int fd;

	if (lanes > PAGE_LANES_MAX || strlen(slot) >= sizeof(page->slot)) {
		errno = EINVAL;
		return -1;
	}
	snprintf(name, sizeof(name), "page-%s", slot);
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -1;
	/* 0600: who got a read-only descriptor and has another uid can't reopen it for writing */
	if (fchmod(fd, 0600) < 0 || ftruncate(fd, PAGE_BYTES) < 0 ||
	    fcntl(fd, F_ADD_SEALS, PAGE_SEALS) < 0)
		return page_close_failed(fd);
	page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return page_close_failed(fd);
	page->magic = PAGE_MAGIC;
	page->version = PAGE_VERSION;
	page->lanes = lanes;
	memcpy(page->slot, slot, strlen(slot));
	munmap(page, PAGE_BYTES);
	return fd;
}

int page_reopen_readonly(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static struct page *page_map_as(int fd, int protection)
{
	struct page *page;
	struct stat st;
	int seals;

	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) < 0 ||
	    st.st_size != (off_t)PAGE_BYTES) {
		errno = EINVAL;
		return NULL;
	}
	page = mmap(NULL, PAGE_BYTES, protection, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return NULL;
	if (page->magic != PAGE_MAGIC || page->version != PAGE_VERSION ||
	    page->lanes > PAGE_LANES_MAX || !memchr(page->slot, '\0', sizeof(page->slot))) {
		munmap(page, PAGE_BYTES);
		errno = EINVAL;
		return NULL;
	}
	return page;
}

struct page *page_map(int fd)
{
	return page_map_as(fd, PROT_READ | PROT_WRITE);
}

const struct page *page_map_readonly(int fd)
{
	return page_map_as(fd, PROT_READ);
}

void page_unmap(const struct page **page)
{
	if (!*page)
		return;
	munmap((void *)*page, PAGE_BYTES);
	*page = NULL;
}

void page_set_state(struct page *page, enum page_state state)
{
	atomic_store_explicit(&page->state_since, clock_mono(), memory_order_relaxed);
	atomic_store_explicit(&page->state, state, memory_order_release);
}

const char *page_feed_state_name(unsigned state)
{
	static const char *const name[FEED_STATES] = {"off", "resolving", "connecting", "login",
						      "up",  "waiting",	  "broken"};

	return state < FEED_STATES ? name[state] : "?";
}

const char *page_state_name(uint32_t state)
{
	static const char *const names[] = {
		[PAGE_EMPTY] = "empty",	      [PAGE_STARTING] = "starting",
		[PAGE_READY] = "ready",	      [PAGE_IDLE] = "idle",
		[PAGE_BUSY] = "busy",	      [PAGE_LMDB_HOLD] = "lmdb-hold",
		[PAGE_STOPPING] = "stopping",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

void page_beat(struct page *page, uint64_t now)
{
	uint64_t turns = atomic_load_explicit(&page->turns, memory_order_relaxed);

	atomic_store_explicit(&page->turns, turns + 1, memory_order_relaxed);
	atomic_store_explicit(&page->beat, now, memory_order_relaxed);
}

static uint32_t lane_load(const _Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void lane_store(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

void page_lane_touch(struct page *page, uint32_t lane, uint32_t stream, uint64_t now,
		     uint32_t counter, uint32_t missing)
{
	struct page_lane *words;

	if (lane >= page->lanes || lane >= PAGE_LANES_MAX)
		return;
	words = &page->lane[lane];
	if (lane_load(&words->stream) != stream) {
		/* nobody's while the numbers of the former stream are wiped */
		lane_store(&words->stream, 0);
		atomic_thread_fence(memory_order_release);
		lane_store(&words->frames, 0);
		lane_store(&words->lost, 0);
	}
	lane_store(&words->frames, lane_load(&words->frames) + 1);
	lane_store(&words->lost, lane_load(&words->lost) + missing);
	lane_store(&words->counter, counter);
	atomic_store_explicit(&words->last, now, memory_order_relaxed);
	atomic_store_explicit(&words->stream, stream, memory_order_release);
}

bool page_lane_read(const struct page *page, uint32_t lane, uint32_t stream,
		    struct page_lane_view *view_r)
{
	const struct page_lane *words;

	memset(view_r, 0, sizeof(*view_r));
	if (!stream || lane >= page->lanes || lane >= PAGE_LANES_MAX)
		return false;
	words = &page->lane[lane];
	if (atomic_load_explicit(&words->stream, memory_order_acquire) != stream)
		return false;
	view_r->last = atomic_load_explicit(&words->last, memory_order_relaxed);
	view_r->frames = lane_load(&words->frames);
	view_r->lost = lane_load(&words->lost);
	view_r->counter = lane_load(&words->counter);
	atomic_thread_fence(memory_order_acquire);
	if (lane_load(&words->stream) == stream)
		return true;
	memset(view_r, 0, sizeof(*view_r));
	return false;
}

const struct page_counter_info *page_counter_table(size_t *count_r)
{
	*count_r = sizeof(counter_table) / sizeof(counter_table[0]);
	return counter_table;
}
