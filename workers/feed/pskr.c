/* SPDX-License-Identifier: ISC
 *
 * NAME      pskr - a reception report of PSKReporter as a spot
 * PURPOSE   See pskr.h.
 * OWNER     feed
 * CONTRACT  see pskr.h
 * LIMITS    TOKENS names and values a payload
 */
#include "workers/feed/pskr.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "shm/band.h"

#define JSMN_STATIC
#define JSMN_STRICT
#include <jsmn.h>

#define TOKENS	   384
#define TEXT_MAX   64 /* of a value that we read */
#define DIGITS_MAX 18
#define AHEAD	   3600
#define BEHIND	   86400
#define ADIF_END   1000 /* of what may be an entity's number */
#define REPORT_MIN (-60)
#define REPORT_MAX 120

enum field { F_F, F_MD, F_RP, F_T, F_SC, F_SL, F_RC, F_RL, F_SA, F_RA, FIELDS };

/* A NUL behind names of one letter. */
static const char field_name[FIELDS][2] = {
	[F_F] = "f",   [F_MD] = "md", [F_RP] = "rp", [F_T] = "t",   [F_SC] = "sc",
	[F_SL] = "sl", [F_RC] = "rc", [F_RL] = "rl", [F_SA] = "sa", [F_RA] = "ra",
};

struct report {
	const char *text;
	jsmntok_t token[TOKENS];
	const jsmntok_t *value[FIELDS]; /* NULL: not there, or null */
};

/* ---- values ---- */

static int hex(char sign)
{
	if (isdigit((unsigned char)sign))
		return sign - '0';
	return toupper((unsigned char)sign) - 'A' + 10;
}

/* One sign of a JSON string: printable ASCII, or '?' for whatever else it stands for. Returns how many
 * bytes it takes. jsmn has checked the escapes. */
static size_t unescape(const char *text, size_t length, char *sign_r)
{
	unsigned code = (unsigned char)text[0];
	size_t used = 1;

	if (code == '\\' && length >= 2) {
		used = 2;
		code = (unsigned char)text[1];
		if (code == 'u' && length >= 6) {
			used = 6;
			code = 0;
			for (unsigned i = 2; i < 6; i++)
				code = code * 16 + (unsigned)hex(text[i]);
		} else if (strchr("bfnrtu", (int)code) != NULL) {
			code = 0;
		}
	}
	*sign_r = code >= 0x20 && code < 0x7f ? (char)code : '?';
	return used;
}

/* A string without its escapes. False: it is none, or longer than TEXT_MAX. */
static bool read_text(const struct report *report, enum field field, char text_r[TEXT_MAX + 1],
		      size_t *length_r)
{
	const jsmntok_t *value = report->value[field];
	size_t used = 0;

	*length_r = 0;
	text_r[0] = '\0';
	if (value == NULL || value->type != JSMN_STRING)
		return false;
	for (int at = value->start; at < value->end;) {
		if (used == TEXT_MAX)
			return false;
		at += (int)unescape(report->text + at, (size_t)(value->end - at), &text_r[used++]);
	}
	text_r[used] = '\0';
	*length_r = used;
	return true;
}

/* -12, 12.0, "12". False: it is no whole number. */
static bool read_number(const struct report *report, enum field field, int64_t *number_r)
{
	const jsmntok_t *value = report->value[field];
	const char *at, *end, *digits;
	int64_t number = 0;
	bool negative;

	*number_r = 0;
	if (value == NULL || (value->type != JSMN_PRIMITIVE && value->type != JSMN_STRING))
		return false;
	at = report->text + value->start;
	end = report->text + value->end;
	negative = at < end && *at == '-';
	at += negative;
	for (digits = at; at < end && isdigit((unsigned char)*at) && at - digits < DIGITS_MAX; at++)
		number = number * 10 + (*at - '0');
	if (at == digits)
		return false;
	if (at < end && *at == '.')
		for (at++; at < end && *at == '0';)
			at++;
	*number_r = negative ? -number : number;
	return at == end;
}

/* ---- the object ---- */

static bool is_null(const struct report *report, const jsmntok_t *value)
{
	return value->type == JSMN_PRIMITIVE && report->text[value->start] == 'n';
}

