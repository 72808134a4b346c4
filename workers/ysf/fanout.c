/* SPDX-License-Identifier: ISC
 *
 * NAME      fanout - the receivers of a DG-ID, ready to be sent to
 * PURPOSE   see fanout.h
 * OWNER     ysf workers
 * CONTRACT  message[i], the i-th socket address and who[i] belong together; who[i]->fan_at is i
 * LIMITS    arrays are not given back when a DG-ID empties, they are used again
 */
#include "workers/ysf/fanout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/addr.h"

#define ROOM_MIN 16
#define FANOUT_FANS (FANOUT_DGIDS * FANOUT_LISTENERS)

bool fanout_init(struct fanout *fanout)
{
	fanout->fan = calloc(FANOUT_FANS, sizeof(struct fan *));
	return fanout->fan != NULL;
}

void fanout_free(struct fanout *fanout)
{
	for (unsigned i = 0; fanout->fan != NULL && i < FANOUT_FANS; i++) {
		struct fan *fan = fanout->fan[i];

		if (fan == NULL)
			continue;
		for (uint32_t n = 0; n < fan->count; n++)
			free(fan->message[n].msg_hdr.msg_control);
		free(fan->message);
		free(fan->to);
		free(fan->who);
		free(fan->id);
		free(fan);
	}
	free(fanout->fan);
	fanout->fan = NULL;
}

struct fan *fanout_fan(const struct fanout *fanout, unsigned dgid, unsigned listener)
{
	return fanout->fan[dgid * FANOUT_LISTENERS + listener];
}

static struct fan *fan_make(int family)
{
	struct fan *fan = calloc(1, sizeof(*fan));

	if (fan != NULL) {
		fan->stride = family == AF_INET6 ? sizeof(struct sockaddr_in6)
						 : sizeof(struct sockaddr_in);
		for (unsigned i = 0; i < RING_VARIANTS; i++)
			fan->frame[i].iov_len = FRAME_SIZE;
	}
	return fan;
}

/* Doubles the room; the messages point into `to`, which may have moved. */
static bool fan_grow(struct fan *fan)
{
	uint32_t room = fan->room ? fan->room * 2 : ROOM_MIN;
	struct mmsghdr *message = realloc(fan->message, room * sizeof(*message));

	if (message == NULL)
		return false;
	fan->message = message;
	struct gateway **who = realloc(fan->who, room * sizeof(*who));
	if (who == NULL)
		return false;
	fan->who = who;
	uint32_t *id = realloc(fan->id, room * sizeof(*id));
	if (id == NULL)
		return false;
	fan->id = id;
	uint8_t *to = realloc(fan->to, (size_t)room * fan->stride);
	if (to == NULL)
		return false;
	fan->to = to;
	for (uint32_t i = 0; i < fan->count; i++)
		fan->message[i].msg_hdr.msg_name = to + (size_t)i * fan->stride;
	fan->room = room;
	return true;
}

size_t fanout_source_make(union fanout_source *source_r, int family, const uint8_t local[16])
{
	struct cmsghdr *head = &source_r->align;

	memset(source_r, 0, sizeof(*source_r));
	if (family == AF_INET6) {
		struct in6_pktinfo info = {0};

		memcpy(&info.ipi6_addr, local, sizeof(info.ipi6_addr));
		head->cmsg_level = IPPROTO_IPV6;
		head->cmsg_type = IPV6_PKTINFO;
		head->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(head), &info, sizeof(info));
		return CMSG_SPACE(sizeof(info));
	}
	struct in_pktinfo info = {0};

	memcpy(&info.ipi_spec_dst, local + 12, sizeof(info.ipi_spec_dst));
	head->cmsg_level = IPPROTO_IP;
	head->cmsg_type = IP_PKTINFO;
	head->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(head), &info, sizeof(info));
	return CMSG_SPACE(sizeof(info));
}

bool fanout_add(struct fanout *fanout, struct gateway *gateway)
{
	struct fan **place = &fanout->fan[gateway->dgid * FANOUT_LISTENERS + gateway->listener];
	union fanout_source *source = NULL;
	size_t source_size = 0;
	union addr_sock sock;
	struct addr addr;

	client_key_addr(&gateway->key, &addr);
	socklen_t length = addr_to_sock(&addr, &sock);
	if (*place == NULL)
		*place = fan_make(sock.sa.sa_family);
	struct fan *fan = *place;
	if (fan == NULL || (fan->count == fan->room && !fan_grow(fan)))
		return false;
	if (gateway->flags & CLIENT_PKTINFO) {
		source = malloc(sizeof(*source));
		if (source == NULL)
			return false;
		source_size = fanout_source_make(source, sock.sa.sa_family, gateway->local);
	}
	uint8_t *to = fan->to + (size_t)fan->count * fan->stride;
	memcpy(to, &sock, length);
	fan->message[fan->count] = (struct mmsghdr){
		.msg_hdr = {.msg_name = to,
			    .msg_namelen = length,
			    .msg_iov = &fan->frame[gateway_movable(gateway)],
			    .msg_iovlen = 1,
			    .msg_control = source,
			    .msg_controllen = source_size},
	};
	fan->who[fan->count] = gateway;
	fan->id[fan->count] = gateway->id;
	fan->version++;
	gateway->fan_at = fan->count++;
	return true;
}

