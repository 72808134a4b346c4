/* SPDX-License-Identifier: ISC
 *
 * NAME      table - the TCP sessions of a slot, in memory that outlives its holder
 * PURPOSE   What a successor must know to go on with a connection in the middle of a line: how many
 *           bytes were acted upon, what was answered, and where both stand in the kernel.
 * OWNER     made and held by the master, who writes an entry when a connection comes and when it is
 *           over; between that the slot's present holder alone
 * CONTRACT  "acted upon" and "answered" become visible together or not at all: two copies of the
 *           state and one atomic word that selects. Offsets count bytes of the connection from its
 *           accept on. Who takes an entry over from a predecessor checks it (table_entry_sound).
 *           Output that many sessions get alike is not copied to each one's journal: it lies in a
 *           chunk, and one record for the whole slot (struct table_sending) says which session is
 *           being sent what, for only one is at a time. That record is good while the session's
 *           `out` is the one it names.
 * LIMITS    TABLE_ENTRIES_MAX entries; TABLE_JOURNAL bytes of output that the kernel has not taken;
 *           TABLE_OWN bytes for the kind of worker; TABLE_CHUNKS chunks
 */
#ifndef SHACKD_SHM_TABLE_H
#define SHACKD_SHM_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "shm/addr.h"

#define TABLE_MAGIC	  0x53484b54U
#define TABLE_VERSION	  2
#define TABLE_ENTRIES_MAX 10000
#define TABLE_JOURNAL	  4096
#define TABLE_OWN	  512
#define TABLE_TOLD	  96 /* of `own`: what changes when lines of a chunk are out */
#define TABLE_CHUNKS	  64
#define TABLE_CHUNK_BYTES 65536
#define TABLE_CHUNK_LINES 1024
#define TABLE_LINE_MAX	  2048 /* of a chunk; what is left of one fits the journal */

enum table_flag {
	TABLE_OPENED = 1,   /* somebody has greeted it */
	TABLE_MORE = 2,	    /* output is unfinished: goes on before the next line */
	TABLE_SKIPPING = 4, /* inside a line that was too long */
	TABLE_CLOSING = 8,  /* over once all output is out */
};

struct table_state {
	uint64_t in;  /* bytes of the client that were acted upon */
	uint64_t out; /* bytes produced for it */
	uint32_t flags;
	uint32_t reserved;
	uint8_t own[TABLE_OWN]; /* the kind's */
};

struct table_entry {
	_Atomic uint64_t session; /* 0: free */
	struct addr peer;
	/* the kernel's counters at the accept: what it says later, less this, is an offset */
	uint64_t base_received, base_sent;
	/* the holder's own notes of what the kernel gave and took, for kernels that can't be asked
	 */
	_Atomic uint64_t consumed, sent;
	_Atomic uint32_t selector; /* which copy holds */
	_Atomic uint32_t tries;	   /* holders that died of its next step */
	struct table_state state[2];
	uint8_t journal[TABLE_JOURNAL]; /* byte N of the output is at N % TABLE_JOURNAL */
};

struct table_line {
	uint32_t end;	 /* offset in the chunk, behind its last byte */
	uint32_t number; /* of what it tells, less the chunk's `from` */
};

/* Whole lines: of all that is numbered from FROM + 1 to TO, what is to be told to some sessions. */
struct table_chunk {
	uint64_t from, to;
	_Atomic uint32_t lines; /* those behind are not there */
	uint32_t reserved;
	struct table_line line[TABLE_CHUNK_LINES];
	uint8_t bytes[TABLE_CHUNK_BYTES];
};

/* A session is being sent the lines of CHUNK from FIRST on. */
struct table_sending {
	_Atomic uint32_t entry; /* its place + 1; 0: none is */
	uint32_t chunk, first;
	uint32_t reserved;
	uint64_t session;
	uint64_t out; /* its output before them */
};

/* Are the kernel's counters exact here? Found out once, by the first holder. */
enum table_mode { TABLE_UNKNOWN, TABLE_EXACT, TABLE_WHOLE_LINES };

