/* SPDX-License-Identifier: ISC
 *
 * NAME      twin - shackd-net, the second executable of a build
 * PURPOSE   Finds it beside the first one and makes sure that both are of one build.
 * OWNER     master
 * CONTRACT  what was looked at is what is executed: the descriptor, never the name again
 * LIMITS    NOTES_MAX bytes of ELF notes are read
 */
#ifndef SHACKD_MASTER_UPGRADE_TWIN_H
#define SHACKD_MASTER_UPGRADE_TWIN_H

#include <stdbool.h>

#include "shm/stamp.h"

#define TWIN_NAME    "shackd-net"
#define TWIN_WHY_MAX 320

/* The path of the one beside PROGRAM (absolute). False when that is too long for SIZE. */
bool twin_path(const char *program, char *path_r, unsigned size);

/* Opens the one beside PROGRAM for a daemon that begins. -1 with a sentence. */
int twin_open(const char *program, char why_r[TWIN_WHY_MAX]);

/* The stamp of the executable FD. False with errno when it has none. */
bool twin_stamp(int fd, char stamp_r[STAMP_SIZE]);
/* Are both of one build? */
bool twin_same(int fd, int other);
/* Is FD of the build that runs here? */
bool twin_is_ours(int fd);

/* Can it be started at all? Runs FD until it has told its stamp, in a child that ends with us. For
 * a process that has none else. False when it can't, or says something else; what the loader says
 * goes to standard error. */
bool twin_runs(int fd);

#endif
