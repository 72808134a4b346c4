/* SPDX-License-Identifier: ISC
 *
 * NAME      schema - keys and records of the stores
 * PURPOSE   Checks whatever comes out of a store before anybody believes it; names the enums.
 * OWNER     every process that opens a store
 * CONTRACT  pure: bytes in, struct out; see schema.h
 * LIMITS    padding and reserved bytes are not looked at
 */
#include "shm/store/schema.h"

#include <assert.h>
#include <string.h>

#define DGID_MAX 127

static_assert(sizeof(struct client_key) == 20, "part of the file format");
static_assert(sizeof(struct client_record) == 64,
	      "every worker maps the whole table: keep it small");
static_assert(sizeof(struct stream_record) <= RECORD_MAX, "records are small");
static_assert(sizeof(struct block_record) <= RECORD_MAX, "records are small");
static_assert(sizeof(struct event_record) <= RECORD_MAX, "records are small");
static_assert(sizeof(((struct event_record *)0)->note) ==
		      sizeof(struct client_key) + 4 * CALL_MAX,
	      "the note takes the room of what it stands in place of");

void client_key_make(struct client_key *key_r, const struct addr *from, uint16_t listener)
{
	memcpy(key_r->ip, from->ip, sizeof(key_r->ip));
	key_r->port[0] = (uint8_t)(from->port >> 8);
	key_r->port[1] = (uint8_t)from->port;
	key_r->listen[0] = (uint8_t)(listener >> 8);
	key_r->listen[1] = (uint8_t)listener;
}

void client_key_addr(const struct client_key *key, struct addr *addr_r)
{
	memset(addr_r, 0, sizeof(*addr_r));
	memcpy(addr_r->ip, key->ip, sizeof(addr_r->ip));
	addr_r->port = (uint16_t)(key->port[0] << 8 | key->port[1]);
}

uint16_t client_key_listener(const struct client_key *key)
{
	return (uint16_t)(key->listen[0] << 8 | key->listen[1]);
}

/* Terminated inside its field and printable up to there. */
static bool text_ok(const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (text[i] == '\0')
			return true;
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	}
	return false;
}

/* Every record begins with its version. */
static bool record_take(const void *data, size_t length, void *record_r, size_t size)
{
	if (length != size || *(const uint8_t *)data != RECORD_VERSION) {
		memset(record_r, 0, size);
		return false;
	}
	memcpy(record_r, data, size);
	return true;
}

bool client_record_check(const void *data, size_t length, struct client_record *record_r)
{
	const unsigned flags = CLIENT_PROVEN | CLIENT_STATIC | CLIENT_PKTINFO | CLIENT_FIXED |
			       CLIENT_AUX | CLIENT_OPTIONED;

	return record_take(data, length, record_r, sizeof(*record_r)) &&
	       !(record_r->flags & ~flags) && record_r->dgid <= DGID_MAX &&
	       record_r->home_dgid <= DGID_MAX && record_r->id > 0 &&
	       record_r->id < STREAM_PRIVATE && text_ok(record_r->name, sizeof(record_r->name));
}

static bool stream_key_ok(const struct stream_record *record)
{
	if (record->key & STREAM_PRIVATE)
		return record->key == (STREAM_PRIVATE | record->client);
	return record->key <= DGID_MAX;
}

bool stream_record_check(const void *data, size_t length, struct stream_record *record_r)
{
	const unsigned flags = STREAM_MUTED | STREAM_LOCAL | STREAM_LATE | STREAM_PARROT;

	return record_take(data, length, record_r, sizeof(*record_r)) &&
	       !(record_r->flags & ~flags) && record_r->dgid <= DGID_MAX && record_r->id > 0 &&
	       record_r->id <= STREAM_ID_MAX && record_r->lane < STREAM_LANES_MAX &&
	       record_r->client > 0 && record_r->client < STREAM_PRIVATE &&
	       stream_key_ok(record_r) && text_ok(record_r->gateway, sizeof(record_r->gateway)) &&
	       text_ok(record_r->tag, sizeof(record_r->tag)) &&
	       text_ok(record_r->source, sizeof(record_r->source)) &&
	       text_ok(record_r->dest, sizeof(record_r->dest));
}

bool block_record_check(const void *data, size_t length, struct block_record *record_r)
{
	return record_take(data, length, record_r, sizeof(*record_r)) &&
	       record_r->reason >= BLOCK_TIMEOUT && record_r->reason <= BLOCK_OPERATOR &&
	       text_ok(record_r->by, sizeof(record_r->by));
}

