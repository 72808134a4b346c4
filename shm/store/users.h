/* SPDX-License-Identifier: ISC
 *
 * NAME      users - what users have set, and their filters
 * PURPOSE   Changes go into the volatile spots store at once; keeper moves them into the durable
 *           store every two seconds. Whoever reads looks at both.
 * OWNER     dxc workers and keeper write the spots store; keeper alone writes the durable one
 * CONTRACT  as clients.h. Of a reading pair the transaction of the spots store is begun first: what
 *           is not there any more was in the durable store before. store_generations.access of the
 *           spots store grows with each change. A call is normalised, with its SSID.
 * LIMITS    USERS_FRESH_MAX waiting for keeper: STORE_LIMIT; durable: store_config.max_users, the
 *           one that was away longest makes room
 */
#ifndef SHACKD_SHM_STORE_USERS_H
#define SHACKD_SHM_STORE_USERS_H

#include "shm/store/dxschema.h"
#include "shm/store/env.h"

#define USERS_FRESH_MAX 10000

/* The record of exactly CALL. STATE may be NULL. STORE_BAD_RECORD: there is one, but damaged: go on
 * with user_record_blank (keeper keeps the damaged one aside when the new one comes). */
enum store_error users_get(struct store_txn *spots, struct store_txn *state, const char *call,
			   struct user_record *record_r);

/* The same, and when there is none that of the base call. FOUND_R (may be NULL) gets the call whose
 * record it is. */
enum store_error users_lookup(struct store_txn *spots, struct store_txn *state, const char *call,
			      struct user_record *record_r, char found_r[CALL_TEXT_SIZE]);

/* users_lookup in transactions of its own. */
enum store_error users_read(struct store *spots, struct store *state, const char *call,
			    struct user_record *record_r, char found_r[CALL_TEXT_SIZE]);

/* Adds or replaces; sets record's `changed`. In the spots store, or (keeper) the durable one. */
enum store_error users_put(struct store_txn *txn, const char *call,
			   const struct user_record *record);

/* The stored filter of exactly CALL: up to FILTER_BYTES_MAX bytes at BYTES_R. */
enum store_error filters_get(struct store_txn *spots, struct store_txn *state, const char *call,
			     void *bytes_r, size_t *length_r);
enum store_error filters_put(struct store_txn *txn, const char *call, const void *bytes,
			     size_t length);

/* Of the store of TXN alone. */
uint64_t users_count(struct store_txn *txn);
uint64_t filters_count(struct store_txn *txn);
typedef bool users_visitor(const char *call, const struct user_record *record, void *arg);
unsigned users_walk(struct store_txn *txn, char call[CALL_TEXT_SIZE], unsigned most,
		    users_visitor *visit, void *arg);
typedef bool filters_visitor(const char *call, const void *bytes, size_t length, void *arg);
unsigned filters_walk(struct store_txn *txn, char call[CALL_TEXT_SIZE], unsigned most,
		      filters_visitor *visit, void *arg);

/* ---- keeper ---- */

/* Removes from the spots store what is still exactly RECORD, or LENGTH bytes at BYTES: it was moved. */
void users_moved(struct store_txn *txn, const char *call, const struct user_record *record);
void filters_moved(struct store_txn *txn, const char *call, const void *bytes, size_t length);

/* Removes up to MOST users of the durable store, and their filters, whose last login was before
 * BEFORE (clock_real). Returns how many. */
unsigned users_expire(struct store_txn *txn, uint64_t before, unsigned most);

/* If the durable record of CALL is damaged: keeps its bytes aside (USERS_ASIDE_MAX of them, the
 * oldest makes room), and removes it. True: it did. */
#define USERS_ASIDE_MAX 100
bool users_set_aside(struct store_txn *txn, const char *call);
uint64_t users_aside(struct store_txn *txn);

#endif
