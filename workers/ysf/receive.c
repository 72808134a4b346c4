/* SPDX-License-Identifier: ISC
 *
 * NAME      receive - datagrams in
 * PURPOSE   Reads the slot's sockets in batches and leads each datagram to its part.
 * OWNER     ysf workers
 * CONTRACT  one batch is worked off before the next is read; while a fan-out is stalled by a full
 *           send buffer nothing is read, so that what comes in waits in the kernel's queue
 * LIMITS    YSF_BATCH datagrams a batch; bytes beyond YSF_DATAGRAM are not kept
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "shm/log.h"
#include "workers/ysf/ysf.h"

#define CONTROL_SIZE 128
/* A step of the real clock between two batches that is larger makes stamps worthless for one turn. */
#define CLOCK_STEP (10 * NS_PER_MS)

/* What recvmmsg fills; built once. */
struct batch_io {
	struct mmsghdr message[YSF_BATCH];
	struct iovec vector[YSF_BATCH];
	union addr_sock from[YSF_BATCH];
	union {
		struct cmsghdr align;
		uint8_t bytes[CONTROL_SIZE];
	} control[YSF_BATCH];
};

static struct batch_io *io;

static void prepare(struct ysf *ysf, unsigned used)
{
	for (unsigned i = 0; i < used; i++) {
		io->vector[i] = (struct iovec){ysf->batch.in[i].data, YSF_DATAGRAM};
		io->message[i].msg_hdr = (struct msghdr){
			.msg_name = &io->from[i],
			.msg_namelen = sizeof(io->from[i]),
			.msg_iov = &io->vector[i],
			.msg_iovlen = 1,
			.msg_control = &io->control[i],
			.msg_controllen = CONTROL_SIZE,
		};
	}
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

static void read_control(const struct ysf *ysf, struct msghdr *head, struct inbound *in,
			 bool stepped)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c != NULL; c = CMSG_NXTHDR(head, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec ts;

			memcpy(&ts, CMSG_DATA(c), sizeof(ts));
			in->stamp = stamp_of(ysf, &ts, stepped);
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memset(in->local + 10, 0xff, 2);
			memcpy(in->local + 12, &info.ipi_addr, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(in->local, &info.ipi6_addr, 16);
		}
	}
}

/* Fills the batch from one socket. Returns how many datagrams there are. */
static unsigned fill(struct ysf *ysf, const struct intake *intake)
{
	int count = recvmmsg(intake->fd, io->message, YSF_BATCH, MSG_DONTWAIT, NULL);

	if (count <= 0) {
		if (count < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED)
			log_limited(LOG_LEVEL_WARNING, "receive on listener %u: %s", intake->listener,
				    strerror(errno));
		return 0;
	}
	ysf->now = clock_mono();
	int64_t offset = (int64_t)(clock_real() - ysf->now);
	int64_t moved = offset - ysf->clock_offset;
	bool stepped = moved > (int64_t)CLOCK_STEP || moved < -(int64_t)CLOCK_STEP;
	ysf->clock_offset = offset;

	uint64_t bytes = 0;
	for (unsigned i = 0; i < (unsigned)count; i++) {
		struct inbound *in = &ysf->batch.in[i];
		struct msghdr *head = &io->message[i].msg_hdr;

		in->length = (uint16_t)io->message[i].msg_len;
		in->listener = (uint16_t)intake->listener;
		in->stamp = ysf->now;
		in->again = false;
		memset(in->local, 0, sizeof(in->local));
		read_control(ysf, head, in, stepped);
		bytes += io->message[i].msg_len;
		if (addr_from_sock(&io->from[i].sa, head->msg_namelen, &in->from) != 0)
			in->length = 0; /* no family of ours: counts as empty */
	}
	prepare(ysf, (unsigned)count);
	page_count_by(ysf->page, COUNT_YSF_RECEIVED, (uint64_t)count);
	page_count_by(ysf->page, COUNT_YSF_RECEIVED_BYTES, bytes);
	return (unsigned)count;
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

static void say_unlinked(struct ysf *ysf, const struct inbound *in, const char *what)
{
	char text[ADDR_TEXT_MAX];

	page_count(ysf->page, COUNT_YSF_DROP_UNLINKED);
	log_limited(LOG_LEVEL_INFO, "%s of unknown gateway %s dropped", what,
		    addr_text(&in->from, text));
}

static void information(struct ysf *ysf, const struct inbound *in, const struct gateway *gateway)
{
	struct ysf_info info;

	ysf_info_parse(in->data, in->length, &info);
	page_count(ysf->page, COUNT_YSF_INFO);
	log_limited(LOG_LEVEL_INFO, "gateway %s: type %s, %s, %s, RX %u Hz, TX %u Hz, id %s",
		    gateway->name, info.type, info.locator, info.town, info.rx_hz, info.tx_hz,
		    info.id);
}

bool receive_datagram(struct ysf *ysf, struct inbound *in)
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
	register_flush(ysf); /* what came before must be done before */
	gateway = gateways_find(&ysf->gateways, &key);
	if (kind == YSF_UNLINK)
		return gateway == NULL || register_unlink(ysf, gateway);
	if (gateway == NULL) {
		say_unlinked(ysf, in, kind == YSF_DATA ? "frame" : ysf_kind_text(kind));
		return true;
	}
	if (kind == YSF_DATA)
		return voice_frame(ysf, in, gateway);
	if (kind == YSF_OPTIONS)
		return register_options(ysf, in, gateway);
	information(ysf, in, gateway);
	return true;
}

static void work(struct ysf *ysf)
{
	while (ysf->batch.next < ysf->batch.count) {
		if (ysf->relay.active)
			return;
		struct inbound *in = &ysf->batch.in[ysf->batch.next++];

		/* a batch of frames for 10,000 gateways takes a second: that is progress, and ages */
		ysf->now = clock_mono();
		page_beat(ysf->page, ysf->now);
		if (hold_waits(ysf, in) || !receive_datagram(ysf, in))
			hold_put(ysf, in);
	}
	if (ysf->relay.active)
		return;
	ysf->batch.count = ysf->batch.next = 0;
	register_flush(ysf);
	replies_send(ysf, ysf->replies);
}

void receive_from(struct ysf *ysf, struct intake *intake)
{
	if (ysf->relay.active || ysf->batch.count > 0)
		return;
	ysf->batch.count = fill(ysf, intake);
	ysf->batch.next = 0;
	follow(ysf);
	hold_retry(ysf);
	work(ysf);
}

bool receive_idle(const struct ysf *ysf)
{
	return ysf->batch.count == 0 && !ysf->relay.active && ysf->held == 0;
}

void receive_resume(struct ysf *ysf)
{
	follow(ysf);
	relay_farewells(ysf);
	work(ysf);
	if (!ysf->relay.active && !ysf->stopping)
		receive_reading(ysf, true);
}

bool receive_open(struct ysf *ysf)
{
	io = calloc(1, sizeof(*io));
	if (io == NULL)
		return false;
	prepare(ysf, YSF_BATCH);
	ysf->now = clock_mono();
	ysf->clock_offset = (int64_t)(clock_real() - ysf->now);
	return true;
}

void receive_close(struct ysf *ysf)
{
	(void)ysf;
	free(io);
	io = NULL;
}
