/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_homelist - fuzz target of the lines of home files
 * PURPOSE   any bytes as a file: no bad access; what is called a rule fits a compiled list
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of homelist.h does not hold
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shm/homelist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct conf_dgids dgids = {{1ULL << 1 | 1ULL << 22, 0}};
	char *text = malloc(size + 1);
	struct home_line home;
	struct lines lines;
	const char *line;
	size_t length;

	demand(text != NULL);
	memcpy(text, data, size);
	lines_begin(&lines, text, size);
	while (lines_next(&lines, &line, &length)) {
		enum line_kind kind = homelist_parse(line, length, &dgids, &home);

		demand(kind != LINE_BAD || (home.why != NULL && home.why[0] != '\0'));
		if (kind == LINE_RULE)
			demand((home.entry.dgid == 1 || home.entry.dgid == 22) &&
			       list_text_sound(home.entry.name, sizeof(home.entry.name)) &&
			       home.entry.fixed == (home.entry.seconds == 0));
	}
	free(text);
	return 0;
}
