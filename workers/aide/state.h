/* SPDX-License-Identifier: ISC
 *
 * NAME      state (aide) - copies of the durable store
 * PURPOSE   The long part of backup, restore and compact.
 * OWNER     aide
 * CONTRACT  One at a time: a file beside the store is locked meanwhile. The store in use is only read;
 *           what is to take its place lies in ERRAND_STORE, complete, checked and on the disk, when the
 *           answer is good, and not at all when it is not.
 * LIMITS    LOCK_SECONDS for another one to end
 */
#ifndef SHACKD_WORKERS_AIDE_STATE_H
#define SHACKD_WORKERS_AIDE_STATE_H

#include <stdbool.h>

#include "shm/conf.h"

/* Is TASK (enum msg_aide_task) one of ours? */
bool state_knows(unsigned task);

/* Does TASK for the one at the other end of SOCKET. False: there was nobody to answer. */
bool state_serve(unsigned task, int socket, const struct conf *conf);

#endif
