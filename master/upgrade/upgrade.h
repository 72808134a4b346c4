/* SPDX-License-Identifier: ISC
 *
 * NAME      upgrade - another build takes the daemon's place
 * PURPOSE   The side of the image that serves: checks, rehearsal, the step of the stores, and the
 *           exec in place. The other side is takeover.
 * OWNER     master
 * CONTRACT  up to the exec nothing is changed that a refusal would have to undo, but the edition of
 *           the stores, which is brought back; who asked is always answered
 * LIMITS    one at a time, and not beside a reload
 */
#ifndef SHACKD_MASTER_UPGRADE_UPGRADE_H
#define SHACKD_MASTER_UPGRADE_UPGRADE_H

#include <jansson.h>

#include "master/control.h"
#include "master/master.h"

/* The memory for it. False after master_why. */
bool upgrade_open(struct master *master);
void upgrade_free(struct master *master);

/* Somebody sent USR2. */
void upgrade_wish(struct master *master);

/* May one begin now? If not, WHY_R is a sentence. */
bool upgrade_may(const struct master *master, const char **why_r);
/* Begins. PATH NULL: where the daemon was started from. The answer goes to whoever waits for it
 * (control_conclude), from this image or the next one, perhaps before this returns. */
void upgrade_begin(struct master *master, const char *path);

/* The end of one, whichever image tells it: logs, tells keeper, remembers, answers. NULL WHY: FROM
 * was replaced by this build. Else FROM serves on. */
void upgrade_tell(struct master *master, const char *from, const char *why, uint64_t asked);

/* The daemon begins to stop: what is under way before the exec ends with it. */
void upgrade_stop(struct master *master);

/* Asks keeper for the edition of the stores that this build makes, unless they have it. */
void upgrade_settle_stores(struct master *master);
/* Keeper's answer. */
void upgrade_schemed(struct master *master, const struct msg_schema *answer);

/* `last_upgrade` of status; JSON null when there was none. */
json_t *upgrade_report(const struct master *master);

#endif
