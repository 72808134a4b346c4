/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_steps - stopping a traced process at an instruction of one's choice
 * PURPOSE   see lib_steps.h
 * OWNER     tests/fault/writer_kill
 * CONTRACT  see lib_steps.h
 * LIMITS    see lib_steps.h
 */
#include "tests/fault/lib_steps.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#if defined(__x86_64__)
typedef struct user_regs_struct steps_regs;
#define STEPS_AT   offsetof(steps_regs, rip)
#define STEPS_TRAP 0xccUL /* int3: one byte, and the counter stands behind it */
#define STEPS_MASK 0xffUL
#elif defined(__aarch64__)
typedef struct user_regs_struct steps_regs;
#define STEPS_AT   offsetof(steps_regs, pc)
#define STEPS_TRAP 0xd4200000UL /* brk #0: the counter stays */
#define STEPS_MASK 0xffffffffUL
#else
typedef struct {
	uint64_t word[64];
} steps_regs;
#define STEPS_AT   0
#define STEPS_TRAP 0UL
#define STEPS_MASK 0UL
#endif

static bool steps_registers(pid_t pid, int request, steps_regs *regs)
{
	struct iovec iov = {regs, sizeof(*regs)};

	/* NT_PRSTATUS is a number in the place of an address */
	return STEPS_MASK != 0 && ptrace(request, pid, (void *)NT_PRSTATUS, &iov) == 0;
}

bool steps_place(pid_t pid, uint64_t *place_r)
{
	steps_regs regs = {0};

	if (!steps_registers(pid, PTRACE_GETREGSET, &regs))
		return false;
	memcpy(place_r, (const char *)&regs + STEPS_AT, sizeof(*place_r));
	return true;
}

bool steps_plant(pid_t pid, uint64_t place, struct steps_break *break_r)
{
	errno = 0;
	break_r->place = place;
	break_r->saved = ptrace(PTRACE_PEEKTEXT, pid, (void *)place, NULL);
	if (errno != 0)
		return false;
	return ptrace(PTRACE_POKETEXT, pid, (void *)place,
		      (void *)(((unsigned long)break_r->saved & ~STEPS_MASK) | STEPS_TRAP)) == 0;
}

bool steps_lift(pid_t pid, const struct steps_break *at)
{
	steps_regs regs = {0};

	if (ptrace(PTRACE_POKETEXT, pid, (void *)at->place, (void *)at->saved) == -1 ||
	    !steps_registers(pid, PTRACE_GETREGSET, &regs))
		return false;
	memcpy((char *)&regs + STEPS_AT, &at->place, sizeof(at->place));
	return steps_registers(pid, PTRACE_SETREGSET, &regs);
}
