/* SPDX-License-Identifier: ISC
 *
 * NAME      tcp - connections that go on when their worker dies
 * PURPOSE   Lines in, bytes out, with every step recorded in the slot's session table so that a
 *           successor goes on at the very byte: nothing lost, nothing doubled.
 * OWNER     workers of vaulted kinds
 * CONTRACT  Input is peeked, acted upon, recorded, and only then consumed. Output is written to the
 *           journal first; what the kernel took of it, the kernel knows. What a callback puts out,
 *           what it changes in tcp_own(), and the fact that its line was acted upon become visible
 *           together (a "step") or, when it dies before its end, not at all: then a successor calls
 *           it again with the same line. Effects elsewhere (a store) therefore carry (session,
 *           offset of the line), so that a repeat is noticed.
 *           Nothing waits. Who doesn't read what it is sent isn't read any more, the others go on.
 * LIMITS    TCP_LINE_MAX bytes a line with its end, the rest of a longer one is skipped; TCP_STEP
 * bytes of output a step; TABLE_OWN bytes of the kind's own state
 */
#ifndef SHACKD_WORKERS_TCP_H
#define SHACKD_WORKERS_TCP_H

#include "shm/table.h"
#include "workers/run.h"

#define TCP_LINE_MAX 1024
#define TCP_STEP     2048

struct tcp;
struct tcp_conn;

/* A line without its end (LF, CR LF or CR NUL). Any byte may be in it, NUL and telnet's IAC too. */
struct tcp_line {
	uint64_t offset; /* of its first byte in the stream of this session */
	const char *text;
	size_t length;
	bool cut; /* it was longer */
};

struct tcp_kind {
	/* Step: a connection that nobody has seen yet. */
	void (*open)(struct tcp_conn *conn);
	/* A predecessor's connection: is its tcp_own() sound? May be NULL. False closes it; after
	 * tcp_no_memory it goes on at a successor. */
	bool (*resume)(struct tcp_conn *conn);
	/* Step: a line. At least TCP_STEP bytes may be put out. */
	void (*line)(struct tcp_conn *conn, const struct tcp_line *line);
	/* Where does what is acted upon next end? Returns its bytes with its end, 0: it is not whole
	 * yet. `line` then gets all these bytes, with the end; of more than TCP_LINE_MAX bytes it
	 * gets the first, `cut`, and the others are skipped up to the next LF or CR. Called outside
	 * of a step. NULL: a line of text, as above. */
	size_t (*find)(struct tcp_conn *conn, const uint8_t *text, size_t length);
	/* Step: goes on with output that tcp_more() announced, TCP_STEP bytes of it; no line is
	 * handed out before it is finished. Returns true while there is more. May be NULL. */
	bool (*more)(struct tcp_conn *conn);
	/* Step: LINES lines of a chunk are out, or as good as out; all that is numbered up to NUMBER
	 * is done with. It changes the first TABLE_TOLD bytes of tcp_own() alone, and puts nothing
	 * out. At a successor's start it comes before `resume`. Of kinds that use tcp_bulk. */
	void (*told)(struct tcp_conn *conn, uint64_t number, unsigned lines);
	/* It takes more by now: go on with tcp_bulk. The same kinds. */
	void (*ready)(struct tcp_conn *conn);
	/* It is over: free tcp_user(). May be NULL. */
	void (*gone)(struct tcp_conn *conn);
};

/* ---- the worker's part ---- */

/* WORKER gives the loop, the table, the page and the control socket. NULL: no memory. Touches the
 * table not before tcp_go. */
struct tcp *tcp_new(struct worker *worker, const struct tcp_kind *kind);

/* A message of the master's: takes MSG_FD of FD_TCP, with its descriptor. False: not for us. */
bool tcp_take(struct tcp *tcp, struct msg *msg);

/* There is none for what a connection needs: says so, and ends WORKER with status 1, for a
 * successor that takes up all connections. */
void tcp_no_memory(struct worker *worker);

/* GO: takes up where the predecessor died. */
void tcp_go(struct tcp *tcp);

/* Every 50 ms. */
void tcp_tick(struct tcp *tcp);

/* Closes our duplicates; the connections go on. */
void tcp_free(struct tcp **tcp);

unsigned tcp_count(const struct tcp *tcp);

