/* SPDX-License-Identifier: ISC
 *
 * NAME      human - the durable log of spots that people typed
 * PURPOSE   SHOW/DX finds them when the log of spots has long forgotten them, and after a restart.
 * OWNER     keeper writes; dxc reads
 * CONTRACT  numbers of its own, 1, 2, 3 ... An entry says which number it had in which spots store:
 *           what is still in the log of the present one (same store, number not below
 *           spots_oldest) is in both. `arrived` is of the boot that it came in: count by
 *           `arrived_real` and `time`.
 * LIMITS    store_config.max_human; the oldest makes room
 */
#ifndef SHACKD_SHM_STORE_HUMAN_H
#define SHACKD_SHM_STORE_HUMAN_H

#include "shm/spot.h"
#include "shm/store/env.h"

/* Where a spot was in a log of spots. */
struct human_origin {
	uint64_t store; /* store_id */
	uint64_t number;
};

/* A copy of the newest one that is in already is left out. */
enum store_error human_append(struct store_txn *txn, const struct human_origin *origin,
			      const struct spot *spot);

uint64_t human_newest(struct store_txn *txn);
uint64_t human_count(struct store_txn *txn);

/* Visits up to MOST from number FROM on, newest first (UINT64_MAX: from the newest); false stops. */
typedef bool human_visitor(uint64_t number, const struct human_origin *origin,
			   const struct spot *spot, void *arg);
unsigned human_each_back(struct store_txn *txn, uint64_t from, unsigned most, human_visitor *visit,
			 void *arg);

/* How far keeper came with the log of spots: in the transaction of the appends. */
void human_note(struct store_txn *txn, const struct human_origin *upto);
void human_noted(struct store_txn *txn, struct human_origin *upto_r);

#endif
