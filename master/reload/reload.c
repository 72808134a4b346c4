/* SPDX-License-Identifier: ISC
 *
 * NAME      reload - another configuration without a restart
 * PURPOSE   See master/reload/reload.h. What comes here from a slot is only noted; one timer looks
 *           at it all and decides, so that no step is taken inside of another.
 * OWNER     master
 * CONTRACT  see master/reload/reload.h
 * LIMITS    see master/reload/reload.h
 */
#include "master/reload/reload.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/adopt.h"
#include "master/bind.h"
#include "master/control.h"
#include "master/notify.h"
#include "master/reload/members.h"
#include "master/reload/steer.h"
#include "master/slot.h"
#include "master/snapshot.h"
#include "shm/fault.h"
#include "shm/log.h"

#define LOOK_SECONDS 0.05
#define UNDO_NS	     (500 * NS_PER_MS) /* for bodies and half-born children */
#define WHERE_MAX    (PATH_MAX + 16)

bool reload_fail(struct reload *reload, const char *format, ...)
{
	va_list args;

	if (reload->failure[0] != '\0')
		return false;
	va_start(args, format);
	vsnprintf(reload->failure, sizeof(reload->failure), format, args);
	va_end(args);
	return false;
}

bool reload_fail_at(struct reload *reload, enum conf_key key, const char *why)
{
	char where[WHERE_MAX];

	config_where(reload->config, key, where, sizeof(where));
	return reload_fail(reload, "%s%s", where, why);
}

static void reload_finish(struct reload *reload);

static void next_step(struct reload *reload, enum reload_step step)
{
	reload->step = step;
	reload->began = clock_mono();
	ev_feed_event(reload->master->loop, &reload->timer, EV_TIMER);
}

/* ---- what it comes to ---- */

static json_t *key_names(const bool keys[CONF_KEYS])
{
	json_t *array = json_array();

	for (int key = 0; key < CONF_KEYS; key++)
		if (keys[key])
			json_array_append_new(array,
					      json_sprintf("%s.%s", option_table[key].section,
							   option_table[key].name));
	return array;
}

/* "a, b" of an array of texts; "nothing" of an empty one. */
static const char *join(const json_t *array, char *buf, size_t size)
{
	size_t used = 0, index;
	json_t *text;

	snprintf(buf, size, "nothing");
	json_array_foreach(array, index, text)
	{
		if (used < size)
			used += (size_t)snprintf(buf + used, size - used, "%s%s",
						 index > 0 ? ", " : "", json_string_value(text));
	}
	return buf;
}

static json_t *problem_texts(const struct problems *problems)
{
	json_t *array = json_array();

	for (size_t i = 0; i < problems->count && i < PROBLEMS_MAX; i++)
		json_array_append_new(array, json_string(problems->text[i]));
	if (problems->count > PROBLEMS_MAX)
		json_array_append_new(array, json_sprintf("and %zu more problems",
							  problems->count - PROBLEMS_MAX));
	return array;
}

static void tell(struct reload *reload, bool ok)
{
	const json_t *changed = json_object_get(reload->last, "changed");
	const json_t *restart = json_object_get(reload->last, "restart");
	const struct problems *problems = reload->problems;
	char text[1024];

	if (ok)
		log_info("reloaded, changed: %s", join(changed, text, sizeof(text)));
	if (ok && json_array_size(restart) > 0)
		log_warning("these keys keep their value until a restart: %s",
			    join(restart, text, sizeof(text)));
	for (size_t i = 0; !ok && i < problems->count && i < PROBLEMS_MAX; i++)
		log_error("reload: %s", problems->text[i]);
	if (!ok)
		log_error("reload refused, nothing has changed");
	slot_note(reload->master, MSG_NOTE_RELOAD, !ok, "%s",
		  ok ? join(changed, text, sizeof(text)) : problems->text[0]);
}

