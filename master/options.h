/* SPDX-License-Identifier: ISC
 *
 * NAME      options - the option table and how to find something in it
 * PURPOSE   What shm/options.def and shm/groups.def say, as data: for the parser, the dump, the
 *           sample and the manual.
 * OWNER     master; also the build-time program mkdoc
 * CONTRACT  read-only; entries stand in the order of enum conf_key, keys of a section are adjacent
 * LIMITS    OPTION_NAME_SIZE - 1 bytes a section
 */
#ifndef SHACKD_MASTER_OPTIONS_H
#define SHACKD_MASTER_OPTIONS_H

#include <stdbool.h>

#include "shm/conf.h"

/* What a change of the value needs. */
enum option_reload {
	OPTION_LIVE,	/* a reload */
	OPTION_RESTART, /* a restart of the daemon */
};

/* Room for a section with its name, as long as a line can be. */
#define OPTION_NAME_SIZE 200

/* Sections with a name: shm/groups.def. */
struct group_def {
	const char *section; /* "ysf alias *" */
	size_t name_max;     /* bytes */
	const char *help;
};

extern const struct group_def group_table[CONF_GROUPS];

struct option_def {
	enum conf_key key;
	const char *section; /* "ysf alias *" of a group */
	const char *name;
	enum conf_type type;
	const char *fallback; /* default, as an operator would write it */
	const char *min;      /* "" for none; the words of a LEVEL or CHOICE */
	const char *max;      /* "" for none; of a TEXT the greatest length in bytes */
	enum option_reload reload;
	const char *help;
};

extern const struct option_def option_table[CONF_KEYS];

/* The section of the table that SECTION, as it stands in a file, is; of a group, as "ysf alias *",
 * with its name in NAME_R (trimmed; "" when it has none, and for other sections). NULL: unknown. */
const char *option_section(const char *section, char name_r[OPTION_NAME_SIZE]);

/* The SECTION of the table as one writes it: with NAME, or the word NAME when that is NULL, if it
 * is a group. Returns BUF. */
const char *option_section_text(const char *section, const char *name, char *buf, size_t size);

/* The option of that exact name, in a section of the table, or NULL. */
const struct option_def *option_find(const char *section, const char *name);

/* Must every section of the group that it belongs to give it? */
bool option_is_required(const struct option_def *option);

/* The known section that looks most like the given one. Never NULL. */
const char *option_nearest_section(const char *section);

/* The option that the operator most likely meant: the same key in another section if there is one,
 * else the key of that section that looks most alike, else (section unknown) the most alike of all.
 * Never NULL. */
const struct option_def *option_nearest(const char *section, const char *name);

/* May it be written without a value? */
bool option_may_be_empty(const struct option_def *option);

/* "text", "duration" ...: the type for manual and messages. */
const char *option_type_name(enum conf_type type);

#endif
