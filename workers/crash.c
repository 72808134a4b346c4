/* SPDX-License-Identifier: ISC
 *
 * NAME      crash - the last words of a dying worker
 * PURPOSE   What can be known beforehand (modules, build id, bounds of the stack) is gathered at
 *           the start; the handler copies it and walks the stack.
 * OWNER     every worker
 * CONTRACT  see crash.h
 * LIMITS    see crash.h
 */
#include "workers/crash.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/text.h"
#include "workers/registers.h"

#define STACK_SIZE (64UL * 1024)
#define SCAN_MAX   (16UL * 1024)
#define GUESSES	   12

static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGSYS};

#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

/* One process, one death. */
static struct {
	struct page *page;
	uint64_t generation;
	int32_t pid;
	struct crash_range stack; /* of the thread */
	struct crash_range code;  /* of the executable */
	uint32_t modules, build_length;
	struct page_module module[PAGE_CRASH_MODULES];
	uint8_t build[20];
	void (*fault)(uintptr_t address); /* who else wants to know; NULL: nobody */
} known;

/* ---- the stack ---- */

static uintptr_t page_size(void)
{
	return (uintptr_t)sysconf(_SC_PAGESIZE); /* a variable of libc, no system call */
}

/* LENGTH: less than a page */
static bool is_mapped(uintptr_t address, size_t length)
{
	uintptr_t first = address & ~(page_size() - 1);
	unsigned char there[2];

	return mincore((void *)first, address + length - first, there) == 0;
}

/* LENGTH bytes at ADDRESS, a few words at most, may be read. */
static bool is_readable(uintptr_t address, size_t length, const struct crash_range *range)
{
	return address >= range->low && address < range->high && range->high - address >= length &&
	       address % sizeof(uintptr_t) == 0 && is_mapped(address, length);
}

/* Redzones of a sanitizer lie between what is read here. */
__attribute__((no_sanitize("address", "undefined"))) unsigned
crash_walk(uint64_t *frames_r, unsigned most, uintptr_t fp, const struct crash_range *stack)
{
	unsigned count = 0;

	while (count < most && is_readable(fp, 2 * sizeof(uintptr_t), stack)) {
		const uintptr_t *frame = (const uintptr_t *)fp;

		if (frame[1] == 0)
			break;
		frames_r[count++] = frame[1];
		if (frame[0] <= fp)
			break;
		fp = frame[0];
	}
	return count;
}

static bool follows_call(uintptr_t address, const struct crash_range *code)
{
	return address >= code->low + REGISTERS_CALL_MAX && address < code->high &&
	       registers_calls((const uint8_t *)address);
}

__attribute__((no_sanitize("address", "undefined"))) unsigned
crash_scan(uint64_t *frames_r, unsigned most, uintptr_t sp, const struct crash_range *stack,
	   const struct crash_range *code)
{
	uintptr_t first = sp & ~(sizeof(uintptr_t) - 1), page = page_size();
	unsigned count = 0;

	for (uintptr_t done = 0; count < most && done < SCAN_MAX; done += sizeof(uintptr_t)) {
		uintptr_t at = first + done;

		if (at >= stack->high ||
		    ((done == 0 || at % page == 0) && !is_readable(at, sizeof(uintptr_t), stack)))
			break;
		uintptr_t word = *(const uintptr_t *)at;
		if (follows_call(word, code))
			frames_r[count++] = word;
	}
	return count;
}

/* ---- the handler ---- */

static bool in_module(uint64_t address)
{
	for (unsigned i = 0; i < known.modules; i++)
		if (address >= known.module[i].base && address < known.module[i].end)
			return true;
	return false;
}

/* Libraries are built without frame pointers and use that register for anything: the walk is good
 * up to the first address that can't be code. */
static unsigned trusted(const uint64_t *frames, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (!in_module(frames[i]))
			return i;
	return count;
}

static void fill_frames(struct page_crash *crash, const ucontext_t *context)
{
	struct registers at = registers_of(context);
	struct crash_range stack = known.stack;
	unsigned count, most;

	crash->frame[0] = at.pc;
	count = crash_walk(&crash->frame[1], PAGE_CRASH_FRAMES - 1, at.fp, &stack);
	count = 1 + trusted(&crash->frame[1], count);
	crash->walked = count;
	/* who called a library's function is not in the chain: whatever lies there and looks like
	 * it */
	if (at.pc < known.code.low || at.pc >= known.code.high)
		most = count + GUESSES < PAGE_CRASH_FRAMES ? count + GUESSES : PAGE_CRASH_FRAMES;
	else
		most = count;
	if (count > 1)
		stack.high = at.fp; /* what is above, the walk has seen */
	count += crash_scan(&crash->frame[count], most - count, at.sp, &stack, &known.code);
	crash->frames = count;
}

