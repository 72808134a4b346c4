/* SPDX-License-Identifier: ISC
 *
 * NAME      infos - what gateways say of themselves (YSFI)
 * PURPOSE   Frequencies, locator, town and type of a gateway, for people and dashboards.
 * OWNER     ysf workers write, clients.c removes
 * CONTRACT  as clients.h, without events; goes with the client. Below edition 3 nothing is found and
 *           nothing is kept (STORE_NOT_FOUND, not remembered).
 * LIMITS    as many as there are gateways
 */
#ifndef SHACKD_SHM_STORE_INFOS_H
#define SHACKD_SHM_STORE_INFOS_H

#include "shm/store/env.h"
#include "shm/store/schema.h"

enum store_error infos_get(struct store_txn *txn, const struct client_key *key,
			   struct info_record *record_r);

/* Keeps RECORD for a gateway that is linked (STORE_NOT_FOUND: it is not). Nothing is written when it
 * says nothing new. */
enum store_error infos_put(struct store_txn *txn, const struct client_key *key,
			   const struct info_record *record);

enum store_error infos_del(struct store_txn *txn, const struct client_key *key);

uint64_t infos_count(struct store_txn *txn);

#endif
