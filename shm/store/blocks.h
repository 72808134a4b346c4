/* SPDX-License-Identifier: ISC
 *
 * NAME      blocks - callers that may not transmit for a time
 * PURPOSE   Blocks by transmission timeout and by the operator, in the volatile store (where
 *           workers look) and in the durable one (from which keeper fills the other).
 * OWNER     ysf workers and keeper write `voice`; keeper alone writes `state`
 * CONTRACT  as clients.h; on the voice store block.add and block.remove are written with the change
 * LIMITS    limits.scheduled_tasks; the block that ends first makes room (counted, and its event), one
 *           of an operator only for another of his: STORE_LIMIT
 */
#ifndef SHACKD_SHM_STORE_BLOCKS_H
#define SHACKD_SHM_STORE_BLOCKS_H

#include "shm/store/env.h"
#include "shm/store/schema.h"

/* CALL is a base call, up to ten characters. */
enum store_error blocks_get(struct store_txn *txn, const char *call, struct block_record *record_r);

/* Adds or replaces. On the voice store with its event. */
enum store_error blocks_add(struct store_txn *txn, const char *call,
			    const struct block_record *record);

/* Removes. STORE_NOT_FOUND when there is none. */
enum store_error blocks_remove(struct store_txn *txn, const char *call);

uint64_t blocks_count(struct store_txn *txn);

/* Walks on from CALL ("" : from the start) as clients_walk does. */
typedef bool blocks_visitor(const char *call, const struct block_record *record, void *arg);
unsigned blocks_walk(struct store_txn *txn, char call[CALL_MAX], unsigned most,
		     blocks_visitor *visit, void *arg);

#endif
