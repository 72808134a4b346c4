/* SPDX-License-Identifier: ISC
 *
 * NAME      fault - points at which a test build can be made to fail
 * PURPOSE   See fault.h.
 * OWNER     every process of a test build
 * CONTRACT  see fault.h
 * LIMITS    see fault.h
 */
#include "shm/fault.h"

#include <string.h>

/* Tests look for the part before the colon in a copy of the file and write the point behind it. */
static const volatile char fault_mark[64] = "SHACKD-FAULT-POINT:none";

bool fault_is(const char *point)
{
	char mark[sizeof(fault_mark)];

	for (size_t i = 0; i < sizeof(mark); i++)
		mark[i] = fault_mark[i];
	mark[sizeof(mark) - 1] = '\0';
	return strcmp(strchr(mark, ':') + 1, point) == 0;
}
