/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_net - small network and clock pieces that the load programs share
 * PURPOSE   HOST:PORT, the monotonic clock, socket buffers, a gateway's DG-ID by its name
 * OWNER     the programs in tests/load
 * CONTRACT  functions that return -1 leave errno set
 * LIMITS    literal addresses only, no names: nothing here asks a resolver
 */
#ifndef SHACKD_TESTS_LOAD_LIB_NET_H
#define SHACKD_TESTS_LOAD_LIB_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define NET_FRAME  155 /* bytes of a YSFD datagram */
#define NET_POLL   14  /* bytes of a YSFP datagram */
#define NET_ANSWER "YSFPREFLECTOR "
#define NET_SECOND 1000000000ull

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t net_now(void);

/* "127.0.0.1:42000" or "[::1]:42000" to an address; false when it is not one. */
bool net_parse(const char *text, struct sockaddr_storage *addr_r, socklen_t *len_r);

/* The other way round, into a buffer of at least 64 bytes; returns the buffer. */
const char *net_text(const struct sockaddr_storage *addr, char *buf, size_t size);

/* A non-blocking UDP socket bound to addr, with path MTU discovery set to DO; -1 on error. */
int net_udp(const struct sockaddr_storage *addr, socklen_t len);

/* Ask for a receive buffer of so many bytes, by force when privileged; returns what there is. */
int net_rcvbuf(int fd, int bytes);

/* Datagrams the kernel dropped at this socket so far. */
uint32_t net_drops(int fd);

/* The DG-ID that the name of a gateway fixes ("G00001-22" is 22), or 0. */
int net_name_dgid(const uint8_t name[10]);

/* A decimal number within limits; false on anything else. */
bool net_number(const char *text, long min, long max, long *n_r);

#endif
