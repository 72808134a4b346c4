/* SPDX-License-Identifier: ISC
 *
 * NAME      fan_serve - what one session is sent
 * PURPOSE   From its cursor on: the group's lines where they are still there, else lines made anew
 *           from the log; and what it misses. See workers/dxc/fan.h.
 * OWNER     dxc workers
 * CONTRACT  a session's record and its cursor change in one step with what went out
 * LIMITS    CHUNKS_A_TURN chunks for one session in one turn; PIECES_A_TURN pieces of what it
 *           misses
 */
#include "shm/clock.h"
#include "shm/fault.h"
#include "workers/dxc/fan_inside.h"

#define CHUNKS_A_TURN 8
#define PIECES_A_TURN 32
#define NOTICE_NS     (60 * NS_PER_SEC)

void fan_told(struct tcp_conn *conn, uint64_t number, unsigned lines)
{
	struct session *session = tcp_own(conn);
	struct client *client = *tcp_user(conn);

	session->head.cursor = number;
	session->head.delivered += lines;
	if (client == NULL) /* what a predecessor sent last */
		return;
	page_count_by(client->dxc->worker->page, COUNT_FAN_DELIVERED, lines);
	if (client->member == NULL)
		return;
	client->member->cursor = number;
	client->member->told += lines;
}

void fan_note(struct fan_member *member)
{
	struct tcp_conn *conn = member->client->conn;
	bool own_step;

	if (fan_session(member)->head.cursor == member->cursor)
		return;
	own_step = !tcp_acts(conn);
	if (own_step && !tcp_note(conn))
		return;
	fan_session(member)->head.cursor = member->cursor;
	if (own_step)
		tcp_noted(conn);
}

/* ---- what it misses ---- */

/* It has not seen SPOTS of those before its cursor. */
static void drop(struct fan *fan, struct fan_member *member, uint64_t spots)
{
	if (!tcp_note(member->client->conn))
		return;
	fan_session(member)->head.cursor = member->cursor;
	fan_session(member)->head.dropped += spots;
	tcp_noted(member->client->conn);
	if (spots == 0)
		return;
	member->untold = true;
	member->dropped += spots;
	page_count_by(fan->dxc->worker->page, COUNT_FAN_LAPPED, spots);
}

/* Spots that a session may be behind. Less than the log holds: what it misses can be judged then. */
static uint64_t bound(const struct fan *fan)
{
	const struct conf *conf = fan->dxc->worker->conf;
	uint64_t most = (uint64_t)conf_number(conf, CONF_LIMITS_SPOTS);
	uint64_t queue = (uint64_t)conf_number(conf, CONF_DXC_QUEUE_CLIENT);

	most -= most / 16;
	return queue > 0 && queue < most ? queue : most;
}

void fan_bound(struct fan *fan)
{
	uint64_t most = bound(fan);

	fan->floor = fan->newest > most ? fan->newest - most : 0;
}

static enum store_error load_late(struct fan *fan, uint64_t after, uint64_t last)
{
	struct piece *late = fan->late;

	/* many fall behind together */
	if (late->from == after && late->to > after && late->lost == 0 &&
	    (late->to >= last || late->spots == PIECE_SPOTS))
		return STORE_OK;
	return piece_load(late, fan->dxc->worker->spots, after, last, &fan->newest);
}

void fan_lap(struct fan *fan, struct fan_member *member)
{
	uint64_t floor = fan->floor, missed = 0;

	if (member->cursor >= floor || tcp_acts(member->client->conn))
		return;
	for (unsigned i = 0; i < PIECES_A_TURN && member->cursor < floor; i++) {
		struct piece *late = fan->late;

		if (fan_failed(fan, load_late(fan, member->cursor, floor)) ||
		    late->to == member->cursor)
			break;
		missed += member->group->off ? 0 : late->lost;
		for (unsigned j = 0; j < late->spots && late->item[j].number <= floor; j++)
			missed += fan_wants(fan, member->group, member, late, j);
		member->cursor = late->to < floor ? late->to : floor;
	}
	drop(fan, member, missed);
}

