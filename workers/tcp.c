/* SPDX-License-Identifier: ISC
 *
 * NAME      tcp - connections that go on when their worker dies
 * PURPOSE   The life of a connection in this worker: taken from the master, taken up where a
 *           predecessor died, given back. See workers/tcp.h.
 * OWNER     workers of vaulted kinds
 * CONTRACT  what a predecessor left in the table is checked before it is believed: it may have died
 *           of what it wrote there
 * LIMITS    LINGER_NS for a client to close after us
 */
#include "workers/tcp.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/watch.h"
#include "workers/tcp_inside.h"

#define LINGER_NS (2 * NS_PER_SEC)
#define MEASURES 3 /* of a connection that is taken up */
#define TRIES	  2 /* workers that may die of one line */

struct tcp *tcp_new(struct worker *worker, const struct tcp_kind *kind)
{
	struct tcp *tcp = calloc(1, sizeof(*tcp));

	if (tcp == NULL)
		return NULL;
	tcp->worker = worker;
	tcp->kind = kind;
	tcp->block = worker->table.block;
	tcp->entries = worker->table.entries;
	tcp->conn = calloc(tcp->entries, sizeof(struct tcp_conn *));
	if (tcp->conn == NULL && tcp->entries > 0) {
		free(tcp);
		return NULL;
	}
	return tcp;
}

/* ---- steps ---- */

size_t tcp_room(const struct tcp_conn *conn)
{
	const struct table_state *state =
		conn->stage != NULL ? conn->stage : table_now(conn->entry);

	return TABLE_JOURNAL - (size_t)(state->out - conn->sent);
}

void tcp_step(struct tcp_conn *conn)
{
	atomic_store_explicit(&conn->tcp->block->acting, conn->index + 1, memory_order_release);
	conn->stage = table_stage(conn->entry);
	conn->alike = false;
}

void tcp_commit(struct tcp_conn *conn, uint64_t acted)
{
	if (acted > 0)
		fault_point(FAULT_TCP_ACTED);
	conn->stage->in += acted;
	conn->stage = NULL;
	table_commit(conn->entry);
	atomic_store_explicit(&conn->entry->tries, 0, memory_order_relaxed);
	atomic_store_explicit(&conn->tcp->block->acting, 0, memory_order_release);
	if (acted > 0)
		fault_point(FAULT_TCP_COMMITTED);
}

void tcp_abandon(struct tcp_conn *conn)
{
	conn->stage = NULL;
	atomic_store_explicit(&conn->tcp->block->acting, 0, memory_order_release);
}

bool tcp_put(struct tcp_conn *conn, const void *data, size_t length)
{
	if (conn->stage == NULL || length > tcp_room(conn)) {
		page_count(conn->tcp->worker->page, COUNT_TCP_OVERRUN);
		log_limited(LOG_LEVEL_ERROR, "session %llu: output of %zu bytes does not fit",
			    (unsigned long long)conn->session, length);
		return false;
	}
	table_journal_write(conn->entry, conn->stage->out, data, length);
	conn->stage->out += length;
	return true;
}

bool tcp_printf(struct tcp_conn *conn, const char *format, ...)
{
	char text[TCP_STEP + 1];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return length >= 0 && (size_t)length < sizeof(text) && tcp_put(conn, text, (size_t)length);
}

void tcp_more(struct tcp_conn *conn)
{
	if (conn->stage != NULL)
		conn->stage->flags |= TABLE_MORE;
}

void tcp_close(struct tcp_conn *conn)
{
	if (conn->stage != NULL)
		conn->stage->flags |= TABLE_CLOSING;
}

void tcp_later(struct tcp_conn *conn)
{
	if (conn->stage != NULL)
		conn->waits = true;
}

void tcp_again(struct tcp_conn *conn)
{
	if (!conn->waits || conn->stage != NULL || conn->fd < 0)
		return;
	conn->waits = false;
	tcp_pump(conn);
}

void *tcp_own(struct tcp_conn *conn)
{
	if (conn->stage != NULL)
		return conn->stage->own;
	return (void *)(uintptr_t)table_now(conn->entry)->own;
}

bool tcp_begin(struct tcp_conn *conn)
{
	if (conn->stage != NULL || conn->fd < 0 || !conn->tcp->going ||
	    tcp_is(conn, TABLE_MORE | TABLE_CLOSING) || tcp_room(conn) < TCP_STEP)
		return false;
	tcp_step(conn);
	return true;
}

void tcp_end(struct tcp_conn *conn)
{
	tcp_commit(conn, 0);
	tcp_pump(conn);
}

bool tcp_note(struct tcp_conn *conn)
{
	if (conn->stage != NULL || conn->fd < 0 || !conn->tcp->going)
		return false;
	tcp_step(conn);
	return true;
}

void tcp_noted(struct tcp_conn *conn)
{
	tcp_commit(conn, 0);
}

bool tcp_acts(const struct tcp_conn *conn)
{
	return conn->stage != NULL;
}

/* ---- the end of a connection ---- */

