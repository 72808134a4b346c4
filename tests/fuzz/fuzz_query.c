/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_query - fuzz target of SHOW/DX's arguments
 * PURPOSE   any text: no bad access, bounded, and what is taken can be asked of any spot
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of query.h does not hold
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shm/band.h"
#include "workers/dxc/query_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds)
{
	if (!holds)
		abort();
}

/* The program leaves one value and never holds more than there is room for. */
static void check_program(const struct query *query)
{
	unsigned depth = 0;

	for (unsigned i = 0; i < query->codes; i++) {
		if (query->code[i] < QUERY_TERMS) {
			demand(query->code[i] < query->terms);
			demand(++depth <= QUERY_STACK);
		} else if (query->code[i] == QUERY_NOT) {
			demand(depth >= 1);
		} else {
			demand(query->code[i] == QUERY_AND || query->code[i] == QUERY_OR);
			demand(depth-- >= 2);
		}
	}
	demand(depth == (query->codes > 0));
	for (unsigned i = 0; i < query->terms; i++)
		demand(query->term[i].at + query->term[i].length <= QUERY_BYTES);
}

static void check_numbers(const struct query *query)
{
	demand(query->first >= 1 && query->first <= query->last);
	demand(query->last <= QUERY_LAST_MAX && query->last - query->first < QUERY_ROWS_MAX);
	demand(query->day_first <= query->day_last && query->day_last <= QUERY_DAYS);
}

static void check_refusal(const char *why)
{
	demand(why[0] != '\0' && strnlen(why, QUERY_WHY) < QUERY_WHY);
	for (size_t i = 0; why[i] != '\0'; i++)
		demand(why[i] >= ' ' && why[i] <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spot spot = {.mode = MODE_CW,
			    .band = BAND_20M,
			    .hz = 14025300,
			    .dx = "LZ5VV",
			    .de = "W3LPL-2-#",
			    .time = 1763769600};
	char *text = malloc(size + 1), why[QUERY_WHY];
	struct query query;

	demand(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (query_parse(text, NULL, &query, why)) {
		check_program(&query);
		check_numbers(&query);
		query_match(&query, &spot, 20414);
		/* the words of the question itself as a comment */
		spot_set_comment(&spot, text, strlen(text));
		query_match(&query, &spot, 20414);
		memset(spot.comment, 0xff, SPOT_COMMENT_MAX);
		spot.comment_length = SPOT_COMMENT_MAX;
		query_match(&query, &spot, 20415);
	} else {
		check_refusal(why);
	}
	free(text);
	return 0;
}
