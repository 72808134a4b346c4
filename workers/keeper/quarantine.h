/* SPDX-License-Identifier: ISC
 *
 * NAME      quarantine - datagrams that crashed workers, and the reports of those crashes
 * PURPOSE   Moves what workers put aside in shared memory to disk, writes crash reports there,
 *           and shows both to the operator.
 * OWNER     keeper
 * CONTRACT  a worker must not wait for a disk: it leaves a file in server.shm_dir/quarantine,
 *           keeper carries it to server.state_dir/quarantine in its next round
 * LIMITS    QUARANTINE_FILES datagrams, CRASH_FILES reports; the oldest makes room and is
 *           counted
 */
#ifndef SHACKD_WORKERS_KEEPER_QUARANTINE_H
#define SHACKD_WORKERS_KEEPER_QUARANTINE_H

#include "shm/msg.h"
#include "workers/keeper/keeper.h"

#define QUARANTINE_FILES 64
#define CRASH_FILES	 32

/* A job of each second: carries what is new. NOW is unused. */
enum step quarantine_collect(struct keeper *keeper, uint64_t now);

/* MSG_CRASH: writes state_dir/crash/SLOT-GENERATION.txt. */
void quarantine_crash(struct keeper *keeper, const struct msg *msg);

/* Where the head of a file of LENGTH bytes ends and its datagram begins: after the first empty
 * line. LENGTH when there is none. Pure. */
size_t quarantine_body(const char *data, size_t length);

#endif
