/* SPDX-License-Identifier: ISC
 *
 * NAME      filter - which spots a user wants
 * PURPOSE   The stored form, its check, and the compiled form; see workers/dxc/filter.h.
 * OWNER     dxc workers
 * CONTRACT  evaluation is a bit test a dimension, without a call for those who have no call patterns
 * LIMITS    see workers/dxc/filter.h
 */
#include "workers/dxc/filter.h"

#include <stdlib.h>
#include <string.h>

#include "workers/dxc/filter_inside.h"

const struct filter_place filter_places[FILTER_DIMENSIONS] = {
	[FILTER_BAND] = {0, BANDS},
	[FILTER_MODE] = {1, MODES},
	[FILTER_SOURCE] = {2, FILTER_SOURCES},
	[FILTER_CONFIDENCE] = {3, FILTER_SYMBOLS},
	[FILTER_DXCONT] = {4, CONTINENTS},
	[FILTER_DECONT] = {5, CONTINENTS},
	[FILTER_DXZONE] = {6, FILTER_ZONES},
	[FILTER_DEZONE] = {7, FILTER_ZONES},
	[FILTER_DXDXCC] = {8, FILTER_TOKENS},
	[FILTER_DEDXCC] = {24, FILTER_TOKENS},
	[FILTER_DXGRID2] = {40, FILTER_GRIDS},
	[FILTER_DEGRID2] = {46, FILTER_GRIDS},
};

size_t filter_size(void)
{
	return sizeof(struct filter);
}

size_t filter_program_size(void)
{
	return sizeof(struct filter_program);
}

/* ---- sets ---- */

static unsigned words_of(unsigned dimension)
{
	return (filter_places[dimension].tokens + 63U) / 64;
}

unsigned filter_count(const uint64_t *sets, unsigned dimension)
{
	unsigned count = 0;

	for (unsigned i = 0; i < words_of(dimension); i++)
		count += (unsigned)__builtin_popcountll(sets[filter_places[dimension].first + i]);
	return count;
}

void filter_empty(uint64_t *sets, unsigned dimension)
{
	memset(&sets[filter_places[dimension].first], 0, words_of(dimension) * sizeof(uint64_t));
}

/* All tokens of the dimension, and the unknown one where there is such a thing. */
static uint64_t universe(unsigned dimension, unsigned word)
{
	unsigned tokens = filter_places[dimension].tokens;
	bool always = dimension == FILTER_SOURCE || dimension == FILTER_CONFIDENCE;
	uint64_t known =
		tokens >= (word + 1) * 64 ? UINT64_MAX : (UINT64_C(1) << (tokens - word * 64)) - 1;

	return always ? known & ~UINT64_C(1) : known;
}

/* ---- the stored form ---- */

void filter_clear(struct filter *filter_r)
{
	memset(filter_r, 0, sizeof(*filter_r));
	filter_r->version = FILTER_VERSION;
	filter_r->beacons = 1;
}

static bool sets_ok(const uint64_t *sets)
{
	for (unsigned dimension = 0; dimension < FILTER_DIMENSIONS; dimension++)
		for (unsigned i = 0; i < words_of(dimension); i++) {
			uint64_t known = universe(dimension, i) & ~(uint64_t)(i == 0 ? 1 : 0);

			if ((sets[filter_places[dimension].first + i] & ~known) != 0)
				return false;
		}
	return true;
}

static bool pattern_ok(const char pattern[FILTER_PATTERN])
{
	size_t length = strnlen(pattern, FILTER_PATTERN);

	for (size_t i = 0; i < length; i++)
		if (!((pattern[i] >= 'A' && pattern[i] <= 'Z') ||
		      (pattern[i] >= '0' && pattern[i] <= '9') ||
		      strchr("/-#*?", pattern[i]) != NULL))
			return false;
	for (size_t i = length; i < FILTER_PATTERN; i++)
		if (pattern[i] != '\0')
			return false;
	return length > 0;
}

bool filter_check(const void *data, size_t length, struct filter *filter_r)
{
	static const char none[FILTER_PATTERN];
	unsigned i;

	filter_clear(filter_r);
	if (length != sizeof(*filter_r))
		return false;
	memcpy(filter_r, data, length);
	if (filter_r->version != FILTER_VERSION || filter_r->beacons > 1 ||
	    filter_r->patterns > FILTER_PATTERNS || filter_r->reserved != 0 ||
	    filter_r->nothing >> FILTER_DIMENSIONS != 0 || !sets_ok(filter_r->allow) ||
	    !sets_ok(filter_r->block))
		goto bad;
	if (filter_r->patterns < 64 && filter_r->de >> filter_r->patterns != 0)
		goto bad;
	for (i = 0; i < filter_r->patterns; i++)
		if (!pattern_ok(filter_r->pattern[i]))
			goto bad;
	for (; i < FILTER_PATTERNS; i++)
		if (memcmp(filter_r->pattern[i], none, FILTER_PATTERN) != 0)
			goto bad;
	return true;
bad:
	filter_clear(filter_r);
	return false;
}

/* ---- the compiled form ---- */

static int by_text(const void *a, const void *b)
{
	return memcmp(a, b, FILTER_PATTERN);
}

