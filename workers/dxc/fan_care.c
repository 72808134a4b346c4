/* SPDX-License-Identifier: ISC
 *
 * NAME      fan_care - what is looked at once a second
 * PURPOSE   Who takes nothing of what waits for him, or misses nearly all, is ended; who heard nothing
 *           of us gets an empty line; cursors that moved in silence are written down.
 * OWNER     dxc workers
 * CONTRACT  a session may be gone after each of these
 * LIMITS    SLOW_SPOTS spots of half a minute at least are judged
 */
#include "shm/clock.h"
#include "shm/log.h"
#include "workers/dxc/fan_inside.h"

#define SLOW_NS	   (30 * NS_PER_SEC)
#define SLOW_SPOTS 100

static void end(struct fan_member *member, enum page_counter counter, const char *why)
{
	struct client *client = member->client;

	page_count(client->dxc->worker->page, counter);
	log_info("%s: %s, the session ends", fan_session(member)->head.call, why);
	client->fell = true;
	tcp_drop(client->conn);
}

/* Of what it should have got in the last half minute it missed more than 80 %. */
static bool is_too_slow(struct fan_member *member, uint64_t now)
{
	uint64_t all = member->told + member->dropped;
	bool slow = all >= SLOW_SPOTS && member->dropped * 5 > all * 4;

	if (clock_age(now, member->began) < SLOW_NS)
		return false;
	member->began = now;
	member->told = member->dropped = 0;
	return slow;
}

static void keep_alive(struct fan_member *member, uint64_t now)
{
	struct tcp_conn *conn = member->client->conn;
	struct worker *worker = member->client->dxc->worker;
	uint64_t silence = (uint64_t)conf_number(worker->conf, CONF_DXC_KEEPALIVE);

	if (silence == 0 || clock_age(now, tcp_took(conn)) < silence || !tcp_begin(conn))
		return;
	page_count(worker->page, COUNT_FAN_KEEPALIVES);
	tcp_put(conn, "\r\n", 2);
	tcp_end(conn);
}

static void look_at(struct fan *fan, struct fan_member *member, uint64_t now)
{
	uint64_t patience = (uint64_t)conf_number(fan->dxc->worker->conf, CONF_DXC_WRITE_TIMEOUT);

	if (tcp_stalled(member->client->conn, now) >= patience) {
		end(member, COUNT_FAN_STUCK, "it takes nothing of what waits for it");
	} else if (is_too_slow(member, now)) {
		end(member, COUNT_FAN_TOO_SLOW, "too slow");
	} else {
		fan_note(member);
		if (member->untold && member->cursor >= member->group->to)
			fan_tell(fan, member);
		else if (member->cursor < member->group->to)
			fan_serve(fan, member);
		else
			keep_alive(member, now);
	}
}

void fan_care(struct fan *fan, uint64_t now)
{
	struct fan_member *next;
	uint64_t lag = 0;

	for (struct fan_group *group = fan->groups; group != NULL; group = group->next) {
		for (struct fan_member *member = group->members; member != NULL; member = next) {
			next = member->next;
			if (member->cursor < group->to && group->to - member->cursor > lag)
				lag = group->to - member->cursor;
			look_at(fan, member, now);
		}
	}
	page_gauge(fan->dxc->worker->page, GAUGE_FAN_LAG, lag);
}

void fan_save(struct fan *fan)
{
	for (struct fan_group *group = fan->groups; group != NULL; group = group->next)
		for (struct fan_member *member = group->members; member != NULL;
		     member = member->next)
			fan_note(member);
}
