/* SPDX-License-Identifier: ISC
 *
 * NAME      spots - the log of spots
 * PURPOSE   What the pipeline accepted, in order: the transport to the sessions (each is a cursor),
 *           and the history that SHOW/DX searches.
 * OWNER     spot appends; dxc, feed and keeper read
 * CONTRACT  numbers are 1, 2, 3 ... without a gap, never reused within a store (store_id). A reader
 *           whose next number is older than spots_oldest was lapped by exactly the difference. A
 *           record that fails its check is counted and left out.
 * LIMITS    store_config.max_spots (fewer while shm_dir is full); the oldest 32 make room in
 *           the same transaction
 */
#ifndef SHACKD_SHM_STORE_SPOTS_H
#define SHACKD_SHM_STORE_SPOTS_H

#include "shm/spot.h"
#include "shm/store/env.h"

/* Appends; gives it its number. STORE_BAD_RECORD (not remembered): it is none by its version or the
 * length of its comment. The rest is the caller's duty: what fails spot_check has a number and is
 * shown to nobody. */
enum store_error spots_append(struct store_txn *txn, const struct spot *spot, uint64_t *number_r);

/* Number of the newest and of the oldest spot; 0: there is none. */
uint64_t spots_newest(struct store_txn *txn);
uint64_t spots_oldest(struct store_txn *txn);
uint64_t spots_count(struct store_txn *txn);

enum store_error spots_get(struct store_txn *txn, uint64_t number, struct spot *spot_r);

/* False stops. The spot is valid during the call. */
typedef bool spots_visitor(uint64_t number, const struct spot *spot, void *arg);

/* Visits up to MOST spots from number FROM on (FROM included, or the first after it that is there).
 * Returns how many records were seen, damaged ones included; fewer than MOST: the end, or stopped. */
unsigned spots_each(struct store_txn *txn, uint64_t from, unsigned most, spots_visitor *visit,
		    void *arg);
/* The same backwards, newest first; FROM UINT64_MAX: from the newest on. */
unsigned spots_each_back(struct store_txn *txn, uint64_t from, unsigned most, spots_visitor *visit,
			 void *arg);

/* Bounds the log to MOST spots (0: limits.spots), so that a file that can't grow is used again
 * instead (keeper). What is over it shrinks as new ones come. */
void spots_bound(struct store_txn *txn, uint64_t most);
uint64_t spots_bounded(struct store_txn *txn);

/* ---- tails: how far the pipeline came with the ring of a feed ---- */

/* SLOT is the feed's ("feed.0"), RING_ID the ring's own (struct spotring_head). 0 of a ring that is
 * not the one that was noted. */
uint64_t tails_get(struct store_txn *txn, const char *slot, uint64_t ring_id);
void tails_put(struct store_txn *txn, const char *slot, uint64_t ring_id, uint64_t tail);

#endif
