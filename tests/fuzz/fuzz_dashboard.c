/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_dashboard - fuzz target of what dashboards send and get
 * PURPOSE   any datagram: asks for one of three things or for nothing; any event that the store
 *           lets pass: a message that is JSON of strings without what hurts SQL, lines that are
 *           whole
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of json.h or mmdvm.h does not hold
 * LIMITS    none known
 */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "workers/link/json.h"
#include "workers/link/mmdvm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void check_message(const char *text, size_t length)
{
	json_t *object, *value;
	const char *key;

	if (length == 0)
		return;
	demand(length < JSON_MAX && text[length] == '\0');
	object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	demand(json_is_object(object));
	json_object_foreach(object, key, value)
	{
		demand(json_is_string(value));
		demand(strpbrk(json_string_value(value), "'\"\\") == NULL);
	}
	json_decref(object);
}

static void check_lines(const char *text, size_t length)
{
	demand(length < MMDVM_MAX && text[length] == '\0' && strlen(text) == length);
	demand(length == 0 || text[length - 1] == '\n');
	for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1)
		demand(strncmp(line, "M: ", 3) == 0 && line[26] == ' ');
	for (size_t i = 0; i < length; i++)
		demand(text[i] == '\n' || (text[i] >= 0x20 && text[i] <= 0x7e));
}

static void try_event(const uint8_t *data, size_t size)
{
	static struct event_record event, calls;
	static char text[MMDVM_MAX];
	const struct event_record *with = NULL;

	if (!event_record_check(data, size < sizeof(event) ? size : sizeof(event), &event))
		return;
	if (size >= 2 * sizeof(event) &&
	    event_record_check(data + sizeof(event), sizeof(event), &calls) &&
	    calls.type == EVENT_STREAM_META && calls.meta == META_CALLS)
		with = &calls;
	check_message(text, json_event(text, &event, with));
	check_lines(text, mmdvm_event(text, &event, with));
}

/* Makes of the bytes what is an event but for its contents. */
static void try_made(const uint8_t *data, size_t size)
{
	static const uint8_t type[] = {1, 2, 3, 10, 11, 12, 13, 20, 21, 22};
	struct event_record event = {.version = RECORD_VERSION};
	size_t at = offsetof(struct event_record, stream), room = sizeof(event) - at;

	if (size < 2)
		return;
	event.type = type[data[0] % sizeof(type)];
	memcpy(event.slot, "ysf.0", 6);
	event.reason = data[1] % 41;
	memcpy((uint8_t *)&event + at, data + 2, size - 2 < room ? size - 2 : room);
	try_event((const uint8_t *)&event, sizeof(event));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum json_asked asked = json_asked((const char *)data, size);

	demand(asked <= JSON_BYE);
	demand(asked == JSON_NOTHING || size == 3 || size == 4 || size == 7);
	try_event(data, size);
	try_made(data, size);
	return 0;
}
