/* SPDX-License-Identifier: ISC
 *
 * NAME      table - the TCP sessions of a slot, in memory that outlives its holder
 * PURPOSE   See shm/table.h.
 * OWNER     the master and the slot's present holder
 * CONTRACT  see shm/table.h
 * LIMITS    see shm/table.h
 */
#include "shm/table.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS	      (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define MEASURE_TRIES 64

/* tcp_info names its states by numbers that only <netinet/tcp.h> has, and that clashes with
 * <linux/tcp.h>, which alone has the counters. */
enum state {
	STATE_TIME_WAIT = 6,
	STATE_CLOSE = 7,
	STATE_CLOSE_WAIT = 8,
	STATE_LAST_ACK = 9,
	STATE_CLOSING = 11,
};

static size_t bytes_of(unsigned entries)
{
	return sizeof(struct table_block) + entries * sizeof(struct table_entry);
}

static int close_failed(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

int table_create(const char *slot, unsigned entries)
{
	struct table_block *block;
	char name[32];
	int fd;

	if (entries > TABLE_ENTRIES_MAX || strlen(slot) >= sizeof(block->slot)) {
		errno = EINVAL;
		return -1;
	}
	snprintf(name, sizeof(name), "table-%s", slot);
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -1;
	if (fchmod(fd, 0600) < 0 || ftruncate(fd, (off_t)bytes_of(entries)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return close_failed(fd);
	block = mmap(NULL, bytes_of(entries), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (block == MAP_FAILED)
		return close_failed(fd);
	block->magic = TABLE_MAGIC;
	block->version = TABLE_VERSION;
	block->entries = entries;
	memcpy(block->slot, slot, strlen(slot));
	munmap(block, bytes_of(entries));
	return fd;
}

static bool map_as(int fd, int protection, struct table *table_r)
{
	struct table_block *block;
	struct stat st;
	unsigned entries;
	int seals = fcntl(fd, F_GET_SEALS);

	*table_r = (struct table){0};
	if (seals < 0 || fstat(fd, &st) < 0)
		return false;
	errno = EINVAL;
	if (!(seals & F_SEAL_SHRINK) || st.st_size < (off_t)sizeof(*block) ||
	    st.st_size > (off_t)bytes_of(TABLE_ENTRIES_MAX))
		return false;
	block = mmap(NULL, (size_t)st.st_size, protection, MAP_SHARED, fd, 0);
	if (block == MAP_FAILED)
		return false;
	entries = block->entries;
	if (block->magic != TABLE_MAGIC || block->version != TABLE_VERSION ||
	    entries > TABLE_ENTRIES_MAX || (off_t)bytes_of(entries) != st.st_size) {
		munmap(block, (size_t)st.st_size);
		errno = EINVAL;
		return false;
	}
	*table_r = (struct table){block, (size_t)st.st_size, entries};
	return true;
}

bool table_map(int fd, struct table *table_r)
{
	return map_as(fd, PROT_READ | PROT_WRITE, table_r);
}

bool table_map_readonly(int fd, struct table *table_r)
{
	return map_as(fd, PROT_READ, table_r);
}

void table_unmap(struct table *table)
{
	if (table->block != NULL)
		munmap(table->block, table->bytes);
	*table = (struct table){0};
}

static bool has_ended(unsigned state)
{
	return state == STATE_CLOSE_WAIT || state == STATE_LAST_ACK || state == STATE_CLOSING ||
	       state == STATE_TIME_WAIT;
}

static int ask(int fd, struct tcp_info *info_r)
{
	socklen_t length = sizeof(*info_r);

	memset(info_r, 0, sizeof(*info_r));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info_r, &length) != 0)
		return -1;
	if (length <
	    offsetof(struct tcp_info, tcpi_bytes_received) + sizeof(info_r->tcpi_bytes_received)) {
		errno = ENOTSUP; /* a kernel before 4.1 */
		return -1;
	}
	return 0;
}

/* Bytes may be acknowledged, or arrive, between two questions: only an answer that was framed by
 * two equal ones belongs to them. */
int table_measure(int fd, struct table_counts *counts_r)
{
	struct tcp_info before, after;
	int unsent, unread;

	if (ask(fd, &before) != 0)
		return -1;
	for (unsigned i = 0; i < MEASURE_TRIES; i++, before = after) {
		if (ioctl(fd, SIOCOUTQ, &unsent) != 0 || ioctl(fd, SIOCINQ, &unread) != 0 ||
		    ask(fd, &after) != 0)
			return -1;
		if (before.tcpi_bytes_acked != after.tcpi_bytes_acked ||
		    before.tcpi_bytes_received != after.tcpi_bytes_received ||
		    before.tcpi_state != after.tcpi_state)
			continue;
		counts_r->ended = has_ended(after.tcpi_state);
		counts_r->dead = after.tcpi_state == STATE_CLOSE;
		counts_r->unread = (uint32_t)unread;
		/* the peer's FIN counts as a byte received, but not as one that waits */
		counts_r->received =
			after.tcpi_bytes_received - (uint32_t)unread - (counts_r->ended ? 1 : 0);
		counts_r->sent = after.tcpi_bytes_acked + (uint32_t)unsent;
		return 0;
	}
	errno = EAGAIN;
	return -1;
}

void table_fill(struct table_entry *entry, uint64_t session, const struct addr *peer,
		const struct table_counts *counts)
{
	atomic_store_explicit(&entry->session, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	entry->peer = *peer;
	entry->base_received = counts->received;
	entry->base_sent = counts->sent;
	atomic_store_explicit(&entry->consumed, 0, memory_order_relaxed);
	atomic_store_explicit(&entry->sent, 0, memory_order_relaxed);
	atomic_store_explicit(&entry->selector, 0, memory_order_relaxed);
	atomic_store_explicit(&entry->tries, 0, memory_order_relaxed);
	memset(entry->state, 0, sizeof(entry->state));
	atomic_store_explicit(&entry->session, session, memory_order_release);
}

void table_free(struct table_entry *entry)
{
	atomic_store_explicit(&entry->session, 0, memory_order_release);
}

struct table_state *table_stage(struct table_entry *entry)
{
	unsigned now = table_selected(entry);

	entry->state[!now] = entry->state[now];
	return &entry->state[!now];
}

struct table_state *table_stage_told(struct table_entry *entry)
{
	unsigned now = table_selected(entry);

	memcpy(&entry->state[!now], &entry->state[now],
	       offsetof(struct table_state, own) + TABLE_TOLD);
	return &entry->state[!now];
}

void table_commit(struct table_entry *entry)
{
	atomic_store_explicit(&entry->selector, !table_selected(entry), memory_order_release);
}

void table_journal_write(struct table_entry *entry, uint64_t out, const void *data, size_t length)
{
	size_t at = out % TABLE_JOURNAL;
	size_t first = TABLE_JOURNAL - at;

	if (first > length)
		first = length;
	memcpy(entry->journal + at, data, first);
	memcpy(entry->journal, (const uint8_t *)data + first, length - first);
}

int table_journal_read(const struct table_entry *entry, uint64_t from, uint64_t to,
		       struct iovec piece_r[2])
{
	size_t length = (size_t)(to - from), at = from % TABLE_JOURNAL;
	size_t first = TABLE_JOURNAL - at;
	uint8_t *journal = (uint8_t *)(uintptr_t)entry->journal;

	if (length == 0)
		return 0;
	if (first >= length) {
		piece_r[0] = (struct iovec){journal + at, length};
		return 1;
	}
	piece_r[0] = (struct iovec){journal + at, first};
	piece_r[1] = (struct iovec){journal, length - first};
	return 2;
}

/* ---- chunks ---- */

static unsigned lines_of(const struct table_chunk *chunk)
{
	return atomic_load_explicit(&chunk->lines, memory_order_acquire);
}

uint32_t table_chunk_start(const struct table_chunk *chunk, unsigned line)
{
	return line == 0 ? 0 : chunk->line[line - 1].end;
}

uint32_t table_chunk_length(const struct table_chunk *chunk)
{
	return table_chunk_start(chunk, lines_of(chunk));
}

bool table_chunk_add(struct table_chunk *chunk, uint64_t number, const void *data, size_t length)
{
	unsigned lines = lines_of(chunk);
	uint32_t start = table_chunk_start(chunk, lines);

	if (lines >= TABLE_CHUNK_LINES || length == 0 || length > TABLE_LINE_MAX ||
	    length > TABLE_CHUNK_BYTES - start || number - chunk->from > UINT32_MAX)
		return false;
	memcpy(chunk->bytes + start, data, length);
	chunk->line[lines] =
		(struct table_line){start + (uint32_t)length, (uint32_t)(number - chunk->from)};
	atomic_store_explicit(&chunk->lines, lines + 1, memory_order_release);
	return true;
}

unsigned table_chunk_find(const struct table_chunk *chunk, unsigned first, uint32_t at)
{
	unsigned last = lines_of(chunk) - 1;

	while (first < last) {
		unsigned middle = first + (last - first) / 2;

		if (chunk->line[middle].end >= at)
			last = middle;
		else
			first = middle + 1;
	}
	return first;
}

bool table_chunk_sound(const struct table_chunk *chunk)
{
	unsigned lines = lines_of(chunk);
	uint32_t end = 0;

	if (lines == 0 || lines > TABLE_CHUNK_LINES || chunk->from >= chunk->to)
		return false;
	for (unsigned i = 0; i < lines; i++) {
		const struct table_line *line = &chunk->line[i];

		if (line->end <= end || line->end - end > TABLE_LINE_MAX ||
		    line->end > TABLE_CHUNK_BYTES || line->number > chunk->to - chunk->from)
			return false;
		end = line->end;
	}
	return true;
}

bool table_entry_sound(const struct table_entry *entry, uint64_t consumed, uint64_t unread,
		       uint64_t sent)
{
	const struct table_state *state = table_now(entry);

	/* whatever was acted upon was seen: it was read, or it waits */
	if (state->in < consumed || state->in - consumed > unread)
		return false;
	return sent <= state->out && state->out - sent <= TABLE_JOURNAL;
}
