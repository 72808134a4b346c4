/* SPDX-License-Identifier: ISC
 *
 * NAME      reap - the death of a worker
 * PURPOSE   The order of things when a pidfd becomes readable.
 * OWNER     master
 * CONTRACT  see master/reap.h
 * LIMITS    none known
 */
#include "master/reap.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/adopt.h"
#include "master/autopsy.h"
#include "master/reload/reload.h"
#include "master/slot.h"
#include "master/upgrade/heir.h"
#include "master/upgrade/takeover.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/watch.h"

#define REAP_NS (200 * NS_PER_MS)

/* ---- dead, not reaped ---- */

static void reap_oldest(struct master *master)
{
	struct zombie *zombie = &master->zombie[0];
	siginfo_t info;

	if (waitid(P_PIDFD, (id_t)zombie->pidfd, &info, WEXITED | WNOHANG) != 0)
		log_error("can't reap pid %d: %s", (int)zombie->pid, strerror(errno));
	close(zombie->pidfd);
	master->zombies--;
	memmove(zombie, zombie + 1, master->zombies * sizeof(*zombie));
}

static void on_reap_timer(struct ev_loop *loop, ev_timer *timer, int events);

static void reap_arm(struct master *master)
{
	uint64_t age;

	ev_timer_stop(master->loop, &master->reap_timer);
	if (master->zombies == 0)
		return;
	age = clock_age(clock_mono(), master->zombie[0].died);
	ev_timer_init(&master->reap_timer, on_reap_timer,
		      age < REAP_NS ? (double)(REAP_NS - age) / 1e9 : 0, 0);
	master->reap_timer.data = master;
	ev_timer_start(master->loop, &master->reap_timer);
}

static void on_reap_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct master *master = timer->data;
	uint64_t now = clock_mono();

	(void)loop;
	(void)events;
	while (master->zombies > 0 && clock_age(now, master->zombie[0].died) >= REAP_NS)
		reap_oldest(master);
	reap_arm(master);
}

void reap_checked(struct master *master, uint64_t serial)
{
	while (master->zombies > 0 && master->zombie[0].serial <= serial)
		reap_oldest(master);
	reap_arm(master);
}

void reap_all(struct master *master)
{
	while (master->zombies > 0)
		reap_oldest(master);
	ev_timer_stop(master->loop, &master->reap_timer);
}

void reap_orphan(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Keeps the body and asks keeper to clear what is registered under its pid. */
void reap_later(struct master *master, pid_t pid, int pidfd)
{
	struct msg_check check = {.serial = ++master->check_serial};
	struct slot *keeper = master->keeper;

	if (master->zombies == MASTER_ZOMBIES)
		reap_oldest(master);
	master->zombie[master->zombies++] = (struct zombie){pid, pidfd, check.serial, clock_mono()};
	/* a keeper that is not there yet looks before it is READY; one that does not listen has 200
	 * ms */
	if (keeper->pid != pid && keeper->state == SLOT_SERVING &&
	    msg_send(keeper->control, MSG_CHECK, keeper->generation, &check, sizeof(check), -1) !=
		    0)
		log_debug("keeper can't be asked for a check: %s", strerror(errno));
	reap_arm(master);
}

/* ---- how it died ---- */

static void describe(struct slot *slot, const siginfo_t *info)
{
	const char *by = slot->condemned ? ", by our watchdog" : "";

	if (info->si_code == CLD_EXITED)
		snprintf(slot->last_death, sizeof(slot->last_death), "exit status %d%s",
			 info->si_status, by);
	else
		snprintf(slot->last_death, sizeof(slot->last_death), "signal %d (%s)%s",
			 info->si_status, sigabbrev_np(info->si_status), by);
}

static bool is_fault(int signal)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (signal == faults[i])
			return true;
	return false;
}

static bool is_foreign_kill(const struct slot *slot, const siginfo_t *info)
{
	return !slot->condemned && info->si_code != CLD_EXITED && info->si_status == SIGKILL;
}

static enum breaker_death classify(const struct slot *slot, const siginfo_t *info)
{
	bool foreign = is_foreign_kill(slot, info);

	/* somebody else's SIGKILL says nothing about the worker, before READY no more than after */
	if (slot->state == SLOT_STARTING && !foreign)
		return BREAKER_EARLY;
	if (slot->condemned)
		return BREAKER_FAULT;
	if (info->si_code == CLD_EXITED)
		return info->si_status != 0 ? BREAKER_FAULT : BREAKER_OTHER;
	return is_fault(info->si_status) ? BREAKER_FAULT : BREAKER_OTHER;
}

/* A death that says something about what the holder had in hand. SERVED: it had GO. */
static void raise_faults(struct slot *slot, const siginfo_t *info, bool served)
{
	bool own = info->si_code == CLD_EXITED ? info->si_status != 0 : is_fault(info->si_status);

	if (served && (own || slot->condemned))
		atomic_fetch_add(&slot->page->faults, 1);
}