const char *block_reason_name(unsigned reason)
{
	switch (reason) {
	case BLOCK_TIMEOUT:
		return "timeout";
	case BLOCK_WILD_PTT:
		return "wild_ptt";
	case BLOCK_OPERATOR:
		return "operator";
	default:
		return "?";
	}
}

bool event_has_note(unsigned type)
{
	return type == EVENT_CONFIG_RELOAD || type == EVENT_UPGRADE || type == EVENT_LIST_LOADED;
}

unsigned event_type_edition(unsigned type)
{
	switch (type) {
	case EVENT_STREAM_META:
	case EVENT_STREAM_BUSY:
	case EVENT_LIST_LOADED:
		return 3;
	case EVENT_CONFIG_RELOAD:
	case EVENT_UPGRADE:
		return 2;
	default:
		return 1;
	}
}

static bool event_texts_ok(const struct event_record *record)
{
	if (event_has_note(record->type))
		return text_ok(record->slot, sizeof(record->slot)) &&
		       text_ok(record->note, sizeof(record->note));
	return text_ok(record->slot, sizeof(record->slot)) &&
	       text_ok(record->gateway, sizeof(record->gateway)) &&
	       text_ok(record->source, sizeof(record->source)) &&
	       text_ok(record->dest, sizeof(record->dest)) &&
	       text_ok(record->call, sizeof(record->call));
}

bool event_record_check(const void *data, size_t length, struct event_record *record_r)
{
	const unsigned flags = STREAM_MUTED | STREAM_LOCAL | STREAM_LATE | STREAM_PARROT;

	return record_take(data, length, record_r, sizeof(*record_r)) &&
	       *event_type_name(record_r->type) != '?' &&
	       *event_reason_name(record_r->reason) != '?' && record_r->dgid <= DGID_MAX &&
	       record_r->old_dgid <= DGID_MAX && !(record_r->flags & ~flags) &&
	       record_r->has_key <= 1 && record_r->stream <= STREAM_ID_MAX &&
	       record_r->block_reason <= BLOCK_OPERATOR && event_texts_ok(record_r);
}

const char *event_type_name(unsigned type)
{
	switch (type) {
	case EVENT_CLIENT_LINK:
		return "client.link";
	case EVENT_CLIENT_UNLINK:
		return "client.unlink";
	case EVENT_CLIENT_DGID:
		return "client.dgid";
	case EVENT_STREAM_START:
		return "stream.start";
	case EVENT_STREAM_META:
		return "stream.meta";
	case EVENT_STREAM_END:
		return "stream.end";
	case EVENT_ACCESS_REFUSED:
		return "access.refused";
	case EVENT_BLOCK_ADD:
		return "block.add";
	case EVENT_BLOCK_REMOVE:
		return "block.remove";
	case EVENT_SLOT_UP:
		return "slot.up";
	case EVENT_SLOT_DOWN:
		return "slot.down";
	/* a build of edition 1 has never heard of them */
	case EVENT_CONFIG_RELOAD:
		return SCHEMA_VERSION >= 2 ? "config.reload" : "?";
	case EVENT_UPGRADE:
		return SCHEMA_VERSION >= 2 ? "upgrade" : "?";
	case EVENT_STREAM_BUSY:
		return SCHEMA_VERSION >= 3 ? "stream.busy" : "?";
	case EVENT_LIST_LOADED:
		return SCHEMA_VERSION >= 3 ? "list.loaded" : "?";
	default:
		return "?";
	}
}

const char *event_reason_name(unsigned reason)
{
	static const char *const names[] = {
		[REASON_NONE] = "none",		  [REASON_UNLINK] = "unlink",
		[REASON_EXPIRED] = "expired",	  [REASON_EVICTED] = "evicted",
		[REASON_KICK] = "kick",		  [REASON_REBOUND] = "rebound",
		[REASON_LISTENERS] = "listeners", [REASON_TERMINATOR] = "terminator",
		[REASON_WATCHDOG] = "watchdog",	  [REASON_TIMEOUT] = "timeout",
		[REASON_BLOCKED] = "blocked",	  [REASON_RADIO] = "radio",
		[REASON_OPTIONS] = "options",	  [REASON_LIST] = "list",
		[REASON_HOME] = "home",		  [REASON_LISTED] = "listed",
		[REASON_DATA] = "data",		  [REASON_CALL] = "call",
		[REASON_GATEWAY] = "gateway",	  [REASON_ADDRESS] = "address",
		[REASON_SERIAL] = "serial",	  [REASON_FAILED] = "failed",
	};

	if (reason >= sizeof(names) / sizeof(names[0]) || !names[reason])
		return "?";
	return names[reason];
}
