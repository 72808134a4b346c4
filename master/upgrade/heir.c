/* SPDX-License-Identifier: ISC
 *
 * NAME      heir - the next holder of a slot, made ready while the present one serves
 * PURPOSE   See master/upgrade/heir.h.
 * OWNER     master
 * CONTRACT  see master/upgrade/heir.h
 * LIMITS    none known
 */
#include "master/upgrade/heir.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/lists.h"
#include "master/reap.h"
#include "master/slot.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/text.h"
#include "shm/watch.h"

#define RETRY_SECONDS 0.02 /* the kernel took no more descriptors in flight */

static void stop_watchers(struct slot *slot)
{
	struct ev_loop *loop = slot->master->loop;

	ev_io_stop(loop, &slot->heir.pid_watch);
	ev_io_stop(loop, &slot->heir.control_watch);
	ev_timer_stop(loop, &slot->heir.timer);
}

static void watch_control(struct heir *heir, struct ev_loop *loop, int events)
{
	ev_io_stop(loop, &heir->control_watch);
	ev_io_set(&heir->control_watch, heir->control, events);
	ev_io_start(loop, &heir->control_watch);
}

void heir_flush(struct slot *slot)
{
	struct heir *heir = &slot->heir;
	struct ev_loop *loop = slot->master->loop;
	int error;

	if (slot_send_start(slot, heir->control, heir->generation, true, &heir->passed) &&
	    lists_send(slot->master, heir->control, heir->generation, &heir->lists)) {
		watch_control(heir, loop, EV_READ);
		return;
	}
	error = errno;
	watch_control(heir, loop, error == EAGAIN ? EV_READ | EV_WRITE : EV_READ);
	/* a broken pipe is a death that we hear of by itself */
	if (error == EAGAIN || error == EPIPE || error == ECONNRESET)
		return;
	if (error != ETOOMANYREFS)
		log_limited(LOG_LEVEL_ERROR, "can't speak with the new %s, later again: %s",
			    slot->name, strerror(error));
	ev_timer_stop(loop, &heir->timer);
	ev_timer_set(&heir->timer, RETRY_SECONDS, 0);
	ev_timer_start(loop, &heir->timer);
}

/* ---- what it says ---- */

static void on_ready(struct slot *slot)
{
	struct heir *heir = &slot->heir;

	if (heir->ready)
		return;
	heir->ready = true;
	heir->ready_ns = clock_age(clock_mono(), heir->forked);
	if (slot_alive(slot))
		heir->tell(slot, HEIR_READY);
	else
		heir_inherit(slot);
}

static void read_control(struct slot *slot)
{
	struct heir *heir = &slot->heir;
	struct msg msg;

	for (unsigned i = 0; i < 64 && heir_there(slot); i++) {
		int got = msg_recv(heir->control, &msg);

		if (got < 0 && errno == EBADMSG)
			continue;
		if (got <= 0) {
			/* end of file: its death follows; don't spin until then */
			if (got == 0)
				ev_io_stop(slot->master->loop, &heir->control_watch);
			return;
		}
		if (msg.fd >= 0)
			close(msg.fd);
		if (msg.type == MSG_READY)
			on_ready(slot);
		else if (msg.type == MSG_FAILED)
			text_from_field(heir->failed, msg.body,
					msg.length < sizeof(heir->failed)
						? msg.length
						: sizeof(heir->failed) - 1);
	}
}

static void on_control(struct ev_loop *loop, ev_io *io, int events)
{
	struct slot *slot = io->data;

	if (watch_lost(loop, io, events))
		return;
	if (events & EV_READ)
		read_control(slot);
	if (events & EV_WRITE && heir_there(slot))
		heir_flush(slot);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	heir_flush(timer->data);
}

/* ---- its end ---- */

/* Forgets it; the body is laid out for the reaper. */
static void part(struct slot *slot)
{
	struct heir *heir = &slot->heir;

	stop_watchers(slot);
	reap_later(slot->master, heir->pid, heir->pidfd);
	msg_close(heir->control);
	heir->pid = 0;
	heir->pidfd = heir->control = -1;
	heir->ready = false;
}

static void on_death(struct ev_loop *loop, ev_io *io, int events)
{
	struct slot *slot = io->data;
	struct heir *heir = &slot->heir;
	siginfo_t info = {0};

	if (watch_lost(loop, io, events))
		return;
	if (waitid(P_PIDFD, (id_t)heir->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	    info.si_pid == 0)
		return;
	read_control(slot); /* its last words */
	heir->killed = info.si_code != CLD_EXITED && info.si_status == SIGKILL;
	if (heir->failed[0] == '\0')
		snprintf(heir->failed, sizeof(heir->failed), "died: %s %d",
			 info.si_code == CLD_EXITED ? "exit status" : "signal", info.si_status);
	log_warning("%s: the process that was to follow can't: %s", slot->name, heir->failed);
	part(slot);
	heir->tell(slot, HEIR_DIED);
}

/* ---- its life ---- */

bool heir_spawn(struct slot *slot, void (*tell)(struct slot *slot, enum heir_news news))
{
	struct ev_loop *loop = slot->master->loop;
	struct heir *heir = &slot->heir;

	*heir = (struct heir){.generation = slot->generation + 1, .tell = tell};
	heir->forked = clock_mono();
	heir->pid = slot_fork(slot, &heir->pidfd, &heir->control);
	if (heir->pid == 0)
		return false;
	ev_init(&heir->control_watch, on_control);
	ev_init(&heir->timer, on_timer);
	ev_io_init(&heir->pid_watch, on_death, heir->pidfd, EV_READ);
	heir->control_watch.data = heir->timer.data = heir->pid_watch.data = slot;
	ev_io_start(loop, &heir->pid_watch);
	heir_flush(slot);
	return true;
}

bool heir_inherit(struct slot *slot)
{
	struct heir *heir = &slot->heir;

	if (!heir_there(slot))
		return false;
	slot->state = SLOT_WAITING;
	if (!heir->ready)
		return true;
	stop_watchers(slot);
	slot->pid = heir->pid;
	slot->pidfd = heir->pidfd;
	slot->control = heir->control;
	slot->generation = heir->generation;
	slot->former = false;
	slot->passed = heir->passed;
	slot->lists = heir->lists;
	slot->ready_ns = heir->ready_ns;
	slot->want_go = slot->want_stop = slot->condemned = slot->planned = false;
	slot->watch = (struct watch){0};
	slot->hang = MSG_HANG_NONE;
	slot->failed[0] = '\0';
	heir->pid = 0;
	heir->pidfd = heir->control = -1;
	atomic_store(&slot->page->generation, slot->generation);
	atomic_store(&slot->page->forked, heir->forked);
	atomic_store(&slot->page->ready_ns, slot->ready_ns);
	breaker_ready(&slot->breaker, clock_mono());
	slot->state = SLOT_READY;
	slot_follow(slot);
	slot_event(slot, true, 0, 0);
	fault_point(FAULT_ADOPT_HANDED);
	slot_go(slot);
	return true;
}