static void conclude(struct reload *reload, bool ok)
{
	struct master *master = reload->master;
	char why[512];

	if (!ok) {
		memset(reload->changed, 0, sizeof(reload->changed));
		memset(reload->restart, 0, sizeof(reload->restart));
	}
	json_decref(reload->last);
	reload->last = json_pack(
		"{s:I, s:b, s:I, s:o, s:o, s:o}", "when", (json_int_t)(clock_real() / NS_PER_SEC),
		"ok", ok, "config_generation", (json_int_t)master->conf_generation, "changed",
		key_names(reload->changed), "restart", key_names(reload->restart), "problems",
		problem_texts(reload->problems));
	tell(reload, ok);
	snprintf(why, sizeof(why), "%s", reload->problems->text[0]);
	control_conclude(master, json_incref(reload->last), ok ? 0 : 1, ok ? "" : why);
}

/* ---- the new configuration against the old one ---- */

static unsigned ysf_wanted(const struct master *master, const struct config *config)
{
	int64_t count = config_number(config, CONF_WORKERS_YSF);

	if (master->ysf_count == 0)
		return 0; /* ysf.enabled = no, which needs a restart */
	return (unsigned)(count < MASTER_YSF_MAX ? count : MASTER_YSF_MAX);
}

/* "auto" is worked out once: processors that come or go change nothing. */
static void keep_auto(struct config *config, const struct config *old)
{
	static const enum conf_key keys[] = {CONF_WORKERS_YSF, CONF_WORKERS_DXC};

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (config_is_open(config, keys[i]) && config_is_open(old, keys[i]))
			config_keep(config, old, keys[i]);
}

/* Is there anything to do? */
static bool compare(struct reload *reload)
{
	const struct config *old = reload->master->config;
	bool any = false;

	keep_auto(reload->config, old);
	for (int key = 0; key < CONF_KEYS; key++) {
		if (config_equal(reload->config, old, (enum conf_key)key))
			continue;
		if (option_table[key].reload == OPTION_RESTART) {
			reload->restart[key] = true;
			config_keep(reload->config, old, (enum conf_key)key);
		} else {
			reload->changed[key] = any = true;
		}
	}
	return any;
}

/* ---- acquire ---- */

static bool snapshot(struct reload *reload)
{
	struct master *master = reload->master;
	struct addr asked[CONF_LISTEN_MAX];
	uint8_t dgid[CONF_LISTEN_MAX];
	struct snapshot_listeners listeners = {asked, reload->used, dgid};

	memcpy(asked, master->listener_asked, sizeof(asked));
	memcpy(dgid, master->listener_dgid, sizeof(dgid));
	memcpy(reload->used, master->listener_used, sizeof(reload->used));
	for (unsigned i = 0; i < reload->plan->entries; i++) {
		const struct listen_entry *entry = &reload->plan->entry[i];

		dgid[entry->index] = entry->dgid;
		if (!entry->bound)
			continue;
		asked[entry->index] = entry->asked;
		reload->used[entry->index] = true;
	}
	reload->listeners = 0;
	for (unsigned i = 0; i < CONF_LISTEN_MAX; i++) {
		reload->used[i] = reload->used[i] && !(reload->plan->gone >> i & 1);
		if (reload->used[i])
			reload->listeners = i + 1;
	}
	reload->conf_generation = master->conf_generation + 1;
	reload->conf_fd = snapshot_build(reload->config, reload->conf_generation, &listeners);
	return reload->conf_fd >= 0 ||
	       reload_fail(reload, "can't make the configuration snapshot: %s", strerror(errno));
}

