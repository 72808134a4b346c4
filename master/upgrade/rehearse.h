/* SPDX-License-Identifier: ISC
 *
 * NAME      rehearse - another build shows that it could take over
 * PURPOSE   Runs the candidate in a child with a copy of the handover record: it must read the
 *           record, verify every descriptor, understand configuration and stores, and prove it.
 * OWNER     master; and the candidate, as a child of the master
 * CONTRACT  the master goes on meanwhile. Nothing that the child does or fails to do counts but its
 *           proof: the checksum of the record that it was given.
 * LIMITS    REHEARSE_SECONDS; REHEARSE_WORDS bytes of what it says
 */
#ifndef SHACKD_MASTER_UPGRADE_REHEARSE_H
#define SHACKD_MASTER_UPGRADE_REHEARSE_H

#include "master/upgrade/record.h"

#define REHEARSE_FLAG	 "--rehearse"
#define REHEARSE_SECONDS 10
#define REHEARSE_WORDS	 400

struct rehearsal_result {
	bool passed;
	unsigned oldest, newest; /* editions of the stores that the build serves */
	unsigned edition;	 /* that the stores have */
	char why[REHEARSE_WORDS + 80];
};

struct rehearsal;
typedef void rehearsal_done(struct master *master, const struct rehearsal_result *result);

/* Starts CANDIDATE with RECORD. Both must stay. NULL with errno. DONE is called once, later, unless
 * the rehearsal is ended before; it is gone then. */
struct rehearsal *rehearse_start(struct master *master, int candidate, const struct record *record,
				 rehearsal_done *done);

/* Ends it before its end, without a word: waits for the child that it kills. */
void rehearse_end(struct rehearsal **rehearsal);

/* The child's side; returns the exit status. */
int rehearse_main(const char *record);

#endif
