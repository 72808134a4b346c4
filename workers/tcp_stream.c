/* SPDX-License-Identifier: ISC
 *
 * NAME      tcp_stream - the bytes in and out of a connection
 * PURPOSE   Peek, act, record, consume; and the journal's way out. See workers/tcp.h.
 * OWNER     workers of vaulted kinds
 * CONTRACT  each function leaves the table so that a successor can go on, wherever it is cut off
 * LIMITS    LINES_A_TURN lines and STEPS_A_TURN steps of output for one connection in one turn
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/fault.h"
#include "workers/tcp_inside.h"

#define LINES_A_TURN 64
#define STEPS_A_TURN 64
#define WIDE	     (1 << 20) /* bytes; the longest piece of a stream has about half of that */

/* ---- out ---- */

/* Where the last line of the output ends that begins at FROM; TO when there is none. */
static uint64_t line_end(const struct table_entry *entry, uint64_t from, uint64_t to)
{
	for (uint64_t at = to; at > from; at--)
		if (entry->journal[(at - 1) % TABLE_JOURNAL] == '\n')
			return at;
	return to;
}

void tcp_taken(struct tcp_conn *conn, size_t sent, bool blocked)
{
	uint64_t now = conn->tcp->now;

	if (sent > 0) {
		conn->sent += sent;
		atomic_store_explicit(&conn->entry->sent, conn->sent, memory_order_relaxed);
		conn->took = now;
		conn->stuck = 0;
	}
	if (blocked && conn->stuck == 0)
		conn->stuck = now;
	conn->blocked = blocked;
}

bool tcp_flush(struct tcp_conn *conn)
{
	uint64_t out = table_now(conn->entry)->out;

	conn->blocked = false;
	while (conn->sent < out) {
		uint64_t to = conn->tcp->exact ? out : line_end(conn->entry, conn->sent, out);
		struct iovec piece[2];
		struct msghdr packet = {.msg_iov = piece};
		ssize_t sent;

		packet.msg_iovlen = (size_t)table_journal_read(conn->entry, conn->sent, to, piece);
		sent = sendmsg(conn->fd, &packet, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && !tcp_no_room(errno))
			return false;
		fault_point(FAULT_TCP_SENT);
		tcp_taken(conn, sent < 0 ? 0 : (size_t)sent, sent < 0);
		if (sent < 0)
			break;
	}
	return true;
}

/* Room for a step, after asking the kernel to make some. */
static bool has_room(struct tcp_conn *conn, bool *alive)
{
	if (tcp_room(conn) < TCP_STEP && !conn->blocked)
		*alive = tcp_flush(conn);
	return *alive && tcp_room(conn) >= TCP_STEP;
}

/* Goes on with unfinished output. False: the connection failed. */
static bool write_more(struct tcp_conn *conn)
{
	bool alive = true;

	for (unsigned i = 0; i < STEPS_A_TURN && tcp_is(conn, TABLE_MORE); i++) {
		if (!has_room(conn, &alive))
			break;
		tcp_step(conn);
		conn->stage->flags &= ~(uint32_t)TABLE_MORE;
		if (conn->tcp->kind->more != NULL && conn->tcp->kind->more(conn))
			conn->stage->flags |= TABLE_MORE;
		tcp_commit(conn, 0);
	}
	return alive;
}

/* ---- in ---- */

bool tcp_consume(struct tcp_conn *conn)
{
	uint64_t in = table_now(conn->entry)->in;

	/* where the kernel can't be asked, a byte twice is better than a byte that never was */
	atomic_store_explicit(&conn->entry->consumed, in, memory_order_relaxed);
	while (conn->consumed < in) {
		ssize_t got = recv(conn->fd, NULL, (size_t)(in - conn->consumed),
				   MSG_DONTWAIT | MSG_TRUNC);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		fault_point(FAULT_TCP_CONSUMED);
		conn->consumed += (uint64_t)got;
	}
	return true;
}

/* Records that LENGTH bytes are done with, without a word to anybody. */
static void skip(struct tcp_conn *conn, size_t length, bool inside_line)
{
	tcp_step(conn);
	conn->stage->flags &= ~(uint32_t)TABLE_SKIPPING;
	if (inside_line)
		conn->stage->flags |= TABLE_SKIPPING;
	tcp_commit(conn, length);
}

/* Length of the line at TEXT with its end, 0 when the end is not there; LENGTH_R: without. */
static size_t find_line(const uint8_t *text, size_t length, size_t *length_r)
{
	for (size_t i = 0; i < length; i++) {
		bool cr = i > 0 && text[i - 1] == '\r';

		if (text[i] == '\n' || (text[i] == '\0' && cr)) {
			*length_r = cr ? i - 1 : i;
			return i + 1;
		}
	}
	return 0;
}