static void fill(struct page_crash *crash, const siginfo_t *info, const ucontext_t *context)
{
	bool sent = info->si_code <= 0;

	atomic_store(&crash->done, 0);
	crash->when = clock_real();
	crash->address = sent ? 0 : (uint64_t)(uintptr_t)info->si_addr;
	crash->sender = sent && info->si_pid != known.pid ? info->si_pid : 0;
	crash->pid = known.pid;
	crash->signal = info->si_signo;
	crash->code = info->si_code;
	crash->doing = atomic_load(&known.page->state);
	crash->build_length = known.build_length;
	memcpy(crash->build, known.build, sizeof(crash->build));
	crash->modules = known.modules;
	memcpy(crash->module, known.module, sizeof(crash->module));
	fill_frames(crash, context);
	atomic_store(&crash->done, known.generation);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	struct page *page = known.page;

	if (known.fault != NULL && (number == SIGSEGV || number == SIGBUS))
		known.fault((uintptr_t)info->si_addr);
	if (page != NULL)
		fill(&page->crash, info, context);
	/* SA_RESETHAND has put the default back, and the signal is blocked until we return: so it
	 * ends us where it came, not in here, as a core file would have it */
	raise(number);
}

/* ---- what is known beforehand ---- */

static void take_build_id(const struct dl_phdr_info *info, const ElfW(Phdr) * header)
{
	const uint8_t *at = (const uint8_t *)(info->dlpi_addr + header->p_vaddr);
	const uint8_t *end = at + header->p_memsz;

	while ((size_t)(end - at) >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)(const void *)at;
		size_t name = (note->n_namesz + 3U) & ~3U, text = (note->n_descsz + 3U) & ~3U;
		const uint8_t *body = at + sizeof(*note) + name;

		if ((size_t)(end - at) < sizeof(*note) + name + text)
			return;
		if (note->n_type == NT_GNU_BUILD_ID && name == 4 &&
		    memcmp(at + sizeof(*note), "GNU", 4) == 0) {
			known.build_length = note->n_descsz < sizeof(known.build)
						     ? note->n_descsz
						     : (uint32_t)sizeof(known.build);
			memcpy(known.build, body, known.build_length);
			return;
		}
		at = body + text;
	}
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static int take_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct page_module *module = &known.module[known.modules];
	bool own = known.modules == 0;

	(void)size;
	(void)arg;
	if (known.modules == PAGE_CRASH_MODULES)
		return 1;
	module->base = module->end = info->dlpi_addr;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		uintptr_t low = info->dlpi_addr + header->p_vaddr;

		if (header->p_type == PT_NOTE && own)
			take_build_id(info, header);
		if (header->p_type != PT_LOAD)
			continue;
		if (low + header->p_memsz > module->end)
			module->end = low + header->p_memsz;
		if (own && (header->p_flags & PF_X) != 0)
			known.code = (struct crash_range){low, low + header->p_memsz};
	}
	text_copy(module->name, sizeof(module->name),
		  own ? program_invocation_short_name : base_name(info->dlpi_name));
	known.modules++;
	return 0;
}

static bool take_stack(void)
{
	pthread_attr_t attributes;
	void *low;
	size_t size;
	int error = pthread_getattr_np(pthread_self(), &attributes);

	if (error == 0) {
		error = pthread_attr_getstack(&attributes, &low, &size);
		pthread_attr_destroy(&attributes);
	}
	if (error == 0)
		known.stack = (struct crash_range){(uintptr_t)low, (uintptr_t)low + size};
	errno = error;
	return error == 0;
}

/* A stack for the handler, with a page below that nothing may touch: the usual one may be what went
 * wrong. */
static bool make_stack(void)
{
	size_t guard = page_size();
	uint8_t *room = mmap(NULL, STACK_SIZE + guard, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t stack = {.ss_size = STACK_SIZE};

	if (room == MAP_FAILED || mprotect(room, guard, PROT_NONE) != 0)
		return false;
	stack.ss_sp = room + guard;
	return sigaltstack(&stack, NULL) == 0;
}

bool crash_catch(struct page *page, uint64_t generation)
{
	struct sigaction action = {.sa_sigaction = on_fault,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND};

	if (!take_stack() || !make_stack())
		return false;
	known.modules = known.build_length = 0;
	dl_iterate_phdr(take_module, NULL);
	known.generation = generation;
	known.pid = getpid();
	known.page = page;
	/* a fault of the handler itself ends the process at once */
	for (size_t i = 0; i < SIGNALS; i++)
		sigaddset(&action.sa_mask, signals[i]);
	for (size_t i = 0; i < SIGNALS; i++)
		if (sigaction(signals[i], &action, NULL) != 0)
			return false;
	return true;
}

void crash_tell(void (*fault)(uintptr_t address))
{
	known.fault = fault;
}

void crash_forget(void)
{
	known.page = NULL;
}
