/* SPDX-License-Identifier: ISC
 *
 * NAME      fault - points at which a test build can be made to fail
 * PURPOSE   Shows that the daemon survives a build that crashes, hangs or lies, with a real one; and a
 *           process that dies or hangs just where it is worst. A product build has no such points:
 *           there fault_is() is false, and fault_point() nothing, at compile time.
 * OWNER     every process of a test build (SHACKD_TEST)
 * CONTRACT  two ways to choose. Which build fails is written into the executable itself (fault_mark,
 *           changed in a copy of the file), so that it goes with that build and not with the
 *           environment. Which marked point (shm/fault_points.def) is passed by whom for the last time
 *           stands in a file that SHACKD_FAULTS names (struct fault_orders), mapped by every process
 *           from its begin on; a test writes it while they run.
 * LIMITS    one such build at a time, one order at a time
 */
#ifndef SHACKD_SHM_FAULT_H
#define SHACKD_SHM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum fault_point {
#define FAULT_POINT(symbol, who, when, text) FAULT_##symbol,
#include "shm/fault_points.def"
#undef FAULT_POINT
	FAULT_POINTS
};

/* What becomes of the process that passes. */
enum fault_act {
	FAULT_PASS,
	FAULT_DIE,   /* SIGKILL */
	FAULT_CRASH, /* SIGSEGV */
	FAULT_STOP,  /* SIGSTOP: hangs, and uses no processor */
	FAULT_SPIN,  /* hangs, and uses one */
};

#define FAULT_ORDERS_MAGIC 0x53484b46u

/* Words are of the host. A test writes `act` last, and 0 there first. */
struct fault_orders {
	uint32_t magic;
	_Atomic uint32_t act;	/* enum fault_act */
	_Atomic uint32_t point; /* enum fault_point */
	_Atomic uint32_t nth;	/* passage from now on that it happens to, 1 .. */
	_Atomic uint32_t calls; /* passages since then */
	_Atomic uint32_t hits;	/* did it happen? */
	_Atomic int32_t pid;	/* to whom */
	char who[16];		/* slot, or the begin of its name; "master"; "" for anybody */
	_Atomic uint32_t passed[FAULT_POINTS]; /* by anybody, ever */
};

#ifdef SHACKD_TEST
/* Is this the build that fails at POINT? */
bool fault_is(const char *point);
/* Here a process may be made to die or to hang. */
void fault_point(enum fault_point point);
#else
static inline bool fault_is(const char *point)
{
	(void)point;
	return false;
}

static inline void fault_point(enum fault_point point)
{
	(void)point;
}
#endif

#endif
