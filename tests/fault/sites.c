/* SPDX-License-Identifier: ISC
 *
 * NAME      sites - makes the call of one chosen call site fail
 * PURPOSE   Linked into a build of the daemon, in front of the C library: every allocation and every
 *           system call of ours and of the libraries comes by. A site is a function, a kind of
 *           process and the whole stack of callers. Tests list the sites, then let each one fail.
 * OWNER     tests/fault; runs in every process of the build `sites`
 * CONTRACT  SITES_FILE names a file of struct sites (sites.h), which the test maps too; without it
 *           nothing happens. What a site returns when it fails is what the manual promises, errno is
 *           the test's choice.
 * LIMITS    functions whose arguments and result fit registers, on Linux's usual ABIs. Calls that the
 *           C library makes of its own do not come by here; not together with sanitizers
 */
#include "tests/fault/sites.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unwind.h>

#include "shm/role.h"

/* A call of any function that we know, argument by argument. */
typedef long sites_call(long, long, long, long, long, long);

/* Where one module is mapped in this process, and its number in the file. */
struct mapped {
	uintptr_t start, end;
	uint32_t module;
};

/* One process, one mapping: NULL where nothing is to be seen. */
static struct sites *sites;
static struct sites_process *own;
static char kind[SITES_NAME] = "master";
static long live; /* blocks that were allocated and not freed */
static struct mapped mapped[SITES_MODULES];
static unsigned mapped_count;

struct walk {
	uintptr_t from; /* the return address of the call that we stand in front of */
	struct site site;
	bool begun;
};

/* ---- who calls? ---- */

static uint32_t module_number(const char *name)
{
	const char *base = strrchr(name, '/');

	base = base != NULL ? base + 1 : name;
	for (uint32_t i = 0; i < SITES_MODULES; i++) {
		uint32_t vacant = 0;

		if (atomic_compare_exchange_strong(&sites->module[i].state, &vacant, 1)) {
			snprintf(sites->module[i].name, sizeof(sites->module[i].name), "%s", base);
			atomic_store(&sites->module[i].state, 2);
		}
		/* whoever is about to write it takes a moment, or was killed */
		for (int tries = 0; atomic_load(&sites->module[i].state) == 1 && tries < 100000;
		     tries++)
			;
		if (strcmp(sites->module[i].name, base) == 0)
			return i + 1;
	}
	return 0;
}

static const struct mapped *mapping_of(uintptr_t address)
{
	struct dl_find_object found;
	struct mapped *new = &mapped[mapped_count];

	for (unsigned i = 0; i < mapped_count; i++)
		if (address >= mapped[i].start && address < mapped[i].end)
			return &mapped[i];
	if (mapped_count == SITES_MODULES || _dl_find_object((void *)address, &found) != 0)
		return NULL;
	new->start = (uintptr_t)found.dlfo_map_start;
	new->end = (uintptr_t)found.dlfo_map_end;
	/* the program itself has no name there */
	new->module = module_number(found.dlfo_link_map->l_name[0] != '\0'
					    ? found.dlfo_link_map->l_name
					    : program_invocation_short_name);
	mapped_count++;
	return new;
}

static struct sites_frame frame_of(uintptr_t address)
{
	const struct mapped *in = mapping_of(address);

	if (in == NULL)
		return (struct sites_frame){0};
	return (struct sites_frame){.module = in->module,
				    .offset = (uint32_t)(address - in->start)};
}

static _Unwind_Reason_Code on_frame(struct _Unwind_Context *context, void *data)
{
	struct walk *walk = data;
	uintptr_t address = _Unwind_GetIP(context);

	walk->begun |= address == walk->from;
	if (!walk->begun)
		return _URC_NO_REASON;
	walk->site.frame[walk->site.depth++] = frame_of(address);
	return walk->site.depth < SITES_FRAMES ? _URC_NO_REASON : _URC_END_OF_STACK;
}

/* FNV-1a, never 0 */
static uint64_t key_of(const struct site *site)
{
	uint64_t key = 0xcbf29ce484222325u;
	const uint8_t *byte = (const uint8_t *)site->frame;

	for (size_t i = 0; i < site->depth * sizeof(site->frame[0]); i++)
		key = (key ^ byte[i]) * 0x100000001b3u;
	for (const char *c = site->function; *c != '\0'; c++)
		key = (key ^ (uint8_t)*c) * 0x100000001b3u;
	for (const char *c = site->kind; *c != '\0'; c++)
		key = (key ^ (uint8_t)*c) * 0x100000001b3u;
	return key != 0 ? key : 1;
}

static uint64_t walk_up(struct walk *walk, const char *function, const void *from)
{
	memset(walk, 0, sizeof(*walk));
	walk->from = (uintptr_t)from;
	snprintf(walk->site.function, sizeof(walk->site.function), "%s", function);
	memcpy(walk->site.kind, kind, sizeof(kind));
	_Unwind_Backtrace(on_frame, walk);
	return key_of(&walk->site);
}

/* ---- what becomes of the call ---- */

