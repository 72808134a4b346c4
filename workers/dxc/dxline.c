/* SPDX-License-Identifier: ISC
 *
 * NAME      dxline - what follows DX
 * PURPOSE   See dxline.h. The order of the two words and the two units are DXSpider's.
 * OWNER     dxc workers
 * CONTRACT  see dxline.h
 * LIMITS    see dxline.h
 */
#include "workers/dxc/dxline.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "shm/band.h"

#define DIGITS_MAX   9
#define DECIMALS_MAX 6

struct word {
	const char *text;
	size_t length;
};

static const char *next_word(const char *at, struct word *word_r)
{
	at += strspn(at, " ");
	word_r->text = at;
	word_r->length = strcspn(at, " ");
	return at + word_r->length;
}

/* [0-9]+([.][0-9]+)? in millionths. False: it is none. */
static bool number(const char *text, size_t length, uint64_t *millionths_r)
{
	uint64_t value = 0;
	unsigned digits = 0, decimals = 0;
	bool point = false;

	for (size_t i = 0; i < length; i++) {
		if (text[i] == '.' && !point && digits > 0 && i + 1 < length) {
			point = true;
			continue;
		}
		if (text[i] < '0' || text[i] > '9')
			return false;
		if (point && ++decimals > DECIMALS_MAX)
			continue; /* less than a hertz */
		value = value * 10 + (uint64_t)(text[i] - '0');
		if (!point && ++digits > DIGITS_MAX)
			return false;
	}
	for (; decimals < DECIMALS_MAX; decimals++)
		value *= 10;
	*millionths_r = value;
	return digits > 0;
}

bool dxline_frequency(const char *text, size_t length, uint64_t *hz_r, bool *is_number_r)
{
	uint64_t millionths;

	*is_number_r = number(text, length, &millionths);
	if (!*is_number_r)
		return false;
	*hz_r = millionths / 1000; /* of a kilohertz */
	if (band_of(*hz_r) == BAND_NONE)
		*hz_r = millionths; /* of a megahertz */
	return band_of(*hz_r) != BAND_NONE;
}

/* The shape of an amateur's call, or a longer word that is a call to those who hear it: P5RS7, R150A,
 * and what else is issued for rare places and great days. */
static bool is_heard(const char *call)
{
	size_t length = strlen(call);

	return call_amateur(call) || (length >= 5 && strchr(call, '-') == NULL &&
				      call_valid(call) && !call_is_grid(call, length));
}

static bool call_of(const struct word *word, char call_r[CALL_TEXT_SIZE])
{
	return call_normalise(word->text, word->length, call_r) && is_heard(call_r);
}

/* FREQUENCY and CALL in this order? */
static bool fits(const struct word *frequency, const struct word *call, struct dxline *line,
		 enum dxline_error *error)
{
	bool is_number;
	bool in_band = dxline_frequency(frequency->text, frequency->length, &line->hz, &is_number);

	if (!is_number || !call_of(call, line->call))
		return false;
	snprintf(line->frequency, sizeof(line->frequency), "%.*s", (int)frequency->length,
		 frequency->text);
	*error = in_band ? DXLINE_OK : DXLINE_BAND;
	return true;
}

enum dxline_error dxline_parse(const char *args, struct dxline *line_r)
{
	enum dxline_error error = DXLINE_INVALID;
	struct word one, other;

	memset(line_r, 0, sizeof(*line_r));
	line_r->comment = "";
	args = next_word(args, &one);
	if (one.length == 2 && strncasecmp(one.text, "BY", 2) == 0) {
		args = next_word(args, &one);
		if (!call_of(&one, line_r->by))
			return DXLINE_BY;
		args = next_word(args, &one);
	}
	args = next_word(args, &other);
	if (one.length == 0 || other.length == 0)
		return DXLINE_USAGE;
	line_r->comment = args + strspn(args, " ");
	if (!fits(&one, &other, line_r, &error))
		fits(&other, &one, line_r, &error);
	return error;
}
