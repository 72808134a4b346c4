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
#include <string.h>

#include "shm/log.h"
#include "workers/ysf/ysf.h"

#define RELAY_STALL (200 * NS_PER_MS)

static void count_result(struct ysf *ysf, const struct fan_result *result)
{
	page_count_by(ysf->page, COUNT_YSF_SENT, result->sent);
	if (result->unreachable + result->refused + result->no_buffers + result->other == 0)
		return;
	page_count_by(ysf->page, COUNT_YSF_SEND_UNREACH, result->unreachable);
	page_count_by(ysf->page, COUNT_YSF_SEND_PERM, result->refused);
	page_count_by(ysf->page, COUNT_YSF_SEND_NOBUFS, result->no_buffers);
	page_count_by(ysf->page, COUNT_YSF_SEND_OTHER, result->other);
	log_limited(LOG_LEVEL_WARNING,
		    "frame not sent to %u gateways: %u unreachable, %u refused by a filter, "
		    "%u without buffers, %u other",
		    result->unreachable + result->refused + result->no_buffers + result->other,
		    result->unreachable, result->refused, result->no_buffers, result->other);
}

void relay_start(struct ysf *ysf, uint8_t dgid, const uint8_t frame[FRAME_SIZE],
		 const struct gateway *skip)
{
	struct relay *relay = &ysf->relay;

	relay->active = true;
	relay->dgid = dgid;
	relay->listener = 0;
	relay->at = 0;
	relay->began = ysf->now;
	relay->skip = FAN_NOBODY;
	if (skip != NULL && skip->dgid == dgid) {
		relay->skip_listener = skip->listener;
		relay->skip = skip->fan_at;
	}
	memcpy(relay->frame, frame, FRAME_SIZE);
	relay_continue(ysf);
}

/* Those of FAN from AT on, without the talker. */
static uint32_t rest_of(const struct fan *fan, uint32_t at, uint32_t skip)
{
	if (at >= fan->count)
		return 0;
	return fan->count - at - (at <= skip && skip < fan->count ? 1 : 0);
}

void relay_continue(struct ysf *ysf)
{
	struct relay *relay = &ysf->relay;
	struct fan_result result = {0};

	for (; relay->listener < ysf->listeners; relay->listener++, relay->at = 0) {
		struct listener *listener = &ysf->listener[relay->listener];
		struct fan *fan = fanout_fan(&ysf->fanout, relay->dgid, relay->listener);
		uint32_t skip =
			relay->skip_listener == relay->listener ? relay->skip : FAN_NOBODY;

		if (fan == NULL)
			continue;
		if (listener->fd < 0) {
			result.unreachable += rest_of(fan, relay->at, skip);
			continue;
		}
		if (listener->choked) {
			result.no_buffers += rest_of(fan, relay->at, skip);
			continue;
		}
		fan->frame.iov_base = relay->frame;
		if (!fan_send(fan, listener->fd, skip, &relay->at, &result)) {
			page_count(ysf->page, COUNT_YSF_SEND_STALLED);
			receive_reading(ysf, false);
			ev_io_start(ysf->worker->loop, &listener->writable);
			count_result(ysf, &result);
			return;
		}
	}
	relay->active = false;
	count_result(ysf, &result);
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
	struct farewell *farewell =
		&ysf->farewell[(ysf->next_farewell + ysf->farewells) % ysf->set.streams];

	if (ysf->farewells == ysf->set.streams) {
		page_count(ysf->page, COUNT_YSF_SEND_OTHER);
		log_limited(LOG_LEVEL_WARNING, "too many cut calls at once: terminator left out");
		return;
	}
	farewell->dgid = call->dgid;
	farewell->talker = call->owner_key;
	if (ysf_terminator(call->header, call->counter, farewell->frame))
		ysf->farewells++;
}

void relay_farewells(struct ysf *ysf)
{
	while (ysf->farewells > 0 && !ysf->relay.active) {
		const struct farewell *farewell = &ysf->farewell[ysf->next_farewell];

		ysf->next_farewell = (ysf->next_farewell + 1) % ysf->set.streams;
		ysf->farewells--;
		relay_start(ysf, farewell->dgid, farewell->frame,
			    gateways_find(&ysf->gateways, &farewell->talker));
	}
}
