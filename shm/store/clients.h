/* SPDX-License-Identifier: ISC
 *
 * NAME      clients - linked gateways
 * PURPOSE   Table of the gateways that are linked, and the rules of its bounds.
 * OWNER     ysf workers and keeper write
 * CONTRACT  every call works inside the caller's transaction; a change that others must see writes
 *           its event in the same transaction. Failure is remembered in the transaction.
 * LIMITS    limits.clients, limits.clients_per_ip (the callers' rules), counted exactly
 */
#ifndef SHACKD_SHM_STORE_CLIENTS_H
#define SHACKD_SHM_STORE_CLIENTS_H

#include "shm/store/env.h"
#include "shm/store/schema.h"

enum store_error clients_get(struct store_txn *txn, const struct client_key *key,
			     struct client_record *record_r);

/* Key of the client with that id. */
enum store_error clients_by_id(struct store_txn *txn, uint32_t id, struct client_key *key_r);

/* How many there are; how many from the address of KEY, of IPv6 its /64 (counting stops at MOST). */
uint64_t clients_count(struct store_txn *txn);
uint32_t clients_count_ip(struct store_txn *txn, const struct client_key *key, uint32_t most);

/* Links a new gateway: sets RECORD's id, stores it, writes client.link. STORE_EXISTS when it is
 * linked already, STORE_LIMIT at limits.clients. Linked on another DG-ID than its home it is away
 * from there. */
enum store_error clients_link(struct store_txn *txn, const struct client_key *key,
			      struct client_record *record);

/* Removes a gateway and what it said of itself, closes its streams first, writes client.unlink with REASON. STORE_NOT_FOUND
 * when it is gone already. */
enum store_error clients_unlink(struct store_txn *txn, const struct client_key *key,
				enum event_reason reason);

/* Moves a gateway to DGID, writes client.dgid. Where it has another home it is away from there from
 * now on (away.h). */
enum store_error clients_move(struct store_txn *txn, const struct client_key *key, uint8_t dgid,
			      enum event_reason reason);

/* Makes DGID the home of a gateway that has none, to which it goes back SECONDS after its last
 * transmission, and moves it there; writes client.dgid with REASON: REASON_OPTIONS (the gateway
 * itself asked) or REASON_LISTED (the home list). STORE_EXISTS when it has a home already or its
 * DG-ID is nailed: nothing changes. */
enum store_error clients_home(struct store_txn *txn, const struct client_key *key, uint8_t dgid,
			      uint32_t seconds, enum event_reason reason);

/* Where a gateway belongs. */
struct client_place {
	uint8_t dgid; /* where it is */
	uint8_t home; /* 0: none */
	uint32_t seconds;
	unsigned flags; /* of CLIENT_PLACE */
};

/* The flags of a client that say how it got its place; CLIENT_AUX is for life. */
#define CLIENT_PLACE (CLIENT_STATIC | CLIENT_FIXED | CLIENT_OPTIONED)

/* What the record says. */
struct client_place client_place(const struct client_record *record);

/* Puts a gateway there, whatever it had. Nothing is written when nothing changes; else client.dgid
 * with REASON, even when its DG-ID stays: whoever follows looks at its home and its flags anew. */
enum store_error clients_place(struct store_txn *txn, const struct client_key *key,
			       const struct client_place *place, enum event_reason reason);

/* Notes a poll at time POLLED (never backwards) and, when PROVEN, that the gateway is no forgery.
 * No event: only times changed. */
enum store_error clients_touch(struct store_txn *txn, const struct client_key *key,
			       uint64_t polled, bool proven);

/* Walks on from *KEY (all zero: from the start), up to MOST records; the visitor returns false to
 * stop. KEY is left at the last record seen. Returns how many were seen; fewer than MOST: the
 * end. A record that fails its check is counted and left out. */
typedef bool clients_visitor(const struct client_key *key, const struct client_record *record,
			     void *arg);
unsigned clients_walk(struct store_txn *txn, struct client_key *key, unsigned most,
		      clients_visitor *visit, void *arg);

/* Takes the flags away that stores of EDITION do not know; walks as clients_walk does. */
unsigned clients_strip(struct store_txn *txn, struct client_key *key, unsigned most,
		       unsigned edition);

#endif
