/* SPDX-License-Identifier: ISC
 *
 * NAME      metrics - what the slots count
 * PURPOSE   The verb `metrics`: every counter and gauge of every slot page, in Prometheus' text
 *           form or as one JSON object.
 * OWNER     keeper
 * CONTRACT  reads pages only, no store; a step shows one metric name of all slots
 * LIMITS    none known
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "shm/clock.h"
#include "workers/keeper/request.h"

/* Numbers of counters.def belong to kinds, with blanks between; other slots never count there. */
static const struct {
	unsigned first;
	const char *kinds;
} ranges[] = {
	{253, "keeper"}, {250, ""},
	{246, "keeper"},
	{234, "feed"},	 {224, "line dxc feed"},
	{217, "ysf"},	 {216, "link"},
	{213, "ysf"},	 {209, "keeper"},
	{206, ""},	 {195, "link"},
	{192, "log"},	 {186, "link"},
	{176, "data"},	 {169, "ysf"},
	{160, "keeper"}, {158, "data"},
	{150, "ysf"},	 {134, "spot"},
	{120, "dxc"},	 {96, "ysf"},
	{76, "dxc"},	 {48, "ysf"},
	{42, "dxc"},	 {32, "ysf"},
	{20, "feed"},	 {12, "keeper"},
	{0, ""},
};

struct gauge {
	const char *kind; /* or several */
	const char *name;
	const char *help;
	enum page_gauge which;
};

static const struct gauge gauges[] = {
	{"ysf", "clients", "gateways in the worker's table", GAUGE_CLIENTS},
	{"ysf", "streams", "open streams that the worker knows", GAUGE_STREAMS},
	{"ysf", "held", "datagrams that wait for the gate", GAUGE_HELD},
	{"ysf", "receive_buffer_bytes", "smallest receive buffer granted", GAUGE_RECEIVE_BUFFER},
	{"ysf", "troubles", "causes for which datagrams can't be sent at present",
	 GAUGE_YSF_TROUBLES},
	{"line dxc feed", "sessions", "connections that the worker serves", GAUGE_SESSIONS},
	{"dxc", "users_most", "most users at a time that the worker knows of", GAUGE_USERS_MOST},
	{"dxc", "groups", "groups of sessions that want the same spots", GAUGE_FAN_GROUPS},
	{"dxc", "lag", "spots that the slowest session is behind", GAUGE_FAN_LAG},
	{"spot", "waiting", "spots in the rings of feeds", GAUGE_SPOT_WAITING},
	{"spot", "marks", "spots of skimmers that later ones are compared with", GAUGE_SPOT_MARKS},
	{"spot", "typed", "spots of people that later ones are compared with", GAUGE_SPOT_TYPED},
	{"spot", "modes", "stations whose mode is known", GAUGE_SPOT_MODES},
	{"feed", "feed_state",
	 "what the feed does: 0 off, 1 resolving, 2 connecting, 3 login, 4 up, 5 waiting, 6 broken",
	 GAUGE_FEED_STATE},
	{"feed", "feed_queue", "spots that wait for the pipeline", GAUGE_FEED_QUEUE},
	{"feed", "feed_capacity", "spots that may wait for it", GAUGE_FEED_CAPACITY},
	{"data", "names", "host names that are kept resolved", GAUGE_DATA_NAMES},
	{"data", "names_unresolved", "host names without an address", GAUGE_DATA_UNRESOLVED},
	{"data", "bad_lines", "bad lines in the lists in force", GAUGE_DATA_BAD_LINES},
	{"data", "files_failing", "list files that can't be read", GAUGE_DATA_FAILING},
	{"keeper", "store_pages", "pages in use in the voice store", GAUGE_STORE_PAGES},
	{"keeper", "store_bytes", "size of the voice store's file", GAUGE_STORE_BYTES},
	{"keeper", "events", "events in the log", GAUGE_EVENTS},
	{"keeper", "blocks", "blocks in force", GAUGE_BLOCKS},
	{"keeper", "saved_dgids", "DG-IDs kept for gateways, two for each choice", GAUGE_SAVED},
	{"keeper", "away", "gateways that are not on their home DG-ID", GAUGE_AWAY},
	{"keeper", "stations", "stations that sent their position", GAUGE_STATIONS},
	{"keeper", "spots_store_pages", "pages in use in the spots store", GAUGE_SPOTS_PAGES},
	{"keeper", "spots_store_bytes", "size of the spots store's file", GAUGE_SPOTS_BYTES},
	{"keeper", "spots", "spots in the log", GAUGE_SPOTS},
	{"keeper", "logins", "users logged in to the DX cluster", GAUGE_LOGINS},
	{"keeper", "state_bytes", "size of the durable store's file", GAUGE_STATE_BYTES},
	{"keeper", "state_trouble",
	 "the durable store: 0 good, 1 set aside and begun anew, 2 not on disk, 3 not written",
	 GAUGE_STATE_TROUBLE},
	{"keeper", "clock_doubted_seconds",
	 "uptime for which the machine's clock is not believed yet after a jump; 0: it is",
	 GAUGE_CLOCK_DOUBTED},
	{"keeper", "users", "users whose settings are kept", GAUGE_USERS},
	{"keeper", "human_spots", "spots in the durable log", GAUGE_HUMAN},
};

