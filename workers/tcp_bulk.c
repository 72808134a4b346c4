/* SPDX-License-Identifier: ISC
 *
 * NAME      tcp_bulk - bytes that many connections get alike
 * PURPOSE   A line for a thousand sessions is put in memory once, sent from there to each, and a
 *           death in the middle of it costs nobody a byte. See workers/tcp.h.
 * OWNER     workers of vaulted kinds
 * CONTRACT  Only one session is being sent something at a time. Before the kernel sees the first
 *           byte, the table says to whom and from where; behind the last one, a step says how far it
 *           came. A worker that dies between the two leaves a kernel that took more of a session
 *           than the session's record knows of: the difference is of that chunk.
 * LIMITS    TABLE_CHUNKS chunks
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "shm/clock.h"
#include "workers/tcp_inside.h"

#define IDLE_S	  60 /* keep-alive: first question, further ones, how many */
#define BETWEEN_S 10
#define QUESTIONS 6
#define LATER_MS  10000

struct table_chunk *tcp_chunk(struct tcp *tcp, unsigned index)
{
	return &tcp->block->chunk[index];
}

/* The kernel took LENGTH bytes, more than 0, of the chunk's lines from FIRST on. */
static void record(struct tcp_conn *conn, const struct table_chunk *chunk, unsigned first,
		   uint32_t length)
{
	uint32_t start = table_chunk_start(chunk, first), taken = start + length;
	unsigned last = table_chunk_find(chunk, first, taken);
	uint32_t end = chunk->line[last].end;
	uint64_t out = table_now(conn->entry)->out;
	uint64_t number = chunk->from + chunk->line[last].number;

	if (last + 1 == atomic_load(&chunk->lines))
		number = chunk->to;
	conn->stage = conn->alike ? table_stage_told(conn->entry) : table_stage(conn->entry);
	table_journal_write(conn->entry, out + length, chunk->bytes + taken, end - taken);
	conn->stage->out = out + (end - start);
	conn->tcp->kind->told(conn, number, last - first + 1);
	tcp_commit(conn, 0);
	conn->alike = true;
}

bool tcp_bulk_recover(struct tcp_conn *conn)
{
	const struct table_sending *sending = &conn->tcp->block->sending;
	uint64_t out = table_now(conn->entry)->out;
	const struct table_chunk *chunk;

	if (conn->sent <= out || conn->tcp->kind->told == NULL ||
	    atomic_load(&sending->entry) != conn->index + 1 || sending->session != conn->session ||
	    sending->out != out)
		return conn->sent <= out;
	if (sending->chunk >= TABLE_CHUNKS)
		return false;
	chunk = &conn->tcp->block->chunk[sending->chunk];
	if (!table_chunk_sound(chunk) || sending->first >= atomic_load(&chunk->lines) ||
	    conn->sent - out > table_chunk_length(chunk) - table_chunk_start(chunk, sending->first))
		return false;
	record(conn, chunk, sending->first, (uint32_t)(conn->sent - out));
	return true;
}

static void fail(struct tcp_conn *conn)
{
	conn->failed = true;
	ev_feed_event(conn->tcp->worker->loop, &conn->watch, EV_READ);
}

static enum tcp_told put_off(struct tcp_conn *conn)
{
	conn->bulk = true;
	tcp_watch(conn);
	return TCP_PUT_OFF;
}

/* Is all that was said before it out? */
static bool is_clear(struct tcp_conn *conn)
{
	if (conn->stage != NULL || tcp_is(conn, TABLE_MORE | TABLE_CLOSING))
		return false;
	if (conn->sent == table_now(conn->entry)->out)
		return !conn->blocked;
	if (!conn->blocked && !tcp_flush(conn))
		fail(conn);
	return !conn->failed && conn->sent == table_now(conn->entry)->out;
}

/* Bytes of DATA that the kernel took; -1: the connection failed. */
static ssize_t send_some(int fd, const void *data, size_t length)
{
	ssize_t sent;

	do
		sent = send(fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 && tcp_no_room(errno) ? 0 : sent;
}

enum tcp_told tcp_bulk(struct tcp_conn *conn, unsigned index, unsigned first)
{
	struct table_sending *sending = &conn->tcp->block->sending;
	const struct table_chunk *chunk = &conn->tcp->block->chunk[index];
	uint32_t start = table_chunk_start(chunk, first);
	uint32_t length = table_chunk_length(chunk) - start;
	ssize_t sent;

	if (conn->fd < 0 || conn->failed || !conn->tcp->going)
		return TCP_PUT_OFF;
	if (!is_clear(conn))
		return put_off(conn);
	sending->chunk = index;
	sending->first = first;
	sending->session = conn->session;
	sending->out = conn->sent;
	atomic_store_explicit(&sending->entry, conn->index + 1, memory_order_release);
	sent = send_some(conn->fd, chunk->bytes + start, length);
	if (sent >= 0)
		tcp_taken(conn, (size_t)sent, (size_t)sent < length);
	if (sent > 0)
		record(conn, chunk, first, (uint32_t)sent);
	atomic_store_explicit(&sending->entry, 0, memory_order_release);
	if (sent < 0) {
		fail(conn);
		return TCP_PUT_OFF;
	}
	conn->bulk = false;
	return conn->blocked ? put_off(conn) : TCP_TOLD;
}

bool tcp_bulk_can(struct tcp_conn *conn)
{
	return conn->fd >= 0 && !conn->failed && conn->tcp->going && !conn->blocked &&
	       is_clear(conn);
}

void tcp_bulk_later(struct tcp_conn *conn)
{
	if (conn->fd >= 0 && !conn->failed && !conn->bulk)
		put_off(conn);
}

void tcp_bulk_on(struct tcp_conn *conn)
{
	if (!conn->bulk || conn->blocked || conn->failed ||
	    tcp_is(conn, TABLE_MORE | TABLE_CLOSING) || conn->sent < table_now(conn->entry)->out)
		return;
	conn->bulk = false;
	conn->tcp->kind->ready(conn);
}

void tcp_drop(struct tcp_conn *conn)
{
	if (conn->fd >= 0)
		fail(conn);
}

uint64_t tcp_stalled(const struct tcp_conn *conn, uint64_t now)
{
	return conn->stuck != 0 ? clock_age(now, conn->stuck) : 0;
}

uint64_t tcp_took(const struct tcp_conn *conn)
{
	return conn->took;
}

void tcp_guard(struct tcp_conn *conn, uint64_t timeout)
{
	static const int on = 1, idle = IDLE_S, between = BETWEEN_S, questions = QUESTIONS;
	/* a little later than we would end it ourselves, and know why */
	unsigned ms = (unsigned)(timeout / NS_PER_MS) + LATER_MS;

	/* without them a peer that is gone only stays longer */
	setsockopt(conn->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(conn->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(conn->fd, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof(between));
	setsockopt(conn->fd, IPPROTO_TCP, TCP_KEEPCNT, &questions, sizeof(questions));
	setsockopt(conn->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}
