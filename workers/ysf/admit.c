/* SPDX-License-Identifier: ISC
 *
 * NAME      admit - may this frame open a call?
 * PURPOSE   The access check, in its order: what is asked for, who relays it, who speaks (YSF
 *           protocol: access check). Who is refused is told about once per burst.
 * OWNER     ysf workers
 * CONTRACT  O(1), no allocation; evaluated for every frame of a gateway that has no open call
 * LIMITS    none known
 */
#include <string.h>

#include "shm/log.h"
#include "workers/callsign.h"
#include "workers/ysf/ysf.h"

#define REFUSED_QUIET (1500 * NS_PER_MS) /* a refused source is told about again after this pause */

static bool refused_before(struct ysf *ysf, struct gateway *gateway, const char *source)
{
	bool same = strcmp(gateway->refused, source) == 0 &&
		    clock_age(ysf->now, gateway->refused_at) < REFUSED_QUIET;

	gateway->refused_at = ysf->now;
	memcpy(gateway->refused, source, sizeof(gateway->refused));
	return same;
}

/* Tells of a refused caller once per burst. A gate that is busy costs the event, not the voice of
 * others: the counter has it. */
static void tell_refused(struct ysf *ysf, struct gateway *gateway, const char *source,
			 enum event_reason reason)
{
	struct event_record event = {.type = EVENT_ACCESS_REFUSED,
				     .reason = (uint8_t)reason,
				     .dgid = gateway->dgid,
				     .client = gateway->id,
				     .has_key = 1,
				     .key = gateway->key};
	struct store_txn txn;

	if (refused_before(ysf, gateway, source))
		return;
	memcpy(event.gateway, gateway->name, sizeof(event.gateway));
	memcpy(event.source, source, sizeof(event.source));
	log_limited(LOG_LEVEL_INFO, "%s at %s refused: %s", source, gateway->name,
		    event_reason_name(reason));
	if (store_write(ysf->voice, &txn) != STORE_OK)
		return;
	events_append(&txn, &event);
	enum store_error error = store_end(&txn);
	if (error != STORE_OK)
		ysf_store_failed(ysf, error, "noting a refused caller");
	follow(ysf);
}

bool admit(struct ysf *ysf, const struct attempt *attempt)
{
	struct gateway *gateway = attempt->gateway;
	const struct fich *fich = attempt->fich;
	char source[YSF_NAME_SIZE];
	struct callsign caller;

	ysf_source(attempt->in->data, source);
	if (fich->dt == FICH_DT_DATA_FR && (fich->ft == 1 || fich->ft == 2)) {
		page_count(ysf->page, COUNT_YSF_DROP_ACCESS);
		tell_refused(ysf, gateway, source, REASON_DATA);
		return false;
	}
	callsign_split(source, &caller);
	if (blocked_is(&ysf->blocked, caller.base, ysf->now)) {
		page_count(ysf->page, COUNT_YSF_DROP_BLOCKED);
		tell_refused(ysf, gateway, source, REASON_CALL);
		return false;
	}
	return true;
}
