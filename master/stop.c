/* SPDX-License-Identifier: ISC
 *
 * NAME      stop - the end of the program
 * PURPOSE   Workers first, then keeper, who writes what they changed, then log, who has the last
 *           word; with a deadline that nobody can stretch.
 * OWNER     master
 * CONTRACT  the loop ends when no worker is left
 * LIMITS    STOP_SECONDS for all but log, LOG_SECONDS for log
 */
#include <signal.h>

#include "master/tcp/accept.h"
#include "master/master.h"
#include "master/notify.h"
#include "master/reload/reload.h"
#include "master/slot.h"
#include "master/upgrade/upgrade.h"
#include "shm/fault.h"
#include "shm/log.h"

#define STOP_SECONDS 5.0
#define LOG_SECONDS  1.0

static bool anybody(struct master *master, enum slot_kind kind)
{
	for (unsigned i = 0; i < master->slots; i++)
		if (master->slot[i].kind == kind && slot_alive(&master->slot[i]))
			return true;
	return false;
}

/* Who serves the outside goes first, who works for those goes then. */
static bool is_of_round(enum slot_kind kind, bool aides)
{
	return kind_serves(kind) && (kind_table[kind].service == KIND_AIDE) == aides;
}

static bool any_worker(struct master *master, bool aides)
{
	for (unsigned kind = 0; kind < SLOT_KINDS; kind++)
		if (is_of_round((enum slot_kind)kind, aides) &&
		    anybody(master, (enum slot_kind)kind))
			return true;
	return false;
}

static void tell(struct master *master, enum slot_kind kind)
{
	for (unsigned i = 0; i < master->slots; i++) {
		struct slot *slot = &master->slot[i];

		if (slot->kind == kind && slot_alive(slot) && slot->state != SLOT_STOPPING)
			slot_stop(slot);
	}
}

static void tell_round(struct master *master, bool aides)
{
	for (unsigned kind = 0; kind < SLOT_KINDS; kind++)
		if (is_of_round((enum slot_kind)kind, aides))
			tell(master, (enum slot_kind)kind);
}

static void kill_all(struct master *master, bool log_too)
{
	for (unsigned i = 0; i < master->slots; i++)
		if (slot_alive(&master->slot[i]) && (log_too || &master->slot[i] != master->log))
			slot_signal(&master->slot[i], SIGKILL);
}

static void on_deadline(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct master *master = timer->data;

	(void)loop;
	(void)events;
	if (!master->stop_log)
		log_error("not everybody stopped within %.0f s: sending KILL", STOP_SECONDS);
	kill_all(master, master->stop_log);
}

static void arm(struct master *master, double seconds)
{
	ev_timer_stop(master->loop, &master->stop_timer);
	ev_timer_init(&master->stop_timer, on_deadline, seconds, 0);
	master->stop_timer.data = master;
	ev_timer_start(master->loop, &master->stop_timer);
}

void stop_advance(struct master *master)
{
	if (master->phase != PHASE_STOPPING || any_worker(master, false))
		return;
	if (any_worker(master, true)) {
		tell_round(master, true);
	} else if (anybody(master, SLOT_KEEPER)) {
		tell(master, SLOT_KEEPER);
	} else if (anybody(master, SLOT_LOG)) {
		if (!master->stop_log) {
			log_info("stopped");
			master->stop_log = true;
			arm(master, LOG_SECONDS);
		}
		tell(master, SLOT_LOG);
	} else {
		ev_break(master->loop, EVBREAK_ALL);
	}
}

void stop_begin(struct master *master, enum stop_mode mode)
{
	if (master->phase != PHASE_STOPPING) {
		if (!master->announced)
			master_why(master, EXIT_START, "stopped before it was ready");
		log_info(mode == STOP_NOW ? "stopping at once" : "stopping");
		master->phase = PHASE_STOPPING;
		notify_turn(master);
		reload_stop(master);
		upgrade_stop(master);
		accept_stop(master);
		for (unsigned i = 0; i < master->slots; i++) {
			struct slot *slot = &master->slot[i];

			if (slot_alive(slot))
				continue;
			ev_timer_stop(master->loop, &slot->timer);
			slot->state = SLOT_EMPTY;
		}
		fault_point(FAULT_STOP_BEGUN);
		tell_round(master, false);
		fault_point(FAULT_STOP_TOLD);
		arm(master, STOP_SECONDS);
	}
	if (mode == STOP_NOW)
		kill_all(master, false);
	stop_advance(master);
}
