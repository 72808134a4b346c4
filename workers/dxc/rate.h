/* SPDX-License-Identifier: ISC
 *
 * NAME      rate - how often a session may do what
 * PURPOSE   Token buckets in the session's record, so that a death of the worker fills none.
 * OWNER     dxc workers
 * CONTRACT  pure; a zeroed bucket is full; NOW is clock_mono
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_DXC_RATE_H
#define SHACKD_WORKERS_DXC_RATE_H

#include <stdbool.h>
#include <stdint.h>

/* The buckets of struct session. */
enum session_rate { RATE_LINES, RATE_UNKNOWN, RATE_DX_MINUTE, RATE_DX_HOUR };

/* Takes a token of a bucket that gets one each EACH ns and holds BURST. False: none is left. */
static inline bool rate_take(uint64_t *spent, uint64_t now, uint64_t each, uint64_t burst)
{
	uint64_t full = now > each * burst ? now - each * burst : 0;
	uint64_t from = *spent > full ? *spent : full;

	if (from + each > now)
		return false;
	*spent = from + each;
	return true;
}

#endif
