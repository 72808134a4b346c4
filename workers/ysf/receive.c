/* SPDX-License-Identifier: ISC
 *
 * NAME      receive - datagrams in
 * PURPOSE   Reads the slot's sockets in batches and leads each datagram to its part.
 * OWNER     ysf workers
 * CONTRACT  one batch is worked off before the next is read; while a fan-out is stalled by a full
 *           send buffer nothing is read, so that what comes in waits in the kernel's queue. The
 *           batch lies in the ring: what is not marked done there is taken up by a successor
 * LIMITS    RING_BATCH datagrams a batch; bytes beyond RING_DATAGRAM are not kept
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "shm/log.h"
#include "shm/fault.h"
#include "workers/ysf/misbehave.h"
#include "workers/ysf/ysf.h"

/* A step of the real clock between two batches that is larger makes stamps worthless for one turn. */
#define CLOCK_STEP (10 * NS_PER_MS)

static void prepare(struct ysf *ysf, unsigned used)
{
	struct ring_memory *memory = ysf->ring->memory;
	struct ring_io *io = &memory->io;

	for (unsigned i = 0; i < used; i++) {
		io->vector[i] = (struct iovec){memory->entry[i].data, RING_DATAGRAM};
		io->message[i].msg_hdr = (struct msghdr){
			.msg_name = &io->from[i],
			.msg_namelen = sizeof(io->from[i]),
			.msg_iov = &io->vector[i],
			.msg_iovlen = 1,
			.msg_control = &io->control[i],
			.msg_controllen = RING_CONTROL,
		};
	}
}

void receive_prepare(struct ysf *ysf)
{
	ring_touch(ysf->ring);
	prepare(ysf, RING_BATCH);
}

/* The kernel stamps with the real clock; we reckon in monotonic time. A stamp from before a step of
 * the clock would look an hour old: then the datagram counts as fresh. */
static uint64_t stamp_of(const struct ysf *ysf, const struct timespec *ts, bool stepped)
{
	int64_t real = ts->tv_sec * (int64_t)NS_PER_SEC + ts->tv_nsec;
	int64_t mono = real - ysf->clock_offset;

	if (stepped || mono <= 0 || (uint64_t)mono > ysf->now)
		return ysf->now;
	return (uint64_t)mono;
}

static bool control_is(const struct cmsghdr *c, int level, int type, size_t length)
{
	return c->cmsg_level == level && c->cmsg_type == type && c->cmsg_len >= CMSG_LEN(length);
}

static void read_control(const struct ysf *ysf, struct msghdr *head, struct ring_entry *in,
			 bool stepped)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c != NULL; c = CMSG_NXTHDR(head, c)) {
		struct timespec ts;
		struct in_pktinfo info;
		struct in6_pktinfo info6;

		if (control_is(c, SOL_SOCKET, SCM_TIMESTAMPNS, sizeof(ts))) {
			memcpy(&ts, CMSG_DATA(c), sizeof(ts));
			in->stamp = stamp_of(ysf, &ts, stepped);
		} else if (control_is(c, IPPROTO_IP, IP_PKTINFO, sizeof(info))) {
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memset(in->local + 10, 0xff, 2);
			memcpy(in->local + 12, &info.ipi_addr, 4);
		} else if (control_is(c, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(info6))) {
			memcpy(&info6, CMSG_DATA(c), sizeof(info6));
			memcpy(in->local, &info6.ipi6_addr, 16);
		}
	}
}

/* One datagram out of what the kernel wrote: lengths are not believed, for it may have written them
 * into the memory of a predecessor. */
