/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_filter_words - fuzz target of PASS, REJECT and SHOW FILTER
 * PURPOSE   any lines of a user: what he is told is printable, what is kept passes its check, and what
 *           was refused changed nothing
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of filter.h does not hold
 * LIMITS    LINES lines an input
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "workers/dxc/filter_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES 40

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void check_text(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	demand(length < size);
	for (size_t i = 0; i < length; i++)
		demand((text[i] >= ' ' && text[i] <= '~') || text[i] == '\n');
	demand(length == 0 || text[length - 1] != '\n');
}

static void check_filter(const struct filter *filter)
{
	struct filter_program program, again;
	struct filter back;
	struct spot spot = {.mode = MODE_CW, .band = BAND_20M, .dx = "LZ5VV", .de = "W3LPL-#"};

	demand(filter_check(filter, filter_size(), &back));
	demand(memcmp(filter, &back, sizeof(back)) == 0);
	filter_compile(filter, &program);
	filter_compile(&back, &again);
	demand(memcmp(&program, &again, sizeof(again)) == 0);
	filter_passes(&program, &spot);
}

/* A first letter R is REJECT, S is SHOW FILTER, all else PASS. */
static void do_line(struct filter *filter, const char *line)
{
	struct filter before = *filter;
	char reply[FILTER_REPLY], shown[600];

	if (line[0] == 'S') {
		filter_show(filter, line + 1, shown, sizeof(shown));
		check_text(shown, sizeof(shown));
	} else {
		int changed = line[0] == 'R' ? filter_reject_words(filter, line + 1, reply)
					     : filter_pass_words(filter, line, reply);

		check_text(reply, sizeof(reply));
		demand(reply[0] != '\0');
		demand(changed || memcmp(filter, &before, sizeof(before)) == 0);
	}
	check_filter(filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *line = text, *end;
	struct filter filter;
	unsigned lines = 0;

	demand(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	filter_default(&filter, "HUMAN", text);
	check_filter(&filter);
	filter_clear(&filter);
	for (; line != NULL && lines < LINES; line = end, lines++) {
		end = strchr(line, '\n');
		if (end != NULL)
			*end++ = '\0';
		do_line(&filter, line);
	}
	free(text);
	return 0;
}
