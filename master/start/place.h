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

/* run_dir: makes what is missing and checks what is there. */
bool place_run_dir(struct master *master);

/* Locks and writes the pid file; PATH NULL: RUN_DIR/shackd.pid. Of two daemons that start at once here,
 * one goes on. */
bool place_pidfile(struct master *master, const char *path);

/* Ends what a dead daemon of this run_dir left behind, and waits until it is gone. Holds up a start
 * for 2 s at most. */
bool place_clear(struct master *master);

/* Nobody else serves run_dir, by another pid file: its control socket would be taken from under it. */
bool place_alone(struct master *master);

/* Is PID a process of a shackd, and not about to end? */
bool place_lives(pid_t pid);

/* shm_dir and state_dir, locked for life: no two daemons share a store. */
bool place_stores(struct master *master);

/* What an operator can do about the error of the system that the sentence WHY ends with; NULL: nothing
 * that is always right. */
const char *place_hint(const char *why);

/* Removes it. */
void place_leave(struct master *master);

#endif
