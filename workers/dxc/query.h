/* SPDX-License-Identifier: ISC
 *
 * NAME      query - what SHOW/DX is asked for
 * PURPOSE   DXSpider's arguments of SHOW/DX as a small program that says of a spot whether it is wanted.
 * OWNER     dxc workers
 * CONTRACT  pure; no allocation; time and memory are bounded by the length of the arguments, and a
 *           spot is judged in at most QUERY_TERMS steps, whatever was asked
 * LIMITS    QUERY_BYTES of arguments, QUERY_TERMS terms, QUERY_DEPTH parentheses
 */
#ifndef SHACKD_WORKERS_DXC_QUERY_H
#define SHACKD_WORKERS_DXC_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/country.h"
#include "shm/spot.h"

#define QUERY_BYTES    512
#define QUERY_TERMS    64
#define QUERY_DEPTH    32
#define QUERY_ROWS     10 /* when no number is given */
#define QUERY_ROWS_MAX 250
#define QUERY_LAST_MAX 10000 /* the furthest row of a range */
#define QUERY_DAYS     100   /* further back is not searched */
#define QUERY_WHY      120

enum query_kind {
	QUERY_DX,    /* text: pattern of the DX */
	QUERY_BY,    /* text: pattern of the spotter */
	QUERY_RANGE, /* low to high, Hz */
	QUERY_BANDS, /* bands, and modes unless 0 */
	QUERY_INFO,  /* text, in the comment */
	QUERY_DXCC,  /* number */
	QUERY_ZONE,
	QUERY_ITU,
	QUERY_QSL,  /* QSL or VIA in the comment */
	QUERY_IOTA, /* an island's number in the comment */
	QUERY_QRA,  /* a locator in the comment */
};

struct query_term {
	uint8_t kind;
	uint8_t length; /* of its text */
	uint16_t at;	/* in struct query */
	union {
		struct {
			uint64_t low, high;
		};
		struct {
			uint32_t bands, modes;
		};
		uint16_t number;
	};
};

struct query {
	uint16_t first, last;	      /* rows that are wanted, the newest is 1 */
	uint16_t day_first, day_last; /* days back, 0: today */
	bool live;		      /* in the layout of live spots */
	bool filter;		      /* those that the user's own filter passes */
	bool chosen;		      /* something was asked for beside numbers */
	uint8_t terms, codes;
	struct query_term term[QUERY_TERMS];
	uint8_t code[3 * QUERY_TERMS]; /* postfix: a term's index, or enum query_code of query.c */
	uint16_t texts;
	char text[QUERY_BYTES]; /* upper case */
};

/* Reads ARGUMENTS, what follows SHOW/DX. False with a sentence in WHY_R. COUNTRIES (may be NULL)
 * tell what `dxcc` means. */
bool query_parse(const char *arguments, const struct countries *countries, struct query *query_r,
		 char why_r[QUERY_WHY]);

/* Is SPOT wanted? TODAY is the day (since the epoch) that days are counted back from. */
bool query_match(const struct query *query, const struct spot *spot, uint32_t today);

/* Is it older than all that is wanted? */
bool query_is_past(const struct query *query, const struct spot *spot, uint32_t today);

#endif