/* Tells the master, who then frees the place. False: later. */
static bool tell_over(struct tcp_conn *conn)
{
	struct worker *worker = conn->tcp->worker;
	struct msg_closed closed = {.session = conn->session, .index = (uint16_t)conn->index};

	if (msg_send(worker->control, MSG_CLOSED, worker->generation, &closed, sizeof(closed),
		     -1) != 0)
		return false;
	conn->tcp->conn[conn->index] = NULL;
	free(conn);
	return true;
}

static void let_go(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;

	ev_io_stop(tcp->worker->loop, &conn->watch);
	if (conn->fd >= 0) {
		close(conn->fd);
		tcp->count--;
	}
	conn->fd = -1;
	page_gauge(tcp->worker->page, GAUGE_SESSIONS, tcp->count);
}

void tcp_over(struct tcp_conn *conn)
{
	if (conn->tcp->kind->gone != NULL)
		conn->tcp->kind->gone(conn);
	page_count(conn->tcp->worker->page, COUNT_TCP_CLOSED);
	let_go(conn);
	fault_point(FAULT_TCP_LEAVES);
	tell_over(conn);
}

/* Nobody serves it here, a successor does: it stays in the vault. */
static void forsake(struct tcp_conn *conn)
{
	let_go(conn);
	conn->tcp->conn[conn->index] = NULL;
	free(conn);
}

/* ---- taken up ---- */

static void on_event(struct ev_loop *loop, ev_io *io, int events)
{
	struct tcp_conn *conn = io->data;

	if (watch_lost(loop, io, events))
		return;
	conn->tcp->now = clock_mono();
	tcp_pump(conn);
}

/* Where the kernel stands by COUNTS. False when it can't be. */
static bool find_offsets(struct tcp_conn *conn, const struct table_counts *counts)
{
	const struct table_entry *entry = conn->entry;

	if (conn->tcp->exact) {
		conn->consumed = counts->received - entry->base_received;
		conn->sent = counts->sent - entry->base_sent;
		/* our own end of the stream counts as a byte too */
		if (tcp_is(conn, TABLE_CLOSING) && conn->sent == table_now(entry)->out + 1)
			conn->sent--;
	} else {
		conn->consumed = atomic_load(&entry->consumed);
		conn->sent = atomic_load(&entry->sent);
	}
	return tcp_bulk_recover(conn) &&
	       table_entry_sound(entry, conn->consumed, counts->unread, conn->sent);
}

static void greet(struct tcp_conn *conn)
{
	page_count(conn->tcp->worker->page, COUNT_TCP_SESSIONS);
	tcp_step(conn);
	conn->stage->flags |= TABLE_OPENED;
	conn->tcp->kind->open(conn);
	tcp_commit(conn, 0);
}

/* Where the kernel is with a connection; when bytes come and go all the time, asked again. */
static bool measure(const struct tcp_conn *conn, struct table_counts *counts_r)
{
	for (unsigned i = 0; i < MEASURES; i++)
		if (table_measure(conn->fd, counts_r) == 0)
			return !counts_r->dead;
	log_limited(LOG_LEVEL_ERROR, "session %llu: the kernel does not tell where it is: %s",
		    (unsigned long long)conn->session, strerror(errno));
	return false;
}

static void take_up(struct tcp_conn *conn)
{
	const struct tcp_kind *kind = conn->tcp->kind;
	struct table_counts counts;

	ev_io_init(&conn->watch, on_event, conn->fd, EV_READ);
	conn->watch.data = conn;
	conn->tcp->now = clock_mono();
	conn->took = conn->tcp->now;
	fault_point(FAULT_TCP_TAKEN);
	if (!measure(conn, &counts)) {
		tcp_over(conn);
	} else if (!find_offsets(conn, &counts)) {
		page_count(conn->tcp->worker->page, COUNT_TCP_UNSOUND);
		log_warning("session %llu: the record of it makes no sense, it is closed",
			    (unsigned long long)conn->session);
		tcp_over(conn);
	} else if (atomic_load(&conn->entry->tries) >= TRIES) {
		page_count(conn->tcp->worker->page, COUNT_TCP_POISON);
		log_error(
			"session %llu: %u workers died of what follows its byte %llu, it is closed",
			(unsigned long long)conn->session, TRIES,
			(unsigned long long)table_now(conn->entry)->in);
		tcp_over(conn);
	} else if (!tcp_consume(conn)) {
		tcp_over(conn);
	} else if (!tcp_is(conn, TABLE_OPENED)) {
		greet(conn);
		tcp_pump(conn);
	} else if (kind->resume != NULL && !kind->resume(conn)) {
		if (conn->tcp->worker->stopping)
			forsake(conn);
		else
			tcp_over(conn);
	} else {
		page_count(conn->tcp->worker->page, COUNT_TCP_RESUMED);
		tcp_pump(conn);
	}
}

void tcp_no_memory(struct worker *worker)
{
	log_error("no memory for a connection, leaving all of them to a successor");
	worker_finish(worker, 1);
}

