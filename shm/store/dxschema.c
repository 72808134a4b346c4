/* SPDX-License-Identifier: ISC
 *
 * NAME      dxschema - records of the DX cluster's tables
 * PURPOSE   Checks what comes out of a store before anybody believes it.
 * OWNER     dxc, spot, feed and keeper
 * CONTRACT  pure: bytes in, struct out; see dxschema.h
 * LIMITS    reserved bytes are not looked at
 */
#include "shm/store/dxschema.h"

#include <assert.h>
#include <string.h>

#include "shm/store/schema.h"

static_assert(sizeof(struct session_record) == 80, "part of the file format");
static_assert(sizeof(struct user_record) == 544, "part of the file format");

static bool take(const void *data, size_t length, void *record_r, size_t size)
{
	if (length != size || *(const uint8_t *)data != RECORD_VERSION) {
		memset(record_r, 0, size);
		return false;
	}
	memcpy(record_r, data, size);
	return true;
}

/* Terminated inside its field, without control bytes up to there. ASCII: without others than
 * printable ones. */
static bool text_ok(const char *text, size_t size, bool ascii)
{
	for (size_t i = 0; i < size; i++) {
		const uint8_t byte = (uint8_t)text[i];

		if (byte == 0)
			return true;
		if (byte < 0x20 || byte == 0x7f || (ascii && byte > 0x7e))
			return false;
	}
	return false;
}

bool session_record_check(const void *data, size_t length, struct session_record *record_r)
{
	return take(data, length, record_r, sizeof(*record_r)) && record_r->session > 0 && record_r->id > 0 &&
	       record_r->slot[0] != '\0' && text_ok(record_r->slot, sizeof(record_r->slot), true);
}

void user_record_blank(struct user_record *record_r)
{
	memset(record_r, 0, sizeof(*record_r));
	record_r->version = RECORD_VERSION;
	record_r->format = record_r->prompt = record_r->dialect = USER_UNSET;
}

bool user_record_check(const void *data, size_t length, struct user_record *record_r)
{
	return take(data, length, record_r, sizeof(*record_r)) &&
	       text_ok(record_r->name, sizeof(record_r->name), false) &&
	       text_ok(record_r->qth, sizeof(record_r->qth), false) &&
	       text_ok(record_r->email, sizeof(record_r->email), false) &&
	       text_ok(record_r->prompt_text, sizeof(record_r->prompt_text), false) &&
	       text_ok(record_r->home, sizeof(record_r->home), true) &&
	       text_ok(record_r->qra, sizeof(record_r->qra), true) &&
	       text_ok(record_r->hash, sizeof(record_r->hash), true);
}
