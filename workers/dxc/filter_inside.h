/* SPDX-License-Identifier: ISC
 *
 * NAME      filter_inside - how a filter is laid out
 * PURPOSE   What the files of filter share: sets of tokens, one for each dimension.
 * OWNER     filter.c, filter_words.c, filter_show.c, and their tests
 * CONTRACT  struct filter is stored: its layout is FILTER_VERSION's for ever. A token is a small
 *           number of its dimension (a band, a zone, an ADIF number); 0 is "unknown" and never in a
 *           stored set.
 * LIMITS    FILTER_TOKENS tokens a dimension
 */
#ifndef SHACKD_WORKERS_DXC_FILTER_INSIDE_H
#define SHACKD_WORKERS_DXC_FILTER_INSIDE_H

#include <string.h>

#include "shm/band.h"
#include "shm/country.h"
#include "workers/dxc/filter.h"

#define FILTER_WORDS   52 /* of 64 bits, the sets of all dimensions */
#define FILTER_TOKENS  1024
#define FILTER_PATTERN 16 /* characters of a call pattern */

/* Tokens of the dimensions that have no enumeration elsewhere. */
enum filter_source { FILTER_HUMAN = 1, FILTER_SKIMMER, FILTER_SOURCES };
enum filter_symbol { FILTER_UNKNOWN = 1, /* ? S C P V B */ FILTER_SYMBOLS = 7 };
#define FILTER_SYMBOL_TEXT "?SCPVB"
#define FILTER_ZONES	   41
#define FILTER_GRIDS	   (1 + 18 * 18)

/* Which spots pass a dimension: none when NOTHING has its bit; else those that are not in block,
 * and in allow unless that is empty. */
struct filter {
	uint8_t version;
	uint8_t beacons;  /* 1: they pass */
	uint8_t patterns; /* how many */
	uint8_t reserved;
	uint32_t nothing; /* a bit for each dimension */
	uint64_t de;	  /* a bit for each pattern: it is of the spotter, not of the DX */
	uint64_t allow[FILTER_WORDS];
	uint64_t block[FILTER_WORDS];
	char pattern[FILTER_PATTERNS][FILTER_PATTERN]; /* NUL-padded, in the order they were given */
};
_Static_assert(sizeof(struct filter) <= FILTER_SIZE_MAX, "a filter fits its record");

struct filter_program {
	uint64_t pass[FILTER_WORDS];
	uint8_t beacons;
	uint8_t dx_patterns, de_patterns; /* first those of the DX, each kind sorted */
	uint8_t reserved[5];
	char pattern[FILTER_PATTERNS][FILTER_PATTERN];
};

/* Where a dimension's set is: from word FIRST on, TOKENS bits of it. */
struct filter_place {
	uint8_t first;
	uint16_t tokens;
};
extern const struct filter_place filter_places[FILTER_DIMENSIONS];

static inline bool filter_has(const uint64_t *sets, unsigned dimension, unsigned token)
{
	return (sets[filter_places[dimension].first + token / 64] >> (token % 64) & 1) != 0;
}

static inline void filter_put(uint64_t *sets, unsigned dimension, unsigned token, bool in)
{
	uint64_t *word = &sets[filter_places[dimension].first + token / 64];
	uint64_t bit = UINT64_C(1) << (token % 64);

	*word = in ? *word | bit : *word & ~bit;
}

unsigned filter_count(const uint64_t *sets, unsigned dimension);
void filter_empty(uint64_t *sets, unsigned dimension);

/* Does TEXT match PATTERN (* any characters, ? one)? */
bool filter_glob(const char *pattern, size_t length, const char *text, size_t text_length);

/* ---- filter_words.c ---- */

/* What users call a dimension, and its tokens. */
struct filter_word {
	const char *word;     /* "DXCONT" */
	const char *set;      /* "DX continents", of "Filter set: " */
	const char *set_one;  /* the same of a single one; NULL: alike */
	const char *disabled; /* "DX continent filters disabled" */
	const char *enabled_all, *blocked_all;
	const char *unknown;   /* "Unknown continent" */
	const char *supported; /* of SHOW FILTER and of refusals */
};
extern const struct filter_word filter_words[FILTER_DIMENSIONS];

/* The word of a user: a dimension; FILTER_DIMENSIONS and more: FILTER_WORD_ values. */
enum filter_word_kind {
	FILTER_WORD_DXCALL = FILTER_DIMENSIONS,
	FILTER_WORD_DECALL,
	FILTER_WORD_BEACON,
	FILTER_WORD_ALL,
	FILTER_WORD_NONE,
};
unsigned filter_word(const char *text, size_t length);

/* Name of a token: "20m", "EU", "14", "FN". */
void filter_token_name(unsigned dimension, unsigned token, char name_r[12]);

/* ---- text that is being built, cut at its end ---- */

struct filter_text {
	char *text;
	size_t length, size;
};

void filter_say(struct filter_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- filter_list.c ---- */

#define FILTER_LIST	  256
#define FILTER_HUMAN_TEXT "HUMAN"

struct filter_list {
	uint16_t token[FILTER_LIST];
	unsigned count;
	char bad[256]; /* elements that are wrong, with commas */
	struct filter_text wrong;
};

/* Elements have blanks and commas between them. */
static inline size_t filter_gap(const char *text)
{
	return strspn(text, " \t,");
}

static inline size_t filter_element(const char *text)
{
	return strcspn(text, " \t,");
}

/* Reads a list. Elements that are wrong are in list_r->bad. */
void filter_list_read(unsigned dimension, const char *text, struct filter_list *list_r);

/* What there is to choose from, on a line of its own; nothing where that says itself. */
void filter_say_choice(struct filter_text *reply, unsigned dimension);

/* What a user typed, in capitals where GoCluster shows it so. */
void filter_echo(struct filter_text *text, const char *word, size_t length, bool upper);

#endif
