/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_fan - many gateways on few sockets
 * PURPOSE   see lib_fan.h
 * OWNER     tests/load/ysfsim
 * CONTRACT  see lib_fan.h
 * LIMITS    see lib_fan.h
 */
#include "tests/load/lib_fan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FAN_BASE    0x00100000u /* 127.16.0.0 on loopback; gateway number n is this plus n */
#define FAN_OUT	    64
#define FAN_DATA    200 /* what a stock gateway reads at most */
#define FAN_CONTROL 128

struct fan_slot {
	struct sockaddr_storage from;
	uint8_t data[FAN_DATA];
	uint8_t control[FAN_CONTROL] __attribute__((aligned(8)));
};

struct fan {
	struct fan_options o;
	bool wildcard; /* addresses by IP_PKTINFO */
	uint32_t base; /* in the reflector's /8 */
	uint32_t nsock;
	struct pollfd *poll;
	int rcvbuf;
	uint64_t send_errors;
	uint32_t out_sock; /* the socket of the batch in the making */
	unsigned nout;
	struct mmsghdr out[FAN_OUT];
	struct iovec out_iov[FAN_OUT];
	struct fan_slot out_slot[FAN_OUT];
	struct mmsghdr in[FAN_BATCH];
	struct iovec in_iov[FAN_BATCH];
	struct fan_slot in_slot[FAN_BATCH];
};

static int fan_socket(struct fan *f, uint32_t i)
{
	struct sockaddr_storage any = {.ss_family = f->o.peer.ss_family};
	int on = 1;
	int fd;

	fd = net_udp(&any, f->o.peer_len);
	if (fd == -1)
		return -1;
	f->poll[i] = (struct pollfd){.fd = fd, .events = POLLIN};
	f->rcvbuf = net_rcvbuf(fd, f->o.rcvbuf);
	if (f->wildcard && setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) == -1)
		return -1;
	if (f->o.kernel_time && setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) == -1)
		return -1;
	return 0;
}

static void fan_prepare(struct fan *f)
{
	for (unsigned i = 0; i < FAN_OUT; i++) {
		f->out_iov[i].iov_base = f->out_slot[i].data;
		f->out[i].msg_hdr = (struct msghdr){.msg_name = &f->o.peer,
						    .msg_namelen = f->o.peer_len,
						    .msg_iov = &f->out_iov[i],
						    .msg_iovlen = 1};
	}
	for (unsigned i = 0; i < FAN_BATCH; i++) {
		f->in_iov[i] = (struct iovec){f->in_slot[i].data, FAN_DATA};
		f->in[i].msg_hdr = (struct msghdr){.msg_name = &f->in_slot[i].from,
						   .msg_iov = &f->in_iov[i],
						   .msg_iovlen = 1,
						   .msg_control = f->in_slot[i].control};
	}
}

/* Elsewhere than on loopback the machine must have been given these addresses. */
static uint32_t fan_base(const struct sockaddr_storage *peer)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)peer;

	return (ntohl(in->sin_addr.s_addr) & 0xFF000000u) + FAN_BASE;
}

struct fan *fan_create(const struct fan_options *o)
{
	struct fan *f = calloc(1, sizeof(*f));
	int saved;

	if (f == NULL)
		return NULL;
	f->o = *o;
	f->wildcard = o->peer.ss_family == AF_INET && !o->own_sockets;
	f->base = fan_base(&o->peer);
	f->nsock = f->wildcard ? o->sockets : o->gateways;
	f->poll = calloc(FAN_SOCKETS, sizeof(*f->poll));
	errno = EMFILE;
	if (f->poll == NULL || f->nsock > FAN_SOCKETS)
		goto fail;
	for (uint32_t i = 0; i < FAN_SOCKETS; i++)
		f->poll[i].fd = -1;
	for (uint32_t i = 0; i < f->nsock; i++) {
		if (fan_socket(f, i) == -1)
			goto fail;
	}
	fan_prepare(f);
	return f;
fail:
	saved = errno;
	fan_destroy(&f);
	errno = saved;
	return NULL;
}

void fan_destroy(struct fan **f)
{
	if (*f == NULL)
		return;
	for (uint32_t i = 0; (*f)->poll != NULL && i < FAN_SOCKETS; i++) {
		if ((*f)->poll[i].fd != -1)
			close((*f)->poll[i].fd);
	}
	free((*f)->poll);
	free(*f);
	*f = NULL;
}

/* The source address of a message goes into its control part. */
static void fan_source(struct fan *f, struct msghdr *h, uint8_t *control, uint32_t gateway)
{
	struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(f->base + f->o.first + gateway)};
	struct cmsghdr *c;

	h->msg_control = control;
	h->msg_controllen = CMSG_SPACE(sizeof(info));
	c = CMSG_FIRSTHDR(h);
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
}

void fan_flush(struct fan *f)
{
	unsigned done = 0;

	while (done < f->nout) {
		int n = sendmmsg(f->poll[f->out_sock].fd, f->out + done, f->nout - done, 0);

		if (n > 0) {
			done += (unsigned)n;
			continue;
		}
		if (n == -1 && errno == EINTR)
			continue;
		/* An ICMP error of an earlier datagram is reported here, or the wire is full. */
		f->send_errors++;
		done++;
	}
	f->nout = 0;
}

