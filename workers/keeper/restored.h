/* SPDX-License-Identifier: ISC
 *
 * NAME      restored - another durable store takes the place of the one in use
 * PURPOSE   The exchange, and what is in force after it: what the backup says.
 * OWNER     keeper
 * CONTRACT  A store that comes from a backup says so (META_RESTORED) until the volatile stores agree
 *           with it; a keeper that dies on the way leaves the rest to its successor, which begins
 *           anew. Gateways that are linked stay where they are.
 * LIMITS    a block that is set within the moment of the exchange may be taken for one of before
 */
#ifndef SHACKD_WORKERS_KEEPER_RESTORED_H
#define SHACKD_WORKERS_KEEPER_RESTORED_H

#include "workers/keeper/keeper.h"

/* Puts the store that an aide left into its place and opens it. KEEP: the former one becomes
 * state.old. False: WHY_R says why not; keeper goes on with the former one, or leaves. */
bool restored_exchange(struct keeper *keeper, bool keep, char *why_r, size_t size);

/* Looks whether the durable store comes from a backup; before READY, and after an exchange. */
enum store_error restored_look(struct keeper *keeper);

/* Is there still something to do? */
bool restored_pending(const struct keeper *keeper);

/* One slice of it. */
enum step restored_step(struct keeper *keeper, uint64_t now);

/* All of it, waiting for gates: before READY. */
enum store_error restored_all(struct keeper *keeper);

#endif
