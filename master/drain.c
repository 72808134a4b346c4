/* SPDX-License-Identifier: ISC
 *
 * NAME      drain - stop when the last call is over
 * PURPOSE   Workers open no more calls; when none is open any more the daemon stops.
 * OWNER     master
 * CONTRACT  see master/master.h
 * LIMITS    a call is over at protection.tx_timeout at the latest
 */
#include "master/master.h"
#include "master/slot.h"
#include "shm/log.h"

#define LOOK_SECONDS 0.2
#define QUIET_LOOKS  2 /* what was read before the message came may still open a call */

static bool any_call(const struct master *master)
{
	for (unsigned i = 0; i < master->slots; i++) {
		const struct slot *slot = &master->slot[i];

		if (slot->kind == SLOT_YSF && slot->state == SLOT_SERVING &&
		    atomic_load(&slot->page->gauge[GAUGE_STREAMS]) > 0)
			return true;
	}
	return false;
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct master *master = timer->data;

	(void)events;
	master->drain_quiet = any_call(master) ? 0 : master->drain_quiet + 1;
	if (master->drain_quiet < QUIET_LOOKS && master->phase != PHASE_STOPPING)
		return;
	ev_timer_stop(loop, timer);
	log_info("the last call is over");
	stop_begin(master, STOP_GRACEFUL);
}

void drain_slot_serves(struct slot *slot)
{
	if (slot->master->draining && slot->kind == SLOT_YSF && slot->state == SLOT_SERVING)
		slot_post(slot, MSG_NO_CALLS, NULL, 0, -1);
}

void drain_begin(struct master *master)
{
	if (master->draining)
		return;
	master->draining = true;
	log_info("no more calls are taken; stopping when the last one is over");
	for (unsigned i = 0; i < master->slots; i++)
		drain_slot_serves(&master->slot[i]);
	ev_timer_init(&master->drain_timer, on_look, LOOK_SECONDS, LOOK_SECONDS);
	master->drain_timer.data = master;
	ev_timer_start(master->loop, &master->drain_timer);
}