#define GAUGES (sizeof(gauges) / sizeof(gauges[0]))

/* Words that every page has beside its counters. */
static const struct {
	const char *name;
	const char *type;
	const char *help;
} heads[] = {
	{"slot_generation", "gauge", "how many processes have held the slot"},
	{"slot_heartbeat_seconds", "gauge", "age of the last turn of the slot's loop"},
	{"slot_start_seconds", "gauge", "time from fork to ready"},
};

#define HEADS (sizeof(heads) / sizeof(heads[0]))

static double head_value(const struct page *page, unsigned which)
{
	uint64_t ns;

	switch (which) {
	case 0:
		return (double)atomic_load_explicit(&page->generation, memory_order_relaxed);
	case 1:
		ns = clock_age(clock_mono(),
			       atomic_load_explicit(&page->beat, memory_order_relaxed));
		break;
	default:
		ns = atomic_load_explicit(&page->ready_ns, memory_order_relaxed);
	}
	return (double)ns / NS_PER_SEC;
}

static const char *counter_kinds(unsigned number)
{
	unsigned i = 0;

	while (number < ranges[i].first)
		i++;
	return ranges[i].kinds;
}

/* "ysf.3" is of kind "ysf", one of KINDS; "" is everybody's. */
static bool is_of_kind(const char *slot, const char *kinds)
{
	size_t length = strcspn(slot, ".");

	if (kinds[0] == '\0')
		return true;
	while (strncmp(kinds, slot, length) != 0 ||
	       (kinds[length] != ' ' && kinds[length] != '\0')) {
		kinds += strcspn(kinds, " ");
		if (*kinds == '\0')
			return false;
		kinds++;
	}
	return true;
}

static void head(struct request *request, const char *name, const char *type, const char *help)
{
	if (!request->json)
		request_text(request, "# HELP shackd_%s %s\n# TYPE shackd_%s %s\n", name, help,
			     name, type);
}

/* As JSON, NAME with its labels is a member of the slot's object; as text, the slot is a label. */
static void sample(struct request *request, json_t *object, const char *slot, const char *name,
		   const char *labels, double value)
{
	char key[128];
	json_t *of_slot;

	if (!request->json) {
		request_text(request, "shackd_%s{slot=\"%s\"%s%s} %.15g\n", name, slot,
			     labels[0] != '\0' ? "," : "", labels, value);
		return;
	}
	snprintf(key, sizeof(key), labels[0] != '\0' ? "%s{%s}" : "%s", name, labels);
	of_slot = json_object_get(object, slot);
	if (of_slot == NULL) {
		of_slot = json_object();
		json_object_set_new(object, slot, of_slot);
	}
	json_object_set_new(of_slot, key,
			    value == floor(value) ? json_integer((json_int_t)value)
						  : json_real(value));
}

