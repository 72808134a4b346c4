/* SPDX-License-Identifier: ISC
 *
 * NAME      homelist - a line of a home file
 * PURPOSE   See homelist.h.
 * OWNER     data, shackctl
 * CONTRACT  see homelist.h
 * LIMITS    see homelist.h
 */
#include "shm/homelist.h"

#include <string.h>

#include "shm/text.h"

#define SHORTEST_LINE	4
#define DEFAULT_MINUTES 15
#define MINUTES_MAX	(366 * 24 * 60)

static enum line_kind bad(struct home_line *home, const char *why)
{
	home->why = why;
	return LINE_BAD;
}

static bool number_of(const char *field, size_t length, int64_t *value_r)
{
	char text[24];

	return line_copy(text, sizeof(text), field, length) && text_number(text, value_r) == 0;
}

static enum line_kind set_minutes(struct home_line *home, int64_t minutes)
{
	if (minutes > MINUTES_MAX)
		return bad(home, "waits longer than a year");
	home->entry.fixed = minutes < 0;
	if (minutes == 0)
		minutes = DEFAULT_MINUTES;
	home->entry.seconds = minutes > 0 ? (uint32_t)minutes * 60 : 0;
	return LINE_RULE;
}

enum line_kind homelist_parse(const char *line, size_t length, const struct conf_dgids *dgids,
			      struct home_line *home_r)
{
	const char *field[3], *rest = line;
	size_t size[3];
	enum line_kind kind;
	int64_t dgid, minutes;
	unsigned fields = 0;

	*home_r = (struct home_line){0};
	kind = line_look(line, length, &home_r->why);
	if (kind != LINE_RULE)
		return kind;
	if (length < SHORTEST_LINE)
		return bad(home_r, "is not NAME:DGID:MINUTES");
	while (fields < 3 && line_field(&rest, &length, &field[fields], &size[fields]))
		fields++;
	if (fields < 3 || rest != NULL)
		return bad(home_r, "is not NAME:DGID:MINUTES");
	if (!line_copy(home_r->entry.name, LIST_TEXT - 1, field[0], size[0]))
		return bad(home_r, "has a name that is not of one to ten characters");
	if (strchr(home_r->entry.name, '\t') != NULL)
		return bad(home_r, "has a tab in its name");
	if (!number_of(field[1], size[1], &dgid) || dgid < 1 || dgid > 99)
		return bad(home_r, "has a DG-ID that is not a number of 1 to 99");
	if (!conf_dgid_in(dgids, (unsigned)dgid))
		return bad(home_r, "has a DG-ID that dgid.list has not");
	if (!number_of(field[2], size[2], &minutes))
		return bad(home_r, "has minutes that are no whole number");
	home_r->entry.dgid = (uint8_t)dgid;
	return set_minutes(home_r, minutes);
}
