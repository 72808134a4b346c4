/* SPDX-License-Identifier: ISC
 *
 * NAME      report - `status` and `workers` as JSON
 * PURPOSE   What the master knows, for operators and dashboards.
 * OWNER     master
 * CONTRACT  keys are never renamed or dropped
 * LIMITS    none known
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "master/tcp/accept.h"
#include "master/autopsy.h"
#include "master/control.h"
#include "master/proc.h"
#include "master/reload/reload.h"
#include "master/slot.h"
#include "master/upgrade/upgrade.h"
#include "master/tcp/vault.h"
#include "master/version.h"

/* Where the slots of KIND are reached. */
static json_t *listeners_of(const struct master *master, enum slot_kind kind)
{
	json_t *array = json_array();
	char text[ADDR_TEXT_MAX];
	unsigned count;
	const struct acceptor *acceptor = accept_list(master, &count);

	for (unsigned i = 0; i < count; i++)
		if (acceptor[i].kind == kind)
			json_array_append_new(array,
					      json_string(addr_text(&acceptor[i].addr, text)));
	for (unsigned i = 0; kind == SLOT_YSF && i < master->listeners; i++)
		if (master->listener_used[i] && master->listener_dgid[i] == 0)
			json_array_append_new(array,
					      json_string(addr_text(&master->listener[i], text)));
	for (unsigned i = 0; kind == SLOT_LINK && i < master->feeds; i++)
		json_array_append_new(array, json_string(addr_text(&master->feed[i], text)));
	return array;
}

/* The auxiliary ports, as "DG-ID@ADDRESS". */
static json_t *auxiliaries(const struct master *master)
{
	json_t *array = json_array();
	char text[ADDR_TEXT_MAX];

	for (unsigned i = 0; i < master->listeners; i++)
		if (master->listener_used[i] && master->listener_dgid[i] != 0)
			json_array_append_new(array,
					      json_sprintf("%u@%s", master->listener_dgid[i],
							   addr_text(&master->listener[i], text)));
	return array;
}

/* In the order in which they came into the world: lines of old stay as they are. */
static const enum slot_kind shown[] = {
#ifdef SHACKD_TEST
	SLOT_LINE,
#endif
	SLOT_YSF,
	SLOT_LINK,
	SLOT_DXC,
};

/* Appends " NAME=A,B"; nothing when there are none. Takes the reference to ARRAY. */
static void put_service(char *buf, size_t size, const char *name, json_t *array)
{
	size_t used = strlen(buf), i;
	json_t *text;

	json_array_foreach(array, i, text) if (used < size) used +=
		(size_t)snprintf(buf + used, size - used, "%s%s%s%s", i == 0 ? " " : "",
				 i == 0 ? name : "", i == 0 ? "=" : ",", json_string_value(text));
	json_decref(array);
}

const char *report_services(const struct master *master, char *buf, size_t size)
{
	buf[0] = '\0';
	for (unsigned i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		enum slot_kind kind = shown[i];

		put_service(buf, size, kind_table[kind].outside, listeners_of(master, kind));
		if (kind == SLOT_YSF)
			put_service(buf, size, "aux", auxiliaries(master));
	}
	return buf;
}

/* Who reads its sockets in its place; NULL: nobody has to. */
static const char *adopted_by(const struct slot *slot)
{
	return slot->adoption.by != NULL ? slot->adoption.by->name : NULL;
}

/* What keeper says of the durable store. */
static void add_state_trouble(json_t *array, const struct master *master)
{
	static const char *const sentences[] = {
		[STATE_ASIDE] = "the durable store could not be used and was set aside; it began empty",
		[STATE_STAND_IN] = "server.state_dir can't be used: nothing is durable",
		[STATE_UNWRITTEN] = "the durable store can't be written: what is new is in memory only",
	};
	uint64_t trouble = atomic_load(&master->keeper->page->gauge[GAUGE_STATE_TROUBLE]);

	if (trouble != STATE_GOOD && trouble < sizeof(sentences) / sizeof(sentences[0]))
		json_array_append_new(array, json_string(sentences[trouble]));
}

/* A sentence for every slot that does not serve. */
static json_t *reasons(const struct master *master)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < master->slots; i++) {
		const struct slot *slot = &master->slot[i];
		char text[256];

		if (slot->state == SLOT_SERVING || slot->retired)
			continue;
		const char *reader = adopted_by(slot);

		snprintf(text, sizeof(text), "%s is %s%s%s%s%s%s", slot->name,
			 slot_state_name(slot->state),
			 slot->last_death[0] != '\0' ? " (died: " : "", slot->last_death,
			 slot->last_death[0] != '\0' ? ")" : "",
			 reader != NULL ? ", its sockets are read by " : "",
			 reader != NULL ? reader : "");
		json_array_append_new(array, json_string(text));
	}
	add_state_trouble(array, master);
	return array;
}

/* How many slots a kind has; or how many of them serve. */
static unsigned slots_of(const struct master *master, enum slot_kind kind, bool serving)
{
	unsigned count = 0;

	for (unsigned i = 0; i < master->slots; i++) {
		const struct slot *slot = &master->slot[i];

		count += slot->kind == kind && !slot->retired &&
			 (!serving || slot->state == SLOT_SERVING);
	}
	return count;
}

