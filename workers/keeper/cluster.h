/* SPDX-License-Identifier: ISC
 *
 * NAME      cluster - keeper's part in the DX cluster
 * PURPOSE   The spots store in order: its room, its events, its sessions; and what must be durable
 *           of it.
 * OWNER     keeper
 * CONTRACT  keeper->cluster is NULL, and none of this runs, when there is no DX cluster
 * LIMITS    see each part
 */
#ifndef SHACKD_WORKERS_KEEPER_CLUSTER_H
#define SHACKD_WORKERS_KEEPER_CLUSTER_H

#include "shm/store/dxschema.h"
#include "workers/keeper/keeper.h"

struct moving;

/* A session that no worker held a round ago. */
struct stray {
	char call[CALL_TEXT_SIZE];
	uint64_t session;
};

struct cluster {
	struct moving *moving;
	uint64_t human;	      /* number of the last spot that was looked at for a human one */
	uint64_t human_noted; /* the same as written down in the durable store */
	struct stray stray[SLICE];
	unsigned strays;
	unsigned job; /* running in this round */
};

/* Before READY. False after worker_failed(). */
bool cluster_open(struct keeper *keeper);
void cluster_close(struct keeper *keeper);

/* The jobs of each second in turn; STEP_DONE when all are through. */
enum step cluster_round(struct keeper *keeper, uint64_t now);

/* What can be saved before the end. */
void cluster_flush(struct keeper *keeper);

/* Does the slot's table still have that session? */
bool cluster_is_held(const struct worker *worker, const struct session_record *record);

/* ---- users.c ---- */
struct moving *users_moving(void);
/* NOW 0: at once. */
enum step users_follow(struct keeper *keeper, uint64_t now);
enum step users_forget(struct keeper *keeper, uint64_t now);

/* ---- human.c ---- */
enum store_error human_start(struct keeper *keeper);
enum step human_follow(struct keeper *keeper, uint64_t now);

#endif
