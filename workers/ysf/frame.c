/* SPDX-License-Identifier: ISC
 *
 * NAME      frame - the datagrams of the YSF network protocol
 * PURPOSE   tell what a datagram is, clean it, read its fields, build the fixed replies
 * OWNER     ysf workers
 * CONTRACT  see frame.h
 * LIMITS    see frame.h
 */
#include "workers/ysf/frame.h"

#include <string.h>

#include "shm/reflector.h"
#include "workers/placing.h"
#include "workers/ysf/fich.h"

#define OPTIONS_TEXT_AT		14
#define STATUS_ID_AT		4
#define STATUS_NAME_AT		9
#define STATUS_NAME_BYTES	16
#define STATUS_DESC_AT		25
#define STATUS_DESC_BYTES	14
#define STATUS_COUNT_AT		39
#define VERSION_MOD		100000000	/* eight digits */
#define VERSION_TAIL		9		/* a blank and the digits */

/* Fields of a YSFI. */
#define INFO_RX_AT		14
#define INFO_TX_AT		23
#define INFO_HZ_BYTES		9
#define INFO_LOCATOR_AT		32
#define INFO_LOCATOR_BYTES	6
#define INFO_TOWN_AT		38
#define INFO_TOWN_BYTES		20
#define INFO_TYPE_AT		58
#define INFO_TYPE_BYTES		12
#define INFO_ID_AT		70

static const struct {
	char tag[YSF_TAG_BYTES + 1];
	enum ysf_kind kind;
	enum ysf_reject reject;		/* when the size is outside least..most */
	size_t least;
	size_t most;
	const char *text;
} kinds[] = {
	{ "YSFD", YSF_DATA, YSF_REJECT_DATA_SIZE, YSF_FRAME_BYTES, YSF_FRAME_BYTES, "data" },
	{ "YSFP", YSF_POLL, YSF_REJECT_POLL_SIZE, YSF_POLL_BYTES, SIZE_MAX, "poll" },
	{ "YSFU", YSF_UNLINK, YSF_REJECT_NONE, YSF_TAG_BYTES, SIZE_MAX, "unlink" },
	{ "YSFS", YSF_STATUS, YSF_REJECT_NONE, YSF_TAG_BYTES, SIZE_MAX, "status" },
	{ "YSFV", YSF_VERSION, YSF_REJECT_NONE, YSF_TAG_BYTES, SIZE_MAX, "version" },
	{ "YSFI", YSF_INFO, YSF_REJECT_INFO_SIZE, YSF_INFO_BYTES, SIZE_MAX, "info" },
	{ "YSFO", YSF_OPTIONS, YSF_REJECT_OPTIONS_SIZE, YSF_OPTIONS_MIN, SIZE_MAX, "options" },
};

#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))

static const char *const reject_texts[YSF_REJECTS] = {
	[YSF_REJECT_NONE] = "none",
	[YSF_REJECT_EMPTY] = "empty",
	[YSF_REJECT_SHORT] = "short",
	[YSF_REJECT_TAG] = "tag",
	[YSF_REJECT_POLL_SIZE] = "poll-size",
	[YSF_REJECT_DATA_SIZE] = "data-size",
	[YSF_REJECT_INFO_SIZE] = "info-size",
	[YSF_REJECT_OPTIONS_SIZE] = "options-size",
};

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How much of a datagram of the right size means something. */
static size_t
used_bytes(enum ysf_kind kind, size_t len)
{
	switch (kind) {
	case YSF_POLL:		/* old gateways send 155 bytes, rubbish behind the name */
	case YSF_UNLINK:
		return smaller(len, YSF_POLL_BYTES);
	case YSF_DATA:
		return YSF_FRAME_BYTES;
	case YSF_INFO:
		return len <= YSF_INFO_LONG_BYTES ? len : YSF_INFO_BYTES;
	case YSF_OPTIONS:
		return smaller(len, YSF_OPTIONS_BYTES);
	default:
		return smaller(len, YSF_TAG_BYTES);
	}
}

