/* SPDX-License-Identifier: ISC
 *
 * NAME      filter_words - PASS and REJECT
 * PURPOSE   GoCluster's words for filters, with its replies; see workers/dxc/filter.h.
 * OWNER     dxc workers
 * CONTRACT  a list with one element that is wrong changes nothing. What a user typed comes back as
 *           printable ASCII.
 * LIMITS    see workers/dxc/filter.h
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "workers/dxc/filter_inside.h"

const struct filter_word filter_words[FILTER_DIMENSIONS] = {
	[FILTER_BAND] = {"BAND", "Bands", "Band", "Band filters disabled", "All bands enabled",
			 "All bands blocked", "Unknown band", "Supported bands"},
	[FILTER_MODE] = {"MODE", "Modes", NULL, "Mode filters disabled", "All modes enabled",
			 "All modes blocked", "Unknown mode", "Supported modes"},
	[FILTER_SOURCE] = {"SOURCE", "Source", NULL, "Source filters disabled",
			   "Source filtering disabled", NULL, "Unknown source", "Valid sources"},
	[FILTER_CONFIDENCE] = {"CONFIDENCE", NULL, NULL, "Confidence symbols disabled",
			       "All confidence symbols enabled",
			       "All confidence symbols blocked (non-exempt modes)",
			       "Unknown confidence symbol", "Confidence symbols"},
	[FILTER_DXCONT] = {"DXCONT", "DX continents", NULL, "DX continent filters disabled",
			   "All DX continents enabled", "All DX continents blocked",
			   "Unknown continent", "DX continents"},
	[FILTER_DECONT] = {"DECONT", "DE continents", NULL, "DE continent filters disabled",
			   "All DE continents enabled", "All DE continents blocked",
			   "Unknown continent", "DE continents"},
	[FILTER_DXZONE] = {"DXZONE", "DX zones", NULL, "DX zone filters disabled",
			   "All DX zones enabled", "All DX zones blocked", "Unknown CQ zone",
			   "DX zones"},
	[FILTER_DEZONE] = {"DEZONE", "DE zones", NULL, "DE zone filters disabled",
			   "All DE zones enabled", "All DE zones blocked", "Unknown CQ zone",
			   "DE zones"},
	[FILTER_DXDXCC] = {"DXDXCC", "DX DXCC", NULL, "DX DXCC filters disabled",
			   "All DX DXCCs enabled", "All DX DXCCs blocked", "Invalid DXCC code",
			   "DX DXCC"},
	[FILTER_DEDXCC] = {"DEDXCC", "DE DXCC", NULL, "DE DXCC filters disabled",
			   "All DE DXCCs enabled", "All DE DXCCs blocked", "Invalid DXCC code",
			   "DE DXCC"},
	[FILTER_DXGRID2] = {"DXGRID2", "DX 2-character grids", NULL,
			    "DX 2-character grid filters disabled",
			    "All DX 2-character grids enabled", "All DX 2-character grids blocked",
			    "Unknown 2-character grid", "DX 2-character grids"},
	[FILTER_DEGRID2] = {"DEGRID2", "DE 2-character grids", NULL,
			    "DE 2-character grid filters disabled",
			    "All DE 2-character grids enabled", "All DE 2-character grids blocked",
			    "Unknown 2-character grid", "DE 2-character grids"},
};

static const char *const others[] = {"DXCALL", "DECALL", "BEACON", "ALL"};

#define TYPES                                                                                      \
	"BAND, MODE, SOURCE, DXCALL, DECALL, CONFIDENCE, BEACON, DXCONT, DECONT, DXZONE, DEZONE, " \
	"DXDXCC, DEDXCC, DXGRID2, DEGRID2"

void filter_say(struct filter_text *text, const char *format, ...)
{
	size_t room = text->size - text->length;
	va_list args;
	int said;

	va_start(args, format);
	said = vsnprintf(text->text + text->length, room, format, args);
	va_end(args);
	if (said > 0)
		text->length += (size_t)said < room ? (size_t)said : room - 1;
}

/* ---- words ---- */

