/* SPDX-License-Identifier: ISC
 *
 * NAME      ptts - the last transmissions of each caller
 * PURPOSE   Tells who presses the PTT too often (wild PTT).
 * OWNER     ysf workers and keeper write
 * CONTRACT  as clients.h, without events; within the transaction that opens the stream. Below
 *           edition 3 nothing is counted (STORE_NOT_FOUND, not remembered, and a count of 0).
 * LIMITS    store_config.max_ptts callers, who was silent longest makes room; PTT_STARTS each
 */
#ifndef SHACKD_SHM_STORE_PTTS_H
#define SHACKD_SHM_STORE_PTTS_H

#include "shm/store/env.h"
#include "shm/store/schema.h"

/* Adds a transmission of the base call CALL at NOW (clock_mono). COUNT_R: how many there were not
 * longer than WINDOW_NS ago, this one included, at most PTT_STARTS. */
enum store_error ptts_add(struct store_txn *txn, const char *call, uint64_t now,
			  uint64_t window_ns, unsigned *count_r);

enum store_error ptts_get(struct store_txn *txn, const char *call, struct ptt_record *record_r);

/* Forgets what CALL did: STORE_NOT_FOUND when that is nothing. */
enum store_error ptts_remove(struct store_txn *txn, const char *call);

uint64_t ptts_count(struct store_txn *txn);

/* Removes up to MOST callers whose last transmission began before BEFORE (clock_mono). Returns how
 * many. */
unsigned ptts_expire(struct store_txn *txn, uint64_t before, unsigned most);

#endif
