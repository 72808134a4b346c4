/* SPDX-License-Identifier: ISC
 *
 * NAME      admit - may this frame open a call?
 * PURPOSE   The access check, in its order: what is asked for, who relays it, with what radio, who
 *           speaks (YSF protocol: access check).
 * OWNER     ysf workers
 * CONTRACT  O(1), no allocation; evaluated for every frame of a gateway that has no open call
 * LIMITS    none known
 */
#include <string.h>

#include "workers/callsign.h"
#include "workers/ysf/rules.h"
#include "workers/ysf/ysf.h"

struct refusal {
	enum event_reason reason; /* REASON_NONE: it may pass */
	enum page_counter counter;
};

static const struct refusal passes = {.reason = REASON_NONE};

/* Queries of Wires-X are no talk. */
static bool is_query(const struct fich *fich)
{
	return fich->dt == FICH_DT_DATA_FR && (fich->ft == 1 || fich->ft == 2);
}

static struct refusal check_gateway(struct ysf *ysf, struct gateway *gateway)
{
	listed_judge(ysf, gateway);
	if (gateway->muted == REASON_GATEWAY)
		return (struct refusal){REASON_GATEWAY, COUNT_YSF_DROP_GATEWAY};
	if (gateway->muted == REASON_ADDRESS)
		return (struct refusal){REASON_ADDRESS, COUNT_YSF_DROP_ADDRESS};
	return passes;
}

/* Only a header names the radio: what follows a refused one from the same source is refused with it,
 * or late entry would let it in. */
static struct refusal check_serial(struct ysf *ysf, const struct attempt *by)
{
	static const struct refusal refused = {REASON_SERIAL, COUNT_YSF_DROP_SERIAL};
	struct told *serial = &by->gateway->serial;
	uint32_t hash = told_hash(by->source);

	if (by->fich->fi != FICH_FI_HEADER) {
		if (!told_goes_on(serial, hash, ysf->now))
			return passes;
	} else if (rules_serial(ysf->access, by->fich->cm, by->csd.dest)) {
		serial->last = 0;
		return passes;
	}
	*serial = (struct told){.of = hash, .last = ysf->now};
	return refused;
}

static struct refusal check_source(const struct ysf *ysf, const char *source)
{
	struct callsign caller;

	callsign_split(source, &caller);
	if (blocked_is(&ysf->blocked, callsign_blocked_as(&caller), ysf->now))
		return (struct refusal){REASON_CALL, COUNT_YSF_DROP_BLOCKED};
	if (!rules_source(ysf->access, ysf->set.check_re, source, &caller))
		return (struct refusal){REASON_CALL, COUNT_YSF_DROP_CALL};
	return passes;
}

static struct refusal check(struct ysf *ysf, const struct attempt *by)
{
	struct refusal refusal;

	if (is_query(by->fich))
		return (struct refusal){REASON_DATA, COUNT_YSF_DROP_DATA};
	refusal = check_gateway(ysf, by->gateway);
	if (refusal.reason == REASON_NONE)
		refusal = check_serial(ysf, by);
	if (refusal.reason == REASON_NONE)
		refusal = check_source(ysf, by->source);
	return refusal;
}

bool admit(struct ysf *ysf, const struct attempt *by)
{
	const struct refusal refusal = check(ysf, by);

	if (refusal.reason == REASON_NONE)
		return true;
	page_count(ysf->page, refusal.counter);
	tell_refused(ysf, by, refusal.reason);
	return false;
}

/* A call that goes on while its caller gets blocked is not cut by that (YSF protocol: wild PTT), so
 * that blocks do not count here. */
bool admit_still(struct ysf *ysf, const struct call *call)
{
	struct callsign caller;
	struct fich fich;
	struct csd csd;

	if (call->owner != NULL && check_gateway(ysf, call->owner).reason != REASON_NONE)
		return false;
	callsign_split(call->source, &caller);
	if (!rules_source(ysf->access, ysf->set.check_re, call->source, &caller))
		return false;
	if (fich_decode(call->header + YSF_FICH_AT, &fich) == FICH_BAD || fich.fi != FICH_FI_HEADER)
		return true;
	csd_decode(call->header + YSF_PAYLOAD_AT, &csd);
	return rules_serial(ysf->access, fich.cm, csd.dest);
}
