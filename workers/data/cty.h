/* SPDX-License-Identifier: ISC
 *
 * NAME      cty - country files
 * PURPOSE   Reads the three forms of AD1C's country file, one entity, prefix or call at a time:
 *           cty.dat, cty.csv and cty.plist, told by their content.
 * OWNER     data
 * CONTRACT  pure: text in, one item out; no allocation. What can't be right is passed over and
 *           named (CTY_BAD); what can't be a country file, or was cut off, is refused as a whole.
 *           West is positive in these files, and east in what is given.
 * LIMITS    CTY_SIZE_MAX bytes; what lies between two items is walked over in one go
 */
#ifndef SHACKD_WORKERS_DATA_CTY_H
#define SHACKD_WORKERS_DATA_CTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/list_layout.h"

#define CTY_SIZE_MAX  (32UL * 1024 * 1024)
#define CTY_DEPTH_MAX 8

enum cty_news {
	CTY_END,
	CTY_ENTITY,  /* entity: one begins */
	CTY_ALIAS,   /* a prefix or a call of it */
	CTY_VERSION, /* version */
	CTY_BAD,     /* why, line */
	CTY_REFUSED, /* why; ask no further */
};

enum cty_format { CTY_NONE, CTY_DAT, CTY_CSV, CTY_PLIST };

/* A prefix or a call, with all that the file says of it: `rule.entity` is left to the caller. */
struct cty_alias {
	char key[CALL_TEXT_SIZE];
	bool exact;
	struct country_rule rule;
};

struct cty {
	enum cty_format format;
	const char *at, *end;
	const char *line_at; /* lines up to here are counted in `line` */
	uint32_t line;
	bool inside;	/* of a record's aliases, or of the list of a plist */
	unsigned depth; /* of a plist */

	/* what was read last; the entity stays until the next one */
	struct country_entity entity;
	struct cty_alias alias;
	char version[16];
	const char *why;
};

/* TEXT is kept. */
void cty_begin(struct cty *cty, const char *text, size_t length);
enum cty_news cty_next(struct cty *cty);

/* ---- between cty.c and cty_plist.c ---- */

/* Each returns false when the text is no such thing; a number stays what it was then. */
bool cty_entity_name(struct country_entity *entity, const char *text, size_t length);
bool cty_entity_prefix(struct country_entity *entity, const char *text, size_t length);
/* A whole number up to MOST. */
bool cty_number(const char *text, size_t length, unsigned most, unsigned *number_r);
/* Degrees as -12.58, in millionths. */
bool cty_degrees(const char *text, size_t length, int32_t most, int32_t *degrees_r);
/* Upper-case letters, digits and slashes. */
bool cty_key(char key_r[CALL_TEXT_SIZE], const char *text, size_t length);
/* CTY_ALIAS of a key, or CTY_VERSION, or CTY_END: a mark that says nothing. */
enum cty_news cty_mark(struct cty *cty);
enum cty_news cty_bad(struct cty *cty, const char *why);
enum cty_news cty_refuse(struct cty *cty, const char *why);
enum cty_news cty_plist_next(struct cty *cty);

#endif