static void note(const struct walk *walk, uint64_t key)
{
	for (uint32_t i = 0; i < SITES_MAX; i++) {
		struct site *site = &sites->site[(key + i) % SITES_MAX];
		uint64_t held = 0;

		if (atomic_compare_exchange_strong(&site->key, &held, key)) {
			memcpy(site->function, walk->site.function, sizeof(site->function));
			memcpy(site->kind, walk->site.kind, sizeof(site->kind));
			memcpy(site->frame, walk->site.frame, sizeof(site->frame));
			site->depth = walk->site.depth;
			held = key;
		}
		if (held == key) {
			atomic_fetch_or(&site->steps, atomic_load(&sites->step));
			atomic_fetch_add(&site->calls, 1);
			return;
		}
	}
	atomic_fetch_add(&sites->lost, 1);
}

static bool is_armed_here(const void *from)
{
	struct sites_frame near = frame_of((uintptr_t)from);

	return atomic_load(&sites->armed) != 0 && near.module == sites->near.module &&
	       near.offset == sites->near.offset;
}

static bool hit(void)
{
	uint32_t n = atomic_fetch_add(&sites->passed, 1);

	if (n < sites->after || n - sites->after >= sites->most)
		return false;
	atomic_store(&sites->hit_pid, getpid());
	atomic_fetch_add(&sites->hits, 1);
	errno = sites->error;
	return true;
}

static bool fails(const char *function, const void *from)
{
	static bool inside; /* the unwinder itself may come by */
	struct walk walk;
	uint64_t key;
	int saved = errno;
	bool is_hit = false;

	if (sites == NULL || inside)
		return false;
	inside = true;
	if (atomic_load(&sites->record) || is_armed_here(from)) {
		key = walk_up(&walk, function, from);
		if (atomic_load(&sites->record))
			note(&walk, key);
		errno = saved;
		is_hit = key == atomic_load(&sites->armed) && hit();
	}
	inside = false;
	return is_hit;
}

/* ---- the process ---- */

static struct sites *map_file(const char *path)
{
	struct sites *map = MAP_FAILED;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd != -1) {
		map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
	}
	return map == MAP_FAILED ? NULL : map;
}

static void count_blocks(long change)
{
	long now = __atomic_add_fetch(&live, change, __ATOMIC_RELAXED);

	if (own != NULL)
		atomic_store(&own->live, now);
}

/* A place for our numbers: that of a process which had our number, or which is gone, or a new one. */
static struct sites_process *enter(void)
{
	int32_t pid = getpid();

	for (int i = 0; i < SITES_PROCESSES; i++)
		if (atomic_load(&sites->process[i].pid) == pid)
			return &sites->process[i];
	for (int i = 0; i < SITES_PROCESSES; i++) {
		int32_t vacant = 0;

		if (atomic_compare_exchange_strong(&sites->process[i].pid, &vacant, pid))
			return &sites->process[i];
	}
	return NULL;
}

/* Before main: the loader passes it the arguments, as it passes them to main. */
__attribute__((constructor)) static void begin(int argc, char **argv)
{
	const char *path = getenv("SITES_FILE");

	if (argc >= 3 && strcmp(argv[1], ROLE_FLAG) == 0) {
		snprintf(kind, sizeof(kind), "%s", argv[2]);
		kind[strcspn(kind, ".")] = '\0';
	}
	if (path != NULL && (sites = map_file(path)) != NULL && (own = enter()) != NULL)
		memcpy(own->kind, kind, sizeof(own->kind));
}

static sites_call *real_of(const char *name)
{
	return (sites_call *)(uintptr_t)dlsym(RTLD_NEXT, name);
}

/* ---- the functions ---- */

