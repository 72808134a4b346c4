/* SPDX-License-Identifier: ISC
 *
 * NAME      takeover - this image takes the place of the one before
 * PURPOSE   See master/upgrade/takeover.h.
 * OWNER     master
 * CONTRACT  see master/upgrade/takeover.h
 * LIMITS    see master/upgrade/takeover.h
 */
#include "master/upgrade/takeover.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/tcp/accept.h"
#include "master/tcp/vault.h"
#include "master/control.h"
#include "master/reap.h"
#include "master/reload/reload.h"
#include "master/slot.h"
#include "master/snapshot.h"
#include "master/upgrade/heir.h"
#include "master/upgrade/net.h"
#include "master/upgrade/upgrade.h"
#include "shm/fault.h"
#include "shm/log.h"

#define LOOK_SECONDS 0.005
#define HURRY_NS     NS_PER_SEC
#define PROOF_TURNS  2 /* of its loop: a worker that has them serves */

/* One image takes over once. */
static struct {
	bool adopting; /* else: resuming */
	struct net_way way;
	struct record record;
	struct net_progress *progress;
	struct slot *current;	       /* is being replaced */
	uint64_t stopping;	       /* clock_mono when its holder was asked to end */
	bool served[MASTER_SLOTS_MAX]; /* by the image before */
	uint64_t seen[MASTER_SLOTS_MAX],
		turns[MASTER_SLOTS_MAX]; /* generation at work, since when */
	ev_timer timer;
	ev_prepare prepare;
} take;

/* ---- the first act ---- */

static void obey_faults(void)
{
	fault_point(FAULT_ADOPT_BEGUN);
	if (fault_is("crash-after-exec"))
		abort();
	if (fault_is("exit-after-exec"))
		exit(0);
	while (fault_is("hang-after-exec"))
		pause();
}

bool takeover_asked(int argc, char **argv)
{
	bool adopt = argc >= 3 && strcmp(argv[1], NET_ADOPT) == 0;
	bool resume = argc >= 3 && strcmp(argv[1], NET_RESUME) == 0;

	if ((!adopt && !resume) || !net_parse(argv[2], &take.way))
		return false;
	take.adopting = adopt;
	argv[2] = argv[0]; /* what follows is what the daemon was started with */
	net_remember(argv + 2);
	if (adopt)
		net_arm(&take.way);
	prctl(PR_SET_NAME, "shackd"); /* execution by descriptor has called it "3" or so */
	if (adopt)
		obey_faults();
	return true;
}

/* Nobody is left to go back to. */
static void __attribute__((noreturn)) give_up(const char *why)
{
	fprintf(stderr, "shackd: can't go on after a failed upgrade: %s\n", why);
	_exit(EXIT_GAVE_UP);
}

static void __attribute__((noreturn)) fail(const char *why)
{
	if (take.adopting)
		net_fail("%s", why);
	give_up(why);
}

void takeover_inherit(struct master *master)
{
	enum record_mode mode = take.adopting ? RECORD_ADOPT : RECORD_RESUME;
	char why[256];

	net_stage("reading the handover record");
	if (!take.adopting && (take.progress = net_progress_map(take.way.progress)) == NULL)
		fail("the progress of the upgrade can't be mapped");
	if (!record_open(&take.record, take.way.record, why))
		fail(why);
	if (!record_inherit(master, &take.record, mode, why))
		fail(why);
	fault_point(FAULT_ADOPT_INHERITED);
}

/* ---- the commit point ---- */

static char *former_version(void)
{
	char *version = record_word(&take.record, WORD_VERSION, 0);

	return version != NULL ? version : strdup("?");
}

static bool is_former(const struct master *master, const struct handover_fd *fd)
{
	if (fd->role == ROLE_EXECUTABLE || fd->role == ROLE_CONF || fd->role == ROLE_PROGRESS)
		return true;
	if (fd->role == ROLE_NET)
		return fd->fd != master->executable[KIND_NET];
	if (fd->role == ROLE_LIST)
		return fd->index >= LIST_KINDS || fd->fd != master->list_fd[fd->index];
	/* a ring that this build could not go on with */
	for (unsigned i = 0; i < master->slots; i++)
		if (fd->role == ROLE_RING && master->slot[i].ring_fd == fd->fd)
			return false;
	return fd->role == ROLE_RING;
}

