/* SPDX-License-Identifier: ISC
 *
 * NAME      audit - is this file a durable store of ours, and can all of it be used?
 * PURPOSE   What a backup is checked by when it is made, and again before it is restored.
 * OWNER     aide
 * CONTRACT  as examine_file; every record is checked as its reader checks it
 * LIMITS    none known
 */
#ifndef SHACKD_SHM_STORE_AUDIT_H
#define SHACKD_SHM_STORE_AUDIT_H

#include "shm/store/examine.h"

struct audit {
	struct examine_report file;
	unsigned edition;
	uint64_t blocks, saved, users, filters, human; /* records; SAVED counts two for a choice */
	uint64_t damaged;			       /* records that failed their check */
	char damaged_table[32];			       /* of the first one */
	bool identified, is_volatile;
};

/* False: WHY_R says what is wrong with FD, as the end of a sentence. Damaged records alone are no
 * reason: the caller decides. */
bool audit_file(int fd, struct audit *audit_r, char why_r[256]);

#endif