void fan_send(struct fan *f, uint32_t gateway, const uint8_t *data, size_t len)
{
	uint32_t sock = gateway % f->nsock;
	unsigned i;

	if (f->nout == FAN_OUT || (f->nout > 0 && sock != f->out_sock))
		fan_flush(f);
	i = f->nout++;
	f->out_sock = sock;
	f->out_iov[i].iov_len = len < FAN_DATA ? len : FAN_DATA;
	memcpy(f->out_slot[i].data, data, f->out_iov[i].iov_len);
	if (f->wildcard)
		fan_source(f, &f->out[i].msg_hdr, f->out_slot[i].control, gateway);
}

int fan_wait(struct fan *f, uint64_t timeout_ns, struct pollfd *more, unsigned n)
{
	struct timespec ts = {(time_t)(timeout_ns / NET_SECOND), (long)(timeout_ns % NET_SECOND)};
	struct pollfd all[FAN_SOCKETS + 8];
	int got;

	if (n > 8)
		n = 8;
	memcpy(all, f->poll, f->nsock * sizeof(all[0]));
	memcpy(all + f->nsock, more, n * sizeof(all[0]));
	got = ppoll(all, f->nsock + n, &ts, NULL);
	memcpy(f->poll, all, f->nsock * sizeof(all[0]));
	memcpy(more, all + f->nsock, n * sizeof(all[0]));
	for (unsigned i = 0; got <= 0 && i < n; i++)
		more[i].revents = 0;
	return got;
}

static bool fan_is_peer(const struct fan *f, const struct sockaddr_storage *from)
{
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)from;
	const struct sockaddr_in6 *p6 = (const struct sockaddr_in6 *)&f->o.peer;
	const struct sockaddr_in *a = (const struct sockaddr_in *)from;
	const struct sockaddr_in *p = (const struct sockaddr_in *)&f->o.peer;

	if (from->ss_family != f->o.peer.ss_family)
		return false;
	if (from->ss_family == AF_INET6)
		return a6->sin6_port == p6->sin6_port &&
		       memcmp(&a6->sin6_addr, &p6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
	return a->sin_port == p->sin_port && a->sin_addr.s_addr == p->sin_addr.s_addr;
}

/* Which gateway a datagram was for and when it came; skew is CLOCK_REALTIME less MONOTONIC. */
static void fan_learn(const struct fan *f, struct msghdr *h, uint32_t sock, uint64_t skew,
		      struct fan_datagram *d)
{
	d->gateway = f->wildcard ? UINT32_MAX : sock;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec ts;

			memcpy(&ts, CMSG_DATA(c), sizeof(ts));
			d->at_ns = (uint64_t)ts.tv_sec * NET_SECOND + (uint64_t)ts.tv_nsec - skew;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			uint32_t i;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			i = ntohl(info.ipi_addr.s_addr) - f->base - f->o.first;
			if (i < f->o.gateways && i % f->nsock == sock)
				d->gateway = i;
		}
	}
}

static uint64_t fan_skew(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * NET_SECOND + (uint64_t)ts.tv_nsec - net_now();
}

static unsigned fan_batch(struct fan *f, uint32_t sock, fan_handler *handler, void *ctx)
{
	uint64_t skew = f->o.kernel_time ? fan_skew() : 0;
	size_t control = f->wildcard || f->o.kernel_time ? FAN_CONTROL : 0;
	uint64_t now;
	int n;

	for (unsigned i = 0; i < FAN_BATCH; i++) {
		f->in[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_storage);
		f->in[i].msg_hdr.msg_controllen = control;
	}
	n = recvmmsg(f->poll[sock].fd, f->in, FAN_BATCH, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return 0;
	now = net_now();
	for (int i = 0; i < n; i++) {
		struct fan_datagram d = {
			.at_ns = now, .data = f->in_slot[i].data, .len = f->in[i].msg_len};

		d.from_peer = fan_is_peer(f, &f->in_slot[i].from);
		fan_learn(f, &f->in[i].msg_hdr, sock, skew, &d);
		if (f->in[i].msg_hdr.msg_flags & MSG_TRUNC)
			d.len = 0;
		handler(ctx, &d);
	}
	return (unsigned)n;
}

unsigned fan_receive(struct fan *f, unsigned budget, fan_handler *handler, void *ctx)
{
	unsigned total = 0;

	for (uint32_t s = 0; s < f->nsock && total < budget; s++) {
		unsigned n;

		if (f->nsock > 1 && f->poll[s].revents == 0)
			continue;
		do {
			n = fan_batch(f, s, handler, ctx);
			total += n;
		} while (n == FAN_BATCH && total < budget);
	}
	return total;
}

uint64_t fan_drops(const struct fan *f)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < f->nsock; i++)
		sum += net_drops(f->poll[i].fd);
	return sum;
}

uint64_t fan_send_errors(const struct fan *f)
{
	return f->send_errors;
}

int fan_rcvbuf(const struct fan *f)
{
	return f->rcvbuf;
}
