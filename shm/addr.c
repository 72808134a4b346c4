/* SPDX-License-Identifier: ISC
 *
 * NAME      addr - network addresses with one canonical form
 * PURPOSE   One key for a peer, whatever family it came by, so that tables, records and logs agree.
 * OWNER     every process
 * CONTRACT  see shm/addr.h
 * LIMITS    see shm/addr.h
 */
#include "shm/addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "shm/text.h"

/* memcmp on the struct is equality only without holes. */
static_assert(sizeof(struct addr) == 18, "struct addr has padding");

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_link_local(const uint8_t ip[16])
{
	return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

static unsigned scope_of(const struct addr *addr)
{
	return is_link_local(addr->ip) ? (unsigned)addr->ip[2] << 8 | addr->ip[3] : 0;
}

static void set_ipv4(struct addr *addr, const struct in_addr *in)
{
	memcpy(addr->ip, mapped_prefix, sizeof(mapped_prefix));
	memcpy(addr->ip + 12, in, 4);
}

static int set_ipv6(struct addr *addr, const struct in6_addr *in6, uint32_t scope)
{
	memcpy(addr->ip, in6, 16);
	if (!is_link_local(addr->ip))
		return 0;
	if (scope > UINT16_MAX)
		return -1;
	addr->ip[2] = (uint8_t)(scope >> 8);
	addr->ip[3] = (uint8_t)scope;
	return 0;
}

int addr_from_sock(const struct sockaddr *sa, socklen_t len, struct addr *addr_r)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	memset(addr_r, 0, sizeof(*addr_r));
	if (len < (socklen_t)sizeof(sa->sa_family))
		return -1;
	if (sa->sa_family == AF_INET && len >= (socklen_t)sizeof(in)) {
		memcpy(&in, sa, sizeof(in));
		set_ipv4(addr_r, &in.sin_addr);
		addr_r->port = ntohs(in.sin_port);
		return 0;
	}
	if (sa->sa_family != AF_INET6 || len < (socklen_t)sizeof(in6))
		return -1;
	memcpy(&in6, sa, sizeof(in6));
	if (set_ipv6(addr_r, &in6.sin6_addr, in6.sin6_scope_id) < 0) {
		memset(addr_r, 0, sizeof(*addr_r));
		return -1;
	}
	addr_r->port = ntohs(in6.sin6_port);
	return 0;
}

socklen_t addr_to_sock(const struct addr *addr, union addr_sock *sock_r)
{
	memset(sock_r, 0, sizeof(*sock_r));
	if (addr_is_ipv4(addr)) {
		sock_r->in.sin_family = AF_INET;
		sock_r->in.sin_port = htons(addr->port);
		memcpy(&sock_r->in.sin_addr, addr->ip + 12, 4);
		return sizeof(sock_r->in);
	}
	sock_r->in6.sin6_family = AF_INET6;
	sock_r->in6.sin6_port = htons(addr->port);
	memcpy(&sock_r->in6.sin6_addr, addr->ip, 16);
	sock_r->in6.sin6_scope_id = scope_of(addr);
	if (is_link_local(addr->ip))
		memset(&sock_r->in6.sin6_addr.s6_addr[2], 0, 2);
	return sizeof(sock_r->in6);
}

