/* SPDX-License-Identifier: ISC
 *
 * NAME      relay - frames out
 * PURPOSE   Sends one frame to all receivers of a DG-ID, listener by listener, and goes on where it
 *           stood when a send buffer was full.
 * OWNER     ysf workers
 * CONTRACT  while a relay is active no fan changes (follow waits) and nothing is read (receive waits)
 * LIMITS    a send buffer that stays full for RELAY_STALL costs its listener the rest of that frame,
 *           and all others until it has drained: counted
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/log.h"
#include "shm/fault.h"
#include "workers/ysf/prefix.h"
#include "workers/ysf/ysf.h"

#define RELAY_STALL (200 * NS_PER_MS)

static void count_result(struct ysf *ysf, const struct fan_result *result)
{
	page_count_by(ysf->page, COUNT_YSF_SENT, result->sent);
	trouble_note_batch(ysf, &result->failed);
}

/* The talker does not hear itself. */
static void leave_out(struct relay *relay, const struct gateway *skip)
{
	relay->skip = FAN_NOBODY;
	if (skip != NULL && skip->dgid == relay->dgid) {
		relay->skip_listener = skip->listener;
		relay->skip = skip->fan_at;
	}
}

void relay_start(struct ysf *ysf, uint8_t dgid, struct ring_entry *entry, enum ring_state then,
		 const struct gateway *skip, const uint8_t *rewritten)
{
	ysf->relay = (struct relay){
		.active = true, .dgid = dgid, .began = ysf->now, .entry = entry, .then = then};
	leave_out(&ysf->relay, skip);
	ring_relay_begin(ysf->ring, entry->seq, dgid, then, skip != NULL ? skip->id : 0,
			 skip != NULL ? &skip->key : NULL, entry->data, rewritten);
	fault_point(FAULT_YSF_RELAY_BEGUN);
	relay_continue(ysf);
}

/* The entry is done first: a successor that still finds the relay sees by it that it is over. */
static void finish(struct ysf *ysf)
{
	struct relay *relay = &ysf->relay;

	relay->active = false;
	fault_point(FAULT_YSF_RELAY_SENT);
	if (relay->entry != NULL)
		ring_set(relay->entry, relay->then);
	fault_point(FAULT_YSF_RELAY_DONE);
	if (relay->farewell != NULL)
		ring_farewell_done(ysf->ring, relay->farewell);
	ring_relay_end(ysf->ring);
}

/* Those of FAN from AT on, without the talker, don't get it, for ERROR. */
static void leave_rest(struct fan_result *result, int error, const struct fan *fan, uint32_t at,
		       uint32_t skip)
{
	uint32_t rest = 0;

	if (at < fan->count)
		rest = fan->count - at - (at <= skip && skip < fan->count ? 1 : 0);
	if (rest == 0)
		return;
	trouble_add(&result->failed, error, fan->who[at == skip ? at + 1 : at]);
	result->failed.count[trouble_of(error)] += rest - 1;
}

void relay_continue(struct ysf *ysf)
{
	struct relay *relay = &ysf->relay;
	struct fan_result result = {0};

	for (; relay->listener < ysf->listeners;
	     relay->listener++, relay->at = 0, relay->listed = false) {
		struct listener *listener = &ysf->listener[relay->listener];
		struct fan *fan = fanout_fan(&ysf->fanout, relay->dgid, relay->listener);
		uint32_t skip =
			relay->skip_listener == relay->listener ? relay->skip : FAN_NOBODY;

		if (fan == NULL || fan->count == 0)
			continue;
		if (listener->fd < 0) {
			leave_rest(&result, EBADF, fan, relay->at, skip);
			continue;
		}
		if (listener->choked) {
			leave_rest(&result, EAGAIN, fan, relay->at, skip);
			continue;
		}
		if (!relay->listed)
			ring_relay_list(ysf->ring, relay->listener, fan->id, fan->count, relay->at,
					fan, fan->version);
		relay->listed = true;
		for (unsigned i = 0; i < RING_VARIANTS; i++)
			fan->frame[i].iov_base = ring_relay_frame(ysf->ring, i == 1);
		if (!fan_send(fan, ysf->ring, listener->fd, skip, &relay->at, &result)) {
			page_count(ysf->page, COUNT_YSF_SEND_STALLED);
			receive_reading(ysf, false);
			ev_io_start(ysf->worker->loop, &listener->writable);
			count_result(ysf, &result);
			return;
		}
	}
	finish(ysf);
	count_result(ysf, &result);
}

/* Who has the frame goes to the front of the fan: then it is a fan-out like any other. */
static uint32_t served_before(struct ysf *ysf, const struct ring_left_relay *left, uint32_t *served)
{
	struct fan *fan;

	if (left->listener >= FANOUT_LISTENERS)
		return 0;
	fan = fanout_fan(&ysf->fanout, ysf->relay.dgid, left->listener);
	return fan != NULL ? fan_front(fan, served, left->served) : 0;
}

