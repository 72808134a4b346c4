/* SPDX-License-Identifier: ISC
 *
 * NAME      json - records as JSON objects
 * PURPOSE   The one place that names the keys which shackctl shows.
 * OWNER     keeper
 * CONTRACT  see json.h; times are seconds since the epoch, a block for ever has `until` null
 * LIMITS    none known
 */
#include "shm/store/json.h"

#include <stdio.h>

#include "shm/clock.h"

/* Seconds with milliseconds. */
static double seconds(uint64_t real)
{
	return (double)(real / NS_PER_MS) / 1000;
}

static json_t *json_until(uint64_t until)
{
	return until == BLOCK_FOREVER ? json_null()
				      : json_integer((json_int_t)(until / NS_PER_SEC));
}

/* Takes both references; NULL when memory was short for either. */
static json_t *json_with(json_t *object, const char *key, json_t *value)
{
	if (object && json_object_set_new(object, key, value) == 0)
		return object;
	if (!object)
		json_decref(value);
	json_decref(object);
	return NULL;
}

static json_t *json_address(json_t *object, const struct client_key *key)
{
	char text[ADDR_TEXT_MAX];
	struct addr addr;

	client_key_addr(key, &addr);
	object = json_with(object, "address", json_string(addr_ip_text(&addr, text)));
	return json_with(object, "port", json_integer(addr.port));
}

static json_t *json_client_id(json_t *object, const char *key, uint32_t id)
{
	char text[16];

	snprintf(text, sizeof(text), "c%u", id);
	return json_with(object, key, json_string(text));
}

json_t *json_client(const struct client_key *key, const struct client_record *record, bool blocked,
		    uint64_t now)
{
	json_t *object = json_client_id(json_object(), "id", record->id);

	object = json_with(object, "gateway", json_string(record->name));
	object = json_address(object, key);
	object = json_with(object, "listener", json_integer(client_key_listener(key)));
	object = json_with(object, "dgid", json_integer(record->dgid));
	object = json_with(object, "fixed", json_boolean(record->flags & CLIENT_STATIC));
	object = json_with(object, "home_dgid", json_integer(record->home_dgid));
	object = json_with(object, "muted", json_false());
	object = json_with(object, "blocked", json_boolean(blocked));
	object = json_with(object, "connected",
			   json_integer((json_int_t)(record->linked_real / NS_PER_SEC)));
	return json_with(object, "idle",
			 json_real((double)(clock_age(now, record->polled) / NS_PER_MS) / 1000));
}

static json_t *json_flags(json_t *object, unsigned flags)
{
	object = json_with(object, "muted", json_boolean(flags & STREAM_MUTED));
	object = json_with(object, "local", json_boolean(flags & STREAM_LOCAL));
	return json_with(object, "late", json_boolean(flags & STREAM_LATE));
}

json_t *json_stream(const struct stream_record *record, uint32_t frames, uint32_t lost)
{
	json_t *object = json_with(json_object(), "id", json_integer(record->id));

	object = json_with(object, "dgid", json_integer(record->dgid));
	object = json_with(object, "gateway", json_string(record->gateway));
	object = json_client_id(object, "client", record->client);
	object = json_with(object, "source", json_string(record->source));
	object = json_with(object, "dest", json_string(record->dest));
	object = json_with(object, "started",
			   json_integer((json_int_t)(record->started_real / NS_PER_SEC)));
	object = json_with(object, "frames", json_integer(frames));
	object = json_with(object, "lost", json_integer(lost));
	return json_flags(object, record->flags);
}

json_t *json_block(const char *call, const struct block_record *record)
{
	json_t *object = json_with(json_object(), "call", json_string(call));

	object = json_with(object, "reason", json_string(block_reason_name(record->reason)));
	object = json_with(object, "until", json_until(record->until_real));
	return json_with(object, "by", json_string(record->by));
}

static json_t *json_event_client(json_t *object, const struct event_record *event)
{
	if (event->client)
		object = json_client_id(object, "client", event->client);
	object = json_with(object, "gateway", json_string(event->gateway));
	if (event->has_key)
		object = json_address(object, &event->key);
	return json_with(object, "dgid", json_integer(event->dgid));
}

static json_t *json_event_stream(json_t *object, const struct event_record *event)
{
	object = json_with(object, "stream", json_integer(event->stream));
	object = json_event_client(object, event);
	object = json_with(object, "source", json_string(event->source));
	object = json_with(object, "dest", json_string(event->dest));
	object = json_flags(object, event->flags);
	if (event->type != EVENT_STREAM_END)
		return object;
	object = json_with(object, "frames", json_integer(event->frames));
	object = json_with(object, "lost", json_integer(event->lost));
	return json_with(object, "duration", json_real(event->duration_ms / 1000.0));
}

static json_t *json_event_block(json_t *object, const struct event_record *event)
{
	object = json_with(object, "call", json_string(event->call));
	object = json_with(object, "block", json_string(block_reason_name(event->block_reason)));
	return json_with(object, "until", json_until(event->until));
}

static json_t *json_event_slot(json_t *object, const struct event_record *event)
{
	object = json_with(object, "pid", json_integer(event->pid));
	return json_with(object, "signal", json_integer(event->signal));
}

static json_t *json_event_rest(json_t *object, const struct event_record *event)
{
	switch (event->type) {
	case EVENT_CLIENT_DGID:
		object = json_with(object, "old_dgid", json_integer(event->old_dgid));
		return json_event_client(object, event);
	case EVENT_CLIENT_LINK:
	case EVENT_CLIENT_UNLINK:
		return json_event_client(object, event);
	case EVENT_STREAM_START:
	case EVENT_STREAM_META:
	case EVENT_STREAM_END:
	case EVENT_ACCESS_REFUSED:
		return json_event_stream(object, event);
	case EVENT_BLOCK_ADD:
	case EVENT_BLOCK_REMOVE:
		return json_event_block(object, event);
	case EVENT_SLOT_UP:
	case EVENT_SLOT_DOWN:
		return json_event_slot(object, event);
	default:
		return object;
	}
}

json_t *json_event(uint64_t number, const struct event_record *event)
{
	json_t *object = json_with(json_object(), "number", json_integer((json_int_t)number));

	object = json_with(object, "event", json_string(event_type_name(event->type)));
	object = json_with(object, "time", json_real(seconds(event->time)));
	object = json_with(object, "slot", json_string(event->slot));
	object = json_with(object, "generation", json_integer((json_int_t)event->generation));
	if (event->reason)
		object = json_with(object, "reason", json_string(event_reason_name(event->reason)));
	return json_event_rest(object, event);
}
