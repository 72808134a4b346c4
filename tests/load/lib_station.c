/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_station - the simulated gateways: names, registration, keep-alive, ears
 * PURPOSE   see lib_sim.h
 * OWNER     tests/load/ysfsim
 * CONTRACT  Registration is driven by answers: at most STATION_AHEAD polls are open at a time, and
 *           one that stays open for a second is sent again and counted. A damaged frame is booked
 *           as damaged and, for its receiver, also as lost.
 * LIMITS    99,999 gateways by the five digits of their names
 */
#include "tests/load/lib_sim.h"

#include <stdio.h>
#include <string.h>

#define STATION_AHEAD	  512
#define STATION_RETRY_NS  NET_SECOND
#define STATION_RESCAN_NS (NET_SECOND / 10)

void station_setup(struct sim *s)
{
	char name[32];

	for (int r = 0; r < s->o.nrooms; r++) {
		for (uint32_t i = 0; i < s->room[r].count; i++) {
			struct station *g = &s->gate[s->room[r].first + i];
			unsigned number = s->o.fan.first + s->room[r].first + i;

			g->movable = !s->o.suffix || (s->o.mixed && i % 2 != 0);
			if (!g->movable)
				snprintf(name, sizeof(name), "G%05u-%d   ", number,
					 s->room[r].dgid);
			else
				snprintf(name, sizeof(name), "G%05u    ", number);
			memcpy(g->name, name, sizeof(g->name));
			g->room = (uint16_t)r;
			g->talker = -1;
		}
	}
}

static void station_tell(struct sim *s, uint32_t i, const char *tag)
{
	uint8_t out[NET_POLL];

	memcpy(out, tag, 4);
	memcpy(out + 4, s->gate[i].name, 10);
	fan_send(s->fan, i, out, sizeof(out));
}

static void station_poll(struct sim *s, uint32_t i, uint64_t now)
{
	station_tell(s, i, "YSFP");
	s->gate[i].polled_ns = now;
	s->gate[i].open = true;
	s->polls++;
}

void station_register_turn(struct sim *s, uint64_t now)
{
	if (s->register_start_ns == 0)
		s->register_start_ns = now;
	while (s->next_new < s->o.fan.gateways &&
	       (s->o.burst || s->next_new - s->registered < STATION_AHEAD))
		station_poll(s, s->next_new++, now);
	if (now >= s->rescan_ns && !s->o.burst) {
		s->rescan_ns = now + STATION_RESCAN_NS;
		for (uint32_t i = 0; i < s->next_new; i++) {
			if (s->gate[i].first_ns != 0 ||
			    now - s->gate[i].polled_ns < STATION_RETRY_NS)
				continue;
			station_poll(s, i, now);
			s->repolls++;
		}
	}
	fan_flush(s->fan);
}

bool station_all_registered(const struct sim *s)
{
	return s->registered == s->o.fan.gateways;
}

/* How many keep-alives should have left by now, spread evenly over the interval. */
static uint64_t station_keep_target(const struct sim *s, uint64_t now)
{
	return (uint64_t)((double)(now - s->keep_start_ns) / (double)s->o.poll_ns *
			  (double)s->o.fan.gateways);
}

void station_keep_turn(struct sim *s, uint64_t now)
{
	uint64_t target;

	if (s->o.poll_ns == 0)
		return;
	if (s->keep_start_ns == 0)
		s->keep_start_ns = now;
	for (target = station_keep_target(s, now); s->keep_done < target; s->keep_done++) {
		uint32_t i = (uint32_t)(s->keep_done % s->o.fan.gateways);

		if (s->gate[i].answered_ns < s->gate[i].polled_ns)
			s->unanswered++;
		station_poll(s, i, now);
	}
	fan_flush(s->fan);
}

uint64_t station_keep_due(const struct sim *s)
{
	if (s->o.poll_ns == 0 || s->keep_start_ns == 0)
		return UINT64_MAX;
	return s->keep_start_ns + (uint64_t)((double)(s->keep_done + 1) * (double)s->o.poll_ns /
					     (double)s->o.fan.gateways);
}

/* At the end: polls that have been open for longer than an honest reflector needs. */
void station_count_silent(struct sim *s, uint64_t now)
{
	for (uint32_t i = 0; i < s->next_new; i++) {
		const struct station *g = &s->gate[i];

		if (g->answered_ns < g->polled_ns && now - g->polled_ns > STATION_RETRY_NS)
			s->unanswered++;
	}
}

void station_unlink_all(struct sim *s)
{
	for (uint32_t i = 0; i < s->o.fan.gateways; i++)
		station_tell(s, i, "YSFU");
	s->unlinks += s->o.fan.gateways;
	fan_flush(s->fan);
}

static void station_answered(struct sim *s, struct station *g, uint64_t at)
{
	s->answers++;
	s->answers_doubled += !g->open;
	g->open = false;
	/* The kernel's clock and ours may differ by a hair; an answer is never older than its poll.
	 */
	g->answered_ns = at > g->polled_ns ? at : g->polled_ns;
	if (g->first_ns != 0)
		return;
	g->first_ns = g->answered_ns;
	s->registered++;
	if (g->first_ns > s->register_last_ns)
		s->register_last_ns = g->first_ns;
}

static void station_voice(struct sim *s, const struct fan_datagram *d)
{
	long number = call_gateway(d->data) - (long)s->o.fan.first;
	struct truth_arrival arrival = {.at_ns = d->at_ns, .marked = s->marked};
	struct call_stamp stamp;
	enum call_verdict verdict;
	struct talker *t;
	struct room *room;

	if (number < 0 || number >= (long)s->o.fan.gateways || s->gate[number].talker < 0) {
		s->faults.alien++;
		return;
	}
	t = &s->talker[s->gate[number].talker];
	room = &s->room[s->gate[number].room];
	verdict = call_judge(&t->frames, d->data, s->gate[d->gateway].movable, &stamp,
			     &arrival.header, &arrival.end);
	if (verdict == CALL_ALIEN) {
		s->faults.alien++;
	} else if (verdict == CALL_DAMAGED) {
		s->faults.damaged++;
	} else if (d->gateway == (uint32_t)number) {
		s->faults.echoes++;
	} else if (d->gateway - room->first >= room->count) {
		s->faults.wrong_room++;
	} else {
		s->faults.rewritten += verdict == CALL_REWRITTEN;
		s->faults.wrong_variant += verdict == CALL_OTHER;
		arrival.member = d->gateway - room->first;
		arrival.seq = stamp.seq;
		arrival.sent_ns = stamp.sent_ns;
		truth_heard(t->truth, &arrival, s->o.late_ns);
		room->heard_ns = d->at_ns;
	}
}

void station_heard(void *sim, const struct fan_datagram *d)
{
	struct sim *s = sim;

	s->received += d->from_peer;
	if (!d->from_peer) {
		s->faults.wrong_source++;
	} else if (d->gateway == UINT32_MAX) {
		s->faults.malformed++;
	} else if (d->len == NET_POLL && memcmp(d->data, NET_ANSWER, NET_POLL) == 0) {
		station_answered(s, &s->gate[d->gateway], d->at_ns);
	} else if (d->len == NET_FRAME && memcmp(d->data, "YSFD", 4) == 0) {
		s->last_heard_ns = d->at_ns;
		s->heard++;
		station_voice(s, d);
	} else {
		s->faults.malformed++;
	}
}
