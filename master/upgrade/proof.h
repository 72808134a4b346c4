/* SPDX-License-Identifier: ISC
 *
 * NAME      proof - what a rehearsal says when it has passed
 * PURPOSE   One line: the checksum of the record, and which editions of the stores the build
 *           serves.
 * OWNER     the candidate writes it, the master reads it
 * CONTRACT  pure, but for proof_print
 * LIMITS    none known
 */
#ifndef SHACKD_MASTER_UPGRADE_PROOF_H
#define SHACKD_MASTER_UPGRADE_PROOF_H

#include "master/upgrade/handover.h"

struct proof {
	unsigned oldest, newest; /* editions of the stores that the build serves */
	unsigned edition;	 /* that the stores have */
};

/* Reads TEXT. False when it is no proof for the record of INFO. */
bool proof_read(const char *text, const struct handover_info *info, struct proof *proof_r);

/* Writes it to standard output. */
bool proof_print(const struct handover_info *info, const struct proof *proof);

#endif
