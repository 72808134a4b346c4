/* SPDX-License-Identifier: ISC
 *
 * NAME      atlas - what a country file says, on its way into a list
 * PURPOSE   Gathers entities, prefixes and calls, makes a tree of the prefixes, and lays all of it
 *           out.
 * OWNER     data
 * CONTRACT  What the file says twice counts as it is said last: entities that count for WAE alone
 *           repeat calls of those they belong to, and the number is the same.
 * LIMITS    COUNTRY_..._MAX of list_layout.h
 */
#ifndef SHACKD_WORKERS_DATA_ATLAS_H
#define SHACKD_WORKERS_DATA_ATLAS_H

#include "workers/data/compile.h"
#include "workers/data/cty.h"

/* A file with fewer is none, or was cut off. */
#define ATLAS_ENTITIES_MIN 300
#define ATLAS_PREFIXES_MIN 5000

struct atlas {
	struct rows entities, rules, prefixes, calls;
	char version[16];
};

/* False: no memory. ATLAS stays where it is as long as it is used. */
bool atlas_init(struct atlas *atlas);
void atlas_free(struct atlas *atlas);

/* What cty_next gave. False: more than a list can hold, or no memory. */
bool atlas_take(struct atlas *atlas, const struct cty *cty, enum cty_news news);

/* A sealed memfd, or -1 with errno. */
int atlas_compile(const struct atlas *atlas, const struct list_source *source,
		  const struct compile_help *help);

/* Why COUNTRIES, made of a file, must not be used; NULL: they are good. */
const char *atlas_objection(const struct countries *countries);

#endif
