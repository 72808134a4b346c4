/* SPDX-License-Identifier: ISC
 *
 * NAME      streams - open calls
 * PURPOSE   Who holds which DG-ID. The single writer of LMDB is the judge: of two headers that
 *           come at once, the transaction that is first opens the stream.
 * OWNER     ysf workers and keeper write
 * CONTRACT  as clients.h; stream.start and stream.end are written with the change
 * LIMITS    limits.streams, lanes 0 .. limits.streams - 1; the last quarter is not for private calls
 */
#ifndef SHACKD_SHM_STORE_STREAMS_H
#define SHACKD_SHM_STORE_STREAMS_H

#include "shm/store/env.h"
#include "shm/store/schema.h"

enum store_error streams_get(struct store_txn *txn, uint32_t key, struct stream_record *record_r);

/* Opens: gives RECORD an id and a free lane, stores it under record->key, writes stream.start (with
 * its tag and its FICH).
 * STORE_EXISTS: the key is taken. STORE_LIMIT: all lanes are. */
enum store_error streams_open(struct store_txn *txn, struct stream_record *record);

/* What the closer knows of the frames, summed over all slots. */
struct stream_totals {
	uint32_t frames;
	uint32_t lost;
	uint64_t last; /* clock_mono of the newest frame; 0: unknown */
};

/* Closes the stream under KEY if it is still the one with ID; writes stream.end (with position and
 * radio of its metas record, which goes). STORE_NOT_FOUND when it is gone or another. TOTALS may be
 * NULL. */
enum store_error streams_close(struct store_txn *txn, uint32_t key, uint32_t id,
			       enum event_reason reason, const struct stream_totals *totals);

/* Closes whatever CLIENT (id) has open. */
enum store_error streams_close_client(struct store_txn *txn, uint32_t client,
				      enum event_reason reason);

uint64_t streams_count(struct store_txn *txn);

/* All open streams, in the order of their keys. */
typedef bool streams_visitor(const struct stream_record *record, void *arg);
void streams_walk(struct store_txn *txn, streams_visitor *visit, void *arg);

/* Takes the flags away that stores of EDITION do not know. */
void streams_strip(struct store_txn *txn, unsigned edition);

#endif
