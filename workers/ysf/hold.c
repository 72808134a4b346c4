/* SPDX-License-Identifier: ISC
 *
 * NAME      hold - datagrams that wait for the gate
 * PURPOSE   What can't be done because another process holds the gate of the store is kept in order
 *           and tried again every turn; open streams go on meanwhile.
 * OWNER     ysf workers
 * CONTRACT  the datagrams of one address are never overtaken by its own later ones, whether it is
 *           linked or about to. Voice waits at most HOLD_VOICE; headers, terminators, polls and
 *           unlinks wait up to HOLD_OTHER, for a lost header would cost a whole call.
 * LIMITS    YSF_HOLD datagrams; further ones are dropped and counted
 */
#include <string.h>

#include "workers/ysf/ysf.h"

#define HOLD_VOICE (200 * NS_PER_MS)
#define HOLD_OTHER (2 * NS_PER_SEC)

static struct inbound *at(struct ysf *ysf, unsigned n)
{
	return &ysf->hold[(ysf->hold_at + n) % YSF_HOLD];
}

bool hold_waits(struct ysf *ysf, const struct inbound *in)
{
	for (unsigned n = 0; n < ysf->held; n++)
		if (at(ysf, n)->listener == in->listener && addr_equal(&at(ysf, n)->from, &in->from))
			return true;
	return false;
}

void hold_put(struct ysf *ysf, const struct inbound *in)
{
	bool frame = ysf_classify(in->data, in->length, NULL) == YSF_DATA;

	/* a crowd of strangers must not take the places of those who are linked and talk */
	if (ysf->held >= (frame ? YSF_HOLD : YSF_HOLD_OTHERS)) {
		page_count(ysf->page, COUNT_YSF_DROP_HOLD_FULL);
		return;
	}
	*at(ysf, ysf->held) = *in;
	at(ysf, ysf->held++)->again = true;
	page_count(ysf->page, COUNT_YSF_HELD);
	page_gauge(ysf->page, GAUGE_HELD, ysf->held);
}

static bool is_voice(const struct inbound *in)
{
	struct fich fich;

	return ysf_classify(in->data, in->length, NULL) == YSF_DATA &&
	       fich_decode(in->data + YSF_FICH_AT, &fich) != FICH_BAD &&
	       fich.fi == FICH_FI_COMMUNICATION;
}

static bool too_old(const struct ysf *ysf, const struct inbound *in)
{
	uint64_t age = clock_age(ysf->now, in->stamp);

	return age > HOLD_OTHER || (age > HOLD_VOICE && is_voice(in));
}

/* Takes out what waited too long, keeps the order of the rest. */
static void expire(struct ysf *ysf)
{
	unsigned kept = 0;

	for (unsigned n = 0; n < ysf->held; n++) {
		if (too_old(ysf, at(ysf, n))) {
			page_count(ysf->page, COUNT_YSF_DROP_HOLD_LATE);
		} else {
			if (kept != n)
				*at(ysf, kept) = *at(ysf, n);
			kept++;
		}
	}
	ysf->held = kept;
}

void hold_retry(struct ysf *ysf)
{
	if (ysf->held == 0)
		return;
	expire(ysf);
	while (ysf->held > 0 && !ysf->relay.active) {
		struct inbound in = *at(ysf, 0);

		if (!receive_datagram(ysf, &in))
			break;
		ysf->hold_at = (ysf->hold_at + 1) % YSF_HOLD;
		ysf->held--;
	}
	if (!ysf->relay.active) {
		register_flush(ysf);
		replies_send(ysf, ysf->replies);
	}
	page_gauge(ysf->page, GAUGE_HELD, ysf->held);
}
