/* SPDX-License-Identifier: ISC
 *
 * NAME      saved - DG-IDs that gateways chose by radio
 * PURPOSE   A gateway that comes back finds itself where it was left: by its name and the address it
 *           comes from, or else by its name alone (its address changes from day to day).
 * OWNER     ysf workers and keeper write `voice`; keeper alone writes `state`
 * CONTRACT  as clients.h; no events of its own (client.dgid with reason radio tells of it). Below
 *           edition 3 nothing is found and nothing is kept: STORE_NOT_FOUND, not remembered.
 * LIMITS    store_config.max_saved records (two for each choice); the oldest choice makes room
 */
#ifndef SHACKD_SHM_STORE_SAVED_H
#define SHACKD_SHM_STORE_SAVED_H

#include "shm/store/env.h"
#include "shm/store/schema.h"

struct saved_key {
	char name[CALL_MAX]; /* NUL-padded */
	uint8_t ip[16];	     /* all zero: from anywhere */
};

/* Is ONE the choice of the two that was made later? By their times, as far as these can be believed. */
bool saved_newer(const struct saved_record *one, const struct saved_record *other);

/* The record under exactly NAME and IP; IP NULL: the one for anywhere. */
enum store_error saved_get(struct store_txn *txn, const char *name, const uint8_t ip[16],
			   struct saved_record *record_r);

/* What counts for a gateway: the record of its own address, else the one for anywhere. */
enum store_error saved_lookup(struct store_txn *txn, const char *name, const uint8_t ip[16],
			      struct saved_record *record_r);

/* Keeps DGID for NAME from IP, and from anywhere (IP NULL: that alone). WHEN is clock_real; a newer
 * choice that is there already stays. */
enum store_error saved_put(struct store_txn *txn, const char *name, const uint8_t ip[16],
			   uint8_t dgid, uint64_t when);

/* Removes the record under exactly KEY. */
enum store_error saved_remove(struct store_txn *txn, const struct saved_key *key);

uint64_t saved_count(struct store_txn *txn);

/* Walks on from *KEY (all zero: from the start) as clients_walk does. */
typedef bool saved_visitor(const struct saved_key *key, const struct saved_record *record,
			   void *arg);
unsigned saved_walk(struct store_txn *txn, struct saved_key *key, unsigned most,
		    saved_visitor *visit, void *arg);

#endif
