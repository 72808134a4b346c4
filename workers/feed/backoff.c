/* SPDX-License-Identifier: ISC
 *
 * NAME      backoff - when a feed may be dialled again
 * PURPOSE   See backoff.h.
 * OWNER     feed
 * CONTRACT  see backoff.h
 * LIMITS    see backoff.h
 */
#include "workers/feed/backoff.h"

bool backoff_failed(struct backoff *backoff, uint64_t now, bool is_long, uint32_t jitter)
{
	uint64_t wait = BACKOFF_FIRST;

	backoff->failures++;
	for (uint64_t i = 1; i < backoff->failures && wait < BACKOFF_MOST; i++)
		wait *= 2;
	if (wait > BACKOFF_MOST || is_long)
		wait = BACKOFF_MOST;
	/* from three quarters of it to five quarters */
	backoff->retry = now + wait - wait / 4 + wait / 2 / 65536 * (jitter & 0xffff);
	return backoff->failures == BACKOFF_BREAK;
}

bool backoff_steady(struct backoff *backoff)
{
	bool was_broken = backoff_broken(backoff);

	backoff->failures = 0;
	return was_broken;
}
