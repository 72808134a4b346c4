/* SPDX-License-Identifier: ISC
 *
 * NAME      takeover - this image takes the place of the one before
 * PURPOSE   From the first instruction after the exec to the commit point: a master is made of the
 *           record, and every worker of the image before is replaced by one of this build. Or, when
 *           the next build failed: this one goes on where it was.
 * OWNER     master
 * CONTRACT  before the commit point nothing new is accepted, and whatever fails leads back into the
 *           executable that served before (net.h); after it, never
 * LIMITS    NET_SECONDS from the exec to the commit point
 */
#ifndef SHACKD_MASTER_UPGRADE_TAKEOVER_H
#define SHACKD_MASTER_UPGRADE_TAKEOVER_H

#include "master/upgrade/record.h"

/* In the order of their use. ARGV as main got it; the first one returns only when it is what argv
 * says, else false. */
bool takeover_asked(int argc, char **argv);

/* Makes MASTER of the record. Does not return when it can't be done. */
void takeover_inherit(struct master *master);

/* Everything is there and the loop is made: replaces the workers, or goes on. */
void takeover_start(struct master *master);

/* A worker of this image died, and nobody from outside killed it: before the commit point it is a
 * failure, and this does not return. */
void takeover_worker_died(const struct slot *slot);

#endif
