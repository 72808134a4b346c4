/* SPDX-License-Identifier: ISC
 *
 * NAME      metas - what the frames of open streams told
 * PURPOSE   Call signs, radio and position of a call, so that each is told once, whoever relays it,
 *           and that stream.end can say where it came from.
 * OWNER     ysf workers write, streams.c removes
 * CONTRACT  as clients.h, without events; goes with the stream. Below edition 3 nothing is found and
 *           nothing is kept (STORE_NOT_FOUND, not remembered).
 * LIMITS    limits.streams
 */
#ifndef SHACKD_SHM_STORE_METAS_H
#define SHACKD_SHM_STORE_METAS_H

#include "shm/store/env.h"
#include "shm/store/schema.h"

/* STREAM is the id of a stream. */
enum store_error metas_get(struct store_txn *txn, uint32_t stream, struct meta_record *record_r);

/* Adds or replaces the record of record->stream, which is open as KEY says (STORE_NOT_FOUND: it is
 * not, or another is). */
enum store_error metas_put(struct store_txn *txn, uint32_t key, const struct meta_record *record);

enum store_error metas_del(struct store_txn *txn, uint32_t stream);

uint64_t metas_count(struct store_txn *txn);

/* Empties the table when no stream is open: what is left then is of streams whose records were
 * damaged. Returns how many went. */
uint64_t metas_tidy(struct store_txn *txn);

#endif
