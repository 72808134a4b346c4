/* SPDX-License-Identifier: ISC
 *
 * NAME      heir - the next holder of a slot, made ready while the present one serves
 * PURPOSE   A planned replacement (upgrade) without a pause longer than the change itself.
 * OWNER     master
 * CONTRACT  one heir a slot; it has GO only after the holder's death, so that a slot has one owner
 *           at any instant. What becomes of it is told by heir->tell.
 * LIMITS    none known
 */
#ifndef SHACKD_MASTER_UPGRADE_HEIR_H
#define SHACKD_MASTER_UPGRADE_HEIR_H

#include "master/master.h"

/* Starts one. TELL is called when it is READY, and when it dies before it inherits (it is gone by
 * then, heir.failed says why). False with errno when no process can be made. */
bool heir_spawn(struct slot *slot, void (*tell)(struct slot *slot, enum heir_news news));

/* The holder is gone: the heir takes its place and gets GO; if it isn't READY yet, it does so when
 * it is. False when there is none. */
bool heir_inherit(struct slot *slot);

/* Sends what waits for it. */
void heir_flush(struct slot *slot);

static inline bool heir_there(const struct slot *slot)
{
	return slot->heir.pid != 0;
}

#endif
