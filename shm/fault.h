/* SPDX-License-Identifier: ISC
 *
 * NAME      fault - points at which a test build can be made to fail
 * PURPOSE   Shows that the daemon survives a build that crashes, hangs or lies, with a real one. A
 *           product build has no such points: there fault_is() is false at compile time.
 * OWNER     every process of a test build (SHACKD_TEST)
 * CONTRACT  which point fails is written into the executable itself (fault_mark, changed in a copy
 *           of the file), so that it goes with that build and not with the environment
 * LIMITS    one point a build
 */
#ifndef SHACKD_SHM_FAULT_H
#define SHACKD_SHM_FAULT_H

#include <stdbool.h>

#ifdef SHACKD_TEST
/* Is this the build that fails at POINT? */
bool fault_is(const char *point);
#else
static inline bool fault_is(const char *point)
{
	(void)point;
	return false;
}
#endif

#endif
