/* SPDX-License-Identifier: ISC
 *
 * NAME      standin - the durable store when its disk can't be used
 * PURPOSE   A file system that became read-only, or fails, must not keep the service from running: the
 *           store is then kept in server.shm_dir, with what the disk still gives.
 * OWNER     keeper
 * CONTRACT  Said in the log and in status for as long as it lasts. When the disk works again at a start
 *           of keeper, its store is used again; blocks and saved DG-IDs follow from the voice store.
 * LIMITS    settings of users and typed spots of the time between are not carried back
 */
#ifndef SHACKD_WORKERS_STANDIN_H
#define SHACKD_WORKERS_STANDIN_H

#include "workers/run.h"

/* The durable store can't be opened, WHY says why. If that is the disk's fault, lays a copy of it where
 * memory is, unless there is one from before. False: it is something else, and may be over soon. */
bool standin_begin(struct worker *worker, const char *why);

/* It can be used: what stood in for it goes. */
void standin_end(struct worker *worker);

#endif
