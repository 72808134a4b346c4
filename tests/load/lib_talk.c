/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_talk - rooms, talkers and their calls
 * PURPOSE   see lib_sim.h
 * OWNER     tests/load/ysfsim
 * CONTRACT  One call at a time in a room; several talkers of a room take turns. Paced: a frame
 *           each interval. Closed loop: at most window frames that not every receiver has; a loop
 *           that stands still for TALK_STALL_NS gives the waiting frames up and goes on.
 * LIMITS    none known
 */
#include "tests/load/lib_sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TALK_STALL_NS (NET_SECOND / 2)
#define TALK_BEHIND   10 /* intervals after which a late schedule starts afresh */

/* Deal the gateways out to the rooms. */
static bool talk_rooms(struct sim *s)
{
	uint32_t left = s->o.fan.gateways;
	uint32_t first = 0;
	int open = 0;

	for (int r = 0; r < s->o.nrooms; r++) {
		if (s->o.count[r] > left)
			return false;
		left -= s->o.count[r];
		open += s->o.count[r] == 0;
	}
	if (open == 0 && left > 0)
		return false;
	for (int r = 0; r < s->o.nrooms; r++) {
		struct room *room = &s->room[r];

		room->dgid = s->o.dgid[r];
		room->first = first;
		room->count = s->o.count[r];
		if (room->count == 0) {
			room->count = left / (uint32_t)open;
			left -= room->count;
			open--;
		}
		first += room->count;
	}
	return true;
}

/* The next member of a room becomes a talker. */
static bool talk_appoint(struct sim *s, struct room *room)
{
	struct talker *t = &s->talker[s->ntalkers];
	struct station *g;

	if ((uint32_t)room->ntalkers >= room->count || room->ntalkers == SIM_TALKERS_ROOM)
		return false;
	t->gate = room->first + (uint32_t)room->ntalkers;
	g = &s->gate[t->gate];
	t->truth = truth_talker_create(room->count - 1, room->count);
	if (t->truth == NULL)
		return false;
	t->frames.run = (uint32_t)(net_now() >> 10) | 1;
	t->frames.gateway = s->o.fan.first + t->gate;
	t->frames.dgid = s->o.suffix ? room->dgid : 0;
	t->frames.radio = s->o.radio;
	t->frames.voice_fr = s->o.voice_fr;
	t->frames.prefix = s->o.prefix ? room->dgid : 0;
	memcpy(t->frames.tag, g->name, sizeof(g->name));
	g->talker = s->ntalkers;
	room->talker[room->ntalkers++] = s->ntalkers++;
	return true;
}

bool talk_setup(struct sim *s)
{
	uint64_t pairs = 0;
	uint32_t want;

	s->gate = calloc(s->o.fan.gateways, sizeof(*s->gate));
	if (s->gate == NULL || !talk_rooms(s)) {
		fprintf(stderr, "ysfsim: the rooms do not add up to %u gateways\n",
			s->o.fan.gateways);
		return false;
	}
	station_setup(s);
	want = s->o.talkers > SIM_TALKERS ? (uint32_t)s->o.nrooms : s->o.talkers;
	for (uint32_t i = 0; i < want; i++) {
		struct room *room = &s->room[i % (uint32_t)s->o.nrooms];

		pairs += room->count;
		if (pairs > SIM_PAIRS || !talk_appoint(s, room)) {
			fprintf(stderr, "ysfsim: too many talkers\n");
			return false;
		}
		if (s->o.window > 0 && room->count < 2) {
			fprintf(stderr, "ysfsim: a closed loop needs a listener in each room\n");
			return false;
		}
	}
	for (int r = 0; r < s->o.nrooms; r++) {
		if (s->room[r].ntalkers == 0)
			s->room[r].state = ROOM_DONE;
	}
	return true;
}

void talk_destroy(struct sim *s)
{
	for (int i = 0; i < s->ntalkers; i++)
		truth_talker_destroy(&s->talker[i].truth);
	free(s->gate);
	s->gate = NULL;
}

static void talk_frame(struct sim *s, int talker, bool end, uint32_t bit_errors)
{
	struct talker *t = &s->talker[talker];
	uint64_t now = net_now();
	uint32_t seq = truth_sent(t->truth, now);

	const uint8_t *frame = call_make(&t->frames, t->truth->calls - 1, seq, end, now);
	uint8_t damaged[NET_FRAME];

	if (bit_errors > 0) {
		memcpy(damaged, frame, NET_FRAME);
		call_damage(damaged, bit_errors, &s->seed);
		frame = damaged;
	}
	fan_send(s->fan, t->gate, frame, NET_FRAME);
}

void talk_header(struct sim *s, int talker)
{
	struct talker *t = &s->talker[talker];

	call_begin(&t->frames, t->truth->calls, t->truth->sent);
	truth_call(t->truth);
	talk_frame(s, talker, false, 0);
	report_demo_call(s, talker, false);
}

void talk_voice(struct sim *s, int talker)
{
	talk_frame(s, talker, false, s->o.bit_errors);
}