struct table_block {
	uint32_t magic;
	uint32_t version;
	uint32_t entries;
	_Atomic uint32_t mode; /* enum table_mode */
	char slot[16];
	_Atomic uint32_t acting; /* entry + 1 of the step that is being done; 0: none */
	_Atomic uint32_t reserved;
	_Atomic uint64_t faults_seen; /* page->faults up to which `acting` was judged */
	struct table_sending sending;
	struct table_chunk chunk[TABLE_CHUNKS];
	struct table_entry entry[];
};

/* A mapping. ENTRIES is what was checked when it was made; the block's own word may be anything. */
struct table {
	struct table_block *block;
	size_t bytes;
	unsigned entries;
};

/* Makes the memfd (sealed against resizing). -1 with errno. */
int table_create(const char *slot, unsigned entries);

/* Maps it; checks seals, magic, version and size. False with errno. */
bool table_map(int fd, struct table *table_r);
/* The same to look at it only: FD may be open for reading alone. */
bool table_map_readonly(int fd, struct table *table_r);
void table_unmap(struct table *table);

/* What the kernel says of a connection. Never consumes or looks at a byte. */
struct table_counts {
	uint64_t received; /* bytes of the peer that were read from the socket, ever */
	uint64_t sent;	   /* bytes that the kernel took from us, ever */
	uint32_t unread;   /* bytes of the peer that wait in the socket */
	bool ended;	   /* the peer has said its last byte */
	bool dead;	   /* reset: neither side can say anything */
};
/* 0, or -1 with errno (EAGAIN: the counters would not stand still). */
int table_measure(int fd, struct table_counts *counts_r);

/* The master: a connection comes, and goes. */
void table_fill(struct table_entry *entry, uint64_t session, const struct addr *peer,
		const struct table_counts *counts);
void table_free(struct table_entry *entry);

/* The state that holds. */
static inline unsigned table_selected(const struct table_entry *entry)
{
	return atomic_load_explicit(&entry->selector, memory_order_acquire) & 1;
}

static inline const struct table_state *table_now(const struct table_entry *entry)
{
	return &entry->state[table_selected(entry)];
}

/* The other copy, made equal to it; to change, and then to put in force. */
struct table_state *table_stage(struct table_entry *entry);
/* The same where the two are known to differ in nothing behind own[TABLE_TOLD]. */
struct table_state *table_stage_told(struct table_entry *entry);
void table_commit(struct table_entry *entry);

/* Copies LENGTH bytes to their place in the journal, from stream offset OUT on. */
void table_journal_write(struct table_entry *entry, uint64_t out, const void *data, size_t length);

/* The bytes from FROM to TO (at most TABLE_JOURNAL) as one or two pieces; returns how many. */
int table_journal_read(const struct table_entry *entry, uint64_t from, uint64_t to,
		       struct iovec piece_r[2]);

/* A chunk's bytes. */
uint32_t table_chunk_length(const struct table_chunk *chunk);

/* Bytes of the chunk before LINE. */
uint32_t table_chunk_start(const struct table_chunk *chunk, unsigned line);

/* Adds a line of at most TABLE_LINE_MAX bytes that tells NUMBER, which is above all before it. False:
 * it doesn't fit. */
bool table_chunk_add(struct table_chunk *chunk, uint64_t number, const void *data, size_t length);

/* The first line at or behind FIRST that ends at or behind offset AT. There must be one. */
unsigned table_chunk_find(const struct table_chunk *chunk, unsigned first, uint32_t at);

/* Is what a predecessor left in it to be believed? */
bool table_chunk_sound(const struct table_chunk *chunk);

/* Can a successor go on with this entry, of whose input the kernel gave CONSUMED bytes and has
 * UNREAD more, and of whose output it took SENT? */
bool table_entry_sound(const struct table_entry *entry, uint64_t consumed, uint64_t unread,
		       uint64_t sent);

#endif
