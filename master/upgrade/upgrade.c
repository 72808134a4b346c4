/* SPDX-License-Identifier: ISC
 *
 * NAME      upgrade - another build takes the daemon's place
 * PURPOSE   See master/upgrade/upgrade.h.
 * OWNER     master
 * CONTRACT  see master/upgrade/upgrade.h
 * LIMITS    see master/upgrade/upgrade.h
 */
#include "master/aides.h"
#include "master/upgrade/upgrade.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "master/tcp/accept.h"
#include "master/adopt.h"
#include "master/reap.h"
#include "master/reload/reload.h"
#include "master/slot.h"
#include "master/upgrade/candidate.h"
#include "master/upgrade/net.h"
#include "master/upgrade/rehearse.h"
#include "master/upgrade/twin.h"
#include "master/version.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/role.h"
#include "shm/text.h"

#define SETTLE_PAUSE   0.005
#define SETTLE_SECONDS 8
#define STORES_SECONDS 60.0

struct upgrade {
	struct master *master;
	char path[PATH_MAX];
	uint64_t asked; /* clock_mono */
	int candidate, candidate_net;
	unsigned stepping_to;	     /* edition that keeper was asked for; 0: none */
	bool stepping;		     /* and has not answered */
	struct record record;	     /* for the rehearsal */
	struct rehearsal *rehearsal; /* that is going on; NULL: none */
	int progress;
	ev_timer timer;
	uint64_t settling; /* clock_mono when it began; 0: not yet */

	struct {	       /* of the last one */
		uint64_t when; /* clock_real; 0: there was none */
		uint64_t took; /* ns */
		bool ok;
		char from[64], to[64];
		char why[512];
	} last;
};

bool upgrade_open(struct master *master)
{
	struct upgrade *upgrade = calloc(1, sizeof(*upgrade));

	if (upgrade == NULL)
		return master_why(master, EXIT_START, "out of memory");
	upgrade->master = master;
	upgrade->candidate = upgrade->candidate_net = upgrade->progress = upgrade->record.fd = -1;
	master->own_upgrade = upgrade;
	return true;
}

/* ---- the end of it ---- */

static void answer(struct master *master, const char *from, const char *why)
{
	json_t *json = NULL;

	if (why == NULL)
		json = json_pack("{s:s, s:s, s:i, s:I}", "from", from, "version", version_text(),
				 "pid", (int)getpid(), "generation", (json_int_t)master->images);
	control_conclude(master, json, why != NULL, why != NULL ? why : "");
}

void upgrade_tell(struct master *master, const char *from, const char *why, uint64_t asked)
{
	struct upgrade *upgrade = master->own_upgrade;

	master->busy = MASTER_IDLE;
	upgrade_settle_stores(master); /* first, for there may be no such event in them yet */
	if (why == NULL) {
		log_info("upgraded from %s to %s", from, version_text());
		slot_note(master, MSG_NOTE_UPGRADE, false, "%s to %s", from, version_text());
	} else {
		log_error("the upgrade failed, %s serves on: %s", version_text(), why);
		slot_note(master, MSG_NOTE_UPGRADE, true, "%s", why);
	}
	upgrade->last.when = clock_real();
	upgrade->last.took = clock_age(clock_mono(), asked);
	upgrade->last.ok = why == NULL;
	text_copy(upgrade->last.from, sizeof(upgrade->last.from), from);
	text_copy(upgrade->last.to, sizeof(upgrade->last.to), version_text());
	text_copy(upgrade->last.why, sizeof(upgrade->last.why), why != NULL ? why : "");
	answer(master, from, why);
	reload_serving(master); /* HUP may have come meanwhile */
}

