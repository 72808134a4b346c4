/* SPDX-License-Identifier: ISC
 *
 * NAME      events - the log of what changed (outbox)
 * PURPOSE   A change and the event that tells of it are written in one transaction; caches,
 *           dashboards and the durable store follow the log from cursors of their own.
 * OWNER     every writer appends; every process may follow
 * CONTRACT  numbers grow by one and are never reused within a store (store_id); a follower whose
 *           number is older than the oldest event was lapped and must read the state itself anew
 * LIMITS    limits.events; the oldest makes room in the same transaction
 */
#ifndef SHACKD_SHM_STORE_EVENTS_H
#define SHACKD_SHM_STORE_EVENTS_H

#include "shm/store/env.h"
#include "shm/store/schema.h"

/* Appends; fills time, slot and generation from the store's configuration when they are empty. What
 * the edition of the store does not know is not told: the event, its reason, its flags. */
enum store_error events_append(struct store_txn *txn, struct event_record *event);

/* Number of the newest event, 0: none ever. */
uint64_t events_newest(struct store_txn *txn);
/* Number of the oldest event kept, 0: none. */
uint64_t events_oldest(struct store_txn *txn);

/* Visits up to MOST events after number *CURSOR, oldest first, and moves it. Returns how many;
 * sets LAPPED_R when events after *CURSOR are gone (nothing is visited then). */
typedef void events_visitor(uint64_t number, const struct event_record *event, void *arg);
unsigned events_follow(struct store_txn *txn, uint64_t *cursor, unsigned most, bool *lapped_r,
		       events_visitor *visit, void *arg);

/* Visits up to MOST events after number *CURSOR, whatever was lapped, and moves it. Returns how many. */
unsigned events_walk(struct store_txn *txn, uint64_t *cursor, unsigned most, events_visitor *visit,
		     void *arg);
/* The oldest edition that knows all that is in EVENT. */
unsigned event_edition(const struct event_record *event);

/* Takes one out of the log. */
enum store_error events_remove(struct store_txn *txn, uint64_t number);

/* Removes up to MOST events older than BEFORE (clock_real). Returns how many. */
unsigned events_expire(struct store_txn *txn, uint64_t before, unsigned most);

#endif
