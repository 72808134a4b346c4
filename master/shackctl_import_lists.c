/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_import_lists - the lists of other reflectors stay where they are
 * PURPOSE   Looks into them with the daemon's own eyes and says what it will make of them.
 * OWNER     shackctl
 * CONTRACT  reads only
 * LIMITS    IMPORT_FILE_MAX bytes a list
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "master/shackctl_import.h"
#include "master/shackctl_import_map.h"
#include "master/value.h"
#include "shm/denylist.h"
#include "shm/homelist.h"

static const enum conf_key list_key[] = {
	[IMPORT_DENY] = CONF_ACCESS_FILE,
	[IMPORT_BLOCKLIST] = CONF_ACCESS_FILE,
	[IMPORT_HOME] = CONF_DGID_HOME_FILE,
};

/* The DG-IDs that the imported configuration will have. */
static struct conf_dgids dgids_of(const struct outcome *out)
{
	const struct option_def *option = &option_table[CONF_DGID_LIST];
	char why[VALUE_WHY_MAX];
	struct value value;

	value_parse(option, out->set[option->key] ? out->value[option->key] : option->fallback,
		    &value, why);
	return value.dgids;
}

struct tally {
	unsigned good, bad;
	uint32_t first; /* bad line */
	const char *why;
};

static enum line_kind look_at(enum import_list kind, const char *line, size_t length,
			      const struct conf_dgids *dgids, const char **why_r)
{
	struct deny_rule rule;
	struct home_line home;
	enum line_kind found;

	if (kind == IMPORT_HOME) {
		found = homelist_parse(line, length, dgids, &home);
		*why_r = home.why;
		return found;
	}
	found = kind == IMPORT_DENY ? denylist_parse(line, length, &rule)
				    : blocklist_parse(line, length, &rule);
	*why_r = rule.why;
	return found;
}

static struct tally count_lines(enum import_list kind, const char *data, size_t size,
				const struct conf_dgids *dgids)
{
	struct tally tally = {0};
	const char *line, *why = NULL;
	struct lines lines;
	size_t length;

	lines_begin(&lines, data, size);
	while (lines_next(&lines, &line, &length)) {
		enum line_kind found = look_at(kind, line, length, dgids, &why);

		tally.good += found == LINE_RULE;
		if (found == LINE_BAD && tally.bad++ == 0) {
			tally.first = lines.number;
			tally.why = why;
		}
	}
	return tally;
}

void import_list(struct import_map *map, enum import_list kind, const char *origin,
		 const char *file, bool given)
{
	enum conf_key key = list_key[kind];
	char path[PATH_MAX], why[160], *data;
	struct conf_dgids dgids = dgids_of(map->out);
	struct tally tally;
	size_t size;

	if (!import_path(map->directory, file, path, sizeof(path)) ||
	    !outcome_text(map->out, (int)key, origin, path)) {
		map->failed |= given;
		return;
	}
	if (file[0] != '/' && !given)
		outcome_remark(
			map->out, (int)key,
			"%s = %.100s is relative: it is looked for beside the file that this "
			"was made of.",
			origin, file);
	data = import_read(path, IMPORT_FILE_MAX, &size, why, sizeof(why));
	if (data == NULL) {
		map->failed |= given;
		outcome_remark(map->out, (int)key,
			       "Now it %s; it is taken as soon as it can be read.", why);
		return;
	}
	tally = count_lines(kind, data, size, &dgids);
	free(data);
	outcome_remark(map->out, (int)key, "%u good line%s, %u bad.", tally.good,
		       tally.good == 1 ? "" : "s", tally.bad);
	if (tally.bad > 0)
		outcome_remark(map->out, (int)key, "The first bad one: line %u %s.", tally.first,
			       tally.why);
}
