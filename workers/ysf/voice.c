/* SPDX-License-Identifier: ISC
 *
 * NAME      voice - frames
 * PURPOSE   What becomes of a frame: it belongs to an open call, or it may open one, or it is
 *           dropped (YSF protocol: processing of a frame).
 * OWNER     ysf workers
 * CONTRACT  a frame of an open call costs no transaction; a header costs one. False from voice_frame:
 *           the gate is held by another, or a fan-out has stalled: the frame has to wait.
 * LIMITS    a call without a header opens only with ysf.late_entry
 */
#include <string.h>

#include "shm/log.h"
#include "workers/ysf/ysf.h"

#define RATE_BURST   10 /* seconds' worth of frames that may come at once */
#define LATE_FRAMES  3

static bool relayed(const struct call *call)
{
	return (call->key & STREAM_PRIVATE) == 0;
}

/* A predecessor may have counted the frame that it died with. */
static void touch(struct ysf *ysf, struct call *call, const struct ring_entry *in)
{
	uint8_t counter = ysf_frame_counter(in->data);

	if (!ysf->careful || !in->again || !calls_touched(ysf, call, counter))
		calls_touch(ysf, call, counter);
}

/* A frame is rewritten once, whoever listens. */
static void relay(struct ysf *ysf, struct call *call, struct ring_entry *in,
		  const struct fich *fich, enum ring_state then)
{
	const uint8_t *other = NULL;
	uint8_t rewritten[FRAME_SIZE];

	if ((call->flags & (STREAM_PARROT | STREAM_MUTED)) == STREAM_PARROT)
		parrot_record(ysf, call, in);
	if (!relayed(call))
		return;
	if (fich != NULL)
		other = relay_rewrite(ysf, in->data, fich, call->dgid, rewritten);
	relay_start(ysf, call->dgid, in, then, call->owner, other);
}

void voice_pass_on(struct ysf *ysf, struct call *call, struct ring_entry *in,
		   const struct fich *fich)
{
	touch(ysf, call, in);
	relay(ysf, call, in, fich, RING_DONE);
	if (fich != NULL)
		news_frame(ysf, call, in, fich);
}

/* The last frame of a call: it is done when the end of the call is committed. */
static bool end_with(struct ysf *ysf, struct call *call, struct ring_entry *in,
		     const struct fich *fich)
{
	touch(ysf, call, in);
	relay(ysf, call, in, fich, RING_RELAYED);
	return calls_end(ysf, call, REASON_TERMINATOR);
}

/* ---- frames outside a call ---- */

/* FNV-1a over tag and source: do these frames belong together? */
static uint32_t voice_hash(const uint8_t *frame)
{
	uint32_t hash = 2166136261U;

	for (unsigned i = YSF_TAG_AT; i < YSF_DEST_AT; i++)
		hash = (hash ^ frame[i]) * 16777619U;
	return hash;
}

static bool late_frame(struct ysf *ysf, struct attempt *attempt)
{
	struct gateway *gateway = attempt->gateway;
	struct ring_entry *in = attempt->in;
	uint32_t hash = voice_hash(in->data);

	if (!ysf->set.late_entry || attempt->fich->fi != FICH_FI_COMMUNICATION ||
	    attempt->fich->sq == FICH_SQ_WIRESX) {
		page_count(ysf->page, COUNT_YSF_DROP_NO_STREAM);
		return true;
	}
	if (!in->again) {
		gateway->good_frames =
			gateway->voice_of == hash ? gateway->good_frames + 1 : 1;
		gateway->voice_of = hash;
	}
	if (gateway->good_frames < LATE_FRAMES) {
		page_count(ysf->page, COUNT_YSF_DROP_NO_STREAM);
		return true;
	}
	gateway->good_frames = LATE_FRAMES - 1; /* the next frame tries again if this one can't */
	attempt->late = true;
	return opening(ysf, attempt);
}

/* What the radio says counts for more than what its gateway does. */
static void look_into(struct attempt *attempt_r, struct ring_entry *in, struct gateway *gateway,
		      const struct fich *fich)
{
	*attempt_r = (struct attempt){.gateway = gateway, .in = in, .fich = fich};
	ysf_source(in->data, attempt_r->source);
	ysf_dest(in->data, attempt_r->dest);
	if (fich->fi != FICH_FI_HEADER || !csd_decode(in->data + YSF_PAYLOAD_AT, &attempt_r->csd))
		return;
	if (strcmp(attempt_r->csd.dest, "**********") != 0 &&
	    attempt_r->csd.dest[strspn(attempt_r->csd.dest, " ")] != '\0')
		ysf_text((const uint8_t *)attempt_r->csd.dest, strlen(attempt_r->csd.dest),
			 attempt_r->dest);
}

