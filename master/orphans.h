/* SPDX-License-Identifier: ISC
 *
 * NAME      orphans - children that no slot knows
 * PURPOSE   After a failed upgrade the processes of the build that failed have to go.
 * OWNER     master
 * CONTRACT  ends children of this process only
 * LIMITS    needs /proc
 */
#ifndef SHACKD_MASTER_ORPHANS_H
#define SHACKD_MASTER_ORPHANS_H

#include "master/master.h"

/* Kills and reaps every child that holds no slot. */
void orphans_end(struct master *master);

#endif
