/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_record - fuzz target of every record that a store may hold
 * PURPOSE   any bytes: no bad access; what a check lets pass is in range, printable, and can be
 *           shown
 * OWNER     make fuzz
 * CONTRACT  the first byte chooses the kind of record; aborts if a promise of schema.h does not
 *           hold
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shm/store/schema.h"
#include "workers/keeper/show.h"
#include "workers/keeper/show_cluster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void check_text(const char *text, size_t size)
{
	size_t i, length = strnlen(text, size);

	demand(length < size);
	for (i = 0; i < length; i++)
		demand(text[i] >= 0x20 && text[i] <= 0x7e);
}

static void check_json(json_t *object)
{
	char *text;

	demand(object != NULL);
	text = json_dumps(object, JSON_COMPACT);
	demand(text != NULL);
	free(text);
	json_decref(object);
}

static void try_client(const uint8_t *data, size_t size)
{
	const struct show_more more = {.muted = true};
	struct client_key key = {{0}, {0}, {0}};
	struct client_record record;

	if (!client_record_check(data, size, &record))
		return;
	demand(size == sizeof(record) && record.id > 0 && record.dgid < 128);
	check_text(record.name, sizeof(record.name));
	check_json(show_client(&key, &record, &more, record.linked));
}

static void try_stream(const uint8_t *data, size_t size)
{
	struct stream_record record;

	if (!stream_record_check(data, size, &record))
		return;
	demand(size == sizeof(record) && record.lane < STREAM_LANES_MAX);
	demand(record.id > 0 && record.id <= STREAM_ID_MAX);
	demand((record.key & STREAM_PRIVATE) || record.key < 128);
	check_text(record.gateway, sizeof(record.gateway));
	check_text(record.tag, sizeof(record.tag));
	check_text(record.source, sizeof(record.source));
	check_text(record.dest, sizeof(record.dest));
	check_json(show_stream(&record, 0, 0));
}

static void try_block(const uint8_t *data, size_t size)
{
	struct block_record record;

	if (!block_record_check(data, size, &record))
		return;
	demand(*block_reason_name(record.reason) != '?');
	check_text(record.by, sizeof(record.by));
	check_json(show_block("DL1ABC", &record));
}

static void try_event(const uint8_t *data, size_t size)
{
	struct event_record record;

	if (!event_record_check(data, size, &record))
		return;
	demand(*event_type_name(record.type) != '?' && *event_reason_name(record.reason) != '?');
	check_text(record.slot, sizeof(record.slot));
	if (event_has_note(record.type)) {
		check_text(record.note, sizeof(record.note));
	} else if (event_has_user(record.type)) {
		check_text(record.user, sizeof(record.user));
		check_text(record.dx, sizeof(record.dx));
	} else if (record.type == EVENT_STREAM_META) {
		for (unsigned i = 0; i < 4; i++)
			check_text(record.text[i], sizeof(record.text[i]));
	} else {
		check_text(record.gateway, sizeof(record.gateway));
		check_text(record.source, sizeof(record.source));
		check_text(record.dest, sizeof(record.dest));
		check_text(record.call, sizeof(record.call));
	}
	check_json(show_event("voice", 1, UINT64_MAX / 2, &record));
}

static void try_saved(const uint8_t *data, size_t size)
{
	const struct saved_key key = {"DB0ABC", {0}};
	struct saved_record saved;
	struct away_record away;
	struct dashboard_record dashboard;

	if (saved_record_check(data, size, &saved)) {
		demand(saved.dgid > 0 && saved.dgid < 128);
		check_json(show_saved(&key, &saved));
	}
	if (away_record_check(data, size, &away))
		demand(away.client > 0 && away.client < STREAM_PRIVATE);
	if (dashboard_record_check(data, size, &dashboard))
		demand(size == sizeof(dashboard));
}

static void try_ptt(const uint8_t *data, size_t size)
{
	struct ptt_record record;

	if (!ptt_record_check(data, size, &record))
		return;
	demand(record.count > 0 && record.count <= PTT_STARTS);
	for (unsigned i = 1; i < record.count; i++)
		demand(record.start[i - 1] <= record.start[i]);
}

static void try_info(const uint8_t *data, size_t size)
{
	const struct client_record client = {.name = "DB0ABC"};
	const struct client_key key = {{0}, {0}, {0}};
	struct show_more more = {.has_info = true};
	struct info_record record;

	if (!info_record_check(data, size, &record))
		return;
	check_text(record.locator, sizeof(record.locator));
	check_text(record.town, sizeof(record.town));
	check_text(record.type, sizeof(record.type));
	check_text(record.id, sizeof(record.id));
	more.info = record;
	check_json(show_client(&key, &client, &more, 0));
}

static void check_position(int32_t latitude, int32_t longitude)
{
	demand((latitude == POSITION_NONE) == (longitude == POSITION_NONE));
	demand(latitude == POSITION_NONE || (latitude >= -90000000 && latitude <= 90000000));
	demand(longitude == POSITION_NONE || (longitude >= -180000000 && longitude <= 180000000));
}

static void try_meta(const uint8_t *data, size_t size)
{
	struct station_record station;
	struct meta_record record;

	if (station_record_check(data, size, &station))
		check_position(station.latitude, station.longitude);
	if (!meta_record_check(data, size, &record))
		return;
	check_position(record.latitude, record.longitude);
	check_text(record.csd_dest, sizeof(record.csd_dest));
	check_text(record.csd_source, sizeof(record.csd_source));
	check_text(record.uplink, sizeof(record.uplink));
	check_text(record.downlink, sizeof(record.downlink));
	check_text(record.rem12, sizeof(record.rem12));
	check_text(record.rem34, sizeof(record.rem34));
}

static void try_cluster(const uint8_t *data, size_t size)
{
	const struct session_head head = {.format = 77};
	struct session_record session;
	struct user_record user;
	struct spot spot;

	if (session_record_check(data, size, &session)) {
		demand(session.id > 0 && session.session > 0);
		check_text(session.slot, sizeof(session.slot));
		check_json(show_session("DL1ABC", &session, &head, 1, 1));
	}
	if (user_record_check(data, size, &user)) {
		check_text(user.home, sizeof(user.home));
		check_text(user.qra, sizeof(user.qra));
		check_text(user.hash, sizeof(user.hash));
		demand(strnlen(user.name, sizeof(user.name)) < sizeof(user.name));
		demand(strpbrk(user.name, "\r\n\a\x1b") == NULL);
	}
	if (spot_check(data, size, &spot))
		check_json(show_spot(1, &spot));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(const uint8_t *data, size_t size) = {
		try_client, try_stream, try_block, try_event,	try_saved,
		try_ptt,    try_info,	try_meta,  try_cluster,
	};

	if (size < 2)
		return 0;
	tries[data[0] % (sizeof(tries) / sizeof(tries[0]))](data + 1, size - 1);
	return 0;
}
