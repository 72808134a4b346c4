/* SPDX-License-Identifier: ISC
 *
 * NAME      stations - callers that sent their position
 * PURPOSE   Where they were last, and when that went out to APRS-IS.
 * OWNER     link writes, keeper expires
 * CONTRACT  as clients.h, without events. Below edition 3 nothing is found and nothing is kept
 *           (STORE_NOT_FOUND, not remembered).
 * LIMITS    store_config.max_stations; who was not heard for longest makes room
 */
#ifndef SHACKD_SHM_STORE_STATIONS_H
#define SHACKD_SHM_STORE_STATIONS_H

#include "shm/store/env.h"
#include "shm/store/schema.h"

/* CALL is a base call, up to ten characters. */
enum store_error stations_get(struct store_txn *txn, const char *call,
			      struct station_record *record_r);

/* Adds or replaces. */
enum store_error stations_put(struct store_txn *txn, const char *call,
			      const struct station_record *record);

uint64_t stations_count(struct store_txn *txn);

/* Walks on from CALL ("" : from the start) as clients_walk does. */
typedef bool stations_visitor(const char *call, const struct station_record *record, void *arg);
unsigned stations_walk(struct store_txn *txn, char call[CALL_MAX], unsigned most,
		       stations_visitor *visit, void *arg);

/* Removes up to MOST stations that were not heard since BEFORE (clock_real). Returns how many. */
unsigned stations_expire(struct store_txn *txn, uint64_t before, unsigned most);

#endif
