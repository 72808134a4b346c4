/* SPDX-License-Identifier: ISC
 *
 * NAME      away - gateways that are not on their home DG-ID
 * PURPOSE   Who has to be sent home one day, so that keeper need not look at all gateways.
 * OWNER     ysf workers and keeper write
 * CONTRACT  kept by clients.c: a gateway is entered when it leaves its home, and removed when it is
 *           back, has none, or is unlinked. Below edition 3 nothing is found and nothing is kept
 *           (STORE_NOT_FOUND, not remembered).
 * LIMITS    as many as there are gateways
 */
#ifndef SHACKD_SHM_STORE_AWAY_H
#define SHACKD_SHM_STORE_AWAY_H

#include "shm/store/env.h"
#include "shm/store/schema.h"

enum store_error away_get(struct store_txn *txn, const struct client_key *key,
			  struct away_record *record_r);

/* Enters the gateway with the id CLIENT; HEARD is clock_mono. */
enum store_error away_put(struct store_txn *txn, const struct client_key *key, uint32_t client,
			  uint64_t heard);

/* Notes a frame of the gateway at HEARD (clock_mono; never backwards). STORE_NOT_FOUND: it is not
 * away. */
enum store_error away_heard(struct store_txn *txn, const struct client_key *key, uint64_t heard);

/* STORE_NOT_FOUND when it is not there. */
enum store_error away_del(struct store_txn *txn, const struct client_key *key);

uint64_t away_count(struct store_txn *txn);

/* Walks on from *KEY (all zero: from the start) as clients_walk does. */
typedef bool away_visitor(const struct client_key *key, const struct away_record *record,
			  void *arg);
unsigned away_walk(struct store_txn *txn, struct client_key *key, unsigned most,
		   away_visitor *visit, void *arg);

#endif
