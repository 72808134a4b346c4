/* SPDX-License-Identifier: ISC
 *
 * NAME      query - status and version
 * PURPOSE   Answers anyone who asks, but never so often that the answers could hurt a third party
 *           whose address the question bears.
 * OWNER     ysf workers
 * CONTRACT  an answer has a fixed size; a source gets QUERY_RATE a second, all together ALL_RATE
 * LIMITS    per worker: a source's datagrams reach one worker, as the kernel spreads flows
 */
#include <stdlib.h>

#include "shm/log.h"
#include "workers/ysf/ysf.h"

#include "version.h"

#define QUERY_RATE  5
#define QUERY_BURST 10
#define ALL_RATE    1000
#define ALL_BURST   2000

static bool may_answer(struct ysf *ysf, const struct ring_entry *in)
{
	struct source *source = sources_get(&ysf->sources, &in->from);

	if (bucket_take(&source->queries, ysf->now, QUERY_RATE, QUERY_BURST) &&
	    bucket_take(&ysf->queries, ysf->now, ALL_RATE, ALL_BURST))
		return true;
	page_count(ysf->page, COUNT_YSF_UNANSWERED_QUERY);
	char text[ADDR_TEXT_MAX];
	log_limited(LOG_LEVEL_INFO, "queries of %s exceed %d a second, not answered",
		    addr_ip_text(&in->from, text), QUERY_RATE);
	return false;
}

static void answer(struct ysf *ysf, struct ring_entry *in, const void *data, size_t length)
{
	if (replies_full(ysf->replies))
		replies_send(ysf, ysf->replies);
	replies_add(ysf, ysf->replies, in, data, length);
}

void query_status(struct ysf *ysf, struct ring_entry *in)
{
	const struct ysf_identity *identity = &ysf->set.identity[in->listener];
	uint8_t reply[YSF_STATUS_BYTES];

	page_count(ysf->page, COUNT_YSF_STATUS);
	if (!may_answer(ysf, in))
		return;
	ysf_reply_status(reply, identity->id, identity->name, identity->description,
			 ysf->gateways.count);
	answer(ysf, in, reply, sizeof(reply));
}

void query_version(struct ysf *ysf, struct ring_entry *in)
{
	uint8_t reply[YSF_VERSION_MAX];

	page_count(ysf->page, COUNT_YSF_VERSION);
	if (!may_answer(ysf, in))
		return;
	size_t length = ysf_reply_version(reply, "shackd", (uint32_t)strtoul(SHACKD_DATE, NULL, 10));
	answer(ysf, in, reply, length);
}
