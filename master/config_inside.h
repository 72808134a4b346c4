/* SPDX-License-Identifier: ISC
 *
 * NAME      config_inside - the configuration as its own files see it
 * PURPOSE   Shared by config.c (loads it), config_check.c (compares its values) and config_ask.c
 *           (hands it out).
 * OWNER     master
 * CONTRACT  included by those three alone
 * LIMITS    CONF_GROUP_MAX members a group
 */
#ifndef SHACKD_MASTER_CONFIG_INSIDE_H
#define SHACKD_MASTER_CONFIG_INSIDE_H

#include <limits.h>
#include <stdbool.h>

#include "master/config.h"

/* Room for "FILE:LINE" or "-o". */
#define WHERE_MAX (PATH_MAX + 16)

/* Who set a value; later ones win. */
enum source {
	SOURCE_DEFAULT,
	SOURCE_FILE,
	SOURCE_SET,
};

struct slot {
	enum source source;
	bool rejected;	/* a value was given that is none */
	bool open;	/* was left open, and resolved */
	int line;	/* of the file */
	int first_line; /* where the file has the key, valid or not; 0: it has not */
	struct value value;
};

/* One section of a group: [ysf alias NAME]. */
struct member {
	char name[OPTION_NAME_SIZE];
	enum source source;
	int line;	    /* of the file: where it begins first */
	struct slot slot[]; /* of the group's keys, in order */
};

struct group {
	size_t count;
	struct member *member[CONF_GROUP_MAX];
};

struct config {
	bool has_file;
	char file[PATH_MAX]; /* as the operator named it */
	struct slot slot[CONF_KEYS];
	struct group group[CONF_GROUPS];
};

/* State of one load. */
struct load {
	struct config *config;
	const char *file;	       /* as the operator named it */
	char directory[PATH_MAX];      /* of the process */
	char file_directory[PATH_MAX]; /* of the file */
	bool lenient;
	struct problems *problems;
};

/* The slot of KEY: MEMBER's if it is a key of a group (MEMBER is NULL otherwise). */
struct slot *config_slot(struct config *config, struct member *member, enum conf_key key);

/* config_check.c: all values against each other; findings go to LOAD's problems. */
void config_check(struct load *load);

#endif