/* The same for the rest of what was cut, where the kind says what ends: it isn't asked, for it may
 * tell ends apart by what stood before them. */
static size_t find_rest(const uint8_t *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\n')
			return i + 1;
		if (text[i] == '\r')
			return i + 1 < length && (text[i + 1] == '\n' || text[i + 1] == '\0')
				       ? i + 2
				       : i + 1;
	}
	return 0;
}

/* Bytes of what is acted upon next, 0: it is not whole; LENGTH_R: how many of them are handed out.
 */
static size_t find_next(struct tcp_conn *conn, const uint8_t *text, size_t length, size_t *length_r)
{
	size_t whole;

	if (conn->tcp->kind->find == NULL)
		return find_line(text, length, length_r);
	if (tcp_is(conn, TABLE_SKIPPING))
		return find_rest(text, length);
	whole = conn->tcp->kind->find(conn, text, length);
	*length_r = whole;
	return whole <= length ? whole : 0;
}

/* Returns WHOLE, or 0 when the kind will have the line later. */
static size_t act(struct tcp_conn *conn, const uint8_t *text, size_t length, size_t whole, bool cut)
{
	struct tcp_line line = {.offset = table_now(conn->entry)->in,
				.text = (const char *)text,
				.length = length,
				.cut = cut};

	tcp_step(conn);
	conn->tcp->kind->line(conn, &line);
	if (conn->waits) {
		tcp_abandon(conn);
		return 0;
	}
	page_count(conn->tcp->worker->page, cut ? COUNT_TCP_CUT : COUNT_TCP_LINES);
	if (cut)
		conn->stage->flags |= TABLE_SKIPPING; /* its end is still to come */
	tcp_commit(conn, whole);
	return whole;
}

/* Acts upon the first line of what is there, or upon the part of it that counts. Returns how many
 * bytes are done with; 0 when the line has no end yet, or has to wait. */
static size_t one_line(struct tcp_conn *conn, const uint8_t *text, size_t length)
{
	size_t bare = 0;
	size_t whole = find_next(conn, text, length, &bare);

	if (tcp_is(conn, TABLE_SKIPPING)) {
		size_t done = whole > 0 ? whole : length;

		skip(conn, done, whole == 0);
		return done;
	}
	if (whole > 0 && whole <= TCP_LINE_MAX)
		return act(conn, text, bare, whole, false);
	if (length < TCP_LINE_MAX)
		return 0;
	return act(conn, text, TCP_LINE_MAX, TCP_LINE_MAX, true);
}

