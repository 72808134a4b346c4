/* SPDX-License-Identifier: ISC
 *
 * NAME      retire - slots and listeners that a reload removes
 * PURPOSE   No new flows come to a slot that goes, it reads what it has, ends, and only then are
 *           its sockets closed; a listener that goes is read empty by everybody and closed.
 * OWNER     master
 * CONTRACT  A slot that goes keeps its page and doorbell: what it counted stays, and it finds them
 *           again if it comes back. Nothing waits for longer than RETIRE_SECONDS.
 * LIMITS    none known
 */
#include <signal.h>

#include "master/adopt.h"
#include "master/bind.h"
#include "master/reload/reload.h"
#include "master/reload/steer.h"
#include "master/slot.h"
#include "shm/log.h"

static bool is_leaving(const struct slot *slot)
{
	return slot->retired && slot->staging.leaving;
}

static void ask_to_drain(struct slot *slot)
{
	struct msg_drain drain = {.listener = MSG_ALL_LISTENERS};

	slot_post(slot, MSG_DRAIN, &drain, sizeof(drain), -1);
}

/* What comes from now on goes to the slots that stay. */
static void steer_away(struct master *master)
{
	for (unsigned i = 0; i < master->listeners; i++) {
		if (!master->listener_used[i] || master->ysf[0].udp[i] < 0)
			continue;
		if (!steer_hold(master->ysf[0].udp[i], addr_family(&master->listener[i]),
				master->ysf_count))
			log_error("listener %u can't be led away from the slots that go: %m", i);
	}
}

/* Those of LISTENERS that SLOT has a socket of: one that has only just come never had what goes. */
static uint64_t held_by(const struct slot *slot, uint64_t listeners)
{
	for (unsigned i = 0; i < CONF_LISTEN_MAX; i++)
		if (slot->udp[i] < 0)
			listeners &= ~(1ULL << i);
	return listeners;
}

void retire_begin(struct reload *reload)
{
	struct master *master = reload->master;
	bool any = false;

	for (unsigned i = 0; i < master->slots; i++) {
		struct slot *slot = &master->slot[i];

		if (slot->kind == SLOT_YSF && slot->state == SLOT_SERVING)
			slot->staging.draining = held_by(slot, reload->plan->gone);
		any = any || is_leaving(slot);
	}
	reload->held = any;
	if (any)
		steer_away(master);
	for (unsigned i = 0; i < master->slots; i++)
		if (is_leaving(&master->slot[i]) && master->slot[i].state == SLOT_SERVING)
			ask_to_drain(&master->slot[i]);
}

void reload_slot_serves(struct slot *slot)
{
	if (is_leaving(slot))
		ask_to_drain(slot);
}

void reload_drained(struct slot *slot, const struct msg_drain *drain)
{
	struct master *master = slot->master;

	if (drain->listener < CONF_LISTEN_MAX) {
		slot->staging.draining &= ~(1ULL << drain->listener);
	} else if (is_leaving(slot) && slot->state == SLOT_SERVING) {
		slot->planned = true;
		slot_stop(slot);
	}
	ev_feed_event(master->loop, &master->own_reload->timer, EV_TIMER);
}

/* ---- is it empty? ---- */

/* Empty, or made so by force. */
static bool is_vacated(struct slot *slot, bool overdue)
{
	if (slot_alive(slot)) {
		if (overdue && !slot->condemned) {
			log_warning("%s does not get empty in time: killed", slot->name);
			slot->planned = slot->condemned = true;
			slot_signal(slot, SIGKILL);
		}
		return false;
	}
	if (slot->state == SLOT_WAITING && !overdue)
		return false; /* what it has read is still in its ring */
	ev_timer_stop(slot->master->loop, &slot->timer);
	slot->state = SLOT_EMPTY;
	slot->parked = false;
	return adopt_give_back(slot);
}

static bool slots_gone(struct master *master, bool overdue)
{
	bool all = true;

	for (unsigned i = 0; i < master->slots; i++)
		if (is_leaving(&master->slot[i]) && !is_vacated(&master->slot[i], overdue))
			all = false;
	return all;
}

static bool is_drained(const struct master *master, unsigned listener)
{
	for (unsigned i = 0; i < master->slots; i++)
		if (slot_alive(&master->slot[i]) &&
		    (master->slot[i].staging.draining >> listener & 1))
			return false;
	return true;
}

static bool close_listeners(struct reload *reload, bool overdue)
{
	struct master *master = reload->master;
	bool all = true;

	for (unsigned i = 0; i < CONF_LISTEN_MAX; i++) {
		if (!(reload->plan->gone >> i & 1))
			continue;
		if (is_drained(master, i) || overdue) {
			bind_leave(master, i, 0);
			reload->plan->gone &= ~(1ULL << i);
		} else {
			all = false;
		}
	}
	return all;
}

/* The groups without the members that are gone. */
static void close_slots(struct master *master)
{
	for (unsigned i = 0; i < CONF_LISTEN_MAX; i++)
		if (master->listener_used[i])
			bind_leave(master, i, master->ysf_count);
	for (unsigned i = 0; i < master->slots; i++)
		master->slot[i].staging.leaving = false;
}

/* A child between fork and exec has all our descriptors: a socket that we have closed is a member
 * of its group until then. */
static bool any_child(const struct master *master)
{
	for (unsigned i = 0; i < master->slots; i++)
		if (master->slot[i].state == SLOT_STARTING)
			return true;
	return false;
}

bool retire_release(struct reload *reload, bool overdue)
{
	struct master *master = reload->master;

	if (!reload->held)
		return true;
	if (any_child(master) && !overdue)
		return false;
	for (unsigned i = 0; i < master->listeners; i++)
		if (master->listener_used[i])
			steer_release(master->ysf[0].udp[i]);
	reload->held = false;
	return true;
}

bool retire_look(struct reload *reload, bool overdue)
{
	struct master *master = reload->master;
	bool any = false;

	for (unsigned i = 0; i < master->slots; i++)
		any = any || is_leaving(&master->slot[i]);
	if (any && slots_gone(master, overdue)) {
		close_slots(master);
		any = false;
	}
	return close_listeners(reload, overdue) && !any && retire_release(reload, overdue);
}
