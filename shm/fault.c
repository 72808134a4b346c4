/* SPDX-License-Identifier: ISC
 *
 * NAME      fault - points at which a test build can be made to fail
 * PURPOSE   See fault.h.
 * OWNER     every process of a test build
 * CONTRACT  see fault.h
 * LIMITS    see fault.h
 */
#include "shm/fault.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/role.h"

/* Tests look for the part before the colon in a copy of the file and write the point behind it. */
static const volatile char fault_mark[64] = "SHACKD-FAULT-POINT:none";

/* One process, one mapping: NULL where nobody gives orders. */
static struct fault_orders *orders;
static char fault_self[16] = "master";

bool fault_is(const char *point)
{
	char mark[sizeof(fault_mark)];

	for (size_t i = 0; i < sizeof(mark); i++)
		mark[i] = fault_mark[i];
	mark[sizeof(mark) - 1] = '\0';
	return strcmp(strchr(mark, ':') + 1, point) == 0;
}

/* Before main: the loader passes it the arguments, as it passes them to main; and before the sandbox,
 * where no file can be opened any more. */
__attribute__((constructor)) static void fault_begin(int argc, char **argv)
{
	const char *path = getenv("SHACKD_FAULTS");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	struct fault_orders *map = MAP_FAILED;

	if (argc >= 3 && strcmp(argv[1], ROLE_FLAG) == 0)
		snprintf(fault_self, sizeof(fault_self), "%s", argv[2]);
	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED && map->magic == FAULT_ORDERS_MAGIC)
		orders = map;
}

static bool is_meant(void)
{
	size_t length = strnlen(orders->who, sizeof(orders->who));

	return strncmp(orders->who, fault_self, length) == 0;
}

static void act(enum fault_act what)
{
	atomic_store(&orders->pid, (int32_t)getpid());
	atomic_fetch_add(&orders->hits, 1);
	switch (what) {
	case FAULT_DIE:
		kill(getpid(), SIGKILL);
		break;
	case FAULT_CRASH:
		raise(SIGSEGV);
		break;
	case FAULT_STOP:
		kill(getpid(), SIGSTOP);
		break;
	case FAULT_SPIN:
		for (volatile uint64_t turns = 0; turns < UINT64_MAX;)
			turns++;
		break;
	default:
		break;
	}
}

void fault_point(enum fault_point point)
{
	uint32_t what;

	if (orders == NULL)
		return;
	atomic_fetch_add(&orders->passed[point], 1);
	what = atomic_load(&orders->act);
	if (what == FAULT_PASS || atomic_load(&orders->point) != (uint32_t)point || !is_meant())
		return;
	if (atomic_fetch_add(&orders->calls, 1) + 1 == atomic_load(&orders->nth))
		act((enum fault_act)what);
}