/* The symbol NAME is ours; FAILED is what it returns when it fails. */
#define SITE(name, failed)                                                                         \
	long sites_##name(long, long, long, long, long, long) __asm__(#name);                      \
	long sites_##name(long a, long b, long c, long d, long e, long f)                          \
	{                                                                                          \
		static sites_call *real;                                                           \
                                                                                                   \
		if (real == NULL)                                                                  \
			real = real_of(#name);                                                     \
		if (fails(#name, __builtin_return_address(0)))                                     \
			return failed;                                                             \
		return real(a, b, c, d, e, f);                                                     \
	}

SITE(accept4, -1)
SITE(access, -1)
SITE(bind, -1)
SITE(chdir, -1)
SITE(chmod, -1)
SITE(close_range, -1)
SITE(connect, -1)
SITE(dup, -1)
SITE(dup2, -1)
SITE(epoll_create1, -1)
SITE(epoll_ctl, -1)
SITE(epoll_wait, -1)
SITE(eventfd, -1)
SITE(execveat, -1)
SITE(faccessat, -1)
SITE(fallocate, -1)
SITE(fchmod, -1)
SITE(fchown, -1)
SITE(fcntl, -1)
SITE(fdatasync, -1)
SITE(fdopendir, 0)
SITE(flock, -1)
SITE(fopen, 0)
SITE(fstat, -1)
SITE(fstatat, -1)
SITE(fstatfs, -1)
SITE(fstatvfs, -1)
SITE(fsync, -1)
SITE(ftruncate, -1)
SITE(futimens, -1)
SITE(getcwd, 0)
SITE(getgrnam, 0)
SITE(getgroups, -1)
SITE(gethostname, -1)
SITE(getpwnam, 0)
SITE(getpwuid, 0)
SITE(getrandom, -1)
SITE(getresgid, -1)
SITE(getresuid, -1)
SITE(getrlimit, -1)
SITE(getsockname, -1)
SITE(getsockopt, -1)
SITE(inotify_add_watch, -1)
SITE(inotify_init1, -1)
SITE(inotify_rm_watch, -1)
SITE(ioctl, -1)
SITE(kill, -1)
SITE(lchown, -1)
SITE(listen, -1)
SITE(lseek, -1)
SITE(lstat, -1)
SITE(madvise, -1)
SITE(memfd_create, -1)
SITE(mincore, -1)
SITE(mkdir, -1)
SITE(mlock, -1)
SITE(mmap, -1)
SITE(mprotect, -1)
SITE(msync, -1)
SITE(munlock, -1)
SITE(open, -1)
SITE(openat, -1)
SITE(opendir, 0)
SITE(pidfd_open, -1)
SITE(pidfd_send_signal, -1)
SITE(pipe2, -1)
SITE(poll, -1)
SITE(prctl, -1)
SITE(pread, -1)
SITE(pthread_getattr_np, ENOMEM)
SITE(pthread_mutex_init, ENOMEM)
SITE(pwrite, -1)
SITE(read, -1)
SITE(readlink, -1)
SITE(readlinkat, -1)
SITE(realpath, 0)
SITE(recv, -1)
SITE(recvfrom, -1)
SITE(recvmmsg, -1)
SITE(recvmsg, -1)
SITE(rename, -1)
SITE(rmdir, -1)
SITE(sched_getaffinity, -1)
SITE(send, -1)
SITE(sendmmsg, -1)
SITE(sendmsg, -1)
SITE(setgroups, -1)
SITE(setresgid, -1)
SITE(setresuid, -1)
SITE(setrlimit, -1)
SITE(setsid, -1)
SITE(setsockopt, -1)
SITE(shutdown, -1)
SITE(sigaction, -1)
SITE(sigaltstack, -1)
SITE(signalfd, -1)
SITE(sigprocmask, -1)
SITE(socket, -1)
SITE(socketpair, -1)
SITE(stat, -1)
SITE(statvfs, -1)
SITE(timerfd_create, -1)
SITE(timerfd_settime, -1)
SITE(unlink, -1)
SITE(waitid, -1)
SITE(waitpid, -1)
SITE(write, -1)
SITE(writev, -1)

/* What fails to close is closed all the same. */
long sites_close(long fd) __asm__("close");
long sites_close(long fd)
{
	static sites_call *real;
	long result;

	if (real == NULL)
		real = real_of("close");
	result = real(fd, 0, 0, 0, 0, 0);
	return fails("close", __builtin_return_address(0)) ? -1 : result;
}

/* The child's numbers are not the parent's. */
long sites_fork(void) __asm__("fork");
long sites_fork(void)
{
	static sites_call *real;
	long pid;

	if (real == NULL)
		real = real_of("fork");
	if (fails("fork", __builtin_return_address(0)))
		return -1;
	pid = real(0, 0, 0, 0, 0, 0);
	if (pid == 0)
		own = NULL;
	return pid;
}

/* The loader itself allocates: these must not ask it where the real ones are. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *old);
void *sites_malloc(size_t size) __asm__("malloc");
void *sites_calloc(size_t n, size_t size) __asm__("calloc");
void *sites_realloc(void *old, size_t size) __asm__("realloc");
int sites_posix_memalign(void **block_r, size_t alignment, size_t size) __asm__("posix_memalign");
void sites_free(void *old) __asm__("free");

static void *counted(void *block)
{
	if (block != NULL)
		count_blocks(1);
	return block;
}

void *sites_malloc(size_t size)
{
	return fails("malloc", __builtin_return_address(0)) ? NULL : counted(__libc_malloc(size));
}

void *sites_calloc(size_t n, size_t size)
{
	return fails("calloc", __builtin_return_address(0)) ? NULL
							    : counted(__libc_calloc(n, size));
}

void *sites_realloc(void *old, size_t size)
{
	void *block;

	if (size != 0 && fails("realloc", __builtin_return_address(0)))
		return NULL;
	block = __libc_realloc(old, size);
	if (old == NULL && block != NULL)
		count_blocks(1);
	else if (old != NULL && size == 0 && block == NULL)
		count_blocks(-1);
	return block;
}

int sites_posix_memalign(void **block_r, size_t alignment, size_t size)
{
	if (fails("posix_memalign", __builtin_return_address(0)))
		return ENOMEM;
	*block_r = counted(__libc_memalign(alignment, size));
	return *block_r != NULL ? 0 : ENOMEM;
}

void sites_free(void *old)
{
	if (old != NULL)
		count_blocks(-1);
	__libc_free(old);
}
