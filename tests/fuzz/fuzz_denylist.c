/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_denylist - fuzz target of the lines of access files
 * PURPOSE   any bytes as a file: no bad access; what is called a rule fits a compiled list
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of denylist.h does not hold
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shm/denylist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void check(enum line_kind kind, const struct deny_rule *rule)
{
	bool is_net = rule->set == ACCESS_IP || rule->set == ACCESS_IPB;

	demand(kind != LINE_BAD || (rule->why != NULL && rule->why[0] != '\0'));
	if (kind != LINE_RULE)
		return;
	demand(rule->set < ACCESS_SETS);
	if (!is_net)
		demand(list_text_sound(rule->text, sizeof(rule->text)) && rule->host[0] == '\0');
	else if (rule->host[0] != '\0')
		demand(list_text_sound(rule->host, sizeof(rule->host)));
	else
		demand(rule->net.length <= 128);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct deny_rule rule;
	struct lines lines;
	const char *line;
	size_t length;

	demand(text != NULL);
	memcpy(text, data, size);
	lines_begin(&lines, text, size);
	while (lines_next(&lines, &line, &length)) {
		check(denylist_parse(line, length, &rule), &rule);
		check(blocklist_parse(line, length, &rule), &rule);
	}
	free(text);
	return 0;
}
