/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_steps - stopping a traced process at an instruction of one's choice
 * PURPOSE   the few words of ptrace that depend on the processor
 * OWNER     tests/fault/writer_kill
 * CONTRACT  the process is stopped under ptrace by its caller; false when something can't be done
 *           there (an address of the kernel's own page, a processor that we don't know)
 * LIMITS    x86-64 and aarch64; one breakpoint at a time
 */
#ifndef SHACKD_TESTS_FAULT_LIB_STEPS_H
#define SHACKD_TESTS_FAULT_LIB_STEPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct steps_break {
	uint64_t place;
	long saved; /* the word that was there */
};

/* The address of the next instruction. */
bool steps_place(pid_t pid, uint64_t *place_r);

bool steps_plant(pid_t pid, uint64_t place, struct steps_break *break_r);

/* The breakpoint was hit: puts the instruction back, so that it is the next to be executed. */
bool steps_lift(pid_t pid, const struct steps_break *at);

#endif
