/* SPDX-License-Identifier: ISC
 *
 * NAME      watch - does a worker hang?
 * PURPOSE   The decision alone; master/watchdog.c gathers what it needs and acts.
 * OWNER     master
 * CONTRACT  pure
 * LIMITS    see master/watch.h
 */
#include "master/watch.h"

bool watch_wants_more(const struct watch *watch, uint64_t turns)
{
	return watch->aborted || turns == watch->turns;
}

enum msg_hang watch_hang(const struct watch *watch, const struct watch_sample *sample)
{
	/* first what harms others */
	if (sample->hold)
		return MSG_HANG_GATE;
	if (sample->task == 'T' || sample->task == 't')
		return MSG_HANG_STOPPED;
	if (sample->task == 'R' || (sample->cpu - watch->cpu) * 2 >= watch->stale)
		return MSG_HANG_SPINNING;
	return MSG_HANG_BLOCKED;
}

enum watch_verdict watch_judge(struct watch *watch, const struct watch_sample *sample,
			       uint64_t tick, uint64_t limit)
{
	if (sample->task == 'Z' || sample->task == 'X')
		return WATCH_FINE; /* dead: that is the reaper's business */
	if (watch->aborted) {
		watch->grace += tick;
		return watch->grace >= WATCH_GRACE_NS ? WATCH_KILL : WATCH_FINE;
	}
	if (sample->turns != watch->turns) {
		watch->turns = sample->turns;
		watch->stale = 0;
		return WATCH_FINE;
	}
	if (watch->stale == 0)
		watch->cpu = sample->cpu;
	watch->stale += tick;
	if (watch->stale < limit)
		return WATCH_FINE;
	/* waits for a disk: nothing that we could send would reach it */
	if (sample->task == 'D' && watch->stale < limit * WATCH_PATIENCE)
		return WATCH_FINE;
	/* a stopped task can't dump, and one inside a store stops every writer: no grace */
	if (sample->task == 'T' || sample->task == 't' || sample->hold)
		return WATCH_KILL;
	/* wants to run and is not let; but what it had of the processor would have been enough */
	if (sample->task == 'R' && (sample->cpu - watch->cpu) * 2 < limit &&
	    watch->stale < limit * WATCH_PATIENCE)
		return WATCH_FINE;
	watch->aborted = true;
	return WATCH_ABORT;
}

bool watch_gate(struct watch_gate *seen, int32_t holder, uint64_t taken, uint64_t now,
		uint64_t limit)
{
	bool same = holder != 0 && seen->holder == holder && seen->taken == taken;

	seen->holder = holder;
	seen->taken = taken;
	return same && now > taken && now - taken >= limit;
}
