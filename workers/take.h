/* SPDX-License-Identifier: ISC
 *
 * NAME      take - what a worker gets from the master before it starts
 * PURPOSE   Reads MSG_FD after MSG_FD from the control socket until MSG_START, and puts each
 *           descriptor where its role says.
 * OWNER     every worker, first step of worker_main
 * CONTRACT  a descriptor that nobody wants, an index out of range, or a page that can't be mapped
 *           ends the start: a worker with half of its things must not serve
 * LIMITS    TAKE_SECONDS from begin to MSG_START
 */
#ifndef SHACKD_WORKERS_TAKE_H
#define SHACKD_WORKERS_TAKE_H

#include "workers/run.h"

#define TAKE_SECONDS 5

/* Fills WORKER (prepared by take_init) and START_R. Returns 1; 0 when the master is gone; -1 with a
 * sentence in ERROR_R. */
int take_all(struct worker *worker, struct msg_start *start_r, char error_r[256]);

/* An empty worker: no descriptors. */
void take_init(struct worker *worker);

/* A page or doorbell of another slot: FD_PEER_PAGE, FD_PAGE_OF_SLOT, FD_PEER_BELL. Sets *FD to -1
 * when it was kept itself. False when it can't be used. */
bool take_peer(struct worker *worker, const struct msg_fd *what, int *fd);

/* A compiled list, FD_LIST: takes the place of the one that came before. Sets *FD to -1 when it was
 * kept. False when it can't be used. */
bool take_list(struct worker *worker, const struct msg_fd *what, int *fd);

/* What follows the spots store, before START or after it: FD_SPOT_BELL, which takes the place of the
 * one that SLOT had, and FD_SPOTRING, which takes the place of the feed's former one. Sets *FD to -1
 * when it was kept. False when it can't be used. */
bool take_spots(struct worker *worker, const struct msg_fd *what, int *fd);

/* Unmaps and closes all of it. */
void take_undo(struct worker *worker);

#endif