static unsigned most(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

/* Their sockets join the ports' groups, which are held on the members they have. */
static bool join_groups(struct reload *reload)
{
	struct master *master = reload->master;
	char why[BIND_WHY_MAX];

	reload->held = reload->ysf_count > master->ysf_count;
	for (unsigned i = 0; reload->held && i < master->listeners; i++) {
		if (!master->listener_used[i] || (reload->plan->gone >> i & 1))
			continue;
		if (!steer_hold(master->ysf[0].udp[i], addr_family(&master->listener[i]),
				master->ysf_count))
			return reload_fail(reload, "can't hold listener %u on its slots: %s", i,
					   strerror(errno));
		if (!bind_join(master, i, master->ysf_count, reload->ysf_count, why))
			return reload_fail_at(reload, CONF_WORKERS_YSF, why);
	}
	return true;
}

/* Slots that a reload has removed are still there. */
static bool make_slots(struct reload *reload)
{
	struct master *master = reload->master;

	for (unsigned i = master->ysf_count; i < reload->ysf_count; i++) {
		struct slot *slot = &master->ysf[i];

		if (!slot->retired && !slot_make_more(master, i))
			return reload_fail(reload, "can't make the memory of slot ysf.%u: %s", i,
					   strerror(errno));
		slot->coming = true;
		slot->failed[0] = '\0';
	}
	return true;
}

static void start_slots(struct reload *reload)
{
	struct master *master = reload->master;

	for (unsigned i = master->ysf_count; i < reload->ysf_count; i++)
		slot_spawn(&master->ysf[i]);
}

static bool acquire(struct reload *reload)
{
	struct master *master = reload->master;
	char why[BIND_WHY_MAX];

	reload->ysf_count = ysf_wanted(master, reload->config);
	if (!bind_plan(master, reload->config, reload->plan))
		return reload_fail_at(reload, CONF_YSF_LISTEN,
				      "ysf.listen: too many listeners come and go at once");
	if (!make_slots(reload) || !members_plan(reload))
		return false;
	if (!bind_listeners(master, reload->plan, most(reload->ysf_count, master->ysf_count), why))
		return reload_fail_at(
			reload, reload->plan->aux_failed ? CONF_YSF_AUX_PORTS : CONF_YSF_LISTEN,
			why);
	if (!join_groups(reload) || !snapshot(reload))
		return false;
	start_slots(reload);
	fault_point(FAULT_RELOAD_ACQUIRED);
	return true;
}

static void undo_begin(struct reload *reload)
{
	struct master *master = reload->master;

	fault_point(FAULT_RELOAD_UNDOING);
	problems_add(reload->problems, "%s", reload->failure);
	staging_forget(reload);
	members_forget(reload);
	for (unsigned i = master->ysf_count; i < reload->ysf_count; i++)
		if (master->ysf[i].coming && slot_alive(&master->ysf[i])) {
			master->ysf[i].planned = true;
			slot_signal(&master->ysf[i], SIGKILL);
		}
	next_step(reload, RELOAD_UNDOING);
}

/* Slots that never came. */
static void unmake_slots(struct reload *reload)
{
	struct master *master = reload->master;

	for (unsigned i = reload->ysf_count; i-- > master->ysf_count;) {
		struct slot *slot = &master->ysf[i];

		slot->coming = false;
		slot->state = SLOT_EMPTY;
		if (!slot->retired)
			slot_unmake(slot);
	}
}

/* Nobody uses any more what was made. */
static void close_sockets(struct reload *reload)
{
	struct master *master = reload->master;

	bind_undo(master, reload->plan);
	for (unsigned i = 0; reload->held && i < master->listeners; i++)
		if (master->listener_used[i])
			bind_leave(master, i, master->ysf_count);
}

static void undo_look(struct reload *reload)
{
	struct master *master = reload->master;
	bool overdue = clock_age(clock_mono(), reload->began) > UNDO_NS;

	for (unsigned i = master->ysf_count; i < reload->ysf_count; i++)
		if (master->ysf[i].coming && slot_alive(&master->ysf[i]))
			return;
	close_sockets(reload);
	/* the bodies hold descriptors, too: what is said to be as before is as before */
	if (master->zombies > 0 && !overdue)
		return;
	if (!retire_release(reload, overdue))
		return;
	unmake_slots(reload);
	fault_point(FAULT_RELOAD_UNDONE);
	conclude(reload, false);
	reload_finish(reload);
}

/* ---- commit ---- */

/* The master's own values. */
static void obey(struct master *master)
{
	log_set_level((enum log_level)config_number(master->config, CONF_SERVER_LOG_LEVEL));
	watchdog_start(master);
	for (unsigned i = 0; i < master->slots; i++)
		breaker_set_rate(
			&master->slot[i].breaker,
			(unsigned)config_number(master->config, CONF_SERVER_RESPAWN_TOKENS));
}

static void commit_slots(struct reload *reload)
{
	struct master *master = reload->master;
	unsigned end = (unsigned)(master->ysf - master->slot) + reload->ysf_count;

	master->slots = most(master->slots, end);
	for (unsigned i = reload->ysf_count; i < master->ysf_count; i++)
		master->ysf[i].retired = master->ysf[i].staging.leaving = true;
	for (unsigned i = master->ysf_count; i < reload->ysf_count; i++)
		master->ysf[i].retired = master->ysf[i].coming = false;
	master->ysf_count = reload->ysf_count;
}

static void commit(struct reload *reload)
{
	struct master *master = reload->master;
	unsigned old_count = master->ysf_count;

	fault_point(FAULT_RELOAD_AGREED);
	close(master->conf_fd);
	master->conf_fd = reload->conf_fd;
	master->conf_generation = reload->conf_generation;
	reload->conf_fd = -1;
	config_destroy(&master->config);
	master->config = reload->config;
	reload->config = NULL;
	bind_commit(master, reload->plan);
	commit_slots(reload);
	fault_point(FAULT_RELOAD_HALF);
	staging_commit(reload, old_count);
	members_commit(reload);
	retire_release(reload, true); /* the new members read now */
	obey(master);
	adopt_renew(master);
	fault_point(FAULT_RELOAD_RETIRING);
	retire_begin(reload);
	next_step(reload, RELOAD_RETIRING);
}

/* ---- the course of it ---- */

static bool is_overdue(const struct reload *reload, double seconds)
{
	return clock_age(clock_mono(), reload->began) > (uint64_t)(seconds * 1e9);
}

static void stage_look(struct reload *reload)
{
	bool agreed = reload->failure[0] == '\0' && staging_all_agree(reload);

	if (is_overdue(reload, RELOAD_SECONDS))
		reload_fail(reload, "not everybody has agreed within %.0f s", RELOAD_SECONDS);
	if (reload->failure[0] != '\0')
		undo_begin(reload);
	else if (agreed)
		commit(reload);
}

static void retire_wait(struct reload *reload)
{
	bool overdue = is_overdue(reload, RETIRE_SECONDS);
	bool gone = retire_look(reload, overdue);

	gone = members_look(reload, overdue) && gone;
	if (!gone || (!overdue && !staging_all_obey(reload->master)))
		return;
	conclude(reload, true);
	reload_finish(reload);
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct reload *reload = timer->data;

	(void)loop;
	(void)events;
	switch (reload->step) {
	case RELOAD_NONE:
		break;
	case RELOAD_STAGING:
		stage_look(reload);
		break;
	case RELOAD_UNDOING:
		undo_look(reload);
		break;
	case RELOAD_RETIRING:
		retire_wait(reload);
		break;
	}
}

static void reload_finish(struct reload *reload)
{
	struct master *master = reload->master;

	ev_timer_stop(master->loop, &reload->timer);
	if (reload->conf_fd >= 0)
		close(reload->conf_fd);
	reload->conf_fd = -1;
	config_destroy(&reload->config);
	reload->step = RELOAD_NONE;
	master->busy = MASTER_IDLE;
	notify_turn(master);
	if (reload->wished && master->phase == PHASE_SERVING) {
		reload->wished = false;
		reload_begin(master);
	}
}

static void forget_last(struct reload *reload)
{
	memset(reload->changed, 0, sizeof(reload->changed));
	memset(reload->restart, 0, sizeof(reload->restart));
	memset(reload->problems, 0, sizeof(*reload->problems));
	memset(reload->plan, 0, sizeof(*reload->plan));
	reload->failure[0] = '\0';
	reload->held = false;
	for (unsigned i = 0; i < reload->master->slots; i++) {
		reload->master->slot[i].staging.tries = 0;
		reload->master->slot[i].staging.state = 0;
	}
}

void reload_begin(struct master *master)
{
	struct reload *reload = master->own_reload;

	master->busy = MASTER_RELOADING;
	notify_turn(master);
	forget_last(reload);
	reload->ysf_count = master->ysf_count;
	if (config_load(&reload->config, master->request, reload->problems) != 0) {
		conclude(reload, false);
		reload_finish(reload);
		return;
	}
	if (!compare(reload)) {
		conclude(reload, true);
		reload_finish(reload);
		return;
	}
	fault_point(FAULT_RELOAD_READ);
	ev_timer_again(master->loop, &reload->timer);
	next_step(reload, RELOAD_STAGING);
	acquire(reload); /* what fails is seen at the first look */
}

/* ---- wishes ---- */

bool reload_may(const struct master *master, const char **why_r)
{
	*why_r = master->phase == PHASE_STOPPING    ? "the daemon is stopping"
		 : master->phase != PHASE_SERVING   ? "the daemon is still starting"
		 : master->busy == MASTER_RELOADING ? "a reload is under way"
		 : master->busy == MASTER_UPGRADING ? "an upgrade is under way"
						    : NULL;
	return *why_r == NULL;
}

void reload_wish(struct master *master)
{
	const char *why;

	if (reload_may(master, &why)) {
		reload_begin(master);
	} else if (master->phase != PHASE_STOPPING) {
		if (!master->own_reload->wished)
			log_info("%s: the reload follows", why);
		master->own_reload->wished = true;
	}
}

void reload_serving(struct master *master)
{
	if (!master->own_reload->wished)
		return;
	master->own_reload->wished = false;
	reload_wish(master);
}

void reload_stop(struct master *master)
{
	struct reload *reload = master->own_reload;

	if (reload->step == RELOAD_NONE)
		return;
	for (unsigned i = master->ysf_count; i < reload->ysf_count; i++)
		if (master->ysf[i].coming && slot_alive(&master->ysf[i]))
			slot_signal(&master->ysf[i], SIGKILL);
	if (reload->step != RELOAD_RETIRING)
		problems_add(reload->problems, "the daemon is stopping");
	conclude(reload, reload->step == RELOAD_RETIRING);
	reload->wished = false;
	reload_finish(reload);
}

void reload_reopen(struct master *master)
{
	struct slot *const writer[] = {master->log, slot_single(master, SLOT_LINK)};

	/* a worker that is not there opens its file anew anyway */
	for (unsigned i = 0; i < 2; i++)
		if (writer[i] != NULL && slot_alive(writer[i]))
			slot_post(writer[i], MSG_REOPEN, NULL, 0, -1);
}

json_t *reload_last(const struct master *master)
{
	const struct reload *reload = master->own_reload;

	return reload != NULL && reload->last != NULL ? json_incref(reload->last) : json_null();
}

void reload_view(const struct slot *slot, struct reload_view *view_r)
{
	const struct master *master = slot->master;
	const struct reload *reload = master->own_reload;
	unsigned first = (unsigned)(master->ysf - master->slot);

	*view_r = (struct reload_view){.conf_fd = master->conf_fd,
				       .slots = master->slots,
				       .ysf_count = master->ysf_count,
				       .listeners = master->listeners,
				       .used = master->listener_used};
	if (!slot->coming)
		return;
	view_r->conf_fd = reload->conf_fd;
	view_r->slots = most(master->slots, first + reload->ysf_count);
	view_r->ysf_count = reload->ysf_count;
	view_r->listeners = reload->listeners;
	view_r->used = reload->used;
}

bool reload_open(struct master *master)
{
	struct reload *reload = calloc(1, sizeof(*reload));

	master->own_reload = reload;
	if (reload == NULL || (reload->plan = calloc(1, sizeof(*reload->plan))) == NULL ||
	    (reload->problems = calloc(1, sizeof(*reload->problems))) == NULL)
		return master_why(master, EXIT_START, "out of memory");
	reload->master = master;
	reload->conf_fd = -1;
	ev_init(&reload->timer, on_look);
	reload->timer.repeat = LOOK_SECONDS;
	reload->timer.data = reload;
	return true;
}

void reload_close(struct master *master)
{
	struct reload *reload = master->own_reload;

	if (reload == NULL)
		return;
	if (master->loop != NULL)
		ev_timer_stop(master->loop, &reload->timer);
	json_decref(reload->last);
	config_destroy(&reload->config);
	free(reload->plan);
	free(reload->problems);
	free(reload);
	master->own_reload = NULL;
}