static const struct gateway *talker_of(const struct ysf *ysf, const struct ring_relay *begun)
{
	struct client_key key;

	memcpy(&key, begun->talker_key, sizeof(key));
	const struct gateway *talker =
		begun->talker != 0 ? gateways_find(&ysf->gateways, &key) : NULL;
	return talker != NULL && talker->id == begun->talker ? talker : NULL;
}

void relay_resume(struct ysf *ysf)
{
	const struct ring_relay *begun = &ysf->ring->memory->relay;
	uint32_t *served = malloc(((size_t)ysf->ring->clients + 1) * sizeof(*served));
	struct ring_left_relay left;

	if (served == NULL) {
		log_fatal("no memory to finish a fan-out");
		worker_finish(ysf->worker, 1);
		return;
	}
	if (ring_relay_left(ysf->ring, &left, served)) {
		struct ring_entry *entry = ring_find(ysf->ring, left.seq);

		ysf->relay = (struct relay){.active = true,
					    .dgid = begun->dgid,
					    .began = ysf->now,
					    .listener = (uint16_t)left.listener,
					    .entry = entry,
					    .then = (enum ring_state)begun->then};
		if (entry == NULL)
			ysf->relay.farewell = ring_farewell_find(ysf->ring, left.seq);
		ysf->relay.at = served_before(ysf, &left, served);
		leave_out(&ysf->relay, talker_of(ysf, begun));
		ring_handling(ysf->ring, left.seq);
		relay_continue(ysf);
	}
	free(served);
}

void relay_check(struct ysf *ysf)
{
	struct relay *relay = &ysf->relay;

	if (!relay->active || clock_age(ysf->now, relay->began) < RELAY_STALL)
		return;
	log_limited(LOG_LEVEL_WARNING,
		    "send buffer of listener %u full for %u ms: no frames until it drains",
		    relay->listener, (unsigned)(RELAY_STALL / NS_PER_MS));
	ysf->listener[relay->listener].choked = true; /* its watcher goes on: relay_drained */
	relay->began = ysf->now;
	relay_continue(ysf);
	if (!relay->active)
		receive_resume(ysf);
}

void relay_drained(struct ysf *ysf, struct listener *listener)
{
	struct relay *relay = &ysf->relay;

	listener->choked = false;
	if (!relay->active || relay->listener != listener->index)
		return; /* nothing waits for this one */
	relay_continue(ysf);
	if (!relay->active)
		receive_resume(ysf);
}

void relay_add_farewell(struct ysf *ysf, const struct call *call)
{
	uint8_t frame[FRAME_SIZE];

	if (!ysf_terminator(call->header, call->counter, frame))
		return;
	if (ring_farewell_add(ysf->ring, call->dgid, &call->owner_key, frame))
		return;
	page_count(ysf->page, COUNT_YSF_SEND_OTHER);
	log_limited(LOG_LEVEL_WARNING, "too many cut calls at once: terminator left out");
}

const uint8_t *relay_rewrite(const struct ysf *ysf, const uint8_t *frame, const struct fich *fich,
			     uint8_t dgid, uint8_t rewritten_r[FRAME_SIZE])
{
	if (!ysf->set.prefix || !prefix_frame(frame, fich, dgid, rewritten_r))
		return NULL;
	page_count(ysf->page, COUNT_YSF_REWRITTEN);
	return rewritten_r;
}

static void say_farewell(struct ysf *ysf, struct ring_farewell *farewell)
{
	const uint8_t *other = NULL;
	uint8_t rewritten[FRAME_SIZE];
	const struct gateway *talker;
	struct client_key key;
	struct fich fich;

	memcpy(&key, farewell->talker_key, sizeof(key));
	talker = gateways_find(&ysf->gateways, &key);
	ysf->relay = (struct relay){
		.active = true, .dgid = farewell->dgid, .began = ysf->now, .farewell = farewell};
	leave_out(&ysf->relay, talker);
	if (fich_decode(farewell->frame + YSF_FICH_AT, &fich) != FICH_BAD)
		other = relay_rewrite(ysf, farewell->frame, &fich, farewell->dgid, rewritten);
	ring_relay_begin(ysf->ring, farewell->seq, farewell->dgid, RING_DONE,
			 talker != NULL ? talker->id : 0, &key, farewell->frame, other);
	relay_continue(ysf);
}

void relay_farewells(struct ysf *ysf)
{
	struct ring_farewell *farewell;

	if (ysf->recovering)
		return;
	while (!ysf->relay.active && (farewell = ring_farewell_first(ysf->ring)) != NULL) {
		uint64_t handled = ring_handled(ysf->ring);

		ring_handling(ysf->ring, farewell->seq);
		say_farewell(ysf, farewell);
		if (!ysf->relay.active)
			ring_handling(ysf->ring, handled);
	}
}
