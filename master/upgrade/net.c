/* SPDX-License-Identifier: ISC
 *
 * NAME      net - what catches a new image that falls
 * PURPOSE   See master/upgrade/net.h.
 * OWNER     master, the image that has taken over and not yet committed
 * CONTRACT  see master/upgrade/net.h. The way back is async-signal-safe: it runs after any kind of
 *           damage.
 * LIMITS    see master/upgrade/net.h
 */
#include "master/upgrade/net.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/fault.h"

#define NET_MAGIC 0x53484b4eU
#define NET_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define NET_ARGS  256

extern char **environ;

/* A process has one way back. Everything that it needs is made when it is armed. */
static struct {
	volatile sig_atomic_t armed;
	int executable;
	char flag[16];
	char what[48];
	char **started_with;
	char *argv[NET_ARGS];
	struct net_progress *progress;
} net;

static char net_stack[64 * 1024] __attribute__((aligned(16)));

/* TRAP is how compilers end a program on some machines; the last two come of limits. */
static const int net_signals[] = {SIGSEGV, SIGBUS,  SIGABRT, SIGFPE,  SIGILL,
				  SIGSYS,  SIGTRAP, SIGALRM, SIGXCPU, SIGXFSZ};
#define NET_SIGNALS (sizeof(net_signals) / sizeof(net_signals[0]))

/* ---- what both images see ---- */

int net_progress_create(void)
{
	int fd = memfd_create("shackd-progress", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const struct net_progress empty = {.magic = NET_MAGIC};

	if (fd < 0)
		return -1;
	if (ftruncate(fd, sizeof(empty)) != 0 ||
	    pwrite(fd, &empty, sizeof(empty), 0) != (ssize_t)sizeof(empty) ||
	    fcntl(fd, F_ADD_SEALS, NET_SEALS) != 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

struct net_progress *net_progress_map(int fd)
{
	struct net_progress *progress;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return NULL;
	errno = EINVAL;
	if (st.st_size < (off_t)sizeof(*progress) || (fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK) == 0)
		return NULL;
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (progress == MAP_FAILED)
		return NULL;
	if (progress->magic != NET_MAGIC) {
		munmap(progress, sizeof(*progress));
		errno = EINVAL;
		return NULL;
	}
	return progress;
}

void net_progress_unmap(struct net_progress **progress)
{
	if (*progress != NULL)
		munmap(*progress, sizeof(**progress));
	*progress = NULL;
}

/* ---- from image to image ---- */

bool net_parse(const char *text, struct net_way *way_r)
{
	int *number[] = {&way_r->record, &way_r->back, &way_r->progress};

	for (unsigned i = 0; i < 3; i++) {
		char *end;
		long value = strtol(text, &end, 10);

		if (end == text || *end != (i < 2 ? ':' : '\0') || value < 3 || value > INT32_MAX)
			return false;
		*number[i] = (int)value;
		text = end + 1;
	}
	return true;
}

/* The argument vector of the next image. */
static void prepare(const char *flag, const struct net_way *way)
{
	char **argv = net.started_with;
	unsigned count = 0;

	snprintf(net.flag, sizeof(net.flag), "%s", flag);
	snprintf(net.what, sizeof(net.what), "%d:%d:%d", way->record, way->back, way->progress);
	net.argv[count++] = argv[0];
	net.argv[count++] = net.flag;
	net.argv[count++] = net.what;
	/* only for people who look at the list of processes: a cut one does no harm */
	for (unsigned i = 1; argv[i] != NULL && count < NET_ARGS - 1; i++)
		net.argv[count++] = argv[i];
	net.argv[count] = NULL;
}

void net_remember(char **argv)
{
	net.started_with = argv;
}

void net_exec(int executable, const struct net_way *way)
{
	prepare(NET_ADOPT, way);
	execveat(executable, "", net.argv, environ, AT_EMPTY_PATH);
}

/* ---- the way back ---- */

static void __attribute__((noreturn)) go_back(void)
{
	net.armed = 0;
	alarm(0);
	if (net.progress != NULL && net.progress->failed == 0)
		net.progress->failed = clock_mono();
	execveat(net.executable, "", net.argv, environ, AT_EMPTY_PATH);
	_exit(3);
}

static void on_signal(int number)
{
	if (net.progress != NULL)
		net.progress->signal = number;
	go_back();
}

static void on_exit_call(void)
{
	if (!net.armed)
		return;
	if (net.progress != NULL && net.progress->why[0] == '\0')
		memcpy(net.progress->why, "it ended", sizeof("it ended"));
	go_back();
}

static void handle_signals(void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK | SA_RESETHAND};
	sigset_t set;

	sigemptyset(&action.sa_mask);
	sigemptyset(&set);
	for (size_t i = 0; i < NET_SIGNALS; i++) {
		sigaction(net_signals[i], &action, NULL);
		sigaddset(&set, net_signals[i]);
	}
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void net_arm(const struct net_way *way)
{
	const stack_t stack = {.ss_sp = net_stack, .ss_size = sizeof(net_stack)};

	net.executable = way->back;
	prepare(NET_RESUME, way);
	sigaltstack(&stack, NULL);
	handle_signals(on_signal);
	net.armed = 1;
	alarm(fault_is("hang-after-exec") || fault_is("never-ready") ? 1 : NET_SECONDS);
	net.progress = net_progress_map(way->progress);
	if (net.progress == NULL || atexit(on_exit_call) != 0)
		go_back();
	net.progress->attempts++;
	net_stage("starting");
}

void net_stage(const char *stage)
{
	if (net.armed && net.progress != NULL)
		snprintf(net.progress->stage, sizeof(net.progress->stage), "%s", stage);
}

void net_spawned(pid_t pid)
{
	struct net_progress *progress = net.progress;

	if (!net.armed || progress == NULL)
		return;
	if (progress->spawned < NET_CHILDREN)
		progress->child[progress->spawned] = pid;
	progress->spawned++;
}

void net_fail(const char *format, ...)
{
	va_list args;

	if (net.progress != NULL) {
		va_start(args, format);
		vsnprintf(net.progress->why, sizeof(net.progress->why), format, args);
		va_end(args);
	}
	go_back();
}

bool net_armed(void)
{
	return net.armed != 0;
}

void net_disarm(void)
{
	net.armed = 0;
	alarm(0);
	handle_signals(SIG_DFL);
	net_progress_unmap(&net.progress);
}
