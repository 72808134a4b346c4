/* SPDX-License-Identifier: ISC
 *
 * NAME      show - records as JSON objects
 * PURPOSE   The one place that names the keys which shackctl shows.
 * OWNER     keeper
 * CONTRACT  see show.h
 * LIMITS    see show.h
 */
#include "workers/keeper/show.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "shm/clock.h"
#include "shm/radio.h"

static json_int_t seconds(uint64_t ns)
{
	return (json_int_t)(ns / NS_PER_SEC);
}

/* null: for ever */
static json_t *until(uint64_t real)
{
	return real == BLOCK_FOREVER ? json_null() : json_integer(seconds(real));
}

/* An object that lost something to a lack of memory is no answer, so it goes. */
json_t *show_with(json_t *object, const char *key, json_t *value)
{
	if (object == NULL) {
		json_decref(value);
		return NULL;
	}
	if (json_object_set_new(object, key, value) == 0)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *with_client_id(json_t *object, const char *key, uint32_t id)
{
	char text[16];

	snprintf(text, sizeof(text), "c%u", id);
	return show_with(object, key, json_string(text));
}

static json_t *with_stream_id(json_t *object, const char *key, uint32_t id)
{
	char text[16];

	snprintf(text, sizeof(text), "%07u", id);
	return show_with(object, key, json_string(text));
}

static json_t *with_address(json_t *object, const struct client_key *key)
{
	char text[ADDR_TEXT_MAX];
	struct addr addr;

	client_key_addr(key, &addr);
	object = show_with(object, "address", json_string(addr_ip_text(&addr, text)));
	return show_with(object, "port", json_integer(addr.port));
}

static json_t *show_info(const struct info_record *info)
{
	json_t *object = show_with(json_object(), "rx_hz", json_integer(info->rx_hz));

	object = show_with(object, "tx_hz", json_integer(info->tx_hz));
	object = show_with(object, "locator", json_string(info->locator));
	object = show_with(object, "town", json_string(info->town));
	object = show_with(object, "type", json_string(info->type));
	return show_with(object, "id", json_string(info->id));
}

json_t *show_client(const struct client_key *key, const struct client_record *record,
		    const struct show_more *more, uint64_t now)
{
	json_t *object = with_client_id(json_object(), "id", record->id);

	object = show_with(object, "gateway", json_string(record->name));
	object = with_address(object, key);
	object = show_with(object, "listener", json_integer(client_key_listener(key)));
	object = show_with(object, "dgid", json_integer(record->dgid));
	object = show_with(object, "fixed", json_boolean(!client_movable(record)));
	object = show_with(object, "aux", json_boolean(record->flags & CLIENT_AUX));
	object = show_with(object, "home_dgid", json_integer(record->home_dgid));
	object = show_with(object, "home_time", json_integer(record->home_time));
	object = show_with(object, "muted", json_boolean(more->muted));
	object = show_with(object, "blocked", json_boolean(more->blocked));
	if (more->has_info)
		object = show_with(object, "info", show_info(&more->info));
	object = show_with(object, "proven", json_boolean(record->flags & CLIENT_PROVEN));
	object = show_with(object, "connected", json_integer(seconds(record->linked_real)));
	return show_with(object, "idle", json_integer(seconds(clock_age(now, record->polled))));
}

static json_t *with_flags(json_t *object, unsigned flags)
{
	object = show_with(object, "muted", json_boolean(flags & STREAM_MUTED));
	object = show_with(object, "local", json_boolean(flags & STREAM_LOCAL));
	object = show_with(object, "late", json_boolean(flags & STREAM_LATE));
	return show_with(object, "parrot", json_boolean(flags & STREAM_PARROT));
}

json_t *show_stream(const struct stream_record *record, uint32_t frames, uint32_t lost)
{
	json_t *object = with_stream_id(json_object(), "id", record->id);

	object = show_with(object, "dgid", json_integer(record->dgid));
	object = show_with(object, "gateway", json_string(record->gateway));
	object = with_client_id(object, "client", record->client);
	object = show_with(object, "source", json_string(record->source));
	object = show_with(object, "dest", json_string(record->dest));
	object = show_with(object, "started", json_integer(seconds(record->started_real)));
	object = show_with(object, "frames", json_integer(frames));
	object = show_with(object, "lost", json_integer(lost));
	return with_flags(object, record->flags);
}

json_t *show_block(const char *call, const struct block_record *record)
{
	json_t *object = show_with(json_object(), "call", json_string(call));

	object = show_with(object, "reason", json_string(block_reason_name(record->reason)));
	object = show_with(object, "until", until(record->until_real));
	return show_with(object, "by", json_string(record->by));
}

static bool is_anywhere(const uint8_t ip[16])
{
	static const uint8_t anywhere[16];

	return memcmp(ip, anywhere, sizeof(anywhere)) == 0;
}

json_t *show_saved(const struct saved_key *key, const struct saved_record *record)
{
	json_t *object = show_with(json_object(), "gateway", json_string(key->name));
	struct addr addr = {.port = 0};
	char text[ADDR_TEXT_MAX];

	memcpy(addr.ip, key->ip, sizeof(addr.ip));
	/* all zero: it counts wherever the gateway comes from */
	object = show_with(object, "address",
			   is_anywhere(key->ip) ? json_null()
						: json_string(addr_ip_text(&addr, text)));
	object = show_with(object, "dgid", json_integer(record->dgid));
	return show_with(object, "when", json_integer(seconds(record->when)));
}

/* ---- events ---- */

static json_t *with_gateway(json_t *object, const struct event_record *event)
{
	if (event->client != 0)
		object = with_client_id(object, "client", event->client);
	object = show_with(object, "gateway", json_string(event->gateway));
	if (event->has_key)
		object = with_address(object, &event->key);
	return show_with(object, "dgid", json_integer(event->dgid));
}

/* Of a stream, as far as it was told: where it came from, and the radio. */
static json_t *with_radio(json_t *object, const struct event_record *event)
{
	bool known = event->latitude != POSITION_NONE && event->longitude != POSITION_NONE &&
		     (event->latitude != 0 || event->longitude != 0);
	char name[RADIO_NAME_MAX];

	if (event->radio != 0) {
		object = show_with(object, "radio", json_string(radio_name(event->radio, name)));
		object = show_with(object, "radio_code", json_integer(event->radio));
	}
	if (!known)
		return object;
	object = show_with(object, "latitude", json_real(event->latitude / 1e6));
	return show_with(object, "longitude", json_real(event->longitude / 1e6));
}

/* Texts as the radio sent them, blanks and all. */
static json_t *with_meta(json_t *object, const struct event_record *event)
{
	static const char *const calls[] = {"dest", "source", "uplink", "downlink"};

	object = with_stream_id(object, "stream", event->stream);
	object = with_client_id(object, "client", event->client);
	object = show_with(object, "dgid", json_integer(event->dgid));
	if (event->meta == META_REM12 || event->meta == META_REM34)
		return show_with(object, event->meta == META_REM12 ? "rem12" : "rem34",
				 json_string(event->text[0]));
	for (unsigned i = 0; event->meta == META_CALLS && i < 4; i++)
		object = show_with(object, calls[i], json_string(event->text[i]));
	return event->meta == META_CALLS ? object : with_radio(object, event);
}

static json_t *with_call(json_t *object, const struct event_record *event)
{
	if (event->stream != 0)
		object = with_stream_id(object, "stream", event->stream);
	object = with_gateway(object, event);
	object = show_with(object, "source", json_string(event->source));
	object = show_with(object, "dest", json_string(event->dest));
	object = with_flags(object, event->flags);
	if (event->type != EVENT_STREAM_END)
		return object;
	object = show_with(object, "frames", json_integer(event->frames));
	object = show_with(object, "lost", json_integer(event->lost));
	object = show_with(object, "duration_ms", json_integer(event->duration_ms));
	return with_radio(object, event);
}

static json_t *with_block(json_t *object, const struct event_record *event)
{
	object = show_with(object, "call", json_string(event->call));
	object = show_with(object, "block", json_string(block_reason_name(event->block_reason)));
	return show_with(object, "until", until(event->until));
}

static json_t *with_slot(json_t *object, const struct event_record *event)
{
	object = show_with(object, "pid", json_integer(event->pid));
	if (event->type == EVENT_SLOT_DOWN)
		object = show_with(object, "signal", json_integer(event->signal));
	if (event->type == EVENT_SLOT_DOWN && event->call[0] != '\0')
		object = show_with(object, "hang", json_string(event->call));
	return object;
}

/* Of the DX cluster. */
static json_t *with_user(json_t *object, const struct event_record *event)
{
	char id[16], address[ADDR_TEXT_MAX];
	struct addr addr;

	object = show_with(object, "call", json_string(event->user));
	if (event->client != 0) {
		snprintf(id, sizeof(id), "s%u", event->client);
		object = show_with(object, "session", json_string(id));
	}
	client_key_addr(&event->user_key, &addr);
	if (event->has_key)
		object = show_with(object, "address", json_string(addr_ip_text(&addr, address)));
	if (event->type != EVENT_DX_LOCAL)
		return object;
	object = show_with(object, "dx", json_string(event->dx));
	return show_with(object, "hz", json_integer((json_int_t)event->hz));
}

static json_t *with_details(json_t *object, const struct event_record *event)
{
	switch (event->type) {
	case EVENT_CLIENT_LINK:
	case EVENT_CLIENT_UNLINK:
		return with_gateway(object, event);
	case EVENT_CLIENT_DGID:
		return show_with(with_gateway(object, event), "old_dgid",
				 json_integer(event->old_dgid));
	case EVENT_STREAM_META:
		return with_meta(object, event);
	case EVENT_STREAM_START:
	case EVENT_STREAM_END:
	case EVENT_STREAM_BUSY:
	case EVENT_ACCESS_REFUSED:
		return with_call(object, event);
	case EVENT_BLOCK_ADD:
	case EVENT_BLOCK_REMOVE:
		return with_block(object, event);
	case EVENT_SLOT_UP:
	case EVENT_SLOT_DOWN:
		return with_slot(object, event);
	case EVENT_SESSION_LOGIN:
	case EVENT_SESSION_LOGOUT:
	case EVENT_DX_LOCAL:
		return with_user(object, event);
	case EVENT_CONFIG_RELOAD:
	case EVENT_UPGRADE:
	case EVENT_LIST_LOADED:
	case EVENT_FEED_STATE:
		return show_with(object, "note", json_string(event->note));
	default:
		return object;
	}
}

/* "2026-11-21T19:08:58.123Z" */
static json_t *iso_time(uint64_t real)
{
	time_t whole = (time_t)(real / NS_PER_SEC);
	char date[24], text[40];
	struct tm tm;

	gmtime_r(&whole, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%03uZ", date, (unsigned)(real % NS_PER_SEC / NS_PER_MS));
	return json_string(text);
}

json_t *show_event(const char *log, uint64_t store, uint64_t number,
		   const struct event_record *event)
{
	json_t *object = json_object();
	char id[48];

	snprintf(id, sizeof(id), "%s-%016llx-%llu", log, (unsigned long long)store,
		 (unsigned long long)number);
	object = show_with(object, "id", json_string(id));
	object = show_with(object, "number", json_integer((json_int_t)number));
	object = show_with(object, "type", json_string(event_type_name(event->type)));
	object = show_with(object, "time", iso_time(event->time));
	object = show_with(object, "slot", json_string(event->slot));
	object = show_with(object, "generation", json_integer((json_int_t)event->generation));
	if (event->reason != REASON_NONE)
		object = show_with(object, "reason", json_string(event_reason_name(event->reason)));
	return with_details(object, event);
}