void talk_end(struct sim *s, int talker)
{
	talk_frame(s, talker, true, 0);
}

static bool talk_time_up(const struct sim *s, uint64_t now)
{
	return s->stop || now - s->talk_start_ns >= s->o.seconds * NET_SECOND;
}

/* The talker whose turn it is. */
static int talk_holder(const struct room *room)
{
	return room->talker[room->calls % (uint32_t)room->ntalkers];
}

static bool talk_last_word(const struct sim *s, const struct room *room, uint64_t now)
{
	return (s->o.frames != 0 && room->voiced >= s->o.frames) || talk_time_up(s, now);
}

static void talk_quiet(struct sim *s, struct room *room, uint64_t now)
{
	if (now < room->next_ns)
		return;
	if ((s->o.calls != 0 && room->calls >= s->o.calls) ||
	    (talk_time_up(s, now) && (room->calls > 0 || s->stop))) {
		room->state = ROOM_DONE;
		return;
	}
	talk_header(s, talk_holder(room));
	room->state = ROOM_TALKING;
	room->voiced = 0;
	room->heard_ns = now;
	room->next_ns = now + s->o.interval_ns;
}

/* One frame of a call; the last one closes it. */
static void talk_say(struct sim *s, struct room *room, uint64_t now)
{
	if (talk_last_word(s, room, now)) {
		talk_end(s, talk_holder(room));
		room->state = ROOM_CLOSING;
		return;
	}
	talk_voice(s, talk_holder(room));
	room->voiced++;
}

static void talk_paced(struct sim *s, struct room *room, uint64_t now)
{
	if (now < room->next_ns)
		return;
	if (now - room->next_ns > s->send_late_ns)
		s->send_late_ns = now - room->next_ns;
	talk_say(s, room, now);
	room->next_ns += s->o.interval_ns;
	if (now > room->next_ns + TALK_BEHIND * s->o.interval_ns)
		room->next_ns = now + s->o.interval_ns;
}

/* A closed loop that nobody answers any more must not wait for ever. */
static bool talk_stalled(struct sim *s, struct room *room, struct truth_talker *truth, uint64_t now)
{
	if (now < room->heard_ns + TALK_STALL_NS)
		return false;
	while (truth_outstanding(truth) > 0)
		truth_give_up(truth);
	room->heard_ns = now;
	if (s->o.window > 0)
		report_progress(s, "stalled %d", room->dgid);
	return true;
}

static void talk_loop(struct sim *s, struct room *room, uint64_t now)
{
	struct truth_talker *truth = s->talker[talk_holder(room)].truth;
	uint32_t open = truth_outstanding(truth);

	if (open >= s->o.window && !talk_stalled(s, room, truth, now))
		return;
	for (; open < s->o.window && room->state == ROOM_TALKING; open++)
		talk_say(s, room, now);
}

static void talk_closing(struct sim *s, struct room *room, uint64_t now)
{
	const struct talker *t = &s->talker[talk_holder(room)];
	struct truth_talker *truth = t->truth;

	if (truth_outstanding(truth) > 0 && !talk_stalled(s, room, truth, now))
		return;
	truth_call_over(truth, t->frames.call[(truth->calls - 1) % 2].first_seq);
	report_demo_call(s, talk_holder(room), true);
	room->calls++;
	room->state = ROOM_QUIET;
	room->next_ns = now + s->o.pause_ns;
	s->talk_end_ns = now;
	if (s->o.calls != 0 && room->calls >= s->o.calls)
		room->state = ROOM_DONE;
}

void talk_turn(struct sim *s, uint64_t now)
{
	for (int r = 0; r < s->o.nrooms; r++) {
		struct room *room = &s->room[r];

		if (room->state == ROOM_QUIET && s->stop)
			room->state = ROOM_DONE;
		if (room->state == ROOM_QUIET)
			talk_quiet(s, room, now);
		else if (room->state == ROOM_TALKING && s->o.window == 0)
			talk_paced(s, room, now);
		else if (room->state == ROOM_TALKING)
			talk_loop(s, room, now);
		else if (room->state == ROOM_CLOSING)
			talk_closing(s, room, now);
	}
	fan_flush(s->fan);
}

uint64_t talk_due(const struct sim *s)
{
	uint64_t due = UINT64_MAX;

	for (int r = 0; r < s->o.nrooms; r++) {
		const struct room *room = &s->room[r];
		uint64_t next = room->next_ns;

		if (room->state == ROOM_DONE)
			continue;
		if (room->state == ROOM_CLOSING || (room->state == ROOM_TALKING && s->o.window > 0))
			next = room->heard_ns + TALK_STALL_NS;
		if (next < due)
			due = next;
	}
	return due;
}

bool talk_done(const struct sim *s)
{
	for (int r = 0; r < s->o.nrooms; r++) {
		if (s->room[r].state != ROOM_DONE)
			return false;
	}
	return true;
}

bool talk_drained(struct sim *s)
{
	for (int i = 0; i < s->ntalkers; i++) {
		if (truth_outstanding(s->talker[i].truth) > 0)
			return false;
	}
	return true;
}
