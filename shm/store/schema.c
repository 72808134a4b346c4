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

#define DGID_MAX      127
#define LATITUDE_MAX  90000000
#define LONGITUDE_MAX 180000000

static_assert(sizeof(struct client_key) == 20, "part of the file format");
static_assert(sizeof(struct client_record) == 64,
	      "every worker maps the whole table: keep it small");
static_assert(sizeof(struct stream_record) <= RECORD_MAX, "records are small");
static_assert(sizeof(struct block_record) <= RECORD_MAX, "records are small");
static_assert(sizeof(struct event_record) <= RECORD_MAX, "records are small");
static_assert(sizeof(struct saved_record) == 16, "part of the file format");
static_assert(sizeof(struct away_record) == 16, "part of the file format");
static_assert(sizeof(struct ptt_record) == 136, "part of the file format");
static_assert(sizeof(struct info_record) == 72, "part of the file format");
static_assert(sizeof(struct meta_record) == 88, "part of the file format");
static_assert(sizeof(struct dashboard_record) == 40, "part of the file format");
static_assert(sizeof(struct station_record) == 32, "part of the file format");
static_assert(sizeof(((struct event_record *)0)->note) == sizeof(struct client_key) + 4 * CALL_MAX,
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

unsigned client_flags(unsigned edition)
{
	unsigned flags = CLIENT_PROVEN | CLIENT_STATIC | CLIENT_PKTINFO;

	if (edition >= 3)
		flags |= CLIENT_FIXED | CLIENT_AUX | CLIENT_OPTIONED;
	return flags;
}

unsigned stream_flags(unsigned edition)
{
	unsigned flags = STREAM_MUTED | STREAM_LOCAL | STREAM_LATE;

	return edition >= 3 ? flags | STREAM_PARROT : flags;
}

bool client_movable(const struct client_record *record)
{
	return !(record->flags & (CLIENT_STATIC | CLIENT_FIXED));
}

bool client_record_check(const void *data, size_t length, struct client_record *record_r)
{
	return record_take(data, length, record_r, sizeof(*record_r)) &&
	       !(record_r->flags & ~client_flags(SCHEMA_VERSION)) && record_r->dgid <= DGID_MAX &&
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
	return record_take(data, length, record_r, sizeof(*record_r)) &&
	       !(record_r->flags & ~stream_flags(SCHEMA_VERSION)) && record_r->dgid <= DGID_MAX &&
	       record_r->id > 0 && record_r->id <= STREAM_ID_MAX &&
	       record_r->lane < STREAM_LANES_MAX && record_r->client > 0 &&
	       record_r->client < STREAM_PRIVATE && stream_key_ok(record_r) &&
	       text_ok(record_r->gateway, sizeof(record_r->gateway)) &&
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

bool saved_record_check(const void *data, size_t length, struct saved_record *record_r)
{
	return record_take(data, length, record_r, sizeof(*record_r)) && record_r->dgid > 0 &&
	       record_r->dgid <= DGID_MAX;
}

bool away_record_check(const void *data, size_t length, struct away_record *record_r)
{
	return record_take(data, length, record_r, sizeof(*record_r)) && record_r->client > 0 &&
	       record_r->client < STREAM_PRIVATE;
}

bool ptt_record_check(const void *data, size_t length, struct ptt_record *record_r)
{
	if (!record_take(data, length, record_r, sizeof(*record_r)) || record_r->count == 0 ||
	    record_r->count > PTT_STARTS)
		return false;
	for (unsigned i = 1; i < record_r->count; i++)
		if (record_r->start[i] < record_r->start[i - 1])
			return false;
	return true;
}

bool info_record_check(const void *data, size_t length, struct info_record *record_r)
{
	return record_take(data, length, record_r, sizeof(*record_r)) &&
	       text_ok(record_r->locator, sizeof(record_r->locator)) &&
	       text_ok(record_r->town, sizeof(record_r->town)) &&
	       text_ok(record_r->type, sizeof(record_r->type)) &&
	       text_ok(record_r->id, sizeof(record_r->id));
}

/* Unknown, or on this planet. */
static bool position_ok(int32_t latitude, int32_t longitude)
{
	if (latitude == POSITION_NONE || longitude == POSITION_NONE)
		return latitude == longitude;
	return latitude >= -LATITUDE_MAX && latitude <= LATITUDE_MAX &&
	       longitude >= -LONGITUDE_MAX && longitude <= LONGITUDE_MAX;
}

bool meta_record_check(const void *data, size_t length, struct meta_record *record_r)
{
	return record_take(data, length, record_r, sizeof(*record_r)) && record_r->stream > 0 &&
	       record_r->stream <= STREAM_ID_MAX &&
	       position_ok(record_r->latitude, record_r->longitude) &&
	       text_ok(record_r->csd_dest, sizeof(record_r->csd_dest)) &&
	       text_ok(record_r->csd_source, sizeof(record_r->csd_source)) &&
	       text_ok(record_r->uplink, sizeof(record_r->uplink)) &&
	       text_ok(record_r->downlink, sizeof(record_r->downlink)) &&
	       text_ok(record_r->rem12, sizeof(record_r->rem12)) &&
	       text_ok(record_r->rem34, sizeof(record_r->rem34));
}

bool dashboard_record_check(const void *data, size_t length, struct dashboard_record *record_r)
{
	return record_take(data, length, record_r, sizeof(*record_r));
}

bool station_record_check(const void *data, size_t length, struct station_record *record_r)
{
	return record_take(data, length, record_r, sizeof(*record_r)) &&
	       position_ok(record_r->latitude, record_r->longitude);
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

bool event_has_user(unsigned type)
{
	return type == EVENT_SESSION_LOGIN || type == EVENT_SESSION_LOGOUT || type == EVENT_DX_LOCAL;
}

bool event_has_note(unsigned type)
{
	return type == EVENT_CONFIG_RELOAD || type == EVENT_UPGRADE || type == EVENT_LIST_LOADED ||
	       type == EVENT_FEED_STATE;
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

unsigned event_reason_edition(unsigned reason)
{
	switch (reason) {
	case REASON_HOME:
	case REASON_LISTED:
	case REASON_GATEWAY:
	case REASON_ADDRESS:
	case REASON_SERIAL:
		return 3;
	case REASON_FAILED:
		return 2;
	default:
		return 1;
	}
}

/* The union of the texts, as the type uses it. */
static bool event_texts_ok(const struct event_record *record)
{
	if (!text_ok(record->slot, sizeof(record->slot)))
		return false;
	if (event_has_note(record->type))
		return text_ok(record->note, sizeof(record->note));
	if (event_has_user(record->type))
		return text_ok(record->user, sizeof(record->user)) &&
		       text_ok(record->dx, sizeof(record->dx));
	if (record->type == EVENT_STREAM_META) {
		for (unsigned i = 0; i < 4; i++)
			if (!text_ok(record->text[i], sizeof(record->text[i])))
				return false;
		return true;
	}
	return text_ok(record->gateway, sizeof(record->gateway)) &&
	       text_ok(record->source, sizeof(record->source)) &&
	       text_ok(record->dest, sizeof(record->dest)) &&
	       text_ok(record->call, sizeof(record->call));
}

static bool event_meta_ok(const struct event_record *record)
{
	if (record->type == EVENT_STREAM_META)
		return record->meta >= META_CALLS && record->meta <= META_POSITION &&
		       position_ok(record->latitude, record->longitude);
	return record->type != EVENT_STREAM_END || position_ok(record->latitude, record->longitude);
}

bool event_record_check(const void *data, size_t length, struct event_record *record_r)
{
	return record_take(data, length, record_r, sizeof(*record_r)) &&
	       *event_type_name(record_r->type) != '?' &&
	       *event_reason_name(record_r->reason) != '?' && record_r->dgid <= DGID_MAX &&
	       record_r->old_dgid <= DGID_MAX &&
	       !(record_r->flags & ~stream_flags(SCHEMA_VERSION)) && record_r->has_key <= 1 &&
	       record_r->stream <= STREAM_ID_MAX && record_r->block_reason <= BLOCK_OPERATOR &&
	       event_texts_ok(record_r) && event_meta_ok(record_r);
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
		return SCHEMA_VERSION >= 3 ? "stream.meta" : "?";
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
	case EVENT_SESSION_LOGIN:
		return "session.login";
	case EVENT_SESSION_LOGOUT:
		return "session.logout";
	case EVENT_FEED_STATE:
		return "feed.state";
	case EVENT_DX_LOCAL:
		return "dx.local";
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
		[REASON_BYE] = "bye",		  [REASON_REPLACED] = "replaced",
		[REASON_ENDED] = "ended",	  [REASON_SLOW] = "slow",
		[REASON_ABUSE] = "abuse",	  [REASON_SYSOP] = "sysop",
		[REASON_LOST] = "lost",
	};

	if (reason >= sizeof(names) / sizeof(names[0]) || !names[reason] ||
	    event_reason_edition(reason) > SCHEMA_VERSION)
		return "?";
	return names[reason];
}