static void note_field(struct report *report, const jsmntok_t *key, const jsmntok_t *value)
{
	char name[2] = "";
	size_t used = 0;

	for (int at = key->start; at < key->end; used++) {
		if (used == 2)
			return;
		at += (int)unescape(report->text + at, (size_t)(key->end - at), &name[used]);
	}
	for (unsigned i = 0; i < FIELDS; i++)
		if (memcmp(name, field_name[i], sizeof(name)) == 0)
			report->value[i] = is_null(report, value) ? NULL : value;
}

/* Is it nested no deeper than PSKR_DEPTH? */
static bool is_flat(const jsmntok_t *token, unsigned count)
{
	int end[PSKR_DEPTH];
	unsigned depth = 0;

	for (unsigned i = 0; i < count; i++) {
		if (token[i].type != JSMN_OBJECT && token[i].type != JSMN_ARRAY)
			continue;
		while (depth > 0 && token[i].start >= end[depth - 1])
			depth--;
		if (depth == PSKR_DEPTH)
			return false;
		end[depth++] = token[i].end;
	}
	return true;
}

/* Finds the values of one object and nothing behind it. */
static bool read_object(struct report *report, size_t length)
{
	const jsmntok_t *token = report->token;
	jsmn_parser parser;
	int found;

	jsmn_init(&parser);
	found = jsmn_parse(&parser, report->text, length, report->token, TOKENS);
	if (found < 1 || token[0].type != JSMN_OBJECT || !is_flat(token, (unsigned)found))
		return false;
	for (int i = 1; i < found;) {
		const jsmntok_t *key = &token[i], *value = key + 1;

		if (key->type != JSMN_STRING || key->size != 1 || key->start >= token[0].end ||
		    i + 1 >= found)
			return false;
		note_field(report, key, value);
		i += 2;
		while (i < found && token[i].start < value->end)
			i++; /* what is inside a value */
	}
	return true;
}

/* ---- the spot ---- */

static enum pskr_error read_call(const struct report *report, enum field field,
				 char call_r[CALL_TEXT_SIZE])
{
	char text[TEXT_MAX + 1];
	size_t length;

	if (report->value[field] == NULL || report->value[field]->type != JSMN_STRING)
		return PSKR_FIELD;
	if (!read_text(report, field, text, &length))
		return PSKR_CALL;
	if (length == 0)
		return PSKR_FIELD;
	return call_normalise(text, length, call_r) && call_valid(call_r) ? PSKR_OK : PSKR_CALL;
}

/* Receivers are machines, and bear their mark where it fits. */
static void decorate(char call[CALL_TEXT_SIZE])
{
	size_t length = strlen(call);

	if (strchr(call, '-') == NULL && length + 2 <= CALL_TEXT_MAX)
		memcpy(call + length, "-#", 3);
}

static enum pskr_error read_calls(const struct report *report, struct spot *spot)
{
	enum pskr_error dx = read_call(report, F_SC, spot->dx);
	enum pskr_error de = read_call(report, F_RC, spot->de);

	if (dx != PSKR_OK || de != PSKR_OK)
		return dx != PSKR_OK ? dx : de;
	decorate(spot->de);
	memcpy(spot->dx_raw, spot->dx, sizeof(spot->dx_raw));
	if (spot_says_self(spot))
		spot->flags |= SPOT_SELF;
	if (spot_says_beacon(spot))
		spot->flags |= SPOT_BEACON;
	return PSKR_OK;
}

static enum pskr_error read_frequency(const struct report *report, struct spot *spot)
{
	int64_t hz;

	if (!read_number(report, F_F, &hz) || hz <= 0)
		return PSKR_FIELD;
	spot->hz = spot->raw_hz = (uint64_t)hz;
	spot->band = (uint8_t)band_of(spot->hz);
	return spot->band != BAND_NONE ? PSKR_OK : PSKR_BAND;
}

static enum pskr_error read_mode(const struct report *report, struct spot *spot)
{
	char text[TEXT_MAX + 1];
	unsigned mode;
	size_t length;

	if (!read_text(report, F_MD, text, &length) || length == 0)
		return PSKR_FIELD;
	mode = strcasecmp(text, "WSPR") == 0 ? MODE_WSPR : mode_word(text, length);
	if (mode == MODE_NONE)
		mode = MODE_DIGI; /* there are more than anybody filters by */
	spot->mode = (uint8_t)mode_resolve(mode, spot->hz);
	return PSKR_OK;
}

