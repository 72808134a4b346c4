/* SPDX-License-Identifier: ISC
 *
 * NAME      clockstep - the wall clock of one daemon, set by a test
 * PURPOSE   Preloaded into the daemon (LD_PRELOAD): CLOCK_REALTIME is off by so many seconds as stand
 *           in the file that CLOCKSTEP_FILE names; all other clocks go on.
 * OWNER     flow and fault tests of clocks, the manuals' test
 * CONTRACT  the file holds one int64_t in the machine's order and is mapped at the first call
 * LIMITS    a file that can't be mapped leaves the clock as it is; time() and gettimeofday() follow
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;

__attribute__((constructor)) static void clockstep_open(void)
{
	const char *name = getenv("CLOCKSTEP_FILE");
	int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED)
		offset = map;
	close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *now_r)
{
	static int (*real)(clockid_t, struct timespec *);
	int result;

	if (!real)
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	result = real(clock, now_r);
	if (result == 0 && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now_r->tv_sec += *offset;
	return result;
}

time_t time(time_t *now_r)
{
	struct timespec now = {0};

	clock_gettime(CLOCK_REALTIME, &now);
	if (now_r)
		*now_r = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now_r, void *restrict zone)
{
	struct timespec now = {0};
	int result = clock_gettime(CLOCK_REALTIME, &now);

	(void)zone;
	now_r->tv_sec = now.tv_sec;
	now_r->tv_usec = now.tv_nsec / 1000;
	return result;
}