static void take_one(struct ysf *ysf, unsigned i, unsigned listener, bool stepped)
{
	struct ring_io *io = &ysf->ring->memory->io;
	struct ring_entry *in = &ysf->ring->memory->entry[i];
	struct msghdr head = {.msg_control = &io->control[i],
			      .msg_controllen = io->message[i].msg_hdr.msg_controllen};
	uint32_t length = io->message[i].msg_len;
	socklen_t named = io->message[i].msg_hdr.msg_namelen;

	if (head.msg_controllen > RING_CONTROL)
		head.msg_controllen = RING_CONTROL;
	if (named > sizeof(io->from[i]))
		named = sizeof(io->from[i]);
	in->length = (uint16_t)(length < RING_DATAGRAM ? length : RING_DATAGRAM);
	in->listener = (uint16_t)listener;
	in->stamp = ysf->now;
	memset(in->local, 0, sizeof(in->local));
	read_control(ysf, &head, in, stepped);
	if (addr_from_sock(&io->from[i].sa, named, &in->from) != 0)
		in->length = 0; /* no family of ours: counts as empty */
	ring_entry_raw(ysf->ring, i);
	page_count_by(ysf->page, COUNT_YSF_RECEIVED_BYTES, length);
}

void receive_take(struct ysf *ysf, unsigned count, unsigned listener)
{
	ysf->now = clock_mono();
	int64_t offset = (int64_t)(clock_real() - ysf->now);
	int64_t moved = offset - ysf->clock_offset;
	bool stepped = moved > (int64_t)CLOCK_STEP || moved < -(int64_t)CLOCK_STEP;

	ysf->clock_offset = offset;
	for (unsigned i = 0; i < count; i++)
		take_one(ysf, i, listener, stepped);
	page_count_by(ysf->page, COUNT_YSF_RECEIVED, count);
	ring_batch_taken(ysf->ring, count);
	prepare(ysf, count);
	ysf->count = count;
	ysf->next = 0;
}

/* Fills the batch from one socket. */
static void fill(struct ysf *ysf, const struct intake *intake)
{
	unsigned tries = 0;
	int count;

	ring_batch_open(ysf->ring, intake->listener);
	do
		count = recvmmsg(intake->fd, ysf->ring->memory->io.message, RING_BATCH,
				 MSG_DONTWAIT, NULL);
	while (count < 0 && trouble_again(errno, &tries));
	int error = errno;
	if (count < 0 || tries > 0)
		returned_read(ysf, intake); /* that is what it was readable for */
	if (count > 0) {
		fault_point(FAULT_YSF_READ);
		receive_take(ysf, (unsigned)count, intake->listener);
		return;
	}
	if (count < 0 && error != EAGAIN && error != EINTR && tries == 0)
		log_limited(LOG_LEVEL_WARNING, "receive on listener %u: %s", intake->listener,
			    strerror(error));
	ring_batch_end(ysf->ring);
}

static void count_reject(struct ysf *ysf, enum ysf_reject reject)
{
	static const enum page_counter counter[YSF_REJECTS] = {
		[YSF_REJECT_NONE] = COUNT_YSF_DROP_TAG,
		[YSF_REJECT_EMPTY] = COUNT_YSF_DROP_EMPTY,
		[YSF_REJECT_SHORT] = COUNT_YSF_DROP_SHORT,
		[YSF_REJECT_TAG] = COUNT_YSF_DROP_TAG,
		[YSF_REJECT_POLL_SIZE] = COUNT_YSF_DROP_SHORT,
		[YSF_REJECT_DATA_SIZE] = COUNT_YSF_DROP_SIZE,
		[YSF_REJECT_INFO_SIZE] = COUNT_YSF_DROP_SHORT,
		[YSF_REJECT_OPTIONS_SIZE] = COUNT_YSF_DROP_SHORT,
	};

	page_count(ysf->page, counter[reject]);
}

static void say_unlinked(struct ysf *ysf, const struct ring_entry *in, const char *what)
{
	char text[ADDR_TEXT_MAX];

	page_count(ysf->page, COUNT_YSF_DROP_UNLINKED);
	log_limited(LOG_LEVEL_INFO, "%s of unknown gateway %s dropped", what,
		    addr_text(&in->from, text));
}

