/* SPDX-License-Identifier: ISC
 *
 * NAME      show_cluster - the DX cluster as JSON objects
 * PURPOSE   See show_cluster.h.
 * OWNER     keeper
 * CONTRACT  see show_cluster.h
 * LIMITS    see show_cluster.h
 */
#include "workers/keeper/show_cluster.h"

#include <stdio.h>
#include <string.h>

#include "shm/clock.h"
#include "workers/keeper/show.h"
#include "workers/render.h"

static json_t *with_number(json_t *object, const char *key, uint64_t number)
{
	return show_with(object, key, json_integer((json_int_t)number));
}

/* ---- sessions ---- */

static json_t *with_head(json_t *object, const struct session_head *head, uint64_t newest,
			 uint64_t now)
{
	uint64_t lag = newest > head->cursor ? newest - head->cursor : 0;

	object = show_with(object, "format", json_string(format_name(head->format)));
	object = with_number(object, "idle", clock_age(now, head->input) / NS_PER_SEC);
	object = with_number(object, "delivered", head->delivered);
	object = with_number(object, "dropped", head->dropped);
	return with_number(object, "lag", lag);
}

json_t *show_session(const char *call, const struct session_record *record,
		     const struct session_head *head, uint64_t newest, uint64_t now)
{
	struct addr addr = {.port = record->port};
	char id[16], text[ADDR_TEXT_MAX];
	json_t *object;

	memcpy(addr.ip, record->ip, sizeof(addr.ip));
	snprintf(id, sizeof(id), "s%u", record->id);
	object = show_with(json_object(), "id", json_string(id));
	object = show_with(object, "call", json_string(call));
	object = show_with(object, "address", json_string(addr_ip_text(&addr, text)));
	object = with_number(object, "port", record->port);
	object = show_with(object, "slot", json_string(record->slot));
	object = with_number(object, "connected", record->since_real / NS_PER_SEC);
	return head == NULL ? object : with_head(object, head, newest, now);
}

/* ---- spots ---- */

json_t *show_spot(uint64_t number, const struct spot *spot)
{
	char line[RENDER_MAX + 1];
	size_t length = render_spot(FORMAT_JSON, number, spot, false, line);
	json_t *object = json_loadb(line, length, 0, NULL);

	length = render_spider(spot, NULL, NULL, line);
	return show_with(object, "line", json_stringn(line, length));
}

/* ---- feeds ---- */

static uint64_t counter(const struct page *page, enum page_counter which)
{
	return atomic_load_explicit(&page->counter[which], memory_order_relaxed);
}

static uint64_t gauge(const struct page *page, enum page_gauge which)
{
	return atomic_load_explicit(&page->gauge[which], memory_order_relaxed);
}

/* All counters of that name, whatever their labels. */
static uint64_t sum(const struct page *page, const char *name)
{
	size_t count;
	const struct page_counter_info *info = page_counter_table(&count);
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++)
		if (strcmp(info[i].name, name) == 0)
			total += counter(page, (enum page_counter)info[i].number);
	return total;
}

/* Seconds since the epoch; null: nothing came yet. */
static json_t *moment(uint64_t real)
{
	return real == 0 ? json_null() : json_integer((json_int_t)(real / NS_PER_SEC));
}

json_t *show_feed(const struct show_feed *feed)
{
	const struct page *page = feed->page;
	json_t *object = show_with(json_object(), "name", json_string(feed->name));
	uint64_t state = FEED_OFF, capacity = feed->capacity;

	if (page != NULL)
		state = gauge(page, GAUGE_FEED_STATE);
	if (page != NULL && gauge(page, GAUGE_FEED_CAPACITY) > 0)
		capacity = gauge(page, GAUGE_FEED_CAPACITY);
	object = show_with(object, "type", json_string(feed->type));
	object = show_with(object, "state",
			   json_string(page == NULL && feed->enabled
					       ? "starting"
					       : page_feed_state_name((unsigned)state)));
	object = with_number(object, "received", page ? counter(page, COUNT_FEED_RECEIVED) : 0);
	object = with_number(object, "accepted", page ? counter(page, COUNT_FEED_ACCEPTED) : 0);
	object = with_number(object, "dropped", page ? sum(page, "feed_dropped_total") : 0);
	object = with_number(object, "malformed", page ? sum(page, "feed_malformed_total") : 0);
	object = with_number(object, "queue", page ? gauge(page, GAUGE_FEED_QUEUE) : 0);
	object = with_number(object, "capacity", capacity);
	return show_with(object, "last", moment(page ? page->spare[PAGE_FEED_LAST] : 0));
}
