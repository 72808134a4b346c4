/* SPDX-License-Identifier: ISC
 *
 * NAME      failing - makes the nth call of a chosen function fail
 * PURPOSE   Preloaded into the daemon (LD_PRELOAD): shows that no failure of the system, wherever
 *           it comes, hangs it, leaks, or leaves half of a change behind.
 * OWNER     tests/fault; runs in master or worker
 * CONTRACT  FAILING_FILE names a file of struct failing, which the test maps too; FAILING_IN the
 *           process that is meant: "master", or a slot. Of the function in `name` each call is
 *           counted; call number `nth` (0: none) fails with `error`, and `hits` says so.
 * LIMITS    functions whose arguments and result fit registers, on Linux's usual ABIs; not together
 *           with sanitizers, which have the allocator to themselves
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct failing {
	char name[32];
	_Atomic uint32_t calls;
	_Atomic uint32_t nth;
	_Atomic int32_t error;
	_Atomic uint32_t hits;
};

/* A call of any function that we know, argument by argument. */
typedef long failing_call(long, long, long, long, long, long);

/* One process, one mapping: NULL where nothing is to fail. */
static struct failing *failing;

static struct failing *failing_map(const char *path)
{
	struct failing *map = MAP_FAILED;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd != -1) {
		map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
	}
	return map == MAP_FAILED ? NULL : map;
}

/* Before main: the loader passes it the arguments, as it passes them to main. A worker is called
 * with its role and its slot. */
__attribute__((constructor)) static void failing_begin(int argc, char **argv)
{
	const char *path = getenv("FAILING_FILE"), *in = getenv("FAILING_IN");
	const char *us = argc >= 3 && strcmp(argv[1], "--role") == 0 ? argv[2] : "master";

	if (path != NULL && in != NULL && strcmp(in, us) == 0)
		failing = failing_map(path);
}

static int failing_now(const char *name)
{
	uint32_t n;

	if (failing == NULL || strcmp(failing->name, name) != 0)
		return 0;
	n = atomic_fetch_add(&failing->calls, 1) + 1;
	if (n != failing->nth)
		return 0;
	atomic_fetch_add(&failing->hits, 1);
	errno = failing->error;
	return 1;
}

static failing_call *failing_real(const char *name)
{
	return (failing_call *)(uintptr_t)dlsym(RTLD_NEXT, name);
}

/* The symbol NAME is ours; FAILED is what it returns when it fails. */
#define FAILING(name, failed)                                                                      \
	long failing_##name(long, long, long, long, long, long) __asm__(#name);                    \
	long failing_##name(long a, long b, long c, long d, long e, long f)                        \
	{                                                                                          \
		static failing_call *real;                                                         \
                                                                                                   \
		if (failing_now(#name))                                                            \
			return failed;                                                             \
		if (real == NULL)                                                                  \
			real = failing_real(#name);                                                \
		return real(a, b, c, d, e, f);                                                     \
	}

FAILING(accept4, -1)
FAILING(bind, -1)
FAILING(chdir, -1)
FAILING(chmod, -1)
FAILING(connect, -1)
FAILING(dup2, -1)
FAILING(epoll_create1, -1)
FAILING(epoll_ctl, -1)
FAILING(eventfd, -1)
FAILING(execveat, -1)
FAILING(fallocate, -1)
FAILING(fchmod, -1)
FAILING(fchown, -1)
FAILING(fcntl, -1)
FAILING(flock, -1)
FAILING(fork, -1)
FAILING(fstat, -1)
FAILING(fstatfs, -1)
FAILING(ftruncate, -1)
FAILING(getrandom, -1)
FAILING(getsockname, -1)
FAILING(getsockopt, -1)
FAILING(lchown, -1)
FAILING(listen, -1)
FAILING(lstat, -1)
FAILING(memfd_create, -1)
FAILING(mkdir, -1)
FAILING(mmap, -1)
FAILING(open, -1)
FAILING(openat, -1)
FAILING(pidfd_open, -1)
FAILING(pipe2, -1)
FAILING(prctl, -1)
FAILING(pwrite, -1)
FAILING(read, -1)
FAILING(recvmsg, -1)
FAILING(rename, -1)
FAILING(send, -1)
FAILING(sendmsg, -1)
FAILING(setgroups, -1)
FAILING(setresgid, -1)
FAILING(setresuid, -1)
FAILING(setrlimit, -1)
FAILING(setsockopt, -1)
FAILING(sigaction, -1)
FAILING(signalfd, -1)
FAILING(sigprocmask, -1)
FAILING(socket, -1)
FAILING(socketpair, -1)
FAILING(stat, -1)
FAILING(unlink, -1)
FAILING(waitid, -1)
FAILING(write, -1)

/* The loader itself allocates: these must not ask it where the real ones are. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *failing_malloc(size_t size) __asm__("malloc");
void *failing_calloc(size_t n, size_t size) __asm__("calloc");
void *failing_realloc(void *old, size_t size) __asm__("realloc");

void *failing_malloc(size_t size)
{
	return failing_now("malloc") ? NULL : __libc_malloc(size);
}

void *failing_calloc(size_t n, size_t size)
{
	return failing_now("calloc") ? NULL : __libc_calloc(n, size);
}

void *failing_realloc(void *old, size_t size)
{
	return failing_now("realloc") ? NULL : __libc_realloc(old, size);
}