/* What only the image before needed. */
static void close_former(struct master *master)
{
	struct handover_fd fd;
	size_t at = 0;

	while (record_next_fd(&take.record, &at, &fd))
		if (is_former(master, &fd))
			close(fd.fd);
	record_close(&take.record);
	close(take.way.record);
	memset(master->list_lent, 0, sizeof(master->list_lent));
}

static void open_doors(struct master *master)
{
	signals_start(master);
	control_start(master);
	accept_start(master);
	for (unsigned i = 0; i < master->slots; i++)
		if (!slot_alive(&master->slot[i]) && !master->slot[i].retired &&
		    master->slot[i].state == SLOT_EMPTY)
			slot_spawn(&master->slot[i]);
}

static void commit(struct master *master)
{
	char *from = former_version();
	uint64_t asked = take.record.master.asked;

	fault_point(FAULT_ADOPT_PROVED);
	if (fault_is("crash-before-commit"))
		abort();
	ev_prepare_stop(master->loop, &take.prepare);
	ev_timer_stop(master->loop, &take.timer);
	net_disarm();
	record_close_on_exec(&take.record, true);
	fault_point(FAULT_ADOPT_COMMITTED);
	close_former(master);
	open_doors(master);
	fault_point(FAULT_ADOPT_OPENED);
	upgrade_tell(master, from, NULL, asked);
	free(from);
}

/* ---- worker by worker ---- */

static void stop_holder(struct slot *slot)
{
	take.stopping = clock_mono();
	slot->planned = true;
	slot_stop(slot);
}

static void begin_slot(struct slot *slot);

static void on_heir(struct slot *slot, enum heir_news news)
{
	if (news == HEIR_READY)
		fault_point(FAULT_ADOPT_HEIR);
	if (news == HEIR_READY)
		stop_holder(slot);
	else if (slot->heir.killed && slot_alive(slot))
		begin_slot(slot); /* again; the timer bounds it */
	else
		net_fail("%s of the new build: %s", slot->name, slot->heir.failed);
}

static void begin_slot(struct slot *slot)
{
	char stage[64];

	snprintf(stage, sizeof(stage), "replacing %s", slot->name);
	net_stage(stage);
	take.current = slot;
	take.stopping = 0;
	fault_point(FAULT_ADOPT_SLOT);
	/* Only those that many talk to have an heir beside them. What log, keeper and link write
	 * has one writer; nobody waits for data, whose lists are held by the master meanwhile. */
	if (!kind_table[slot->kind].many)
		stop_holder(slot);
	else if (!heir_spawn(slot, on_heir))
		net_fail("no process for %s: %s", slot->name, strerror(errno));
}

static bool is_new(const struct slot *slot)
{
	return slot->state == SLOT_SERVING && !slot->former;
}

/* A holder that hangs must not keep its successor from the work. */
static void hurry(struct slot *slot)
{
	if (slot->state != SLOT_STOPPING || take.stopping == 0 ||
	    clock_age(clock_mono(), take.stopping) < HURRY_NS)
		return;
	log_warning("%s (pid %d) does not end: sending KILL", slot->name, (int)slot->pid);
	slot_signal(slot, SIGKILL);
	take.stopping = 0;
}

/* Has its loop turned since it got GO? */
static bool proves_itself(const struct slot *slot)
{
	unsigned i = (unsigned)(slot - slot->master->slot);
	uint64_t turns = atomic_load(&slot->page->turns);

	if (!is_new(slot))
		return false;
	if (take.seen[i] != slot->generation) {
		take.seen[i] = slot->generation;
		take.turns[i] = turns;
	}
	return atomic_load(&slot->page->pid) == slot->pid && turns - take.turns[i] >= PROOF_TURNS;
}

/* Does one step, if there is one to do now. */
static void advance(struct master *master)
{
	unsigned proved = 0, served = 0;

	if (take.current != NULL && !is_new(take.current)) {
		hurry(take.current);
		return;
	}
	take.current = NULL;
	for (unsigned i = 0; i < master->slots; i++) {
		if (!master->slot[i].former || !slot_alive(&master->slot[i]))
			continue;
		begin_slot(&master->slot[i]);
		return;
	}
	net_stage("waiting for the new workers to serve");
	for (unsigned i = 0; i < master->slots; i++) {
		served += take.served[i];
		proved += take.served[i] && proves_itself(&master->slot[i]);
	}
	if (proved == served)
		commit(master);
}

