/* SPDX-License-Identifier: ISC
 *
 * NAME      watchdog - finds hung workers and ends them
 * PURPOSE   Looks at every slot and gate a few times in each watchdog time and does what
 *           watch_judge says; the death is then handled like any other.
 * OWNER     master
 * CONTRACT  a gate's memory is shared with workers: its words are believed only when they name
 *           one of our own
 * LIMITS    none known
 */
#include <signal.h>

#include "master/adopt.h"
#include "master/master.h"
#include "master/notify.h"
#include "master/proc.h"
#include "master/slot.h"
#include "shm/log.h"

#define TICK_NS (100 * NS_PER_MS)

static const char *explain(enum msg_hang hang)
{
	static const char *const words[] = {
		[MSG_HANG_NONE] = "hangs",
		[MSG_HANG_STOPPED] = "is stopped",
		[MSG_HANG_SPINNING] = "spins without progress",
		[MSG_HANG_GATE] = "does not leave the gate of a store",
		[MSG_HANG_BLOCKED] = "is blocked",
	};

	return words[hang];
}

static void condemn(struct slot *slot, int signal, enum msg_hang hang)
{
	if (slot->watch.killed)
		return;
	slot->watch.killed = signal == SIGKILL;
	/* the first look saw it hang, a second one may see it die */
	if (slot->hang == MSG_HANG_NONE)
		slot->hang = slot->last_hang = hang;
	log_error("%s (pid %d) %s%s: sending %s", slot->name, (int)slot->pid, explain(slot->hang),
		  slot->state == SLOT_STARTING ? " before it is ready" : "",
		  signal == SIGKILL ? "KILL" : "ABRT");
	slot->condemned = true;
	slot_signal(slot, signal);
}

static void look_at_slot(struct slot *slot)
{
	struct master *master = slot->master;
	bool starting = slot->state == SLOT_STARTING;
	struct watch_sample sample = {0};

	/* READY without GO has nothing to do yet; who was asked to stop has a deadline of its own
	 */
	if (!starting && slot->state != SLOT_SERVING)
		return;
	if (adopt_overdue(slot, clock_mono()) && !slot->watch.aborted) {
		log_error("%s keeps the sockets of a neighbour that is back", slot->name);
		slot->watch.aborted = true; /* KILL follows as after any other ABRT */
		condemn(slot, SIGABRT, MSG_HANG_BLOCKED);
	}
	sample.turns = starting ? 0 : atomic_load(&slot->page->turns);
	sample.hold = atomic_load(&slot->page->state) == PAGE_LMDB_HOLD && !starting;
	if (watch_wants_more(&slot->watch, sample.turns))
		proc_times(slot->pid, &sample.task, &sample.cpu);
	switch (watch_judge(&slot->watch, &sample, master->tick_ns,
			    starting ? WATCH_START_NS : master->watchdog_ns)) {
	case WATCH_FINE:
		break;
	case WATCH_ABORT:
		condemn(slot, SIGABRT, watch_hang(&slot->watch, &sample));
		break;
	case WATCH_KILL:
		condemn(slot, SIGKILL, watch_hang(&slot->watch, &sample));
		break;
	}
}

static void look_at_gate(struct master *master, unsigned which)
{
	struct gate *gate = master->gate[which];
	/* the durable store waits for a disk, and nobody but keeper waits for it */
	uint64_t limit = which == 1 ? master->watchdog_ns * WATCH_PATIENCE : master->watchdog_ns;
	int32_t holder;

	if (gate == NULL)
		return;
	holder = atomic_load(&gate->holder);
	if (!watch_gate(&master->gate_seen[which], holder, atomic_load(&gate->taken), clock_mono(),
			limit))
		return;
	for (unsigned i = 0; i < master->slots; i++)
		if (slot_alive(&master->slot[i]) && master->slot[i].pid == holder)
			condemn(&master->slot[i], SIGKILL, MSG_HANG_GATE);
}

static void watch_again(struct ev_loop *loop, ev_io *watch)
{
	if (!ev_is_active(watch))
		ev_io_start(loop, watch);
}

/* The loop drops a watch that the kernel has no room for. Deaf for signals or blind for deaths the
 * master would be of no use: it asks again. */
static void watch_what_matters(struct master *master)
{
	watch_again(master->loop, &master->signal_watch);
	for (unsigned i = 0; i < master->slots; i++)
		if (master->slot[i].pidfd >= 0)
			watch_again(master->loop, &master->slot[i].pid_watch);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct master *master = timer->data;

	(void)loop;
	(void)events;
	watch_what_matters(master);
	notify_turn(master);
	for (unsigned i = 0; i < MASTER_GATES; i++)
		look_at_gate(master, i);
	for (unsigned i = 0; i < master->slots; i++)
		if (slot_alive(&master->slot[i]))
			look_at_slot(&master->slot[i]);
}

void watchdog_start(struct master *master)
{
	double tick;

	master->watchdog_ns = (uint64_t)config_number(master->config, CONF_SERVER_WATCHDOG);
	master->tick_ns = master->watchdog_ns / 5 < TICK_NS ? master->watchdog_ns / 5 : TICK_NS;
	tick = (double)master->tick_ns / 1e9;
	ev_timer_stop(master->loop, &master->watchdog);
	ev_timer_init(&master->watchdog, on_tick, tick, tick);
	master->watchdog.data = master;
	ev_timer_start(master->loop, &master->watchdog);
}
