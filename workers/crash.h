/* SPDX-License-Identifier: ISC
 *
 * NAME      crash - the last words of a dying worker
 * PURPOSE   On a fault signal writes into the slot's page what happened and where, then dies of
 *           that signal as if nobody had caught it. The master tells the log, keeper keeps it in
 *           a file.
 * OWNER     every worker
 * CONTRACT  the handler runs on a stack of its own, stores and asks the kernel whether a page is
 *           mapped (mincore), what time it is, and for the signal again; it follows no pointer
 *           outside of the thread's stack: a report can't hang, nor turn one crash into another
 * LIMITS    the thread that called crash_catch has frames, others only the place; SIGKILL, and
 *           the SIGSYS of a call that the sandbox punishes, leave nothing
 */
#ifndef SHACKD_WORKERS_CRASH_H
#define SHACKD_WORKERS_CRASH_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/page.h"

/* From here on SEGV BUS ABRT FPE ILL SYS are reported into PAGE as GENERATION. To be called once,
 * before the sandbox (it reads /proc). False with errno: the worker can go on without. */
bool crash_catch(struct page *page, uint64_t generation);

/* FAULT gets the address of each fault. */
void crash_tell(void (*fault)(uintptr_t address));

/* The page goes: no reports any more. */
void crash_forget(void);

/* Memory that may be read, if it is mapped: [low, high). */
struct crash_range {
	uintptr_t low, high;
};

/* Walks frames from frame pointer FP within STACK: writes the addresses at which callers go on,
 * at most MOST, and returns how many. Pure but for the question whether a page is there. Ends at
 * the first frame pointer that is outside, unaligned, or not above the one before. */
unsigned crash_walk(uint64_t *frames_r, unsigned most, uintptr_t fp,
		    const struct crash_range *stack);

/* Looks from SP upwards through STACK for addresses in CODE that follow a call: at most MOST. */
unsigned crash_scan(uint64_t *frames_r, unsigned most, uintptr_t sp,
		    const struct crash_range *stack, const struct crash_range *code);

#endif