static unsigned compile_patterns(const struct filter *filter, bool de,
				 char pattern_r[][FILTER_PATTERN])
{
	unsigned count = 0;

	for (unsigned i = 0; i < filter->patterns; i++)
		if ((filter->de >> i & 1) == de)
			memcpy(pattern_r[count++], filter->pattern[i], FILTER_PATTERN);
	qsort(pattern_r, count, FILTER_PATTERN, by_text);
	return count;
}

void filter_compile(const struct filter *filter, struct filter_program *program_r)
{
	memset(program_r, 0, sizeof(*program_r));
	for (unsigned dimension = 0; dimension < FILTER_DIMENSIONS; dimension++) {
		bool all = filter_count(filter->allow, dimension) == 0;

		if ((filter->nothing >> dimension & 1) != 0)
			continue;
		for (unsigned i = 0; i < words_of(dimension); i++) {
			unsigned at = filter_places[dimension].first + i;

			program_r->pass[at] = (all ? universe(dimension, i) : filter->allow[at]) &
					      ~filter->block[at];
		}
	}
	program_r->beacons = filter->beacons;
	program_r->dx_patterns = (uint8_t)compile_patterns(filter, false, &program_r->pattern[0]);
	program_r->de_patterns = (uint8_t)compile_patterns(
		filter, true, &program_r->pattern[program_r->dx_patterns]);
}

/* ---- evaluation ---- */

static unsigned grid_token(const char *grid)
{
	unsigned a = (unsigned)(grid[0] - 'A'), b = (unsigned)(grid[1] - 'A');

	return a < 18 && b < 18 ? 1 + a * 18 + b : 0;
}

/* FT8 and FT4 are not judged, and others only if they are: skimmers' CW and RTTY always. */
static bool passes_confidence(const struct filter_program *program, const struct spot *spot)
{
	const char *symbol;

	if (spot->mode == MODE_FT8 || spot->mode == MODE_FT4)
		return true;
	if (spot->glyph <= ' ' && spot->mode != MODE_CW && spot->mode != MODE_RTTY)
		return true;
	symbol = spot->glyph > ' ' ? strchr(FILTER_SYMBOL_TEXT, spot->glyph) : NULL;
	return filter_has(program->pass, FILTER_CONFIDENCE,
			  symbol != NULL ? FILTER_UNKNOWN + (unsigned)(symbol - FILTER_SYMBOL_TEXT)
					 : FILTER_UNKNOWN);
}

static bool passes_side(const struct filter_program *program, const struct spot_side *side,
			unsigned other)
{
	return filter_has(program->pass, FILTER_DXCONT + other, side->continent) &&
	       filter_has(program->pass, FILTER_DXZONE + other,
			  side->cq < FILTER_ZONES ? side->cq : 0) &&
	       filter_has(program->pass, FILTER_DXDXCC + other,
			  side->adif < FILTER_TOKENS ? side->adif : 0) &&
	       filter_has(program->pass, FILTER_DXGRID2 + other, grid_token(side->grid));
}

bool filter_glob(const char *pattern, size_t length, const char *text, size_t text_length)
{
	size_t p = 0, t = 0, star = SIZE_MAX, back = 0;

	while (t < text_length) {
		if (p < length && pattern[p] == '*') {
			star = ++p;
			back = t;
		} else if (p < length && (pattern[p] == '?' || pattern[p] == text[t])) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star;
			t = ++back;
		} else {
			return false;
		}
	}
	while (p < length && pattern[p] == '*')
		p++;
	return p == length;
}

static bool matches_one(const char pattern[][FILTER_PATTERN], unsigned count, const char *call)
{
	size_t whole = strnlen(call, CALL_TEXT_SIZE);
	const char *dash = memchr(call, '-', whole);
	size_t bare = dash != NULL ? (size_t)(dash - call) : whole;

	for (unsigned i = 0; i < count; i++) {
		char first = pattern[i][0];
		size_t length;

		if (first != call[0] && first != '*' && first != '?')
			continue;
		length = strnlen(pattern[i], FILTER_PATTERN);
		/* who doesn't write an SSID doesn't care for it */
		if (filter_glob(pattern[i], length, call, whole) ||
		    (bare < whole && memchr(pattern[i], '-', length) == NULL &&
		     filter_glob(pattern[i], length, call, bare)))
			return true;
	}
	return false;
}

static bool passes_calls(const struct filter_program *program, const struct spot *spot)
{
	if (program->dx_patterns > 0 &&
	    !matches_one(program->pattern, program->dx_patterns, spot->dx))
		return false;
	return program->de_patterns == 0 ||
	       matches_one(program->pattern + program->dx_patterns, program->de_patterns, spot->de);
}

bool filter_passes(const struct filter_program *program, const struct spot *spot)
{
	bool human = (spot->flags & SPOT_HUMAN) != 0;

	return filter_has(program->pass, FILTER_SOURCE, human ? FILTER_HUMAN : FILTER_SKIMMER) &&
	       filter_has(program->pass, FILTER_MODE, spot->mode < MODES ? spot->mode : 0) &&
	       filter_has(program->pass, FILTER_BAND, spot->band < BANDS ? spot->band : 0) &&
	       (program->beacons != 0 || (spot->flags & SPOT_BEACON) == 0) &&
	       passes_side(program, &spot->dx_side, 0) && passes_side(program, &spot->de_side, 1) &&
	       passes_confidence(program, spot) &&
	       (program->dx_patterns + program->de_patterns == 0 || passes_calls(program, spot));
}