static enum ysf_kind
find_kind(const uint8_t *data, size_t len, enum ysf_reject *reject_r)
{
	if (len < YSF_TAG_BYTES) {
		*reject_r = len ? YSF_REJECT_SHORT : YSF_REJECT_EMPTY;
		return YSF_REJECTED;
	}
	for (size_t i = 0; i < KINDS; i++) {
		if (memcmp(data, kinds[i].tag, YSF_TAG_BYTES) != 0)
			continue;
		if (len >= kinds[i].least && len <= kinds[i].most) {
			*reject_r = YSF_REJECT_NONE;
			return kinds[i].kind;
		}
		*reject_r = kinds[i].reject;
		return YSF_REJECTED;
	}
	*reject_r = YSF_REJECT_TAG;
	return YSF_REJECTED;
}

enum ysf_kind
ysf_classify(const uint8_t *data, size_t len, struct ysf_datagram *out_r)
{
	enum ysf_reject reject;
	enum ysf_kind kind = find_kind(data, len, &reject);

	if (out_r) {
		out_r->kind = kind;
		out_r->reject = reject;
		out_r->len = len;
		out_r->used = kind == YSF_REJECTED ? 0 : used_bytes(kind, len);
	}
	return kind;
}

const char *
ysf_kind_text(enum ysf_kind kind)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].kind == kind)
			return kinds[i].text;
	return "rejected";
}

const char *
ysf_reject_text(enum ysf_reject reject)
{
	return (unsigned)reject < YSF_REJECTS ? reject_texts[reject] : "unknown";
}

static uint8_t
clean_byte(uint8_t byte)
{
	return byte < 0x20 || byte > 0x7E ? ' ' : byte;
}

void
ysf_clean(uint8_t *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		text[i] = clean_byte(text[i]);
}

void
ysf_sanitise(uint8_t *data, const struct ysf_datagram *datagram)
{
	size_t end = datagram->kind == YSF_DATA ? YSF_COUNTER_AT : datagram->used;

	if (end > YSF_TAG_BYTES)
		ysf_clean(data + YSF_TAG_BYTES, end - YSF_TAG_BYTES);
}

size_t
ysf_text(const uint8_t *field, size_t len, char *text_r)
{
	size_t begin = 0;

	while (len > 0 && clean_byte(field[len - 1]) == ' ')
		len--;
	while (begin < len && clean_byte(field[begin]) == ' ')
		begin++;
	for (size_t i = begin; i < len; i++)
		text_r[i - begin] = (char)clean_byte(field[i]);
	text_r[len - begin] = '\0';
	return len - begin;
}

size_t
ysf_name(const uint8_t *data, char name_r[YSF_NAME_SIZE])
{
	return ysf_text(data + YSF_TAG_AT, YSF_NAME_BYTES, name_r);
}

size_t
ysf_source(const uint8_t *frame, char source_r[YSF_NAME_SIZE])
{
	return ysf_text(frame + YSF_SOURCE_AT, YSF_NAME_BYTES, source_r);
}

size_t
ysf_dest(const uint8_t *frame, char dest_r[YSF_NAME_SIZE])
{
	return ysf_text(frame + YSF_DEST_AT, YSF_NAME_BYTES, dest_r);
}

uint8_t
ysf_frame_counter(const uint8_t *frame)
{
	return frame[YSF_COUNTER_AT] >> 1;
}

bool
ysf_frame_end(const uint8_t *frame)
{
	return frame[YSF_COUNTER_AT] & 1;
}

void
ysf_frame_set_counter(uint8_t *frame, uint8_t counter, bool end)
{
	frame[YSF_COUNTER_AT] = (uint8_t)(counter << 1 | end);
}

bool
ysf_terminator(const uint8_t header[YSF_FRAME_BYTES], uint8_t last_counter,
    uint8_t out_r[YSF_FRAME_BYTES])
{
	uint8_t fich[FICH_BYTES];

	memcpy(fich, header + YSF_FICH_AT, sizeof(fich));
	if (fich_set_fi(fich, FICH_FI_TERMINATOR) == FICH_BAD)
		return false;
	memmove(out_r, header, YSF_FRAME_BYTES);
	memcpy(out_r + YSF_FICH_AT, fich, sizeof(fich));
	ysf_frame_set_counter(out_r, (uint8_t)((last_counter + 1) % YSF_COUNTER_MOD), true);
	return true;
}

