/* SPDX-License-Identifier: ISC
 *
 * NAME      registers - what a stack walk must know of the processor
 * PURPOSE   Program counter, stack and frame pointer of an interrupted context, where a frame keeps
 *           its caller, and what a call looks like from behind: one block per architecture.
 * OWNER     every worker, in crash.c
 * CONTRACT  pure; safe in a signal handler
 * LIMITS    elsewhere than on x86-64 and arm64 a report has no frames but the first
 */
#ifndef SHACKD_WORKERS_REGISTERS_H
#define SHACKD_WORKERS_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

struct registers {
	uintptr_t pc;
	uintptr_t sp;
	uintptr_t fp; /* 0: this architecture's frames are not walked */
};

/* Both architectures agree: the word at the frame pointer is the caller's, the next one is where
 * the caller goes on. registers_calls(): does the code that ends before AFTER, whose first byte is
 * not above AFTER - REGISTERS_CALL_MAX, end in a call? */

#if defined(__x86_64__)

#define REGISTERS_CALL_MAX 7

static inline struct registers registers_of(const ucontext_t *context)
{
	const greg_t *all = context->uc_mcontext.gregs;

	return (struct registers){(uintptr_t)all[REG_RIP], (uintptr_t)all[REG_RSP],
				  (uintptr_t)all[REG_RBP]};
}

static inline bool registers_calls(const uint8_t *after)
{
	if (after[-5] == 0xe8) /* call to an address */
		return true;
	/* call through a register or memory: 2, 3, 4, 6 or 7 bytes by how that is addressed */
	for (int length = 2; length <= REGISTERS_CALL_MAX; length++)
		if (after[-length] == 0xff && (after[-length + 1] & 0x38) == 0x10)
			return true;
	return false;
}

#elif defined(__aarch64__)

#define REGISTERS_CALL_MAX 4

static inline struct registers registers_of(const ucontext_t *context)
{
	const mcontext_t *all = &context->uc_mcontext;

	return (struct registers){all->pc, all->sp, all->regs[29]};
}

static inline bool registers_calls(const uint8_t *after)
{
	uint32_t word;

	memcpy(&word, after - sizeof(word), sizeof(word));
	return (word & 0xfc000000U) == 0x94000000U || (word & 0xfffffc1fU) == 0xd63f0000U;
}

#else

#define REGISTERS_CALL_MAX 0

static inline struct registers registers_of(const ucontext_t *context)
{
	(void)context;
	return (struct registers){0, 0, 0};
}

static inline bool registers_calls(const uint8_t *after)
{
	(void)after;
	return false;
}

#endif

#endif