bool addr_is_ipv4(const struct addr *addr)
{
	return memcmp(addr->ip, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

bool addr_is_loopback(const struct addr *addr)
{
	static const uint8_t ipv6_loopback[16] = {[15] = 1};

	if (addr_is_ipv4(addr))
		return addr->ip[12] == 127;
	return memcmp(addr->ip, ipv6_loopback, sizeof(ipv6_loopback)) == 0;
}

bool addr_is_any(const struct addr *addr)
{
	static const uint8_t zero[16];

	if (addr_is_ipv4(addr))
		return memcmp(addr->ip + 12, zero, 4) == 0;
	return memcmp(addr->ip, zero, 16) == 0;
}

int addr_family(const struct addr *addr)
{
	return addr_is_ipv4(addr) ? AF_INET : AF_INET6;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool addr_same_ip(const struct addr *a, const struct addr *b)
{
	return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

const char *addr_ip_text(const struct addr *addr, char buf[ADDR_TEXT_MAX])
{
	union addr_sock sock;
	size_t len;

	addr_to_sock(addr, &sock);
	if (addr_is_ipv4(addr)) {
		inet_ntop(AF_INET, &sock.in.sin_addr, buf, ADDR_TEXT_MAX);
		return buf;
	}
	inet_ntop(AF_INET6, &sock.in6.sin6_addr, buf, ADDR_TEXT_MAX);
	len = strlen(buf);
	if (scope_of(addr) != 0)
		snprintf(buf + len, ADDR_TEXT_MAX - len, "%%%u", scope_of(addr));
	return buf;
}

const char *addr_text(const struct addr *addr, char buf[ADDR_TEXT_MAX])
{
	char ip[ADDR_TEXT_MAX];

	addr_ip_text(addr, ip);
	snprintf(buf, ADDR_TEXT_MAX, addr_is_ipv4(addr) ? "%.54s:%u" : "[%.54s]:%u", ip,
		 addr->port);
	return buf;
}

/* 0 to LIMIT, digits only: text_number would take a sign. */
static int parse_small(const char *text, int64_t limit, uint32_t *value_r)
{
	int64_t value;

	if (*text < '0' || *text > '9' || text_number(text, &value) < 0 || value > limit)
		return -1;
	*value_r = (uint32_t)value;
	return 0;
}

static int parse_ip(char *text, struct addr *addr_r)
{
	struct in_addr in;
	struct in6_addr in6;
	uint32_t scope = 0;
	char *percent = strchr(text, '%');

	if (inet_pton(AF_INET, text, &in) == 1) {
		set_ipv4(addr_r, &in);
		return 0;
	}
	if (percent != NULL) {
		*percent = '\0';
		if (parse_small(percent + 1, UINT16_MAX, &scope) < 0)
			return -1;
	}
	if (inet_pton(AF_INET6, text, &in6) != 1)
		return -1;
	if (percent != NULL && !is_link_local(in6.s6_addr))
		return -1;
	return set_ipv6(addr_r, &in6, scope);
}

/* Cuts TEXT into host and port. PORT_R is NULL when there is none. */
static int split(char *text, char **host_r, char **port_r)
{
	char *colon = strchr(text, ':');
	char *end;

	*host_r = text;
	*port_r = NULL;
	if (text[0] == '[') {
		end = strchr(text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return -1;
		*host_r = text + 1;
		if (end[1] == ':')
			*port_r = end + 2;
		*end = '\0';
		/* Brackets are for IPv6 alone. */
		return strchr(*host_r, ':') != NULL ? 0 : -1;
	}
	if (colon != NULL && strchr(colon + 1, ':') == NULL) {
		*colon = '\0';
		*port_r = colon + 1;
	}
	return 0;
}

/* Host and port of TEXT in BUF, which holds the copy that HOST_R points into. */
static int split_copy(const char *text, uint16_t default_port, char buf[ADDR_TEXT_MAX],
		      char **host_r, uint16_t *port_r)
{
	uint32_t port = default_port;
	char *port_text;

	if (!text_copy(buf, ADDR_TEXT_MAX, text) || split(buf, host_r, &port_text) < 0)
		return -1;
	if (port_text != NULL && parse_small(port_text, UINT16_MAX, &port) < 0)
		return -1;
	*port_r = (uint16_t)port;
	return 0;
}

int addr_parse(const char *text, uint16_t default_port, struct addr *addr_r)
{
	char buf[ADDR_TEXT_MAX], *host;
	uint16_t port;

	memset(addr_r, 0, sizeof(*addr_r));
	if (split_copy(text, default_port, buf, &host, &port) < 0 || parse_ip(host, addr_r) < 0) {
		memset(addr_r, 0, sizeof(*addr_r));
		return -1;
	}
	addr_r->port = port;
	return 0;
}

int addr_parse_listen(const char *text, uint16_t default_port, struct addr addr_r[2])
{
	static const struct in_addr any;
	char buf[ADDR_TEXT_MAX], *host;
	uint16_t port;

	memset(addr_r, 0, 2 * sizeof(addr_r[0]));
	if (split_copy(text, default_port, buf, &host, &port) < 0)
		return -1;
	if (strcmp(host, "*") != 0)
		return addr_parse(text, default_port, &addr_r[0]) < 0 ? -1 : 1;
	set_ipv4(&addr_r[0], &any);
	addr_r[0].port = port;
	addr_r[1].port = port; /* with :: before it, which is all zero */
	return 2;
}
