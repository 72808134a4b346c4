/* SPDX-License-Identifier: ISC
 *
 * NAME      test_crash - tests of the last words of a dying worker
 * PURPOSE   The walk over hostile stacks in memory of our own, and real deaths of forked
 *           children: a wild pointer, a stack pointer that leads nowhere, a stack that is used
 *           up.
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    the walk of real frames is for x86-64 and arm64
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workers/crash.h"
#include "workers/registers.h"

#define WORD sizeof(uintptr_t)

/* A stack of WORDS words, and the range that it is. */
#define WORDS 64
static uintptr_t memory[WORDS] __attribute__((aligned(16)));

static struct crash_range whole(void)
{
	memset(memory, 0, sizeof(memory));
	return (struct crash_range){(uintptr_t)memory, (uintptr_t)(memory + WORDS)};
}

static void frame(unsigned at, unsigned caller, uintptr_t back)
{
	memory[at] = (uintptr_t)&memory[caller];
	memory[at + 1] = back;
}

/* ---- the walk ---- */

static void walks_a_chain(void **state)
{
	struct crash_range stack = whole();
	uint64_t frames[8];

	(void)state;
	frame(0, 10, 0x1111);
	frame(10, 20, 0x2222);
	frame(20, 0, 0x3333); /* back to the beginning: the end */
	assert_int_equal(crash_walk(frames, 8, (uintptr_t)&memory[0], &stack), 3);
	assert_int_equal(frames[0], 0x1111);
	assert_int_equal(frames[1], 0x2222);
	assert_int_equal(frames[2], 0x3333);
	assert_int_equal(crash_walk(frames, 2, (uintptr_t)&memory[0], &stack), 2);
	assert_int_equal(crash_walk(frames, 0, (uintptr_t)&memory[0], &stack), 0);
}

static void does_not_go_round(void **state)
{
	struct crash_range stack = whole();
	uint64_t frames[8];

	(void)state;
	frame(0, 0, 0x1111);
	assert_int_equal(crash_walk(frames, 8, (uintptr_t)&memory[0], &stack), 1);
	frame(0, 10, 0x1111);
	frame(10, 4, 0x2222);
	assert_int_equal(crash_walk(frames, 8, (uintptr_t)&memory[0], &stack), 2);
}

static void stays_inside(void **state)
{
	struct crash_range stack = whole();
	uint64_t frames[8];
	const uintptr_t hostile[] = {
		0,
		1,
		stack.low - WORD,
		stack.low - 1,
		stack.low + 1,
		stack.high,
		stack.high - WORD,
		stack.high + WORD,
		UINTPTR_MAX,
		UINTPTR_MAX - WORD + 1,
		(uintptr_t)1 << 63,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		assert_int_equal(crash_walk(frames, 8, hostile[i], &stack), 0);
		memory[0] = hostile[i];
		memory[1] = 0x1111;
		assert_int_equal(crash_walk(frames, 8, (uintptr_t)&memory[0], &stack), 1);
	}
}

static void stops_at_a_hole(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t *room =
		mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct crash_range stack = {(uintptr_t)room, (uintptr_t)room + 3 * page};
	uint64_t frames[8];

	(void)state;
	assert_ptr_not_equal(room, MAP_FAILED);
	munmap((uint8_t *)room + page, page);
	room[0] = (uintptr_t)room + page; /* in the bounds, and not there */
	room[1] = 0x1111;
	assert_int_equal(crash_walk(frames, 8, (uintptr_t)room, &stack), 1);
	/* a frame half of which is there */
	room[0] = (uintptr_t)room + page - WORD;
	assert_int_equal(crash_walk(frames, 8, (uintptr_t)room, &stack), 1);
	assert_int_equal(crash_scan(frames, 8, (uintptr_t)room + page, &stack, &stack), 0);
	munmap(room, page);
	munmap((uint8_t *)room + 2 * page, page);
}

/* ---- the scan ---- */

__attribute__((noinline)) static uintptr_t where_i_return(void)
{
	return (uintptr_t)__builtin_return_address(0);
}

static void finds_what_follows_a_call(void **state)
{
	struct crash_range stack = whole();
	uintptr_t back = where_i_return();
	struct crash_range code = {back - 4096, back + 4096};
	uint64_t frames[8];

	(void)state;
	if (REGISTERS_CALL_MAX == 0)
		skip();
	memory[3] = back;
	memory[5] = back + 8192;		   /* no code */
	memory[7] = (uintptr_t)where_i_return + 1; /* code, but no call before it */
	memory[9] = back;
	assert_int_equal(crash_scan(frames, 8, stack.low + 1, &stack, &code), 2);
	assert_int_equal(frames[0], back);
	assert_int_equal(crash_scan(frames, 1, stack.low, &stack, &code), 1);
	assert_int_equal(crash_scan(frames, 8, stack.high, &stack, &code), 0);
	assert_int_equal(crash_scan(frames, 8, 0, &stack, &code), 0);
}

/* ---- real deaths ---- */