/* No call of the gateway is open: each of its frames has to pass the access check, and a header may
 * open one. */
static bool outside(struct ysf *ysf, struct ring_entry *in, struct gateway *gateway,
		    const struct fich *fich)
{
	struct attempt attempt;

	look_into(&attempt, in, gateway, fich);
	if (!admit(ysf, &attempt)) {
		gateway->good_frames = 0;
		return true;
	}
	if (fich->fi != FICH_FI_HEADER) {
		tell_orphan(ysf, &attempt);
		return late_frame(ysf, &attempt);
	}
	if (fich->sq != FICH_SQ_WIRESX)
		return opening(ysf, &attempt);
	page_count(ysf->page, COUNT_YSF_DROP_DGID);
	return true;
}

/* ---- frames of an open call ---- */

static bool too_old(const struct ysf *ysf, const struct ring_entry *in)
{
	return ysf->set.max_age != 0 && clock_age(ysf->now, in->stamp) > ysf->set.max_age;
}

static bool in_call(struct ysf *ysf, struct ring_entry *in, struct call *call,
		    const struct fich *fich)
{
	if (fich->fi == FICH_FI_TERMINATOR)
		return end_with(ysf, call, in, fich);
	if (fich->fi == FICH_FI_COMMUNICATION && too_old(ysf, in)) {
		touch(ysf, call, in);
		page_count(ysf->page, COUNT_YSF_DROP_OLD);
		return true;
	}
	voice_pass_on(ysf, call, in, fich);
	return true;
}

/* Inside a call a frame with a damaged FICH is as good as the others to the radios; of its end we
 * only have the end bit. */
static bool damaged(struct ysf *ysf, struct ring_entry *in, struct call *call)
{
	if (call == NULL) {
		page_count(ysf->page, COUNT_YSF_DROP_FICH);
		return true;
	}
	if (ysf_frame_end(in->data))
		return end_with(ysf, call, in, NULL);
	voice_pass_on(ysf, call, in, NULL);
	return true;
}

static bool take_token(struct ysf *ysf, struct gateway *gateway)
{
	uint32_t rate = ysf->set.frame_rate;

	if (rate == 0 || bucket_take(&gateway->frames, ysf->now, rate, rate * RATE_BURST))
		return true;
	page_count(ysf->page, COUNT_YSF_DROP_RATE);
	log_limited(LOG_LEVEL_WARNING, "gateway %s sends more than ysf.frame_rate frames a second",
		    gateway->name);
	return false;
}

/* The way home begins anew with every frame (YSF protocol: back to home); the store learns of it with
 * the times of polls. */
static void heard(struct ysf *ysf, struct gateway *gateway)
{
	gateway->heard = ysf->now;
	if (gateway_away(gateway))
		gateways_mark(&ysf->gateways, gateway);
}

bool voice_frame(struct ysf *ysf, struct ring_entry *in, struct gateway *gateway)
{
	struct call *call = calls_of(ysf, gateway);
	struct fich fich;

	if (ring_state(in) == RING_RELAYED) /* a terminator: what is left is the end of its call */
		return call == NULL || calls_end(ysf, call, REASON_TERMINATOR);
	if (!in->again) {
		heard(ysf, gateway);
		page_count(ysf->page, COUNT_YSF_FRAMES);
		if (!take_token(ysf, gateway))
			return true;
	}
	if (call != NULL && call->closing != REASON_NONE) {
		const struct client_key key = gateway->key;

		calls_end(ysf, call, call->closing); /* the gate was busy when it ended */
		gateway = gateways_find(&ysf->gateways, &key);
		if (gateway == NULL) {
			page_count(ysf->page, COUNT_YSF_DROP_UNLINKED);
			return true;
		}
		call = calls_of(ysf, gateway);
		if (call != NULL)
			return false;
	}
	if (ysf->relay.active)
		return false; /* what was followed since it was read owed a terminator, which stalled */
	enum fich_result result = fich_decode(in->data + YSF_FICH_AT, &fich);
	if (call != NULL || result == FICH_BAD || fich.fi != FICH_FI_COMMUNICATION)
		gateway->good_frames = 0; /* late entry wants its frames in a row */
	if (result == FICH_BAD)
		return damaged(ysf, in, call);
	if (result == FICH_CORRECTED && !in->again)
		page_count(ysf->page, COUNT_YSF_FICH_CORRECTED);
	if (call != NULL)
		return in_call(ysf, in, call, &fich);
	return outside(ysf, in, gateway, &fich);
}
