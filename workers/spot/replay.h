/* SPDX-License-Identifier: ISC
 *
 * NAME      replay - what a predecessor knew
 * PURPOSE   Shows a new pipeline the spots of the last minutes, so that it goes on where the one
 *           before ended: no duplicate passes because a process died.
 * OWNER     spot
 * CONTRACT  works in slices of a turn; nothing may be taken before it is over. Spots that people
 *           typed matter for longer than the log of a busy node reaches: the older ones come from
 *           the durable log, as far as they went through this very store.
 * LIMITS    REPLAY_SLICE spots a call
 */
#ifndef SHACKD_WORKERS_SPOT_REPLAY_H
#define SHACKD_WORKERS_SPOT_REPLAY_H

#include "shm/store/env.h"
#include "workers/spot/pipeline.h"

#define REPLAY_SLICE 20000

struct replay {
	struct pipeline *pipeline;
	struct store *spots;
	struct store *state; /* NULL: none */
	uint64_t now;	     /* clock_mono at the start */
	uint64_t next;	     /* number that is shown next */
	uint64_t first;	     /* the oldest in the log that was shown */
	uint64_t human;	     /* number in the durable log that is looked at next */
	uint64_t shown;
	bool in_log; /* what is in the log is done */
	bool over;
};

void replay_begin(struct replay *replay, struct pipeline *pipeline, struct store *spots,
		  struct store *state, uint64_t now);

/* Goes on for a slice. True: it is over. An error of a store ends it too: a duplicate may pass then,
 * but nothing is lost. */
bool replay_go_on(struct replay *replay);

#endif
