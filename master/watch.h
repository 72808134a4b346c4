/* SPDX-License-Identifier: ISC
 *
 * NAME      watch - does a worker hang?
 * PURPOSE   Judges by progress, state word and processor time instead of wall clock, so that a busy
 *           machine is not taken for a hung worker.
 * OWNER     master
 * CONTRACT  pure: what was seen is passed in, once a tick
 * LIMITS    a worker that turns its loop without doing its work looks well
 */
#ifndef SHACKD_MASTER_WATCH_H
#define SHACKD_MASTER_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/msg.h"

#define WATCH_GRACE_NS (500 * 1000000ULL) /* between ABRT and KILL */
#define WATCH_PATIENCE 10 /* times the limit, for who is starved or waits for a disk */
#define WATCH_START_NS (5 * 1000000000ULL) /* limit before READY */

/* What the master remembers of a slot's holder. Zeroed at every spawn. */
struct watch {
	uint64_t turns; /* of the last tick */
	uint64_t stale; /* ns without progress */
	uint64_t cpu;	/* processor time when progress was first missed */
	uint64_t grace; /* ns since ABRT */
	bool aborted;
	bool killed; /* nothing more can be done */
};

struct watch_sample {
	uint64_t turns; /* heartbeat; 0 for a worker before READY */
	bool hold;	/* the state word says that it holds a store's gate */
	char task;	/* state letter of the kernel: R S D T t Z X; 0: unknown */
	uint64_t cpu;	/* processor time used, ns */
};

enum watch_verdict {
	WATCH_FINE,
	WATCH_ABORT, /* hung: let it leave a core, then KILL */
	WATCH_KILL,
};

/* Does it need more than the heartbeat, that is, `task` and `cpu`? Saves reading /proc. */
bool watch_wants_more(const struct watch *watch, uint64_t turns);

/* How does it hang, after a verdict other than WATCH_FINE? */
enum msg_hang watch_hang(const struct watch *watch, const struct watch_sample *sample);

/* TICK ns have passed since the last call; LIMIT is the watchdog. */
enum watch_verdict watch_judge(struct watch *watch, const struct watch_sample *sample,
			       uint64_t tick, uint64_t limit);

/* A gate: the same holder since the same moment, seen before too, for LIMIT ns? (One look is not
 * enough: holder and moment are two words.) */
struct watch_gate {
	int32_t holder;
	uint64_t taken;
};
bool watch_gate(struct watch_gate *seen, int32_t holder, uint64_t taken, uint64_t now,
		uint64_t limit);

#endif