static const char *word_of(unsigned kind)
{
	return kind < FILTER_DIMENSIONS ? filter_words[kind].word
					: others[kind - FILTER_DIMENSIONS];
}

unsigned filter_word(const char *text, size_t length)
{
	unsigned found = FILTER_WORD_NONE, matches = 0;

	for (unsigned kind = 0; kind < FILTER_WORD_NONE; kind++) {
		size_t whole = strlen(word_of(kind));

		if (strncasecmp(word_of(kind), text, length < whole ? length : whole) != 0)
			continue;
		if (length == whole || (length == whole + 1 && (text[whole] | 0x20) == 's'))
			return kind;
		if (length < 2 || length > whole)
			continue;
		found = kind;
		matches++;
	}
	return matches == 1 ? found : FILTER_WORD_NONE;
}

void filter_token_name(unsigned dimension, unsigned token, char name_r[12])
{
	static const char *const sources[FILTER_SOURCES] = {"", FILTER_HUMAN_TEXT, "SKIMMER"};
	unsigned grid = token > 0 ? token - 1 : 0;

	switch (dimension) {
	case FILTER_BAND:
		snprintf(name_r, 12, "%s", band_name(token));
		break;
	case FILTER_MODE:
		snprintf(name_r, 12, "%s", mode_name(token));
		break;
	case FILTER_SOURCE:
		snprintf(name_r, 12, "%s", token < FILTER_SOURCES ? sources[token] : "");
		break;
	case FILTER_CONFIDENCE:
		snprintf(name_r, 12, "%.1s", &FILTER_SYMBOL_TEXT[token - FILTER_UNKNOWN]);
		break;
	case FILTER_DXCONT:
	case FILTER_DECONT:
		snprintf(name_r, 12, "%s", continent_name(token));
		break;
	case FILTER_DXGRID2:
	case FILTER_DEGRID2:
		snprintf(name_r, 12, "%c%c", 'A' + grid / 18 % 18, 'A' + grid % 18);
		break;
	default:
		snprintf(name_r, 12, "%u", token);
		break;
	}
}

/* ---- replies ---- */

static void say_tokens(struct filter_text *reply, unsigned dimension,
		       const struct filter_list *list)
{
	char name[12];

	for (unsigned i = 0; i < list->count; i++) {
		filter_token_name(dimension, list->token[i], name);
		filter_say(reply, "%s%s", i > 0 ? ", " : "", name);
	}
}

static void refuse(struct filter_text *reply, unsigned dimension, const struct filter_list *list)
{
	bool zone = dimension == FILTER_DXZONE || dimension == FILTER_DEZONE;

	filter_say(reply, zone ? "%s: [%s]" : "%s: %s", filter_words[dimension].unknown, list->bad);
	filter_say_choice(reply, dimension);
}

/* ---- sets change ---- */

static void pass_tokens(struct filter *filter, unsigned dimension, const struct filter_list *list)
{
	for (unsigned i = 0; i < list->count; i++) {
		filter_put(filter->allow, dimension, list->token[i], true);
		filter_put(filter->block, dimension, list->token[i], false);
	}
	filter->nothing &= ~(UINT32_C(1) << dimension);
}

/* True: what was allowed is used up, so that nothing passes now. */
static bool reject_tokens(struct filter *filter, unsigned dimension, const struct filter_list *list)
{
	bool nothing = (filter->nothing >> dimension & 1) != 0;
	bool chosen = filter_count(filter->allow, dimension) > 0;

	for (unsigned i = 0; i < list->count; i++) {
		filter_put(filter->allow, dimension, list->token[i], false);
		filter_put(filter->block, dimension, list->token[i], true);
	}
	if (!nothing && (!chosen || filter_count(filter->allow, dimension) > 0))
		return false;
	filter->nothing |= UINT32_C(1) << dimension;
	return true;
}

