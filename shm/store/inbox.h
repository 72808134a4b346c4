/* SPDX-License-Identifier: ISC
 *
 * NAME      inbox - spots that users of ours typed, on their way to the pipeline
 * PURPOSE   A dxc worker leaves them here, in the transaction that says that the line was acted
 *           upon; spot takes them out in the transaction that appends them to the log.
 * OWNER     dxc puts, spot takes
 * CONTRACT  as clients.h; dx.local is written with the put
 * LIMITS    INBOX_MAX; no newcomer pushes another out: STORE_LIMIT
 */
#ifndef SHACKD_SHM_STORE_INBOX_H
#define SHACKD_SHM_STORE_INBOX_H

#include "shm/spot.h"
#include "shm/store/env.h"

#define INBOX_MAX 1000

/* Adds the spot of the line that ends at OFFSET of SESSION (spot->session is set to it).
 * STORE_EXISTS: that line's spot is there already; nothing changes. */
enum store_error inbox_put(struct store_txn *txn, uint64_t session, uint64_t offset,
			   const struct spot *spot);

uint64_t inbox_count(struct store_txn *txn);

/* Visits up to MOST of them, by session and offset; false stops. The visitor must not change the
 * table: what is to go is remembered and removed afterwards. Returns how many were seen. */
typedef bool inbox_visitor(uint64_t session, uint64_t offset, const struct spot *spot, void *arg);
unsigned inbox_each(struct store_txn *txn, unsigned most, inbox_visitor *visit, void *arg);

enum store_error inbox_del(struct store_txn *txn, uint64_t session, uint64_t offset);

/* Removes records that fail their check (in a write; spot, now and then). Returns how many. */
unsigned inbox_clean(struct store_txn *txn);

#endif
