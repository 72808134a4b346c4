/* SPDX-License-Identifier: ISC
 *
 * NAME      protect - callers that have to pause
 * PURPOSE   Transmissions that are too long, and too many in a short time, park their caller for
 *           protection.reactivate (YSF protocol: call life cycle, wild PTT).
 * OWNER     ysf workers
 * CONTRACT  inside the caller's transaction, so that neither a death nor an upgrade forgets it. It
 *           is the base call that is parked: a suffix does not help. The running call goes on.
 * LIMITS    limits.wild_ptt_entries, limits.scheduled_tasks
 */
#include <string.h>

#include "shm/log.h"
#include "shm/store/ptts.h"
#include "workers/callsign.h"
#include "workers/ysf/ysf.h"

/* Is there a block already that lasts longer, as that of an operator? */
static bool parked_longer(struct store_txn *txn, const char *call, const struct block_record *block)
{
	struct block_record present;

	return blocks_get(txn, call, &present) == STORE_OK && present.until >= block->until;
}

bool protect_park(struct ysf *ysf, struct store_txn *txn, const char *source,
		  enum block_reason reason)
{
	struct callsign caller;
	struct block_record block = {.reason = (uint8_t)reason,
				     .until = ysf->now + ysf->set.reactivate,
				     .until_real = clock_real() + ysf->set.reactivate};

	callsign_split(source, &caller);
	const char *name = callsign_blocked_as(&caller);
	if (parked_longer(txn, name, &block))
		return false;
	memcpy(block.by, ysf->worker->slot, sizeof(block.by));
	if (blocks_add(txn, name, &block) == STORE_OK)
		return true;
	log_limited(LOG_LEVEL_WARNING, "%s not blocked: limits.scheduled_tasks reached", name);
	return false;
}

bool protect_count(struct ysf *ysf, struct store_txn *txn, const char *source)
{
	const struct ysf_settings *set = &ysf->set;
	struct callsign caller;
	unsigned count = 0;

	callsign_split(source, &caller);
	if (set->wild_ptt_count == 0 || set->wild_ptt_time == 0)
		return false;
	const char *name = callsign_blocked_as(&caller);
	if (ptts_add(txn, name, ysf->now, set->wild_ptt_time, &count) != STORE_OK ||
	    count < set->wild_ptt_count)
		return false;
	return protect_park(ysf, txn, source, BLOCK_WILD_PTT);
}