bool tcp_take(struct tcp *tcp, struct msg *msg)
{
	struct msg_fd what;
	struct tcp_conn *conn;

	if (msg->type != MSG_FD)
		return false;
	memcpy(&what, msg->body, sizeof(what));
	if (what.role != FD_TCP || what.index >= tcp->entries)
		return false;
	/* the place is free for the master, so what we have there is over */
	if (tcp->conn[what.index] != NULL) {
		if (tcp->conn[what.index]->fd >= 0 && tcp->kind->gone != NULL)
			tcp->kind->gone(tcp->conn[what.index]);
		let_go(tcp->conn[what.index]);
		free(tcp->conn[what.index]);
	}
	conn = calloc(1, sizeof(*conn));
	tcp->conn[what.index] = conn;
	if (conn == NULL) {
		tcp_no_memory(tcp->worker);
		close(msg->fd);
		msg->fd = -1;
		return true;
	}
	conn->tcp = tcp;
	conn->index = what.index;
	conn->fd = msg->fd;
	msg->fd = -1;
	conn->entry = &tcp->block->entry[what.index];
	conn->session = atomic_load(&conn->entry->session);
	tcp->count++;
	page_gauge(tcp->worker->page, GAUGE_SESSIONS, tcp->count);
	if (tcp->going)
		take_up(conn);
	return true;
}

/* ---- the worker's turns ---- */

/* The first holder of the slot asks the kernel, the others believe the first. */
static void find_mode(struct tcp *tcp)
{
	char why[128];

	if (atomic_load(&tcp->block->mode) == TABLE_UNKNOWN) {
		bool exact = tcp_check(why);

		if (!exact)
			log_warning("this kernel's counters of TCP are not exact (%s): after a "
				    "crash sessions go on at whole lines",
				    why);
		atomic_store(&tcp->block->mode, exact ? TABLE_EXACT : TABLE_WHOLE_LINES);
	}
	tcp->exact = atomic_load(&tcp->block->mode) == TABLE_EXACT;
}

/* Did the predecessor die of a line, and of a death that accuses it? */
static void accuse(struct tcp *tcp)
{
	uint64_t faults = atomic_load(&tcp->worker->page->faults);
	uint32_t acting = atomic_load(&tcp->block->acting);

	if (faults > atomic_load(&tcp->block->faults_seen) && acting >= 1 && acting <= tcp->entries)
		atomic_fetch_add(&tcp->block->entry[acting - 1].tries, 1);
	atomic_store(&tcp->block->faults_seen, faults);
	atomic_store(&tcp->block->acting, 0);
}

void tcp_go(struct tcp *tcp)
{
	unsigned sending = atomic_load(&tcp->block->sending.entry) - 1;

	find_mode(tcp);
	accuse(tcp);
	tcp->going = true;
	/* first the one whose chunk the others' output may replace */
	if (sending < tcp->entries && tcp->conn[sending] != NULL)
		take_up(tcp->conn[sending]);
	for (unsigned i = 0; i < tcp->entries; i++) {
		if (i == sending || tcp->conn[i] == NULL)
			continue;
		page_beat(tcp->worker->page, clock_mono());
		take_up(tcp->conn[i]);
	}
	atomic_store(&tcp->block->sending.entry, 0);
}

void tcp_tick(struct tcp *tcp)
{
	uint64_t now = clock_mono();

	tcp->now = now;
	for (unsigned i = 0; i < tcp->entries; i++) {
		struct tcp_conn *conn = tcp->conn[i];

		if (conn == NULL)
			continue;
		if (conn->fd < 0)
			tell_over(conn);
		else if (conn->lingers && clock_age(now, conn->since) >= LINGER_NS)
			tcp_over(conn);
		else
			tcp_again(conn);
	}
}

void tcp_free(struct tcp **tcp)
{
	if (*tcp == NULL)
		return;
	for (unsigned i = 0; i < (*tcp)->entries; i++) {
		struct tcp_conn *conn = (*tcp)->conn[i];

		if (conn == NULL)
			continue;
		if (conn->fd >= 0 && (*tcp)->kind->gone != NULL)
			(*tcp)->kind->gone(conn);
		let_go(conn);
		free(conn);
	}
	free((*tcp)->conn);
	free(*tcp);
	*tcp = NULL;
}

/* ---- asking ---- */

unsigned tcp_count(const struct tcp *tcp)
{
	return tcp->count;
}

void tcp_each(struct tcp *tcp, void (*each)(struct tcp_conn *conn, void *arg), void *arg)
{
	for (unsigned i = 0; i < tcp->entries; i++)
		if (tcp->conn[i] != NULL && tcp->conn[i]->fd >= 0 &&
		    !tcp_is(tcp->conn[i], TABLE_CLOSING))
			each(tcp->conn[i], arg);
}

uint64_t tcp_session(const struct tcp_conn *conn)
{
	return conn->session;
}

unsigned tcp_index(const struct tcp_conn *conn)
{
	return conn->index;
}

const struct addr *tcp_peer(const struct tcp_conn *conn)
{
	return &conn->entry->peer;
}

void **tcp_user(struct tcp_conn *conn)
{
	return &conn->user;
}