void fanout_remove(struct fanout *fanout, struct gateway *gateway)
{
	struct fan *fan = fanout_fan(fanout, gateway->dgid, gateway->listener);
	uint32_t at = gateway->fan_at, last;

	if (at == GATEWAY_NOWHERE)
		return;
	last = fan->count - 1;
	gateway->fan_at = GATEWAY_NOWHERE;
	free(fan->message[at].msg_hdr.msg_control);
	if (at != last) {
		uint8_t *to = fan->to + (size_t)at * fan->stride;

		memcpy(to, fan->to + (size_t)last * fan->stride, fan->stride);
		fan->message[at] = fan->message[last];
		fan->message[at].msg_hdr.msg_name = to;
		fan->who[at] = fan->who[last];
		fan->id[at] = fan->id[last];
		fan->who[at]->fan_at = at;
	}
	fan->count = last;
	fan->version++;
}

void fanout_suit(struct fanout *fanout, const struct gateway *gateway)
{
	struct fan *fan = fanout_fan(fanout, gateway->dgid, gateway->listener);
	struct iovec *frame;

	if (gateway->fan_at == GATEWAY_NOWHERE)
		return;
	frame = &fan->frame[gateway_movable(gateway)];
	if (fan->message[gateway->fan_at].msg_hdr.msg_iov == frame)
		return;
	fan->message[gateway->fan_at].msg_hdr.msg_iov = frame;
	fan->version++;
}

static void swap(struct fan *fan, uint32_t a, uint32_t b)
{
	struct mmsghdr message = fan->message[a];
	struct gateway *who = fan->who[a];
	uint8_t *to_a = fan->to + (size_t)a * fan->stride, *to_b = fan->to + (size_t)b * fan->stride;
	union addr_sock to;

	memcpy(&to, to_a, fan->stride);
	memcpy(to_a, to_b, fan->stride);
	memcpy(to_b, &to, fan->stride);
	fan->message[a] = fan->message[b];
	fan->message[b] = message;
	fan->message[a].msg_hdr.msg_name = to_a;
	fan->message[b].msg_hdr.msg_name = to_b;
	fan->who[a] = fan->who[b];
	fan->who[b] = who;
	for (const uint32_t *at = (const uint32_t[]){a, b, UINT32_MAX}; *at != UINT32_MAX; at++) {
		fan->who[*at]->fan_at = *at;
		fan->id[*at] = fan->who[*at]->id;
	}
}

static int by_number(const void *a, const void *b)
{
	const uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;

	return (one > other) - (one < other);
}

uint32_t fan_front(struct fan *fan, uint32_t *ids, uint32_t count)
{
	uint32_t front = 0;

	if (count == 0)
		return 0;
	qsort(ids, count, sizeof(*ids), by_number);
	for (uint32_t i = 0; i < fan->count; i++) {
		if (bsearch(&fan->id[i], ids, count, sizeof(*ids), by_number) == NULL)
			continue;
		if (i != front)
			swap(fan, i, front);
		front++;
	}
	fan->version++;
	return front;
}

bool fan_send(struct fan *fan, struct ring *ring, int fd, uint32_t skip, uint32_t *at,
	      struct fan_result *result)
{
	unsigned tries = 0;

	while (*at < fan->count) {
		if (*at == skip) {
			(*at)++;
			continue;
		}
		uint32_t end = *at < skip && skip < fan->count ? skip : fan->count;
		uint32_t span = end - *at;
		struct mmsghdr *message = ring_relay_offer(ring, fan->message, fan->count, *at,
							   &span, fan, fan->version);
		int sent = sendmmsg(fd, message, span, 0);

		if (sent > 0) {
			result->sent += (uint32_t)sent;
			*at += (uint32_t)sent;
			tries = 0;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return false;
		} else if (errno != EINTR && !trouble_again(errno, &tries)) {
			trouble_add(&result->failed, errno, fan->who[*at]);
			(*at)++;
			tries = 0;
		}
	}
	return true;
}
