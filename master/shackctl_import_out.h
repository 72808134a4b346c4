/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_import_out - the file that an import makes
 * PURPOSE   Collects values, aliases and remarks, and prints them as a shackd.ini that shackd -t
 *           has nothing against.
 * OWNER     shackctl
 * CONTRACT  a value that the key can't have is not taken but becomes a remark; remarks are
 *           printable and no line is longer than a configuration file may have
 * LIMITS    PROBLEMS_MAX remarks, further ones are counted; CONF_GROUP_MAX aliases
 */
#ifndef SHACKD_MASTER_SHACKCTL_IMPORT_OUT_H
#define SHACKD_MASTER_SHACKCTL_IMPORT_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "master/problems.h"
#include "shm/conf.h"

/* A remark about the import as a whole. */
#define OUTCOME_GENERAL CONF_KEYS

struct outcome_alias {
	char name[CONF_TEXT_MAX];
	int dgid;
	int64_t id;
	char description[CONF_TEXT_MAX];
};

/* About 150 KB: on the heap, zeroed. */
struct outcome {
	bool set[CONF_KEYS];
	char value[CONF_KEYS][CONF_TEXT_MAX];
	size_t aliases;
	struct outcome_alias alias[CONF_GROUP_MAX];
	struct problems remarks;
	int about[PROBLEMS_MAX]; /* enum conf_key, or OUTCOME_GENERAL */
};

/* Gives KEY a value, or remarks why not. ORIGIN is how the other program calls it. */
bool outcome_text(struct outcome *out, int key, const char *origin, const char *text);
/* The same for a number, which is brought into the key's range (and remarked). */
void outcome_number(struct outcome *out, int key, const char *origin, int64_t number);
/* The same for a duration in seconds. */
void outcome_seconds(struct outcome *out, int key, const char *origin, double seconds);
/* The same for a text that may be too long: it is cut (and remarked). */
void outcome_cut(struct outcome *out, int key, const char *origin, const char *text);

/* Cuts TEXT to LENGTH bytes, never within a letter; true when there was more. */
bool outcome_fit(char *text, size_t length);

void outcome_remark(struct outcome *out, int key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* FROM: what it was made of. */
void outcome_print(FILE *file, const struct outcome *out, const char *from);

#endif
