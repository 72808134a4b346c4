/* SPDX-License-Identifier: ISC
 *
 * NAME      addr - network addresses with one canonical form
 * PURPOSE   One key for a peer, whatever family it came by, so that tables, records and logs agree.
 * OWNER     every process
 * CONTRACT  pure functions; no allocation, no name lookups (literal addresses only)
 * LIMITS    a link-local IPv6 scope above 65535 is refused (the index is kept inside the address)
 */
#ifndef SHACKD_SHM_ADDR_H
#define SHACKD_SHM_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* The canonical form: 16 bytes of address in network order, IPv4 as ::ffff:a.b.c.d, and the port in
 * host order. The scope of a link-local IPv6 address is kept in its bytes 2 and 3, which are zero on
 * the wire, so that memcmp on the struct is equality. */
struct addr {
	uint8_t ip[16];
	uint16_t port;
};

/* Room for "[ffff:...:ffff%65535]:65535" and the NUL. */
#define ADDR_TEXT_MAX 64

/* The sockaddr of either family, in the size that the kernel wants. */
union addr_sock {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* From the kernel's form. Returns 0, or -1 for a family other than INET and INET6, a short length
 * or a scope out of range; ADDR_R is zeroed then. */
int addr_from_sock(const struct sockaddr *sa, socklen_t len, struct addr *addr_r);

/* To the kernel's form of the family that the address has. Returns the length to pass on. */
socklen_t addr_to_sock(const struct addr *addr, union addr_sock *sock_r);

bool addr_is_ipv4(const struct addr *addr);
bool addr_is_loopback(const struct addr *addr);
/* 0.0.0.0 or :: */
bool addr_is_any(const struct addr *addr);
/* AF_INET or AF_INET6 */
int addr_family(const struct addr *addr);
bool addr_equal(const struct addr *a, const struct addr *b);
/* Same host, whatever the port. */
bool addr_same_ip(const struct addr *a, const struct addr *b);

/* "192.0.2.1:42000" or "[2001:db8::1]:42000". Returns BUF. */
const char *addr_text(const struct addr *addr, char buf[ADDR_TEXT_MAX]);
/* The same without brackets and port. Returns BUF. */
const char *addr_ip_text(const struct addr *addr, char buf[ADDR_TEXT_MAX]);

/* Literal "HOST:PORT", "[V6]:PORT" or "V4" / "V6" with DEFAULT_PORT. "*" is not an address (see
 * addr_parse_listen). Returns 0, or -1 with ADDR_R zeroed. */
int addr_parse(const char *text, uint16_t default_port, struct addr *addr_r);

/* As addr_parse, but "*" and "*:PORT" stand for both wildcards: fills up to two addresses, IPv4
 * first, and returns how many, or -1. */
int addr_parse_listen(const char *text, uint16_t default_port, struct addr addr_r[2]);

#endif
