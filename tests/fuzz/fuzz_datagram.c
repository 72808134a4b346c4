/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_datagram - fuzz target of everything that reads a YSF datagram
 * PURPOSE   any datagram: no bad access, cleaning stays in its bounds, every text is printable
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of frame.h or callsign.h does not hold
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "workers/callsign.h"
#include "workers/placing.h"
#include "workers/ysf/fich.h"
#include "workers/ysf/frame.h"
#include "workers/ysf/tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(int holds)
{
	if (!holds)
		abort();
}

static void
fill_tables_once(void)
{
	static int filled;

	if (!filled)
		ysf_tables_init();
	filled = 1;
}

static int
is_printable(uint8_t byte)
{
	return byte >= 0x20 && byte <= 0x7E;
}

/* A text that is shown to people: printable, no blank at either end, not longer than `most`. */
static void
check_text(const char *text, size_t most)
{
	size_t len = strlen(text);

	demand(len <= most);
	for (size_t i = 0; i < len; i++)
		demand(is_printable((uint8_t)text[i]));
	if (len)
		demand(text[0] != ' ' && text[len - 1] != ' ');
}

/* Tag and size alone decide; a rejected datagram has a reason, an accepted one has none. */
static void
check_verdict(const uint8_t *data, size_t size, const struct ysf_datagram *datagram)
{
	demand(datagram->len == size && datagram->used <= size);
	demand((datagram->kind == YSF_REJECTED) == (datagram->reject != YSF_REJECT_NONE));
	demand(datagram->kind >= YSF_REJECTED && datagram->kind < YSF_KINDS);
	if (datagram->kind != YSF_REJECTED)
		demand(size >= YSF_TAG_BYTES && memcmp(data, "YSF", 3) == 0);
	demand((datagram->kind == YSF_DATA) ==
	    (size == YSF_FRAME_BYTES && memcmp(data, "YSFD", 4) == 0));
}

/* Only bytes that were not printable have changed, into blanks, and only where text is. */
static void
check_cleaned(const uint8_t *before, const uint8_t *after, const struct ysf_datagram *datagram)
{
	size_t end = datagram->kind == YSF_DATA ? YSF_COUNTER_AT : datagram->used;

	for (size_t i = 0; i < datagram->len; i++) {
		int text = i >= YSF_TAG_BYTES && i < end;

		if (text && !is_printable(before[i]))
			demand(after[i] == ' ');
		else
			demand(after[i] == before[i]);
	}
}

static void
check_call(const char *source)
{
	struct callsign call;

	callsign_split(source, &call);
	demand(strncmp(source, call.base, strlen(call.base)) == 0);
	demand(!strpbrk(call.base, "-/' ") && !strpbrk(call.suffix, "-/' "));
	if (callsign_valid(call.base))
		demand(strlen(call.base) >= 3 && strlen(call.base) <= CALLSIGN_MAX);
}

static void
check_name(const uint8_t *data)
{
	char name[YSF_NAME_SIZE];
	int dgid;

	demand(ysf_name(data, name) == strlen(name));
	check_text(name, YSF_NAME_BYTES);
	dgid = placing_suffix(name);
	demand(dgid >= 0 && dgid <= 99);
	if (dgid)
		demand(atoi(strrchr(name, '-') + 1) == dgid);
}

static void
check_frame(const uint8_t *frame)
{
	uint8_t end[YSF_FRAME_BYTES];
	char text[YSF_NAME_SIZE];
	struct fich before, after;
	uint8_t last = ysf_frame_counter(frame);

	ysf_dest(frame, text);
	check_text(text, YSF_NAME_BYTES);
	ysf_source(frame, text);
	check_text(text, YSF_NAME_BYTES);
	check_call(text);
	demand(last < YSF_COUNTER_MOD);
	if (!ysf_terminator(frame, last, end)) {
		demand(fich_decode(frame + YSF_FICH_AT, &before) == FICH_BAD);
		return;
	}
	demand(memcmp(end, frame, YSF_COUNTER_AT) == 0);
	demand(memcmp(end + YSF_PAYLOAD_AT, frame + YSF_PAYLOAD_AT,
	    YSF_FRAME_BYTES - YSF_PAYLOAD_AT) == 0);
	demand(ysf_frame_end(end) && ysf_frame_counter(end) == (last + 1) % YSF_COUNTER_MOD);
	fich_decode(frame + YSF_FICH_AT, &before);
	demand(fich_decode(end + YSF_FICH_AT, &after) == FICH_OK);
	demand(after.fi == FICH_FI_TERMINATOR && after.sq == before.sq);
}

static void
check_info(const uint8_t *data, size_t size)
{
	struct ysf_info info;

	ysf_info_parse(data, size, &info);
	check_text(info.name, YSF_NAME_BYTES);
	check_text(info.locator, sizeof(info.locator) - 1);
	check_text(info.town, sizeof(info.town) - 1);
	check_text(info.type, sizeof(info.type) - 1);
	check_text(info.id, sizeof(info.id) - 1);
	demand(info.rx_hz <= 999999999 && info.tx_hz <= 999999999);
}

/* Replies built from hostile text keep their fixed form. */
static void
check_replies(const char *text, size_t clients)
{
	uint8_t status[YSF_STATUS_BYTES];
	uint8_t version[YSF_VERSION_MAX];
	size_t len = ysf_reply_version(version, text, (uint32_t)clients);

	ysf_reply_status(status, (uint32_t)clients, text, text, clients);
	for (size_t i = 0; i < sizeof(status); i++)
		demand(is_printable(status[i]));
	demand(len >= 13 && len <= YSF_VERSION_MAX);
	for (size_t i = 0; i < len; i++)
		demand(is_printable(version[i]));
	demand(ysf_id_hash(text) < YSF_ID_MOD);
}

static void
check_kind(const uint8_t *data, const struct ysf_datagram *datagram)
{
	int dgid;

	switch (datagram->kind) {
	case YSF_DATA:
		check_name(data);
		check_frame(data);
		break;
	case YSF_INFO:
		check_name(data);
		check_info(data, datagram->len);
		break;
	case YSF_OPTIONS:
		check_name(data);
		dgid = ysf_options_dgid(data, datagram->len);
		demand(dgid >= 0 && dgid <= 99);
		break;
	case YSF_POLL:
		check_name(data);
		break;
	default:
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ysf_datagram datagram, again;
	uint8_t *copy = malloc(size + 1);

	fill_tables_once();
	demand(copy != NULL);
	memcpy(copy, data, size);
	copy[size] = '\0';
	check_replies((const char *)copy, size);
	check_call((const char *)copy);
	free(copy);

	/* Again, now in memory of the exact size, and both uncleaned and cleaned. */
	copy = malloc(size ? size : 1);
	demand(copy != NULL);
	memcpy(copy, data, size);
	ysf_classify(copy, size, &datagram);
	check_verdict(copy, size, &datagram);
	check_kind(copy, &datagram);
	ysf_sanitise(copy, &datagram);
	check_cleaned(data, copy, &datagram);
	demand(ysf_classify(copy, size, &again) == datagram.kind);
	check_kind(copy, &datagram);
	free(copy);
	return 0;
}