__attribute__((noinline)) static void use_wild_pointer(void)
{
	*(volatile int *)0x1230 = 1;
}

__attribute__((noinline)) static unsigned use_up_stack(volatile unsigned *depth)
{
	volatile unsigned here[256];

	here[0] = *depth + 1;
	return here[0] == 0 ? 0 : use_up_stack(here) + here[0];
}

static void lose_stack(void)
{
#if defined(__x86_64__)
	__asm__ volatile("movq $0x10, %rsp; movq $0x18, %rbp; pushq %rax");
#else
	use_wild_pointer();
#endif
}

static void abort_now(void)
{
	abort();
}

static void raise_bus(void)
{
	raise(SIGBUS);
}

static void exhaust(void)
{
	volatile unsigned depth = 0;

	use_up_stack(&depth);
}

/* A child that catches and then dies of WHAT; its page. */
static const struct page *death_of(void (*what)(void), int expected)
{
	int fd = page_create("ysf.0", 0), status;
	struct page *page = page_map(fd);
	struct rlimit no_core = {0, 0};
	pid_t pid;

	assert_non_null(page);
	close(fd);
	pid = fork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		page_set_state(page, PAGE_BUSY);
		if (!crash_catch(page, 7))
			_exit(99);
		what();
		_exit(98);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), expected);
	assert_int_equal(page->crash.done, 7);
	assert_int_equal(page->crash.signal, expected);
	assert_int_equal(page->crash.pid, pid);
	assert_int_equal(page->crash.doing, PAGE_BUSY);
	assert_int_equal(page->crash.build_length, 20);
	assert_true(page->crash.modules > 1);
	assert_true(page->crash.when > 0);
	return page;
}

static bool is_in(const struct page_crash *crash, unsigned from, uintptr_t function, size_t size)
{
	for (unsigned i = from; i < crash->frames; i++)
		if (crash->frame[i] >= function && crash->frame[i] < function + size)
			return true;
	return false;
}

static void wild_pointer_is_reported(void **state)
{
	const struct page *page = death_of(use_wild_pointer, SIGSEGV);
	const struct page_crash *crash = &page->crash;

	(void)state;
	assert_int_equal(crash->address, 0x1230);
	assert_int_equal(crash->sender, 0);
	assert_true(crash->frame[0] >= (uintptr_t)use_wild_pointer &&
		    crash->frame[0] < (uintptr_t)use_wild_pointer + 64);
	assert_true(crash->frame[0] >= crash->module[0].base &&
		    crash->frame[0] < crash->module[0].end);
	if (REGISTERS_CALL_MAX > 0)
		assert_true(is_in(crash, 1, (uintptr_t)death_of, 4096));
	page_unmap(&page);
}

static void abort_is_reported(void **state)
{
	const struct page *page = death_of(abort_now, SIGABRT);

	(void)state;
	/* the place is in libc: who called is found on the stack */
	if (REGISTERS_CALL_MAX > 0)
		assert_true(is_in(&page->crash, 1, (uintptr_t)abort_now, 64));
	page_unmap(&page);
}

static void a_signal_sent_is_reported(void **state)
{
	const struct page *page = death_of(raise_bus, SIGBUS);

	(void)state;
	assert_int_equal(page->crash.address, 0);
	assert_int_equal(page->crash.sender, 0); /* oneself is nobody */
	page_unmap(&page);
}

static void hostile_stack_pointer_is_survived(void **state)
{
	const struct page *page = death_of(lose_stack, SIGSEGV);

	(void)state;
#if defined(__x86_64__)
	assert_int_equal(page->crash.frames, 1);
#endif
	page_unmap(&page);
}

static void exhausted_stack_is_reported(void **state)
{
	const struct page *page = death_of(exhaust, SIGSEGV);

	(void)state;
	if (REGISTERS_CALL_MAX > 0) {
		assert_int_equal(page->crash.frames, PAGE_CRASH_FRAMES);
		assert_true(is_in(&page->crash, 0, (uintptr_t)use_up_stack, 512));
	}
	page_unmap(&page);
}

static void forget_and_die(void)
{
	crash_forget();
	abort();
}

static void forgotten_page_is_left_alone(void **state)
{
	int fd = page_create("ysf.0", 0), status;
	struct page *page = page_map(fd);
	pid_t pid;

	(void)state;
	close(fd);
	pid = fork();
	if (pid == 0) {
		if (crash_catch(page, 7))
			forget_and_die();
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_int_equal(page->crash.done, 0);
	page_unmap((const struct page **)&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks_a_chain),
		cmocka_unit_test(does_not_go_round),
		cmocka_unit_test(stays_inside),
		cmocka_unit_test(stops_at_a_hole),
		cmocka_unit_test(finds_what_follows_a_call),
		cmocka_unit_test(wild_pointer_is_reported),
		cmocka_unit_test(abort_is_reported),
		cmocka_unit_test(a_signal_sent_is_reported),
		cmocka_unit_test(hostile_stack_pointer_is_survived),
		cmocka_unit_test(exhausted_stack_is_reported),
		cmocka_unit_test(forgotten_page_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
