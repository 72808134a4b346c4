/* SPDX-License-Identifier: ISC
 *
 * NAME      replies - answers to gateways and queries
 * PURPOSE   Gathers the small answers of a batch and sends them with few system calls, each from the
 *           socket and the address that was asked.
 * OWNER     ysf workers
 * CONTRACT  an answer that does not fit the send buffer is dropped and counted: who asked asks again
 *           The messages go by way of the ring, so that nobody is answered twice after a kill
 * LIMITS    REPLIES_MAX answers at a time, REPLY_SIZE bytes each
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "workers/ysf/ysf.h"

#define REPLIES_MAX RING_REPLIES
#define REPLY_SIZE  64

struct reply {
	union addr_sock to;
	struct iovec vector;
	uint8_t data[REPLY_SIZE];
	uint16_t listener;
	struct ring_entry *to_what; /* done when it is answered */
	union fanout_source source;
};

struct replies {
	struct reply reply[REPLIES_MAX];
	struct mmsghdr message[REPLIES_MAX];
	uint64_t seq[REPLIES_MAX];
	unsigned count;
};

struct replies *replies_make(void)
{
	return calloc(1, sizeof(struct replies));
}

void replies_free(struct replies **replies)
{
	free(*replies);
	*replies = NULL;
}

bool replies_full(const struct replies *replies)
{
	return replies->count == REPLIES_MAX;
}

void replies_forget(struct replies *replies)
{
	replies->count = 0;
}

void replies_add(struct ysf *ysf, struct replies *replies, struct ring_entry *in,
		 const void *data, size_t length)
{
	static const uint8_t bound[16];

	if (replies->count == REPLIES_MAX || length > REPLY_SIZE) {
		page_count(ysf->page, COUNT_YSF_SEND_OTHER);
		return;
	}
	struct reply *reply = &replies->reply[replies->count];
	struct msghdr *head = &replies->message[replies->count].msg_hdr;
	replies->seq[replies->count++] = in->seq;
	reply->to_what = in;
	in->owing = true;
	memcpy(reply->data, data, length);
	reply->listener = in->listener;
	reply->vector = (struct iovec){reply->data, length};
	*head = (struct msghdr){.msg_name = &reply->to,
				.msg_namelen = addr_to_sock(&in->from, &reply->to),
				.msg_iov = &reply->vector,
				.msg_iovlen = 1};
	if (ysf->listener[in->listener].wildcard && memcmp(in->local, bound, 16) != 0) {
		head->msg_control = &reply->source;
		head->msg_controllen = fanout_source_make(
			&reply->source, reply->to.sa.sa_family, in->local);
	}
}

/* Sends messages AT .. END - 1, which leave from one socket. */
static void send_run(struct ysf *ysf, struct replies *replies, unsigned at, unsigned end)
{
	const unsigned listener = replies->reply[at].listener;
	int fd = ysf->listener[listener].fd; /* a gap: unreachable */
	unsigned tries = 0;

	while (at < end) {
		struct mmsghdr *offer = ring_replies_offer(ysf->ring, &replies->message[at],
							   &replies->seq[at], end - at);
		int sent = sendmmsg(fd, offer, end - at, MSG_DONTWAIT);

		if (sent > 0) {
			page_count_by(ysf->page, COUNT_YSF_REPLIES, (uint64_t)sent);
			for (unsigned last = at + (unsigned)sent; at < last; at++)
				ring_set(replies->reply[at].to_what, RING_DONE);
			tries = 0;
		} else if (errno != EINTR && !trouble_again(errno, &tries)) {
			trouble_note(ysf, trouble_of(errno), errno,
				     &replies->reply[at].to_what->from, listener);
			ring_set(replies->reply[at++].to_what, RING_DONE);
			tries = 0;
		}
	}
}

void replies_send(struct ysf *ysf, struct replies *replies)
{
	if (replies->count == 0)
		return;
	for (unsigned at = 0, end; at < replies->count; at = end) {
		for (end = at + 1; end < replies->count; end++)
			if (replies->reply[end].listener != replies->reply[at].listener)
				break;
		send_run(ysf, replies, at, end);
	}
	ring_replies_end(ysf->ring);
	replies->count = 0;
}
