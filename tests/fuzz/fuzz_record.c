/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_record - fuzz target of every record that a store may hold
 * PURPOSE   any bytes: no bad access; what a check lets pass is in range, printable, and can be
 * shown OWNER     make fuzz CONTRACT  the first byte chooses the kind of record; aborts if a
 * promise of schema.h does not hold LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "workers/keeper/show.h"
#include "shm/store/schema.h"

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
	struct client_key key = {{0}, {0}, {0}};
	struct client_record record;

	if (!client_record_check(data, size, &record))
		return;
	demand(size == sizeof(record) && record.id > 0 && record.dgid < 128);
	check_text(record.name, sizeof(record.name));
	check_json(show_client(&key, &record, true, false, record.linked));
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
	check_text(record.gateway, sizeof(record.gateway));
	check_text(record.source, sizeof(record.source));
	check_text(record.dest, sizeof(record.dest));
	check_text(record.call, sizeof(record.call));
	check_json(show_event(1, UINT64_MAX / 2, &record));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	switch (data[0] % 4) {
	case 0:
		try_client(data + 1, size - 1);
		break;
	case 1:
		try_stream(data + 1, size - 1);
		break;
	case 2:
		try_block(data + 1, size - 1);
		break;
	default:
		try_event(data + 1, size - 1);
	}
	return 0;
}
