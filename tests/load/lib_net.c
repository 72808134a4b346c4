/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_net - small network and clock pieces that the load programs share
 * PURPOSE   see lib_net.h
 * OWNER     the programs in tests/load
 * CONTRACT  see lib_net.h
 * LIMITS    none known
 */
#include "tests/load/lib_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t net_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NET_SECOND + (uint64_t)ts.tv_nsec;
}

bool net_number(const char *text, long min, long max, long *n_r)
{
	char *end;

	errno = 0;
	*n_r = strtol(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *n_r >= min && *n_r <= max;
}

bool net_parse(const char *text, struct sockaddr_storage *addr_r, socklen_t *len_r)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr_r;
	struct sockaddr_in *in = (struct sockaddr_in *)addr_r;
	const char *colon = strrchr(text, ':');
	char host[64];
	size_t n;
	long port;

	if (colon == NULL || !net_number(colon + 1, 0, 65535, &port))
		return false;
	n = (size_t)(colon - text);
	if (n >= sizeof(host))
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	memset(addr_r, 0, sizeof(*addr_r));
	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		*len_r = sizeof(*in6);
		return inet_pton(AF_INET6, host + 1, &in6->sin6_addr) == 1;
	}
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)port);
	*len_r = sizeof(*in);
	return inet_pton(AF_INET, host, &in->sin_addr) == 1;
}

const char *net_text(const struct sockaddr_storage *addr, char *buf, size_t size)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
	char host[INET6_ADDRSTRLEN] = "?";

	if (addr->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(buf, size, "[%s]:%u", host, ntohs(in6->sin6_port));
	} else {
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(buf, size, "%s:%u", host, ntohs(in->sin_port));
	}
	return buf;
}

int net_udp(const struct sockaddr_storage *addr, socklen_t len)
{
	bool six = addr->ss_family == AF_INET6;
	int pmtu = six ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO;
	int fd = socket(addr->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	if (setsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP,
		       six ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &pmtu, sizeof(pmtu)) == -1 ||
	    bind(fd, (const struct sockaddr *)addr, len) == -1) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int net_rcvbuf(int fd, int bytes)
{
	socklen_t len = sizeof(bytes);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, len) == -1)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, len);
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &len) == -1)
		return 0;
	return bytes / 2; /* the kernel reports twice what was asked for */
}

uint32_t net_drops(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof(info);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) == -1)
		return 0;
	return info[SK_MEMINFO_DROPS];
}

int net_name_dgid(const uint8_t name[10])
{
	int end = 10;
	int dash = -1;
	int n = 0;

	while (end > 0 && (name[end - 1] == ' ' || name[end - 1] == '\0'))
		end--;
	for (int i = 0; i < end; i++) {
		if (name[i] == '-') {
			if (dash != -1)
				return 0;
			dash = i;
		}
	}
	if (dash == -1 || end - dash < 2)
		return 0;
	for (int i = dash + 1; i < end; i++) {
		if (name[i] < '0' || name[i] > '9' || n > 99)
			return 0;
		n = n * 10 + name[i] - '0';
	}
	return n >= 1 && n <= 99 ? n : 0;
}