static json_t *services(const struct master *master)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < SLOT_KINDS; i++) {
		enum slot_kind kind = (enum slot_kind)i;
		json_t *service;

		if (kind_table[kind].outside == NULL || slots_of(master, kind, false) == 0)
			continue;
		service = json_pack("{s:o, s:i, s:i}", "listen", listeners_of(master, kind),
				    "workers", (int)slots_of(master, kind, false), "ready",
				    (int)slots_of(master, kind, true));
		if (kind == SLOT_YSF)
			json_object_set_new(service, "aux", auxiliaries(master));
		if (kind_vaulted(kind))
			json_object_set_new(service, "sessions",
					    json_integer(vault_count(master, kind)));
		json_object_set_new(object, kind_table[kind].outside, service);
	}
	return object;
}

static json_t *odd_things(const struct master *master)
{
	const struct {
		const char *name;
		uint64_t count;
	} odd[] = {
		{"control_refused", master->control_refused},
		{"crash_reports_dropped", master->crashes_dropped},
		{"slot_events_dropped", master->events_dropped},
		{"messages_bad", master->messages_bad},
		{"sessions_refused", master->sessions_refused},
		{"sessions_refused_per_ip", master->sessions_refused_per_ip},
		{"accept_failed", master->accept_failed},
		{"lists_refused", master->lists_refused},
		{"sessions_refused_rate", master->sessions_refused_rate},
		{"sessions_refused_login", master->sessions_refused_login},
		{"sessions_refused_network", master->sessions_refused_network},
		{"sessions_delayed", master->sessions_delayed},
		{"aides_refused", master->aides_refused},
		{"aides_failed", master->aides_failed},
	};
	json_t *object = json_object();

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		json_object_set_new(object, odd[i].name, json_integer((json_int_t)odd[i].count));
	return object;
}

/* What a backup takes along; null: there is none. */
static json_t *config_file(const struct master *master)
{
	const struct config_request *request = master->request;
	json_t *path = NULL;

	if (request == NULL || !config_has_file(master->config))
		return json_null();
	if (request->file == NULL)
		path = json_string(CONFIG_FILE_DEFAULT);
	else if (request->file[0] == '/' || request->directory == NULL)
		path = json_string(request->file);
	else
		path = json_sprintf("%s/%s", request->directory, request->file);
	return path != NULL ? path : json_null();
}

json_t *report_status(const struct master *master)
{
	json_t *why = reasons(master);
	const char *state = master->phase == PHASE_STOPPING || master->draining ? "draining"
			    : master->phase != PHASE_SERVING			? "starting"
			    : json_array_size(why) > 0				? "degraded"
										: "ready";

	return json_pack("{s:s, s:s, s:i, s:I, s:I, s:I, s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "version",
			 version_text(), "date", version_date(), "pid", (int)getpid(), "uptime",
			 (json_int_t)(clock_age(clock_mono(), master->started) / NS_PER_SEC),
			 "generation", (json_int_t)master->images, "config_generation",
			 (json_int_t)master->conf_generation, "last_reload", reload_last(master),
			 "state", state, "reasons", why, "services", services(master), "counters",
			 odd_things(master), "last_upgrade", upgrade_report(master), "config_file",
			 config_file(master));
}

static json_t *report_slot(const struct slot *slot)
{
	uint64_t now = clock_mono();
	uint64_t beat = atomic_load(&slot->page->beat);
	bool alive = slot_alive(slot);

	return json_pack("{s:s, s:s, s:i, s:I, s:s, s:s, s:I, s:I, s:I, s:s, s:I, s:I, s:s, s:s?, "
			 "s:s, s:o, s:i}",
			 "slot", slot->name, "kind", slot_kind_name(slot->kind), "pid",
			 (int)slot->pid, "generation", (json_int_t)slot->generation, "state",
			 slot_state_name(slot->state), "doing",
			 page_state_name(atomic_load(&slot->page->state)), "restarts",
			 (json_int_t)slot->restarts, "heartbeat_ms",
			 (json_int_t)(alive && beat != 0 ? clock_age(now, beat) / NS_PER_MS : 0),
			 "rss_kb", (json_int_t)(alive ? proc_rss_kb(slot->pid) : 0), "breaker",
			 breaker_state_name(breaker_state_at(&slot->breaker, now)), "ready_us",
			 (json_int_t)(slot->ready_ns / 1000), "deaths", (json_int_t)slot->deaths,
			 "last_death", slot->last_death, "adopted_by", adopted_by(slot),
			 "last_hang", msg_hang_name(slot->last_hang), "crash", autopsy_json(slot),
			 "sessions", (int)vault_used(slot));
}

json_t *report_workers(const struct master *master)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < master->slots; i++)
		if (!master->slot[i].retired || slot_alive(&master->slot[i]))
			json_array_append_new(array, report_slot(&master->slot[i]));
	return array;
}