static enum pskr_error read_time(const struct report *report, int64_t now, struct spot *spot)
{
	if (!read_number(report, F_T, &spot->time))
		return PSKR_FIELD;
	if (spot->time <= 0 || spot->time > now + AHEAD || spot->time < now - BEHIND)
		return PSKR_TIME;
	return PSKR_OK;
}

static enum pskr_error read_report(const struct report *report, struct spot *spot)
{
	int64_t decibel;

	if (report->value[F_RP] == NULL)
		return PSKR_OK;
	if (!read_number(report, F_RP, &decibel))
		return PSKR_FIELD;
	if (decibel >= REPORT_MIN && decibel <= REPORT_MAX) {
		spot->report = (int16_t)decibel;
		spot->flags |= SPOT_HAS_REPORT;
	}
	return PSKR_OK;
}

/* Upper case; "" when it is no locator. */
static void read_locator(const struct report *report, enum field field, char text_r[TEXT_MAX + 1])
{
	size_t length;

	if (!read_text(report, field, text_r, &length) || !call_is_grid(text_r, length))
		text_r[0] = '\0';
	for (char *at = text_r; *at != '\0'; at++)
		*at = (char)toupper((unsigned char)*at);
}

static void set_grid(struct spot_side *side, const char *locator)
{
	size_t length = strlen(locator);

	memcpy(side->grid, locator, length < 8 ? length : 8);
}

/* "JO62QH>EM33"; nothing when both are unknown. */
static void set_comment(struct spot *spot, const char *dx, const char *de)
{
	size_t dx_length = strlen(dx), de_length = strlen(de);

	if (dx_length + de_length == 0)
		return;
	memcpy(spot->comment, dx, dx_length);
	spot->comment[dx_length] = '>';
	memcpy(spot->comment + dx_length + 1, de, de_length);
	spot->comment_length = (uint8_t)(dx_length + 1 + de_length);
}

static void read_places(const struct report *report, struct spot *spot)
{
	char dx[TEXT_MAX + 1], de[TEXT_MAX + 1];
	int64_t adif;

	read_locator(report, F_SL, dx);
	read_locator(report, F_RL, de);
	set_grid(&spot->dx_side, dx);
	set_grid(&spot->de_side, de);
	set_comment(spot, dx, de);
	if (read_number(report, F_SA, &adif) && adif > 0 && adif < ADIF_END)
		spot->dx_side.adif = (uint16_t)adif;
	if (read_number(report, F_RA, &adif) && adif > 0 && adif < ADIF_END)
		spot->de_side.adif = (uint16_t)adif;
}

static enum pskr_error read_spot(const struct report *report, int64_t now, struct spot *spot)
{
	enum pskr_error error = read_calls(report, spot);

	if (error == PSKR_OK)
		error = read_frequency(report, spot);
	if (error == PSKR_OK)
		error = read_mode(report, spot);
	if (error == PSKR_OK)
		error = read_report(report, spot);
	if (error == PSKR_OK)
		error = read_time(report, now, spot);
	if (error != PSKR_OK)
		return error;
	spot->version = SPOT_VERSION;
	read_places(report, spot);
	return PSKR_OK;
}

enum pskr_error pskr_parse(const char *text, size_t length, int64_t now, struct spot *spot_r)
{
	struct report report;
	enum pskr_error error = PSKR_JSON;

	*spot_r = (struct spot){0};
	report.text = text;
	memset(report.value, 0, sizeof(report.value));
	if (length <= PSKR_PAYLOAD_MAX && read_object(&report, length))
		error = read_spot(&report, now, spot_r);
	if (error != PSKR_OK)
		*spot_r = (struct spot){0};
	return error;
}

const char *pskr_error_text(enum pskr_error error)
{
	static const char *const text[PSKR_ERRORS] = {
		[PSKR_OK] = "a spot",
		[PSKR_JSON] = "no object",
		[PSKR_FIELD] = "a field is missing or of the wrong kind",
		[PSKR_CALL] = "no call",
		[PSKR_BAND] = "outside the bands",
		[PSKR_TIME] = "its time makes no sense",
	};

	return error < PSKR_ERRORS ? text[error] : "?";
}