bool fan_tell(struct fan *fan, struct fan_member *member)
{
	const struct conf *conf = fan->dxc->worker->conf;
	struct tcp_conn *conn = member->client->conn;
	struct session *session = tcp_own(conn);
	uint64_t now = clock_mono();

	if (session->head.dropped <= session->skip_told || !conf_bool(conf, CONF_DXC_SKIP_NOTICE)) {
		member->untold = false;
		return false;
	}
	if ((session->skip_when != 0 && clock_age(now, session->skip_when) < NOTICE_NS) ||
	    !tcp_begin(conn))
		return false;
	session = tcp_own(conn);
	tcp_printf(conn, "*** %llu spots skipped (slow connection)\r\n",
		   (unsigned long long)(session->head.dropped - session->skip_told));
	session->skip_told = session->head.dropped;
	session->skip_when = now;
	member->untold = false;
	tcp_bulk_later(conn);
	tcp_end(conn);
	return true;
}

/* ---- lines ---- */

/* Makes a chunk of what comes behind its cursor. BATCH_NONE: its cursor went on without, or (false)
 * nothing can be read now. */
static bool make(struct fan *fan, struct fan_member *member, bool alone, unsigned *slot_r)
{
	struct fan_group *group = member->group;
	struct fan_filling filling = {.piece = fan->now,
				      .group = group,
				      .self = alone ? member : NULL,
				      .owner = alone ? (void *)member : (void *)group,
				      .last = group->to,
				      .first = true};
	uint64_t quiet;

	*slot_r = BATCH_NONE;
	if (fan->now->from != member->cursor || fan->now->to < group->to) {
		filling.piece = fan->late;
		if (fan_failed(fan, load_late(fan, member->cursor, group->to)) ||
		    fan->late->to == member->cursor)
			return false;
		if (fan->late->lost > 0) {
			member->cursor += fan->late->lost;
			drop(fan, member, group->off ? 0 : fan->late->lost);
		}
	}
	fan->alone += alone;
	*slot_r = fan_fill(fan, &filling, BATCH_NONE, &quiet);
	if (*slot_r == BATCH_NONE)
		member->cursor = filling.piece->to < group->to ? filling.piece->to : group->to;
	return true;
}

static unsigned find(struct fan *fan, struct fan_group *group, uint64_t cursor)
{
	if (batch_has(&fan->batch, group, group->slot)) {
		const struct table_chunk *chunk = batch_chunk(&fan->batch, group->slot);

		if (cursor >= chunk->from && cursor < chunk->to)
			return group->slot;
	}
	return batch_find(&fan->batch, group, cursor);
}

/* One chunk, or what is left of it. False: that was all for now. */
static bool serve_one(struct fan *fan, struct fan_member *member)
{
	bool alone = member->cursor < member->self_hit;
	unsigned slot = alone ? BATCH_NONE : find(fan, member->group, member->cursor);
	const struct table_chunk *chunk;
	enum tcp_told told;
	unsigned line;

	if (slot == BATCH_NONE) {
		/* in vain, if it can't be sent */
		if (!tcp_bulk_can(member->client->conn)) {
			tcp_bulk_later(member->client->conn);
			return false;
		}
		if (!make(fan, member, alone, &slot))
			return false;
		if (slot == BATCH_NONE)
			return true;
	}
	chunk = batch_chunk(&fan->batch, slot);
	line = batch_line(chunk, member->cursor);
	if (line >= atomic_load(&chunk->lines)) {
		member->cursor = chunk->to;
		return true;
	}
	fault_point(FAULT_DXC_FAN_READ);
	told = tcp_bulk(member->client->conn, slot, line);
	fault_point(FAULT_DXC_FAN_SERVED);
	if (alone)
		fan->batch.slot[slot].owner = NULL;
	return told == TCP_TOLD;
}

void fan_serve(struct fan *fan, struct fan_member *member)
{
	struct fan_group *group = member->group;
	struct tcp_conn *conn = member->client->conn;

	fan_lap(fan, member);
	for (unsigned i = 0; member->cursor < group->to; i++) {
		if (member->cursor >= member->self_hit && member->cursor >= group->quiet) {
			member->cursor = group->to;
			return;
		}
		if (i >= CHUNKS_A_TURN) {
			tcp_bulk_later(conn);
			return;
		}
		if ((member->untold && tcp_bulk_can(conn) && fan_tell(fan, member)) ||
		    !serve_one(fan, member))
			return;
	}
}

void fan_ready(struct tcp_conn *conn)
{
	struct client *client = *tcp_user(conn);

	if (client != NULL && client->member != NULL)
		fan_serve(client->dxc->fan, client->member);
}
