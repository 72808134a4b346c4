/* SPDX-License-Identifier: ISC
 *
 * NAME      gate - the lock in front of a store's writer
 * PURPOSE   A robust process-shared mutex in memory that the master holds, so that no event loop
 *           ever waits inside LMDB and a dead holder is noticed by the next.
 * OWNER     made by the master (no LMDB needed), taken by every writer through shm/store/env
 * CONTRACT  gate_try never waits; whoever got it gives it back with gate_leave or dies with it
 * LIMITS    none known
 */
#ifndef SHACKD_SHM_GATE_H
#define SHACKD_SHM_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#define GATE_MAGIC 0x53484b47U

/* What is known of the file behind the gate. */
enum gate_trust {
	GATE_UNKNOWN = 0, /* nobody has looked at it since this gate was made */
	GATE_TRUSTED = 1, /* it was whole when keeper opened it */
	GATE_DOUBTED = 2, /* a process met what can't be in a store */
};

struct gate {
	uint32_t magic;
	_Atomic uint32_t trust; /* enum gate_trust */
	pthread_mutex_t mutex;
	_Atomic int32_t holder;	    /* pid, 0: free; for people and the watchdog */
	_Atomic uint16_t pardons;   /* times in a row that it was doubted, and was whole */
	_Atomic uint16_t pardoned;  /* when that was last, in minutes of clock_mono */
	_Atomic uint64_t taken;	    /* clock_mono */
	_Atomic uint64_t recovered; /* times a holder died with it */
};

/* Makes the memfd of a gate. -1 with errno. */
int gate_create(const char *name);

/* Maps a gate; NULL with errno. */
struct gate *gate_map(int fd);
void gate_unmap(struct gate **gate);

enum gate_result {
	GATE_TAKEN,
	GATE_RECOVERED, /* taken, and its last holder died inside */
	GATE_BUSY,
	GATE_BROKEN, /* can't ever be taken again: end the process and say so */
};

enum gate_result gate_try(struct gate *gate);
void gate_leave(struct gate *gate);

#endif
