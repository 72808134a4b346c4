/* SPDX-License-Identifier: ISC
 *
 * NAME      filter_show - SHOW FILTER
 * PURPOSE   A filter as its user reads it: what passes, and what does not, so that he sees why nothing
 *           comes. See workers/dxc/filter.h.
 * OWNER     dxc workers
 * CONTRACT  pure
 * LIMITS    what does not fit is cut
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workers/dxc/filter_inside.h"

/* Tokens in the order in which they are shown: modes by name, all others by number. */
static unsigned in_order(unsigned dimension, uint16_t token_r[FILTER_TOKENS])
{
	unsigned tokens = filter_places[dimension].tokens;

	for (unsigned i = 1; i < tokens; i++) {
		unsigned at = i - 1;

		while (dimension == FILTER_MODE && at > 0 &&
		       strcmp(mode_name(i), mode_name(token_r[at - 1])) < 0) {
			token_r[at] = token_r[at - 1];
			at--;
		}
		token_r[at] = (uint16_t)i;
	}
	return tokens - 1;
}

static void say_set(struct filter_text *text, const uint64_t *sets, unsigned dimension)
{
	uint16_t token[FILTER_TOKENS] = {0};
	unsigned count = in_order(dimension, token), said = 0;
	char name[12];

	for (unsigned i = 0; i < count; i++) {
		if (!filter_has(sets, dimension, token[i]))
			continue;
		filter_token_name(dimension, token[i], name);
		filter_say(text, "%s%s", said++ > 0 ? ", " : "", name);
	}
}

/* "ALL", "NONE", "20m, 40m", "ALL except 20m". */
static void say_dimension(struct filter_text *text, const struct filter *filter, unsigned dimension)
{
	if ((filter->nothing >> dimension & 1) != 0) {
		filter_say(text, "NONE");
		return;
	}
	if (filter_count(filter->allow, dimension) > 0)
		say_set(text, filter->allow, dimension);
	else
		filter_say(text, "ALL");
	if (filter_count(filter->block, dimension) > 0) {
		filter_say(text, " except ");
		say_set(text, filter->block, dimension);
	}
}

static void say_patterns(struct filter_text *text, const struct filter *filter, bool de)
{
	unsigned said = 0;

	for (unsigned i = 0; i < filter->patterns; i++)
		if ((filter->de >> i & 1) == de)
			filter_say(text, "%s%.*s", said++ > 0 ? ", " : "", FILTER_PATTERN,
				   filter->pattern[i]);
	if (said == 0)
		filter_say(text, "ALL");
}

static void show_all(const struct filter *filter, struct filter_text *text)
{
	static const struct {
		const char *label;
		unsigned dimension;
	} parts[] = {
		{"Bands", FILTER_BAND},		  {"Modes", FILTER_MODE},
		{"Source", FILTER_SOURCE},	  {"DX calls", FILTER_WORD_DXCALL},
		{"DE calls", FILTER_WORD_DECALL}, {"Confidence", FILTER_CONFIDENCE},
		{"Beacons", FILTER_WORD_BEACON},  {"DX continents", FILTER_DXCONT},
		{"DE continents", FILTER_DECONT}, {"DX zones", FILTER_DXZONE},
		{"DE zones", FILTER_DEZONE},	  {"DX DXCC", FILTER_DXDXCC},
		{"DE DXCC", FILTER_DEDXCC},	  {"DX grids", FILTER_DXGRID2},
		{"DE grids", FILTER_DEGRID2},
	};

	filter_say(text, "Current filters: ");
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		filter_say(text, "%s%s: ", i > 0 ? " | " : "", parts[i].label);
		if (parts[i].dimension < FILTER_DIMENSIONS)
			say_dimension(text, filter, parts[i].dimension);
		else if (parts[i].dimension == FILTER_WORD_BEACON)
			filter_say(text, filter->beacons ? "ENABLED" : "DISABLED");
		else
			say_patterns(text, filter, parts[i].dimension == FILTER_WORD_DECALL);
	}
}

/* "20m=ENABLED, 40m=DISABLED": of dimensions that are short enough for it. */
static void show_choice(const struct filter *filter, unsigned dimension, struct filter_text *text)
{
	struct filter_program program;
	uint16_t token[FILTER_TOKENS] = {0};
	unsigned count = in_order(dimension, token);
	char name[12];

	filter_compile(filter, &program);
	filter_say(text, "%s: ", filter_words[dimension].supported);
	if (filter_places[dimension].tokens > FILTER_ZONES) {
		say_dimension(text, filter, dimension);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		bool in = filter_has(program.pass, dimension, token[i]);

		filter_token_name(dimension, token[i], name);
		filter_say(text, "%s%s=%s", i > 0 ? ", " : "", name, in ? "ENABLED" : "DISABLED");
	}
}

void filter_show(const struct filter *filter, const char *what, char *reply_r, size_t size)
{
	struct filter_text text = {.text = reply_r, .size = size};
	size_t length;
	unsigned kind;

	reply_r[0] = '\0';
	what += strspn(what, " \t");
	length = strcspn(what, " \t");
	kind = length == 0 ? FILTER_WORD_ALL : filter_word(what, length);
	switch (kind) {
	case FILTER_WORD_ALL:
		show_all(filter, &text);
		break;
	case FILTER_WORD_BEACON:
		filter_say(&text, "Beacon spots: %s", filter->beacons ? "ENABLED" : "DISABLED");
		break;
	case FILTER_WORD_DXCALL:
	case FILTER_WORD_DECALL:
		filter_say(&text, "%s callsigns: ", kind == FILTER_WORD_DECALL ? "DE" : "DX");
		say_patterns(&text, filter, kind == FILTER_WORD_DECALL);
		break;
	case FILTER_WORD_NONE:
		filter_say(&text, "Unknown filter type.");
		break;
	default:
		show_choice(filter, kind, &text);
		break;
	}
}