static void on_prepare(struct ev_loop *loop, ev_prepare *watch, int events)
{
	(void)loop;
	(void)events;
	advance(watch->data);
}

/* Turns the loop, so that it looks at words in shared memory too. */
static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events;
}

static void replace_all(struct master *master)
{
	for (unsigned i = 0; i < master->slots; i++)
		take.served[i] = slot_alive(&master->slot[i]);
	master->busy = MASTER_UPGRADING;
	ev_prepare_init(&take.prepare, on_prepare);
	take.prepare.data = master;
	ev_prepare_start(master->loop, &take.prepare);
	ev_timer_init(&take.timer, on_timer, LOOK_SECONDS, LOOK_SECONDS);
	ev_timer_start(master->loop, &take.timer);
}

void takeover_worker_died(const struct slot *slot)
{
	if (net_armed())
		net_fail("%s of the new build died: %s%s%s", slot->name, slot->last_death,
			 slot->failed[0] != '\0' ? ": " : "", slot->failed);
}

/* ---- back again ---- */

static void explain(char why_r[NET_WHY_MAX + 128])
{
	const struct net_progress *progress = take.progress;
	char stage[sizeof(progress->stage)], why[NET_WHY_MAX];

	memcpy(stage, progress->stage, sizeof(stage));
	memcpy(why, progress->why, sizeof(why));
	stage[sizeof(stage) - 1] = why[sizeof(why) - 1] = '\0';
	if (progress->attempts == 0)
		snprintf(why_r, NET_WHY_MAX + 128, "the new build failed before its first act");
	else if (progress->signal == SIGALRM)
		snprintf(why_r, NET_WHY_MAX + 128, "the new build took too long while %s", stage);
	else if (progress->signal != 0)
		snprintf(why_r, NET_WHY_MAX + 128, "the new build crashed (signal %d) while %s",
			 progress->signal, stage);
	else
		snprintf(why_r, NET_WHY_MAX + 128, "%s (while %s)", why, stage);
}

static void resume(struct master *master)
{
	char why[NET_WHY_MAX + 128];
	char *from = former_version();
	uint64_t asked = take.record.master.asked, failed = take.progress->failed;

	explain(why);
	record_close_on_exec(&take.record, true);
	net_progress_unmap(&take.progress);
	close_former(master);
	open_doors(master);
	log_warning("back after a failed upgrade, %llu ms after the failure",
		    (unsigned long long)(clock_age(clock_mono(), failed) / NS_PER_MS));
	upgrade_tell(master, from, why, asked);
	free(from);
}

static bool holds_slot(const struct master *master, pid_t pid)
{
	for (unsigned i = 0; i < master->slots; i++)
		if (master->slot[i].pid == pid)
			return true;
	return false;
}

/* Processes of the build that failed. Who is not our child any more has been reaped by it. */
static void end_orphans(const struct master *master)
{
	uint32_t count = take.progress->spawned;

	for (uint32_t i = 0; i < count && i < NET_CHILDREN; i++) {
		pid_t pid = take.progress->child[i];
		siginfo_t info;

		if (pid <= 0 || holds_slot(master, pid) ||
		    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
			continue;
		kill(pid, SIGKILL);
		reap_orphan(pid);
	}
}

/* Generations that the image before gave must not come again. */
static void skip_generations(struct master *master)
{
	for (unsigned i = 0; i < master->slots; i++) {
		uint64_t generation = master->slot[i].generation + take.progress->spawned;

		vault_renumber(&master->slot[i], generation);
		master->slot[i].generation = generation;
	}
}

/* What people are told of the last reload. */
static void take_report(struct master *master)
{
	char *text = record_word(&take.record, WORD_REPORT, 0);

	if (text != NULL)
		master->own_reload->last = json_loads(text, 0, NULL);
	free(text);
}

void takeover_start(struct master *master)
{
	take_report(master);
	if (!take.adopting) {
		end_orphans(master);
		skip_generations(master);
	}
	for (unsigned i = 0; i < master->slots; i++)
		if (slot_alive(&master->slot[i]))
			slot_follow(&master->slot[i]);
	if (take.adopting)
		replace_all(master);
	else
		resume(master);
}
