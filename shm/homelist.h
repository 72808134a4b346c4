/* SPDX-License-Identifier: ISC
 *
 * NAME      homelist - a line of a home file
 * PURPOSE   Reads NAME:DGID:MINUTES: where a gateway belongs, nailed there (negative minutes) or to
 *           come back to after so long a silence (0: fifteen).
 * OWNER     data, shackctl
 * CONTRACT  pure; any bytes are a line
 * LIMITS    names of ten characters, a year of minutes
 */
#ifndef SHACKD_SHM_HOMELIST_H
#define SHACKD_SHM_HOMELIST_H

#include "shm/conf.h"
#include "shm/line.h"
#include "shm/list_layout.h"

struct home_line {
	struct homes_entry entry;
	const char *why; /* LINE_BAD: what is wrong, for "LINE why" */
};

/* LINE as of lines_next; DGIDS are those that there are. */
enum line_kind homelist_parse(const char *line, size_t length, const struct conf_dgids *dgids,
			      struct home_line *home_r);

#endif
