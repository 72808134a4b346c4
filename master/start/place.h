/* SPDX-License-Identifier: ISC
 *
 * NAME      place - who we are and where we live
 * PURPOSE   User and group of the workers, the three directories, the pid file.
 * OWNER     master
 * CONTRACT  each returns false after master_why with what, where, why and what to do
 * LIMITS    none known
 */
#ifndef SHACKD_MASTER_START_PLACE_H
#define SHACKD_MASTER_START_PLACE_H

#include "master/master.h"

/* Looks up server.user and server.group. */
bool place_identity(struct master *master);

/* run_dir, shm_dir, state_dir: makes what is missing and checks what is there. */
bool place_directories(struct master *master);

/* Locks and writes the pid file; PATH NULL: RUN_DIR/shackd.pid. */
bool place_pidfile(struct master *master, const char *path);

/* Removes it. */
void place_leave(struct master *master);

#endif
