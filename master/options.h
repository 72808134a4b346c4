/* SPDX-License-Identifier: ISC
 *
 * NAME      options - the option table and how to find something in it
 * PURPOSE   What shm/options.def says, as data: for the parser, the dump, the sample and the
 * manual. OWNER     master; also the build-time program mkdoc CONTRACT  read-only; entries stand in
 * the order of enum conf_key, keys of a section are adjacent LIMITS    sections without a name part
 * only
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

struct option_def {
	enum conf_key key;
	const char *section;
	const char *name;
	enum conf_type type;
	const char *fallback; /* default, as an operator would write it */
	const char *min;      /* "" for none; the words of a LEVEL or CHOICE */
	const char *max;      /* "" for none; of a TEXT the greatest length in bytes */
	enum option_reload reload;
	const char *help;
};

extern const struct option_def option_table[CONF_KEYS];

/* The option of that exact name, or NULL. */
const struct option_def *option_find(const char *section, const char *name);

bool option_section_known(const char *section);

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