static void set_low_water(struct tcp_conn *conn, int bytes)
{
	if (conn->low_water == bytes)
		return;
	/* failing, it only wakes us more often */
	setsockopt(conn->fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
	conn->low_water = bytes;
}

/* We were woken, and there is less than a line, as before: the kernel's buffer is full of what was
 * consumed already. It frees a piece of the stream, which may be of some hundred kilobytes, only when
 * all of it is consumed, and the last bytes of this one are the begin of a line whose rest finds no
 * room. A larger buffer ends that; the kernel makes one for who says that he waits for much. */
static void widen(struct tcp_conn *conn, size_t length)
{
	if (conn->widened)
		return;
	conn->widened = true;
	set_low_water(conn, WIDE);
	set_low_water(conn, (int)length + 1);
}

/* We were woken, but all that is there are the same bytes without a line end as before. Either
 * the client has ended in the middle of a line, which then is none; or there is an urgent mark
 * behind them (telnet's "synch"): what was typed before it is void, and hides what comes behind it.
 */
static bool drop_stuck(struct tcp_conn *conn, size_t length)
{
	struct table_counts counts;
	ssize_t again;

	if (table_measure(conn->fd, &counts) != 0)
		return errno == EAGAIN;
	if (counts.dead)
		return false; /* what it left behind hides the error */
	again = recv(conn->fd, conn->tcp->peek, TCP_PEEK, MSG_PEEK | MSG_DONTWAIT);
	if (again != (ssize_t)length)
		return true; /* something came meanwhile */
	if (!counts.ended && counts.unread <= length) {
		widen(conn, length);
		return true;
	}
	page_count(conn->tcp->worker->page, COUNT_TCP_DROPPED);
	skip(conn, length, false);
	conn->partial = 0;
	set_low_water(conn, 1);
	return tcp_consume(conn);
}

/* LENGTH bytes wait without a line end. */
static bool wait_for_rest(struct tcp_conn *conn, size_t length)
{
	if (length > 0 && length == conn->partial)
		return drop_stuck(conn, length);
	conn->partial = length;
	set_low_water(conn, (int)length + 1);
	return true;
}

/* True while lines may be handed out. */
static bool takes_lines(const struct tcp_conn *conn)
{
	return !conn->waits && !tcp_is(conn, TABLE_MORE | TABLE_CLOSING);
}

/* False: the connection failed. */
static bool read_lines(struct tcp_conn *conn)
{
	const uint8_t *peek = conn->tcp->peek;
	ssize_t got = recv(conn->fd, conn->tcp->peek, TCP_PEEK, MSG_PEEK | MSG_DONTWAIT);
	bool alive = true, whole = true;
	size_t done = 0;

	if (got == 0)
		conn->ended = true;
	if (got <= 0)
		return got == 0 || errno == EAGAIN || errno == EINTR;
	conn->tcp->reading = true;
	for (unsigned i = 0; i < LINES_A_TURN && done < (size_t)got && takes_lines(conn); i++) {
		size_t length;

		if (!has_room(conn, &alive))
			break;
		length = one_line(conn, peek + done, (size_t)got - done);
		whole = length > 0 || conn->waits;
		if (length == 0)
			break;
		done += length;
	}
	conn->tcp->reading = false;
	if (!alive || !tcp_consume(conn))
		return false;
	return wait_for_rest(conn, whole ? 0 : (size_t)got - done);
}

/* We have said our last byte: what still comes is of no interest, but closing on it would reset
 * the connection and take our own last bytes with it. */
static bool read_away(struct tcp_conn *conn)
{
	for (unsigned i = 0; i < 16 && !conn->ended; i++) {
		ssize_t got = recv(conn->fd, conn->tcp->peek, TCP_PEEK, MSG_PEEK | MSG_DONTWAIT);

		if (got == 0)
			conn->ended = true;
		if (got <= 0)
			return got == 0 || errno == EAGAIN || errno == EINTR;
		skip(conn, (size_t)got, false);
		if (!tcp_consume(conn))
			return false;
	}
	set_low_water(conn, 1);
	return true;
}

/* ---- both ---- */

/* True when nothing is left to do. False, or it lingers. */
static bool is_finished(struct tcp_conn *conn)
{
	if (conn->sent < table_now(conn->entry)->out || tcp_is(conn, TABLE_MORE))
		return false;
	if (conn->ended)
		return true;
	if (tcp_is(conn, TABLE_CLOSING) && !conn->lingers) {
		conn->lingers = true;
		conn->since = clock_mono();
		shutdown(conn->fd, SHUT_WR);
	}
	return false;
}

void tcp_watch(struct tcp_conn *conn)
{
	struct ev_loop *loop = conn->tcp->worker->loop;
	bool reads =
		!conn->ended && (takes_lines(conn) || conn->lingers) && tcp_room(conn) >= TCP_STEP;
	bool writes = conn->blocked || tcp_is(conn, TABLE_MORE) ||
		      (conn->bulk && !tcp_is(conn, TABLE_CLOSING));
	int events = (reads ? EV_READ : 0) | (writes ? EV_WRITE : 0);

	if (ev_is_active(&conn->watch) && (conn->watch.events & (EV_READ | EV_WRITE)) == events)
		return;
	if (!reads && writes)
		page_count(conn->tcp->worker->page, COUNT_TCP_PAUSED);
	ev_io_stop(loop, &conn->watch);
	ev_io_set(&conn->watch, conn->fd, events);
	if (events != 0)
		ev_io_start(loop, &conn->watch);
}

/* What is said within it finds the connection being pumped: it must not be over below our feet. */
static bool bulk_on(struct tcp_conn *conn)
{
	conn->pumped = true;
	tcp_bulk_on(conn);
	conn->pumped = false;
	return conn->blocked || tcp_flush(conn);
}

void tcp_pump(struct tcp_conn *conn)
{
	bool alive;

	if (conn->pumped)
		return;
	alive = !conn->failed && tcp_flush(conn) && write_more(conn);
	/* a line of another's that has a step made here is still in tcp->peek */
	if (!conn->tcp->reading) {
		if (alive && !conn->ended && takes_lines(conn) && tcp_room(conn) >= TCP_STEP)
			alive = read_lines(conn);
		else if (alive && conn->lingers)
			alive = read_away(conn);
	}
	alive = alive && write_more(conn) && tcp_flush(conn);
	if (alive)
		alive = bulk_on(conn);
	if (!alive || conn->failed || is_finished(conn))
		tcp_over(conn);
	else
		tcp_watch(conn);
}
