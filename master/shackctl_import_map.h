/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_import_map - whose key becomes which of ours
 * PURPOSE   What pYSFReflector3 and YSFReflector mean by their keys, with their defaults.
 * OWNER     shackctl
 * CONTRACT  every key of the input ends as a value, as a remark, or as both
 * LIMITS    none known
 */
#ifndef SHACKD_MASTER_SHACKCTL_IMPORT_MAP_H
#define SHACKD_MASTER_SHACKCTL_IMPORT_MAP_H

#include "master/shackctl_import_ini.h"
#include "master/shackctl_import_out.h"

struct import_map {
	struct peer_ini *ini;
	struct outcome *out;
	const char *directory; /* of the input: where relative paths are looked for */
	/* given with the command in place of what the input says; NULL: not given */
	const char *deny, *home;
	bool dgid;   /* saved DG-IDs are given, too */
	bool failed; /* a file that was given can't be used */
};

/* One key that has no counterpart, and why. */
struct import_left {
	const char *section, *key, *why;
};

void import_pysf(struct import_map *map);
void import_ysfreflector(struct import_map *map);

/* Remarks every pair that nobody has asked for; OTHERS: what the peer does with unknown ones. */
void import_leftovers(struct import_map *map, const struct import_left *known, size_t count,
		      const char *others);

/* The log that dashboards read: PATH/ROOT.log, or with the day in it. */
void import_log(struct import_map *map, const char *path, const char *root, bool by_day);

/* ---- shackctl_import_lists.c ---- */
enum import_list { IMPORT_DENY, IMPORT_BLOCKLIST, IMPORT_HOME };

/* Sets the key of a list to FILE, looks into it and remarks what is there. GIVEN: with the command,
 * so that it must be readable. */
void import_list(struct import_map *map, enum import_list kind, const char *origin,
		 const char *file, bool given);

#endif