/* All of it, or nothing. */
static void set_all(struct filter *filter, unsigned dimension, bool pass)
{
	filter_empty(filter->allow, dimension);
	filter_empty(filter->block, dimension);
	filter->nothing &= ~(UINT32_C(1) << dimension);
	if (!pass)
		filter->nothing |= UINT32_C(1) << dimension;
}

static bool is_all(const char *text)
{
	return strncasecmp(text, "ALL", 3) == 0 && text[3 + filter_gap(text + 3)] == '\0';
}

static bool change_set(struct filter *filter, unsigned dimension, bool pass, const char *text,
		       struct filter_text *reply)
{
	const struct filter_word *word = &filter_words[dimension];
	struct filter_list list;

	if (is_all(text) && (pass || word->blocked_all != NULL)) {
		set_all(filter, dimension, pass);
		filter_say(reply, "%s", pass ? word->enabled_all : word->blocked_all);
		return true;
	}
	filter_list_read(dimension, text, &list);
	if (list.bad[0] != '\0') {
		refuse(reply, dimension, &list);
		return false;
	}
	if (list.count == 0) {
		filter_say(reply, "Usage: %s %s list|ALL", pass ? "PASS" : "REJECT", word->word);
		filter_say_choice(reply, dimension);
		return false;
	}
	if (pass) {
		pass_tokens(filter, dimension, &list);
		if (dimension == FILTER_CONFIDENCE)
			filter_say(reply, "Confidence symbols enabled: ");
		else
			filter_say(reply, "Filter set: %s ",
				   list.count == 1 && word->set_one != NULL ? word->set_one
									    : word->set);
		say_tokens(reply, dimension, &list);
	} else {
		bool nothing = reject_tokens(filter, dimension, &list);

		filter_say(reply, "%s: ", word->disabled);
		say_tokens(reply, dimension, &list);
		if (nothing)
			filter_say(reply, "\nNothing passes now. PASS %s ALL lets everything pass.",
				   word->word);
	}
	return true;
}

/* ---- call patterns ---- */

/* False: it is none. */
static bool read_pattern(const char *text, size_t length, char pattern_r[FILTER_PATTERN])
{
	memset(pattern_r, 0, FILTER_PATTERN);
	if (length == 0 || length > FILTER_PATTERN)
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)toupper((unsigned char)text[i]);

		if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      (c != '\0' && strchr("/-#*?", c) != NULL)))
			return false;
		pattern_r[i] = (char)c;
	}
	return true;
}

static unsigned find_pattern(const struct filter *filter, bool de, const char *pattern)
{
	for (unsigned i = 0; i < filter->patterns; i++)
		if ((filter->de >> i & 1) == de &&
		    memcmp(filter->pattern[i], pattern, FILTER_PATTERN) == 0)
			return i;
	return filter->patterns;
}

static void drop_pattern(struct filter *filter, unsigned at)
{
	uint64_t below = (UINT64_C(1) << at) - 1;

	filter->patterns--;
	filter->de = (filter->de & below) | (filter->de >> 1 & ~below);
	memmove(filter->pattern[at], filter->pattern[at + 1],
		(size_t)(filter->patterns - at) * FILTER_PATTERN);
	memset(filter->pattern[filter->patterns], 0, FILTER_PATTERN);
}

static void drop_patterns(struct filter *filter, bool de)
{
	for (unsigned i = filter->patterns; i-- > 0;)
		if ((filter->de >> i & 1) == de)
			drop_pattern(filter, i);
}

static void add_pattern(struct filter *filter, bool de, const char *pattern)
{
	memcpy(filter->pattern[filter->patterns], pattern, FILTER_PATTERN);
	filter->de |= (uint64_t)de << filter->patterns;
	filter->patterns++;
}

/* Adds or drops each pattern of a list, in a copy; false with a reply when one can't be. */
static bool change_patterns(struct filter *filter, bool de, bool pass, const char *text,
			    struct filter_text *reply)
{
	const char *side = de ? "DE" : "DX";
	struct filter_text said = *reply;
	struct filter copy = *filter;
	unsigned count = 0;

