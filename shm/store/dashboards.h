/* SPDX-License-Identifier: ISC
 *
 * NAME      dashboards - subscribers of the dashboard protocol
 * PURPOSE   Who gets the messages of pYSFReflector3, kept over a death of `link`.
 * OWNER     link writes
 * CONTRACT  as clients.h, without events. Below edition 3 nothing is found and nothing is kept
 *           (STORE_NOT_FOUND, not remembered).
 * LIMITS    DASHBOARDS_MAX, the greatest limits.dashboards, to which the caller keeps
 */
#ifndef SHACKD_SHM_STORE_DASHBOARDS_H
#define SHACKD_SHM_STORE_DASHBOARDS_H

#include "shm/store/env.h"
#include "shm/store/schema.h"

#define DASHBOARDS_MAX 256

enum store_error dashboards_get(struct store_txn *txn, const struct client_key *key,
				struct dashboard_record *record_r);

/* Adds (STORE_LIMIT: nobody goes for a newcomer) or replaces. */
enum store_error dashboards_put(struct store_txn *txn, const struct client_key *key,
				const struct dashboard_record *record);

enum store_error dashboards_del(struct store_txn *txn, const struct client_key *key);

uint64_t dashboards_count(struct store_txn *txn);

/* Walks on from *KEY (all zero: from the start) as clients_walk does. */
typedef bool dashboards_visitor(const struct client_key *key,
				const struct dashboard_record *record, void *arg);
unsigned dashboards_walk(struct store_txn *txn, struct client_key *key, unsigned most,
			 dashboards_visitor *visit, void *arg);

#endif
