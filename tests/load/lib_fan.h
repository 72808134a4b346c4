/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_fan - many gateways on few sockets
 * PURPOSE   Sends and receives for tens of thousands of gateways with distinct addresses. On IPv4
 *           a handful of sockets bound to 0.0.0.0 serve all of 127.16.0.1 onwards (of the
 *           reflector's own /8, where it is not on loopback), the source chosen and the
 *           destination learnt by IP_PKTINFO; on IPv6, or when asked for,
 *           each gateway has a socket and thus a port of its own.
 * OWNER     tests/load/ysfsim
 * CONTRACT  fan_send copies; datagrams leave at fan_flush or when a batch is full. Arrival times
 *           are CLOCK_MONOTONIC; with kernel_time they are the kernel's stamps, that is, they do
 *           not contain the time a datagram waited for us.
 * LIMITS    FAN_SOCKETS sockets; 1,000,000 gateways on IPv4 loopback
 */
#ifndef SHACKD_TESTS_LOAD_LIB_FAN_H
#define SHACKD_TESTS_LOAD_LIB_FAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "tests/load/lib_net.h"

#define FAN_SOCKETS 4096
#define FAN_BATCH   256

struct fan_options {
	struct sockaddr_storage peer; /* the reflector */
	socklen_t peer_len;
	uint32_t gateways;
	uint32_t first;	  /* number of the first gateway, from 1 */
	uint32_t sockets; /* on IPv4 loopback */
	int rcvbuf;	  /* bytes, for each socket */
	bool own_sockets; /* a socket for each gateway */
	bool addresses;	  /* each has one, though the reflector is not on loopback */
	bool kernel_time;
};

struct fan;

/* One datagram that came in. */
struct fan_datagram {
	uint32_t gateway; /* index from 0; UINT32_MAX: none of ours */
	bool from_peer;	  /* source is address and port of the reflector */
	uint64_t at_ns;
	const uint8_t *data;
	size_t len;
};

typedef void fan_handler(void *ctx, const struct fan_datagram *d);

/* NULL with errno set when a socket can't be had. */
struct fan *fan_create(const struct fan_options *o);
void fan_destroy(struct fan **f);

/* Queue a datagram of at most 200 bytes from a gateway to the reflector. */
void fan_send(struct fan *f, uint32_t gateway, const uint8_t *data, size_t len);
void fan_flush(struct fan *f);

/* Wait until something comes in or the time is over; also watches n further descriptors. */
struct pollfd;
int fan_wait(struct fan *f, uint64_t timeout_ns, struct pollfd *more, unsigned n);

/* Hand what came in to the handler, at most about budget datagrams; returns how many. */
unsigned fan_receive(struct fan *f, unsigned budget, fan_handler *handler, void *ctx);

/* Losses on our side of the wire. */
uint64_t fan_drops(const struct fan *f);
uint64_t fan_send_errors(const struct fan *f);
int fan_rcvbuf(const struct fan *f);

#endif
