/* SPDX-License-Identifier: ISC
 *
 * NAME      returned - datagrams that came back
 * PURPOSE   What ICMP messages and the kernel tell of datagrams that were sent: a gateway that died, a
 *           router that knows no way, an interface that is too narrow.
 * OWNER     ysf workers
 * CONTRACT  A socket that is told of errors reports them twice: in its error queue, with the address it
 *           is about, and as the result of whatever call comes next, which then has done nothing and
 *           is to be tried again (trouble_again). The queue takes room of the receive buffer and keeps
 *           the socket readable, so it is emptied. An old build does not know the queue, so whoever
 *           ends in good order turns it off.
 * LIMITS    RETURNED_MOST a turn; the message is of whoever sent it: it is counted and said, no more
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "shm/log.h"
#include "workers/ysf/ysf.h"

#define RETURNED_MOST 64

void returned_wanted(const struct ysf *ysf, const struct intake *intake, bool on)
{
	bool v6 = addr_family(&ysf->listener[intake->listener].addr) == AF_INET6;
	const int value = on;

	/* without it nothing is lost but what we would be told */
	if (setsockopt(intake->fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR,
		       &value, sizeof(value)) != 0)
		log_limited(LOG_LEVEL_WARNING, "ICMP errors of listener %u stay unknown: %s",
			    intake->listener, strerror(errno));
}

static enum trouble of_icmp(uint8_t type, uint8_t code)
{
	if (type != ICMP_DEST_UNREACH)
		return TROUBLE_BACK_OTHER;
	switch (code) {
	case ICMP_PORT_UNREACH:
		return TROUBLE_BACK_PORT;
	case ICMP_NET_UNREACH:
	case ICMP_HOST_UNREACH:
	case ICMP_NET_UNKNOWN:
	case ICMP_HOST_UNKNOWN:
		return TROUBLE_BACK_HOST;
	case ICMP_NET_ANO:
	case ICMP_HOST_ANO:
	case ICMP_PKT_FILTERED:
		return TROUBLE_BACK_FILTER;
	default:
		return TROUBLE_BACK_OTHER;
	}
}

static enum trouble of_icmp6(uint8_t type, uint8_t code)
{
	if (type != ICMPV6_DEST_UNREACH)
		return TROUBLE_BACK_OTHER;
	switch (code) {
	case ICMPV6_PORT_UNREACH:
		return TROUBLE_BACK_PORT;
	case ICMPV6_NOROUTE:
	case ICMPV6_ADDR_UNREACH:
		return TROUBLE_BACK_HOST;
	case ICMPV6_ADM_PROHIBITED:
	case ICMPV6_POLICY_FAIL:
	case ICMPV6_REJECT_ROUTE:
		return TROUBLE_BACK_FILTER;
	default:
		return TROUBLE_BACK_OTHER;
	}
}

/* False: nothing to tell, or the call that met it has counted it. */
static bool sort(struct msghdr *head, enum trouble *what_r, int *error_r)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c != NULL; c = CMSG_NXTHDR(head, c)) {
		struct sock_extended_err error;

		if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
		    !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			continue;
		if (c->cmsg_len < CMSG_LEN(sizeof(error)))
			return false;
		memcpy(&error, CMSG_DATA(c), sizeof(error));
		*error_r = (int)error.ee_errno;
		if (error.ee_origin == SO_EE_ORIGIN_ICMP)
			*what_r = of_icmp(error.ee_type, error.ee_code);
		else if (error.ee_origin == SO_EE_ORIGIN_ICMP6)
			*what_r = of_icmp6(error.ee_type, error.ee_code);
		else
			return false;
		return true;
	}
	return false;
}

/* False: the queue is empty. */
static bool read_one(struct ysf *ysf, const struct intake *intake)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[512];
	} control;
	union addr_sock sock;
	struct msghdr head = {.msg_name = &sock,
			      .msg_namelen = sizeof(sock),
			      .msg_control = &control,
			      .msg_controllen = sizeof(control)};
	enum trouble what;
	struct addr to;
	int error;

	if (recvmsg(intake->fd, &head, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	if (sort(&head, &what, &error) && addr_from_sock(&sock.sa, head.msg_namelen, &to) == 0)
		trouble_note(ysf, what, error, &to, intake->listener);
	return true;
}

void returned_read(struct ysf *ysf, const struct intake *intake)
{
	for (unsigned i = 0; i < RETURNED_MOST && read_one(ysf, intake); i++)
		;
}