static void tell_log(struct slot *slot, uint64_t wait)
{
	bool asked = slot->planned || slot->master->phase == PHASE_STOPPING;
	enum log_level level = asked ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING;

	if (wait == 0)
		log_write(level, 0, "%s (pid %d) died: %s", slot->name, (int)slot->pid,
			  slot->last_death);
	else
		log_write(level, 0, "%s (pid %d) died: %s; next start in %llu ms", slot->name,
			  (int)slot->pid, slot->last_death, (unsigned long long)(wait / NS_PER_MS));
}

/* ---- what follows ---- */

/* Who waited because a neighbour served waits less now that it is gone. */
static void hurry_kind(const struct slot *dead)
{
	struct master *master = dead->master;

	for (unsigned i = 0; i < master->slots; i++) {
		struct slot *slot = &master->slot[i];

		if (slot->kind != dead->kind || slot->state != SLOT_WAITING ||
		    slot_has_neighbour(slot) ||
		    ev_timer_remaining(master->loop, &slot->timer) <= BREAKER_LAST_NS / 1e9)
			continue;
		ev_timer_stop(master->loop, &slot->timer);
		ev_timer_set(&slot->timer, BREAKER_LAST_NS / 1e9, 0);
		ev_timer_start(master->loop, &slot->timer);
	}
}

static void fill_again(struct slot *slot, uint64_t wait)
{
	struct master *master = slot->master;

	if (master->phase == PHASE_STOPPING) {
		slot->state = SLOT_EMPTY;
		stop_advance(master);
		return;
	}
	adopt_forget(slot);
	if (reload_slot_died(slot))
		return;
	if (heir_inherit(slot))
		return;
	slot->restarts += !slot->planned;
	slot->state = SLOT_WAITING;
	if (master->phase != PHASE_SERVING) {
		slot->tries++;
		boot_slot_died(slot);
		if (master->phase == PHASE_STOPPING)
			return;
	}
	if (wait == 0) {
		slot_spawn(slot);
	} else {
		ev_timer_set(&slot->timer, (double)wait / 1e9, 0);
		ev_timer_start(master->loop, &slot->timer);
		/* shorter than that is not worth two changes of hands */
		if (wait > BREAKER_FIRST_NS)
			adopt_park(slot);
	}
	hurry_kind(slot);
}

void reap_unborn(struct slot *slot)
{
	slot->deaths++;
	snprintf(slot->last_death, sizeof(slot->last_death), "never started");
	fill_again(slot, breaker_died(&slot->breaker, BREAKER_EARLY, !slot_has_neighbour(slot),
				      clock_mono()));
}

/* The slot without its holder. The body is kept by reap_later. */
static void vacate(struct slot *slot)
{
	struct ev_loop *loop = slot->master->loop;

	ev_io_stop(loop, &slot->pid_watch);
	ev_io_stop(loop, &slot->control_watch);
	ev_timer_stop(loop, &slot->timer);
	msg_close(slot->control);
	slot_forget_posts(slot);
	slot->control = slot->pidfd = -1;
	slot->pid = 0;
	atomic_store(&slot->page->pid, 0);
	page_set_state(slot->page, PAGE_EMPTY);
}

void reap_on_death(struct ev_loop *loop, ev_io *io, int events)
{
	struct slot *slot = io->data;
	/* before its last words: who died between READY and GO has handled nothing */
	bool served = slot->state == SLOT_SERVING || slot->state == SLOT_STOPPING;
	siginfo_t info = {0};
	uint64_t wait;
	int signal;

	if (watch_lost(loop, io, events))
		return;
	if (waitid(P_PIDFD, (id_t)slot->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
		log_error("can't see how %s died: %s", slot->name, strerror(errno));
		info.si_code = CLD_EXITED;
		info.si_status = 255;
	} else if (info.si_pid == 0) {
		return;
	}
	fault_point(FAULT_REAP_SEEN);
	slot_read(slot); /* its last words, READY among them perhaps */
	slot->deaths += !slot->planned;
	describe(slot, &info);
	raise_faults(slot, &info, served);
	wait = slot->planned ? 0
			     : breaker_died(&slot->breaker, classify(slot, &info),
					    !slot_has_neighbour(slot), clock_mono());
	tell_log(slot, wait);
	if (!slot->former && !is_foreign_kill(slot, &info))
		takeover_worker_died(slot);
	signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
	reap_later(slot->master, slot->pid, slot->pidfd);
	slot->state = SLOT_WAITING;
	if (!slot->coming)
		slot_event(slot, false, signal, signal == 0 ? info.si_status : 0);
	fault_point(FAULT_REAP_ASKED);
	autopsy_take(slot);
	vacate(slot);
	fill_again(slot, wait);
}