	filter_say(&said,
		   pass ? "Filter set: %s callsign " : "%s callsign filters disabled: ", side);
	for (; *text != '\0'; text += filter_gap(text)) {
		size_t length = filter_element(text);
		char pattern[FILTER_PATTERN];
		unsigned at;

		if (!read_pattern(text, length, pattern)) {
			filter_say(reply, "Invalid callsign pattern: ");
			filter_echo(reply, text, length, true);
			return false;
		}
		at = find_pattern(&copy, de, pattern);
		if (pass && at == copy.patterns && copy.patterns == FILTER_PATTERNS) {
			filter_say(reply, "Too many callsign patterns: %d are allowed",
				   FILTER_PATTERNS);
			return false;
		}
		if (pass && at == copy.patterns) {
			add_pattern(&copy, de, pattern);
		} else if (!pass && at < copy.patterns) {
			drop_pattern(&copy, at);
		}
		/* to drop what is not there is no mistake: a line that is done twice, for its worker
		 * died, is answered alike */
		filter_say(&said, "%s%.*s", count++ > 0 ? ", " : "", FILTER_PATTERN, pattern);
		text += length;
	}
	*filter = copy;
	*reply = said;
	return true;
}

static bool change_calls(struct filter *filter, bool de, bool pass, const char *text,
			 struct filter_text *reply)
{
	const char *side = de ? "DE" : "DX";

	if (is_all(text) || (!pass && *text == '\0')) {
		drop_patterns(filter, de);
		filter_say(reply, "%s callsign filters cleared", side);
		return true;
	}
	if (*text == '\0') {
		filter_say(reply, "Usage: PASS %sCALL pattern (LZ5VV, LZ*, *VV, *5V*, K?1A)", side);
		return false;
	}
	return change_patterns(filter, de, pass, text, reply);
}

/* ---- commands ---- */

static bool change(struct filter *filter, bool pass, const char *text, char reply_r[FILTER_REPLY])
{
	struct filter_text reply = {.text = reply_r, .size = FILTER_REPLY};
	size_t length;
	unsigned kind;

	reply_r[0] = '\0';
	text += filter_gap(text);
	length = filter_element(text);
	if (length == 0) {
		filter_say(&reply, "Usage: %s type list\nTypes: " TYPES, pass ? "PASS" : "REJECT");
		return false;
	}
	kind = filter_word(text, length);
	text += length + filter_gap(text + length);
	switch (kind) {
	case FILTER_WORD_DXCALL:
	case FILTER_WORD_DECALL:
		return change_calls(filter, kind == FILTER_WORD_DECALL, pass, text, &reply);
	case FILTER_WORD_BEACON:
		filter->beacons = pass;
		filter_say(&reply, "Beacon spots %s", pass ? "enabled" : "disabled");
		return true;
	case FILTER_WORD_ALL:
		filter_clear(filter);
		filter_say(&reply, "All filters cleared");
		return true;
	case FILTER_WORD_NONE:
		filter_say(&reply, "Unknown filter type. Types: " TYPES);
		return false;
	default:
		return change_set(filter, kind, pass, text, &reply);
	}
}

bool filter_pass_words(struct filter *filter, const char *arguments, char reply_r[FILTER_REPLY])
{
	return change(filter, true, arguments, reply_r);
}

bool filter_reject_words(struct filter *filter, const char *arguments, char reply_r[FILTER_REPLY])
{
	return change(filter, false, arguments, reply_r);
}

void filter_default(struct filter *filter_r, const char *sources, const char *modes)
{
	struct filter_list list;

	filter_clear(filter_r);
	filter_list_read(FILTER_SOURCE, sources, &list);
	pass_tokens(filter_r, FILTER_SOURCE, &list);
	filter_list_read(FILTER_MODE, modes, &list);
	pass_tokens(filter_r, FILTER_MODE, &list);
}
