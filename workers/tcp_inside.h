/* SPDX-License-Identifier: ISC
 *
 * NAME      tcp_inside - what the parts of tcp share
 * PURPOSE   tcp.c is the life of a connection, tcp_stream.c the bytes in and out of it, tcp_bulk.c
 *           those that many connections get alike.
 * OWNER     workers of vaulted kinds
 * CONTRACT  included by these three alone
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_TCP_INSIDE_H
#define SHACKD_WORKERS_TCP_INSIDE_H

#include <errno.h>

#include "workers/tcp.h"

#define TCP_PEEK 16384 /* bytes looked at in one go; more than a line */

struct tcp_conn {
	struct tcp *tcp;
	unsigned index;
	int fd; /* -1: over, the master is not told yet */
	uint64_t session;
	struct table_entry *entry;
	struct table_state *stage; /* inside a step: the state to be */
	ev_io watch;

	/* where the kernel stands, as offsets of the stream */
	uint64_t consumed, sent;
	bool blocked;	/* it takes no more output now */
	bool ended;	/* the client has said its last byte */
	bool lingers;	/* we have; waits for the client's end */
	bool waits;	/* the kind will have the next line again, later */
	bool bulk;	/* the kind has more for it, once it takes more */
	bool failed;	/* to be ended at its next turn */
	bool pumped;	/* tcp_pump is at it, and looks at it again */
	bool alike;	/* the two copies of its state differ in what `told` changes alone */
	size_t partial; /* bytes without a line end that were last seen waiting */
	int low_water;	/* SO_RCVLOWAT, 0: unknown */
	bool widened;	/* its buffer in the kernel was made larger */
	uint64_t since; /* lingers since */
	uint64_t took;	/* clock_mono when the kernel last took output */
	uint64_t stuck; /* clock_mono since when it takes none; 0: it does, or none waits */
	void *user;
};

struct tcp {
	struct worker *worker;
	const struct tcp_kind *kind;
	struct table_block *block;
	struct tcp_conn **conn; /* by place in the table */
	unsigned entries, count;
	bool going, exact;
	bool reading; /* `peek` is in use */
	uint64_t now; /* clock_mono of this turn, about */
	uint8_t peek[TCP_PEEK];
};

/* ---- tcp.c ---- */

/* Steps: what happens between the two becomes visible at the end of it, or never. */
void tcp_step(struct tcp_conn *conn);
void tcp_commit(struct tcp_conn *conn, uint64_t acted);

/* Forgets the step: nothing of it happened. */
void tcp_abandon(struct tcp_conn *conn);

/* The connection failed or is finished; CONN must not be used after it. */
void tcp_over(struct tcp_conn *conn);

size_t tcp_room(const struct tcp_conn *conn);

static inline bool tcp_is(const struct tcp_conn *conn, enum table_flag flag)
{
	return (table_now(conn->entry)->flags & flag) != 0;
}

/* ---- tcp_stream.c ---- */

/* Drops bytes of the socket that were acted upon. False: the connection failed. */
bool tcp_consume(struct tcp_conn *conn);

/* Watches for what it waits for now. */
void tcp_watch(struct tcp_conn *conn);

/* Is the output only waiting for room in the kernel? */
static inline bool tcp_no_room(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

/* The kernel took SENT bytes of the output, and if BLOCKED no more of it. */
void tcp_taken(struct tcp_conn *conn, size_t sent, bool blocked);

/* Gives the kernel what it takes of the output. False: the connection failed. */
bool tcp_flush(struct tcp_conn *conn);

/* Does all that can be done now, within the budget of a turn. May end in tcp_over. */
void tcp_pump(struct tcp_conn *conn);

/* ---- tcp_bulk.c ---- */

/* The kernel took SENT bytes of the output. When more than the record says was produced: these are
 * of a chunk that a predecessor was sending; records that. False: they can't be. */
bool tcp_bulk_recover(struct tcp_conn *conn);

/* Lets the kind go on with what it had to put off, when it can. */
void tcp_bulk_on(struct tcp_conn *conn);

#endif