/* The samples of a name differ in their labels only, and stand together with the first of them,
 * whatever their numbers. */
static bool is_first(const struct page_counter_info *info, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(info[i].name, info[at].name) == 0)
			return false;
	return true;
}

static void show_counter(struct request *request, json_t *object,
			 const struct page_counter_info *info)
{
	const struct worker *worker = request->keeper->worker;

	for (unsigned s = 0; s < worker->slot_pages; s++) {
		const struct page *page = worker->slot_page[s].page;

		if (is_of_kind(worker->slot_page[s].slot, counter_kinds(info->number)))
			sample(request, object, worker->slot_page[s].slot, info->name, info->labels,
			       (double)atomic_load_explicit(&page->counter[info->number],
							    memory_order_relaxed));
	}
}

/* All of the name that is first AT. */
static void show_counters(struct request *request, json_t *object, size_t at)
{
	size_t count;
	const struct page_counter_info *info = page_counter_table(&count);

	if (!is_first(info, at))
		return;
	head(request, info[at].name, "counter", info[at].help);
	for (size_t i = at; i < count; i++)
		if (strcmp(info[i].name, info[at].name) == 0)
			show_counter(request, object, &info[i]);
}

/* A slot that a reload has removed, or that is parked, counts on, but nothing is true of it now. */
static bool is_held(const struct page *page)
{
	return atomic_load_explicit(&page->state, memory_order_relaxed) != PAGE_EMPTY;
}

static void show_gauge(struct request *request, json_t *object, const struct gauge *gauge)
{
	const struct worker *worker = request->keeper->worker;

	head(request, gauge->name, "gauge", gauge->help);
	for (unsigned s = 0; s < worker->slot_pages; s++)
		if (is_of_kind(worker->slot_page[s].slot, gauge->kind) &&
		    is_held(worker->slot_page[s].page))
			sample(request, object, worker->slot_page[s].slot, gauge->name, "",
			       (double)atomic_load_explicit(
				       &worker->slot_page[s].page->gauge[gauge->which],
				       memory_order_relaxed));
}

static void show_head(struct request *request, json_t *object, unsigned which)
{
	const struct worker *worker = request->keeper->worker;

	head(request, heads[which].name, heads[which].type, heads[which].help);
	for (unsigned s = 0; s < worker->slot_pages; s++)
		if (is_held(worker->slot_page[s].page))
			sample(request, object, worker->slot_page[s].slot, heads[which].name, "",
			       head_value(worker->slot_page[s].page, which));
}

/* The next name in the order heads, gauges, counters. False: all were shown. */
static bool show_next(struct request *request, json_t *object)
{
	size_t counters, at = request->number;

	page_counter_table(&counters);
	if (at >= HEADS + GAUGES + counters)
		return false;
	request->number++;
	if (at < HEADS)
		show_head(request, object, (unsigned)at);
	else if (at < HEADS + GAUGES)
		show_gauge(request, object, &gauges[at - HEADS]);
	else
		show_counters(request, object, at - HEADS - GAUGES);
	return true;
}

static bool metrics_parse(struct request *request, const char *const words[], int count)
{
	if (count == 1 && strcmp(words[0], "--json") != 0) {
		request_refuse(request, 2, "metrics takes no argument \"%.32s\"", words[0]);
		return false;
	}
	request->json = count == 1;
	return true;
}

static enum answer metrics_step(struct request *request)
{
	json_t *object;

	if (!request->json)
		return show_next(request, NULL) ? ANSWER_MORE : ANSWER_DONE;
	/* an object can't be cut at a slot: some hundred values a slot, no store, one step */
	object = json_object();
	while (object != NULL && show_next(request, object))
		;
	request_line(request, object);
	return ANSWER_DONE;
}

const struct verb verb_metrics = {
	.name = "metrics",
	.words = 2,
	.parse = metrics_parse,
	.step = metrics_step,
};
