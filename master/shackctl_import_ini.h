/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_import_ini - configuration files of other reflectors
 * PURPOSE   Reads them by the rules of the program that they were written for: Python's
 *           configparser, or the C reader of the G4KLX programs.
 * OWNER     shackctl
 * CONTRACT  any bytes; what the other program would not understand is remarked and left out. Bytes
 *           that are not UTF-8 are taken for Latin-1.
 * LIMITS    PEER_PAIRS pairs, PEER_VALUE - 1 bytes a value
 */
#ifndef SHACKD_MASTER_SHACKCTL_IMPORT_INI_H
#define SHACKD_MASTER_SHACKCTL_IMPORT_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "master/shackctl_import_out.h"

#define PEER_PAIRS 2000
#define PEER_WORD  128
#define PEER_VALUE 2048

enum peer_grammar {
	PEER_CONFIGPARSER, /* pYSFReflector3 */
	PEER_MMDVM,	   /* YSFReflector */
};

struct peer_pair {
	char section[PEER_WORD];
	char key[PEER_WORD]; /* of a configparser file in lower case */
	char value[PEER_VALUE];
	int line;
	bool used; /* somebody has asked for it */
};

struct peer_ini {
	enum peer_grammar grammar;
	size_t count;
	struct peer_pair pair[PEER_PAIRS];
};

/* Parses SIZE bytes, which a NUL follows. The result is the caller's (free). NULL: out of memory.
 */
struct peer_ini *peer_ini_parse(enum peer_grammar grammar, const char *data, size_t size,
				struct outcome *out);

/* The value of KEY, or NULL when it is missing. Looks into [DEFAULT] where the grammar does. */
const char *peer_ini_get(struct peer_ini *ini, const char *section, const char *key);

/* Is there a section of that name with anything in it? */
bool peer_ini_has(const struct peer_ini *ini, const char *section);

#endif