/* A field of nothing but digits with blanks around, else 0. Nine digits fit. */
static uint32_t
parse_hz(const uint8_t *field)
{
	char text[INFO_HZ_BYTES + 1];
	size_t len = ysf_text(field, INFO_HZ_BYTES, text);
	uint32_t hz = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		hz = hz * 10 + (uint32_t)(text[i] - '0');
	}
	return hz;
}

void
ysf_info_parse(const uint8_t *data, size_t len, struct ysf_info *info_r)
{
	ysf_name(data, info_r->name);
	info_r->rx_hz = parse_hz(data + INFO_RX_AT);
	info_r->tx_hz = parse_hz(data + INFO_TX_AT);
	ysf_text(data + INFO_LOCATOR_AT, INFO_LOCATOR_BYTES, info_r->locator);
	ysf_text(data + INFO_TOWN_AT, INFO_TOWN_BYTES, info_r->town);
	ysf_text(data + INFO_TYPE_AT, INFO_TYPE_BYTES, info_r->type);
	ysf_text(data + INFO_ID_AT, used_bytes(YSF_INFO, len) - INFO_ID_AT, info_r->id);
}

int
ysf_options_dgid(const uint8_t *data, size_t len)
{
	char text[YSF_OPTIONS_BYTES - OPTIONS_TEXT_AT + 1];
	char *rest = text;
	char *item;

	ysf_text(data + OPTIONS_TEXT_AT, used_bytes(YSF_OPTIONS, len) - OPTIONS_TEXT_AT, text);
	while ((item = strsep(&rest, ";"))) {
		char bare[sizeof(text)];
		size_t bare_len = ysf_text((const uint8_t *)item, strlen(item), bare);

		if (bare[0] == '=' || !strchr(bare, '='))
			return placing_number(bare, bare_len);
	}
	return 0;
}

void
ysf_reply_poll(uint8_t out_r[YSF_POLL_BYTES])
{
	memcpy(out_r, "YSFPREFLECTOR ", YSF_POLL_BYTES);
}

/* Cuts or pads `text` to `len` clean bytes. */
static void
put_padded(uint8_t *out_r, const char *text, size_t len)
{
	size_t have = strnlen(text, len);

	memcpy(out_r, text, have);
	memset(out_r + have, ' ', len - have);
	ysf_clean(out_r, len);
}

/* Writes the lower `digits` decimal digits of `value`. */
static void
put_number(uint8_t *out_r, uint32_t value, size_t digits)
{
	while (digits-- > 0) {
		out_r[digits] = (uint8_t)('0' + value % 10);
		value /= 10;
	}
}

uint32_t
ysf_id_hash(const char *name)
{
	return reflector_hash(name);
}

uint32_t
ysf_id(uint32_t id, const char *name)
{
	return reflector_id(id, name);
}

void
ysf_reply_status(uint8_t out_r[YSF_STATUS_BYTES], uint32_t id, const char *name,
    const char *description, size_t clients)
{
	size_t shown = smaller(clients, YSF_CLIENTS_MAX);

	memcpy(out_r, "YSFS", YSF_TAG_BYTES);
	put_number(out_r + STATUS_ID_AT, ysf_id(id, name), STATUS_NAME_AT - STATUS_ID_AT);
	put_padded(out_r + STATUS_NAME_AT, name, STATUS_NAME_BYTES);
	put_padded(out_r + STATUS_DESC_AT, description, STATUS_DESC_BYTES);
	put_number(out_r + STATUS_COUNT_AT, (uint32_t)shown, YSF_STATUS_BYTES - STATUS_COUNT_AT);
}

size_t
ysf_reply_version(uint8_t out_r[YSF_VERSION_MAX], const char *program, uint32_t version)
{
	size_t room = YSF_VERSION_MAX - YSF_TAG_BYTES - VERSION_TAIL;
	size_t len = strnlen(program, room);
	uint8_t *tail = out_r + YSF_TAG_BYTES + len;

	memcpy(out_r, "YSFV", YSF_TAG_BYTES);
	put_padded(out_r + YSF_TAG_BYTES, program, len);
	tail[0] = ' ';
	put_number(tail + 1, version % VERSION_MOD, VERSION_TAIL - 1);
	return YSF_TAG_BYTES + len + VERSION_TAIL;
}