json_t *upgrade_report(const struct master *master)
{
	const struct upgrade *upgrade = master->own_upgrade;

	if (upgrade->last.when == 0)
		return json_null();
	return json_pack("{s:I, s:b, s:s, s:s, s:I, s:s}", "when",
			 (json_int_t)(upgrade->last.when / NS_PER_SEC), "ok", upgrade->last.ok,
			 "from", upgrade->last.from, "version", upgrade->last.to, "took_ms",
			 (json_int_t)(upgrade->last.took / NS_PER_MS), "why", upgrade->last.why);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void forget_record(struct upgrade *upgrade)
{
	record_close(&upgrade->record);
	close_fd(&upgrade->record.fd);
	close_fd(&upgrade->progress);
}

void upgrade_free(struct master *master)
{
	if (master->own_upgrade == NULL)
		return;
	forget_record(master->own_upgrade);
	close_fd(&master->own_upgrade->candidate);
	close_fd(&master->own_upgrade->candidate_net);
	free(master->own_upgrade);
	master->own_upgrade = NULL;
}

static void __attribute__((format(printf, 2, 3)))
fail(struct upgrade *upgrade, const char *format, ...)
{
	struct master *master = upgrade->master;
	char why[512];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	ev_timer_stop(master->loop, &upgrade->timer);
	rehearse_end(&upgrade->rehearsal);
	forget_record(upgrade);
	close_fd(&upgrade->candidate);
	close_fd(&upgrade->candidate_net);
	upgrade->stepping_to = 0;
	upgrade->stepping = false;
	if (upgrade->settling != 0 && master->phase == PHASE_SERVING) {
		accept_start(master);
		adopt_resume(master);
	}
	upgrade->settling = 0;
	upgrade_tell(master, version_text(), why, upgrade->asked);
}

/* ---- the record ---- */

static bool write_record(struct upgrade *upgrade)
{
	struct record_extra extra;
	char why[160];
	int fd;

	fault_point(FAULT_UPGRADE_OPEN);
	forget_record(upgrade);
	upgrade->progress = net_progress_create();
	if (upgrade->progress < 0) {
		fail(upgrade, "can't make shared memory: %s", strerror(errno));
		return false;
	}
	extra = (struct record_extra){upgrade->progress, upgrade->candidate_net};
	fd = record_write(upgrade->master, &extra, why);
	if (fd < 0) {
		fail(upgrade, "can't write the handover record: %s", why);
		return false;
	}
	if (record_open(&upgrade->record, fd, why))
		return true;
	close(fd);
	upgrade->record.fd = -1;
	fail(upgrade, "%s", why);
	return false;
}

/* ---- the exec ---- */

/* Returns only when it failed. Descriptors that the next image must find stay open over it. */
static void execute(struct upgrade *upgrade)
{
	struct master *master = upgrade->master;
	struct net_way way;

	fault_point(FAULT_UPGRADE_SETTLED);
	reap_all(master);
	aides_end(master);
	if (master->own_reload->wished)
		raise(SIGHUP); /* it stays pending over the exec */
	if (!write_record(upgrade))
		return;
	way = (struct net_way){upgrade->record.fd, master->executable[KIND_OWN], upgrade->progress};
	log_info("executing %s", upgrade->path);
	record_close_on_exec(&upgrade->record, false);
	fault_point(FAULT_UPGRADE_EXEC);
	net_exec(upgrade->candidate, &way);
	record_close_on_exec(&upgrade->record, true);
	fail(upgrade, "can't execute %.200s: %s", upgrade->path, strerror(errno));
}

/* Nothing half done: no process that is just starting, no message half sent. */
static bool is_settled(const struct slot *slot)
{
	if (slot->state == SLOT_SERVING)
		return !ev_is_active(&slot->timer) && (slot->control_watch.events & EV_WRITE) == 0;
	return !slot_alive(slot);
}

static void on_settle(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct upgrade *upgrade = timer->data;
	struct master *master = upgrade->master;
	bool patient = clock_age(clock_mono(), upgrade->settling) < SETTLE_SECONDS * NS_PER_SEC;

	(void)events;
	if (!adopt_suspend(master)) { /* the record does not tell who reads for whom */
		if (!patient)
			fail(upgrade, "the sockets of a parked slot are not given back");
		return;
	}
	for (unsigned i = 0; i < master->slots; i++) {
		if (is_settled(&master->slot[i]))
			continue;
		if (!patient)
			fail(upgrade, "%s does not come to rest", master->slot[i].name);
		return;
	}
	if (!control_quiet(master)) {
		if (!patient)
			fail(upgrade, "a control connection does not come to its end");
		return;
	}
	ev_timer_stop(loop, timer);
	execute(upgrade);
}

static void settle(struct upgrade *upgrade)
{
	struct master *master = upgrade->master;

	fault_point(FAULT_UPGRADE_REHEARSED);
	accept_stop(master); /* who comes now waits in the backlog for the next image */
	upgrade->settling = clock_mono();
	ev_timer_init(&upgrade->timer, on_settle, 0, SETTLE_PAUSE);
	upgrade->timer.data = upgrade;
	ev_timer_start(master->loop, &upgrade->timer);
}

/* ---- the stores ---- */

static bool ask_for_edition(struct master *master, unsigned edition)
{
	const struct msg_schema wanted = {.schema = edition};

	return slot_post(master->keeper, MSG_SCHEMA, &wanted, sizeof(wanted), -1);
}

void upgrade_settle_stores(struct master *master)
{
	const struct upgrade *upgrade = master->own_upgrade;
	unsigned oldest, newest;

	if (upgrade->stepping) { /* a keeper died over it, this is the next one */
		if (!ask_for_edition(master, upgrade->stepping_to))
			log_debug("keeper can't be asked again for edition %u of the stores",
				  upgrade->stepping_to);
		return;
	}
	role_editions(&oldest, &newest);
	if (master->edition != newest && master->busy == MASTER_IDLE &&
	    !ask_for_edition(master, newest))
		log_debug("keeper can't be asked for edition %u of the stores", newest);
}

static void rehearse(struct upgrade *upgrade);

void upgrade_schemed(struct master *master, const struct msg_schema *result)
{
	struct upgrade *upgrade = master->own_upgrade;

	if (result->error[0] != '\0')
		log_error("the stores can't be brought to edition %u: %s", result->schema,
			  result->error);
	else
		master->edition = result->schema;
	if (!upgrade->stepping || result->schema != upgrade->stepping_to)
		return;
	upgrade->stepping = false;
	ev_timer_stop(master->loop, &upgrade->timer);
	if (result->error[0] != '\0')
		fail(upgrade, "the stores can't be brought to edition %u: %.200s", result->schema,
		     result->error);
	else
		rehearse(upgrade);
}

static void on_stores_late(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct upgrade *upgrade = timer->data;

	(void)loop;
	(void)events;
	fail(upgrade, "keeper did not bring the stores to edition %u in time",
	     upgrade->stepping_to);
}

/* The stores are newer than what the candidate serves. */
static void step_down(struct upgrade *upgrade, const struct rehearsal_result *result)
{
	struct master *master = upgrade->master;
	unsigned oldest, newest;

	role_editions(&oldest, &newest);
	if (upgrade->stepping_to != 0 || result->newest < oldest) {
		fail(upgrade, "it serves the stores up to edition %u, they have %u", result->newest,
		     result->edition);
		return;
	}
	upgrade->stepping_to = result->newest;
	upgrade->stepping = true;
	log_info("bringing the stores from edition %u to %u", result->edition, result->newest);
	if (!ask_for_edition(master, result->newest)) {
		fail(upgrade, "keeper can't be asked for edition %u of the stores", result->newest);
		return;
	}
	ev_timer_init(&upgrade->timer, on_stores_late, STORES_SECONDS, 0);
	upgrade->timer.data = upgrade;
	ev_timer_start(master->loop, &upgrade->timer);
}

/* ---- the rehearsal ---- */

static void on_rehearsed(struct master *master, const struct rehearsal_result *result)
{
	struct upgrade *upgrade = master->own_upgrade;

	upgrade->rehearsal = NULL;
	if (!result->passed)
		fail(upgrade, "the rehearsal of %.120s %s", upgrade->path, result->why);
	else if (result->edition > result->newest)
		step_down(upgrade, result);
	else
		settle(upgrade);
}

static void rehearse(struct upgrade *upgrade)
{
	if (!write_record(upgrade))
		return;
	fault_point(FAULT_UPGRADE_RECORD);
	upgrade->rehearsal =
		rehearse_start(upgrade->master, upgrade->candidate, &upgrade->record, on_rehearsed);
	if (upgrade->rehearsal == NULL)
		fail(upgrade, "can't start the rehearsal: %s", strerror(errno));
}

/* ---- the request ---- */

bool upgrade_may(const struct master *master, const char **why_r)
{
	*why_r = NULL;
	if (master->busy == MASTER_UPGRADING)
		*why_r = "an upgrade is running";
	else if (master->busy != MASTER_IDLE)
		*why_r = "a reload is running";
	else if (master->phase == PHASE_STOPPING || master->draining)
		*why_r = "the daemon is stopping";
	else if (master->phase != PHASE_SERVING)
		*why_r = "the daemon is starting";
	return *why_r == NULL;
}

/* Both executables of the build, or none. */
static bool open_candidates(struct upgrade *upgrade, char why_r[CANDIDATE_WHY_MAX])
{
	const char *key = config_text(upgrade->master->config, CONF_SERVER_UPGRADE_KEY);
	char path[PATH_MAX];

	upgrade->candidate = candidate_open(upgrade->path, key, why_r);
	if (upgrade->candidate < 0)
		return false;
	if (!twin_path(upgrade->path, path, sizeof(path))) {
		snprintf(why_r, CANDIDATE_WHY_MAX, "the path of %s is too long", TWIN_NAME);
		return false;
	}
	upgrade->candidate_net = candidate_open(path, key, why_r);
	if (upgrade->candidate_net < 0)
		return false;
	if (twin_same(upgrade->candidate, upgrade->candidate_net))
		return true;
	snprintf(why_r, CANDIDATE_WHY_MAX, "%.140s is not of the same build as %.140s", path,
		 upgrade->path);
	return false;
}

void upgrade_begin(struct master *master, const char *path)
{
	struct upgrade *upgrade = master->own_upgrade;
	char why[CANDIDATE_WHY_MAX];

	master->busy = MASTER_UPGRADING;
	upgrade->asked = clock_mono();
	upgrade->stepping_to = 0;
	text_copy(upgrade->path, sizeof(upgrade->path), path != NULL ? path : master->program);
	log_info("upgrade: trying %s", upgrade->path);
	if (!open_candidates(upgrade, why))
		fail(upgrade, "%s", why);
	else
		rehearse(upgrade);
}

void upgrade_wish(struct master *master)
{
	const char *why;

	if (upgrade_may(master, &why))
		upgrade_begin(master, NULL);
	else
		log_warning("no upgrade: %s", why);
}

void upgrade_stop(struct master *master)
{
	if (master->busy == MASTER_UPGRADING)
		fail(master->own_upgrade, "the daemon is stopping");
}