/* Calls EACH for every connection that is not closing. */
void tcp_each(struct tcp *tcp, void (*each)(struct tcp_conn *conn, void *arg), void *arg);

/* ---- the callbacks' part ---- */

/* Inside a step: puts LENGTH bytes out, whole or not at all. False when they don't fit: within the
 * bounds above that can't be. */
bool tcp_put(struct tcp_conn *conn, const void *data, size_t length);
bool tcp_printf(struct tcp_conn *conn, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Inside a step: the output is not finished; `more` goes on with it. */
void tcp_more(struct tcp_conn *conn);

/* Inside `line`: nothing of this step happens (what was put out is forgotten, tcp_own() is as it
 * was), and the same line comes again with tcp_again() or the next tick. For lines whose answer has
 * to be waited for: a store that is busy, a password that is being checked. The line stays in the
 * kernel meanwhile, so that a successor sees it too. Steps of the kind's own may come before it.
 * tcp_again is for outside of steps; the connection may be over when it returns. */
void tcp_later(struct tcp_conn *conn);
void tcp_again(struct tcp_conn *conn);

/* Inside a step: closes the connection once all output is out. */
void tcp_close(struct tcp_conn *conn);

/* The kind's own state, TABLE_OWN bytes, zero at first; may be changed inside a step. */
void *tcp_own(struct tcp_conn *conn);

/* A step of the kind's own making, for what no line asked for. False when there is no room for
 * TCP_STEP bytes, or unfinished output, or the connection closes: try again at a later tick. */
bool tcp_begin(struct tcp_conn *conn);
void tcp_end(struct tcp_conn *conn);

uint64_t tcp_session(const struct tcp_conn *conn);
/* Its place in the table. */
unsigned tcp_index(const struct tcp_conn *conn);
const struct addr *tcp_peer(const struct tcp_conn *conn);

/* A place for the kind to keep a pointer of this process. */
void **tcp_user(struct tcp_conn *conn);

/* ---- bulk output, outside of steps (tcp_bulk.c) ---- */

/* Chunk INDEX, below TABLE_CHUNKS, to be filled by table_chunk_add. What it held is lost. */
struct table_chunk *tcp_chunk(struct tcp *tcp, unsigned index);

enum tcp_told {
	TCP_TOLD,    /* to the end of the chunk */
	TCP_PUT_OFF, /* not all, or nothing: `ready` is called when there is room again */
};

/* Sends the lines of chunk INDEX from FIRST on, of which there must be one, straight from there;
 * `told` is called for those that went. Of a line that the kernel took a part of the rest goes to
 * the journal: what is put out after this comes behind it. Control output, and more of it to come,
 * goes first. */
enum tcp_told tcp_bulk(struct tcp_conn *conn, unsigned index, unsigned first);

/* Would tcp_bulk send now? */
bool tcp_bulk_can(struct tcp_conn *conn);

/* The kind has more for it, now or when it is clear: `ready` is called in a later turn. */
void tcp_bulk_later(struct tcp_conn *conn);

/* A step that changes tcp_own() and puts nothing out: it needs no room, and may be made whatever
 * waits. False when it can't be now. */
bool tcp_note(struct tcp_conn *conn);
void tcp_noted(struct tcp_conn *conn);

/* Is a step under way? */
bool tcp_acts(const struct tcp_conn *conn);

/* Ends the connection in the loop's next turn, whatever waits for it. */
void tcp_drop(struct tcp_conn *conn);

/* Nanoseconds for which the kernel has taken nothing although something waits; 0: nothing does. */
uint64_t tcp_stalled(const struct tcp_conn *conn, uint64_t now);

/* clock_mono when the kernel last took something, to a tick. */
uint64_t tcp_took(const struct tcp_conn *conn);

/* Has the kernel look after a peer that is gone without a word: keep-alive, and at most TIMEOUT
 * nanoseconds, and some seconds, for what it acknowledges nothing of. */
void tcp_guard(struct tcp_conn *conn, uint64_t timeout);

/* ---- tcp_check.c ---- */

/* Tries on a loopback pair whether the kernel's counters are exact after partial reads and writes
 * and after the end of the stream. False with a sentence. */
bool tcp_check(char why_r[128]);

#endif