bool receive_datagram(struct ysf *ysf, struct ring_entry *in)
{
	struct ysf_datagram datagram;
	struct client_key key;
	enum ysf_kind kind = ysf_classify(in->data, in->length, &datagram);

	if (kind == YSF_REJECTED) {
		count_reject(ysf, datagram.reject);
		return true;
	}
	if (kind == YSF_STATUS || kind == YSF_VERSION) {
		kind == YSF_STATUS ? query_status(ysf, in) : query_version(ysf, in);
		return true;
	}
	ysf_sanitise(in->data, &datagram);
	client_key_make(&key, &in->from, in->listener);
	struct gateway *gateway = gateways_find(&ysf->gateways, &key);

	if (kind == YSF_POLL)
		return register_poll(ysf, in, gateway);
	if (kind == YSF_UNLINK)
		receive_flush(ysf); /* a poll that a successor took up behind it would link anew */
	else
		register_flush(ysf); /* what came before must be done before */
	gateway = gateways_find(&ysf->gateways, &key);
	if (gateway == NULL && ring_state(in) == RING_RELAYED)
		return true; /* its call ended with its link */
	if (kind == YSF_UNLINK)
		return gateway == NULL || register_unlink(ysf, in, gateway);
	if (gateway == NULL) {
		say_unlinked(ysf, in, kind == YSF_DATA ? "frame" : ysf_kind_text(kind));
		return true;
	}
	if (kind == YSF_DATA)
		misbehave(ysf, in);
	if (kind == YSF_DATA)
		return voice_frame(ysf, in, gateway);
	if (kind == YSF_OPTIONS)
		return inform_options(ysf, in, gateway);
	return inform_info(ysf, in, gateway);
}

void receive_flush(struct ysf *ysf)
{
	register_flush(ysf);
	replies_send(ysf, ysf->replies);
}

/* False: its fan-out has stalled, it is gone on with when there is room. */
static bool work_one(struct ysf *ysf, struct ring_entry *in)
{
	bool waits;

	/* a batch of frames for 10,000 gateways takes a second: that is progress, and ages */
	ysf->now = clock_mono();
	page_beat(ysf->page, ysf->now);
	ring_handling(ysf->ring, in->seq);
	waits = hold_waits(ysf, in) || !receive_datagram(ysf, in);
	if (ysf->relay.active && ysf->relay.entry == in)
		return false;
	if (waits)
		hold_put(ysf, in);
	else if (in->owing && ysf->careful)
		receive_flush(ysf);
	else if (in->owing)
		return true; /* done with the batch */
	ring_set(in, RING_DONE);
	return true;
}

static void work(struct ysf *ysf)
{
	for (; ysf->next < ysf->count; ysf->next++) {
		struct ring_entry *in = &ysf->ring->memory->entry[ysf->next];

		if (ysf->relay.active)
			return;
		if (ring_state(in) != RING_DONE && !work_one(ysf, in))
			return;
	}
	if (ysf->relay.active)
		return;
	receive_flush(ysf);
	fault_point(FAULT_YSF_BATCH_DONE);
	ring_batch_end(ysf->ring);
	ring_handling(ysf->ring, 0);
	ysf->count = ysf->next = 0;
	ysf->careful = ysf->careful && !receive_idle(ysf);
}

void receive_from(struct ysf *ysf, struct intake *intake)
{
	if (ysf->relay.active || ysf->count > 0)
		return;
	fill(ysf, intake);
	if (ysf->count == 0)
		return;
	fault_point(FAULT_YSF_TAKEN);
	follow(ysf);
	hold_retry(ysf);
	work(ysf);
}

bool receive_idle(const struct ysf *ysf)
{
	return ysf->count == 0 && !ysf->relay.active && ysf->ring->held.count == 0;
}

void receive_resume(struct ysf *ysf)
{
	follow(ysf);
	relay_farewells(ysf);
	hold_retry(ysf);
	work(ysf);
	if (!ysf->relay.active && !ysf->stopping)
		receive_reading(ysf, true);
}
