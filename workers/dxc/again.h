/* SPDX-License-Identifier: ISC
 *
 * NAME      again - was this spot typed before?
 * PURPOSE   Lets the DX command say what the pipeline would do in silence.
 * OWNER     dxc workers
 * CONTRACT  looks where spots of the last minutes are: the inbox, the log of spots as far as keeper has
 *           not copied it, and the durable log. What is missed here the pipeline still drops.
 * LIMITS    AGAIN_LOG and AGAIN_HUMAN spots back
 */
#ifndef SHACKD_WORKERS_DXC_AGAIN_H
#define SHACKD_WORKERS_DXC_AGAIN_H

#include "workers/dxc/dxc.h"
#include "workers/typed.h"

#define AGAIN_LOG   10000
#define AGAIN_HUMAN 1000

struct again {
	struct typed typed;
	uint64_t newest; /* number in the log up to which was looked */
	uint64_t now;	 /* clock_mono */
	uint64_t real;	 /* clock_real */
	uint64_t copied; /* number up to which keeper has copied */
	unsigned lately; /* spots that the same user typed here within the last minute */
	bool wanted;	 /* duplicates are looked for at all */
	bool found;
};

/* Before the transaction that puts SPOT: looks the logs up. */
void again_look(struct dxc *dxc, const struct spot *spot, struct again *again_r);

/* Inside it: what came since, too. */
bool again_is(struct store_txn *txn, struct again *again);

#endif
