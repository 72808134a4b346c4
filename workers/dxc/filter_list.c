/* SPDX-License-Identifier: ISC
 *
 * NAME      filter_list - lists of bands, modes, zones ...
 * PURPOSE   Reads what follows PASS BAND and its like, and says what there is to choose from.
 * OWNER     dxc workers
 * CONTRACT  pure. What a user typed comes back as printable ASCII.
 * LIMITS    FILTER_LIST elements a list; further ones are left out
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "workers/dxc/filter_inside.h"

#define ECHO_MAX 24 /* characters of a wrong element that are shown */

/* ---- lists ---- */

static void add(struct filter_list *list, unsigned token)
{
	for (unsigned i = 0; i < list->count; i++)
		if (list->token[i] == token)
			return;
	if (list->count < FILTER_LIST)
		list->token[list->count++] = (uint16_t)token;
}

static bool add_number(struct filter_list *list, const char *text, size_t length, unsigned most)
{
	unsigned number = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9' || number > most)
			return false;
		number = number * 10 + (unsigned)(text[i] - '0');
	}
	if (length == 0 || number < 1 || number > most)
		return false;
	add(list, number);
	return true;
}

static bool add_bands(struct filter_list *list, const char *text, size_t length)
{
	unsigned band = band_parse(text, length);
	uint32_t set = band != BAND_NONE ? UINT32_C(1) << band : band_class(text, length);

	for (unsigned i = 1; i < BANDS; i++)
		if ((set >> i & 1) != 0)
			add(list, i);
	return set != 0;
}

static bool add_modes(struct filter_list *list, const char *text, size_t length)
{
	unsigned mode = mode_word(text, length);

	if (mode == MODE_SSB) {
		add(list, MODE_LSB);
		add(list, MODE_USB);
	} else if (mode != MODE_NONE) {
		add(list, mode);
	}
	return mode != MODE_NONE;
}

static bool add_source(struct filter_list *list, const char *text, size_t length)
{
	if (length == 5 && strncasecmp(text, FILTER_HUMAN_TEXT, 5) == 0)
		add(list, FILTER_HUMAN);
	else if (length == 7 && strncasecmp(text, "SKIMMER", 7) == 0)
		add(list, FILTER_SKIMMER);
	else
		return false;
	return true;
}

static bool add_symbol(struct filter_list *list, const char *text, size_t length)
{
	const char *symbol =
		length == 1 ? strchr(FILTER_SYMBOL_TEXT, toupper((unsigned char)text[0])) : NULL;

	if (symbol == NULL || *symbol == '\0')
		return false;
	add(list, FILTER_UNKNOWN + (unsigned)(symbol - FILTER_SYMBOL_TEXT));
	return true;
}

static bool add_grid(struct filter_list *list, const char *text, size_t length)
{
	unsigned a, b;

	if (length < 2)
		return false;
	a = (unsigned)(toupper((unsigned char)text[0]) - 'A');
	b = (unsigned)(toupper((unsigned char)text[1]) - 'A');
	if (a >= 18 || b >= 18)
		return false;
	add(list, 1 + a * 18 + b);
	return true;
}

static bool add_element(struct filter_list *list, unsigned dimension, const char *text,
			size_t length)
{
	unsigned continent;

	switch (dimension) {
	case FILTER_BAND:
		return add_bands(list, text, length);
	case FILTER_MODE:
		return add_modes(list, text, length);
	case FILTER_SOURCE:
		return add_source(list, text, length);
	case FILTER_CONFIDENCE:
		return add_symbol(list, text, length);
	case FILTER_DXCONT:
	case FILTER_DECONT:
		continent = continent_parse(text, length);
		if (continent != CONTINENT_NONE)
			add(list, continent);
		return continent != CONTINENT_NONE;
	case FILTER_DXZONE:
	case FILTER_DEZONE:
		return add_number(list, text, length, FILTER_ZONES - 1);
	case FILTER_DXDXCC:
	case FILTER_DEDXCC:
		return add_number(list, text, length, FILTER_TOKENS - 1);
	default:
		return add_grid(list, text, length);
	}
}

/* What a user typed, in capitals where GoCluster shows it so. */
void filter_echo(struct filter_text *text, const char *word, size_t length, bool upper)
{
	for (size_t i = 0; i < length && i < ECHO_MAX; i++) {
		char c = upper ? (char)toupper((unsigned char)word[i]) : word[i];

		filter_say(text, "%c", c >= ' ' && c <= '~' ? c : '?');
	}
}

/* "20 meters" is one element: how long is the one at TEXT? */
static size_t band_element(const char *text)
{
	size_t length = filter_element(text), gap = strspn(text + length, " \t"), unit;

	if (gap == 0 || !isalpha((unsigned char)text[length + gap]))
		return length;
	unit = filter_element(text + length + gap);
	return band_parse(text, length + gap + unit) != BAND_NONE ? length + gap + unit : length;
}

/* Reads a list. Elements that are wrong are in list_r->bad. */
void filter_list_read(unsigned dimension, const char *text, struct filter_list *list_r)
{
	const char *separator =
		dimension == FILTER_DXZONE || dimension == FILTER_DEZONE ? " " : ", ";

	memset(list_r, 0, sizeof(*list_r));
	list_r->wrong = (struct filter_text){.text = list_r->bad, .size = sizeof(list_r->bad)};
	for (text += filter_gap(text); *text != '\0'; text += filter_gap(text)) {
		size_t length =
			dimension == FILTER_BAND ? band_element(text) : filter_element(text);

		if (!add_element(list_r, dimension, text, length)) {
			if (list_r->wrong.length > 0)
				filter_say(&list_r->wrong, "%s", separator);
			filter_echo(&list_r->wrong, text, length, dimension != FILTER_BAND);
		}
		text += length;
	}
}

/* GoCluster names these first. */
static const uint8_t modes_first[] = {MODE_CW,	MODE_FT4,  MODE_FT8,   MODE_LSB,
				      MODE_USB, MODE_RTTY, MODE_MSK144};

static void say_modes(struct filter_text *reply)
{
	bool said[MODES] = {false};

	for (unsigned i = 0; i < sizeof(modes_first); i++) {
		filter_say(reply, "%s%s", i > 0 ? ", " : "", mode_name(modes_first[i]));
		said[modes_first[i]] = true;
	}
	for (unsigned mode = 1; mode < MODES; mode++)
		if (!said[mode])
			filter_say(reply, ", %s", mode_name(mode));
}

/* What there is to choose from. */
void filter_say_choice(struct filter_text *reply, unsigned dimension)
{
	switch (dimension) {
	case FILTER_BAND:
		filter_say(reply, "\nSupported bands: ");
		for (unsigned band = 1; band < BANDS; band++)
			filter_say(reply, "%s%s", band > 1 ? ", " : "", band_name(band));
		break;
	case FILTER_MODE:
		filter_say(reply, "\nSupported modes: ");
		say_modes(reply);
		break;
	case FILTER_SOURCE:
		filter_say(reply, "\nValid sources: HUMAN, SKIMMER");
		break;
	case FILTER_CONFIDENCE:
		filter_say(reply, "\nSupported symbols: ?, S, C, P, V, B");
		break;
	case FILTER_DXCONT:
	case FILTER_DECONT:
		filter_say(reply, "\nSupported continents: AF, AN, AS, EU, NA, OC, SA");
		break;
	case FILTER_DXZONE:
	case FILTER_DEZONE:
		filter_say(reply, "\nValid zones: 1-40");
		break;
	default:
		break;
	}
}
