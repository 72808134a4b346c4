/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_dxfeed - the upstream side of a DX cluster
 * PURPOSE   Listens as a Reverse Beacon Network server, its digital twin and a cluster, and publishes as
 *           PSKReporter does through a real broker; whatever is to be sent is queued and sent in order.
 * OWNER     dxsim; one thread, one epoll of the caller's
 * CONTRACT  a line is written to the kernel whole and once; a connection that ends is counted, and what
 *           was queued for it waits for the next one
 * LIMITS    one connection a feed: a newer one takes the place of the former
 */
#ifndef SHACKD_TESTS_LOAD_LIB_DXFEED_H
#define SHACKD_TESTS_LOAD_LIB_DXFEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/load/lib_dx.h"

struct dxfeed {
	enum dx_feed kind;
	int listener; /* -1: none (MQTT, or not wanted) */
	unsigned port;
	int fd;	    /* -1: nobody is connected */
	bool ready; /* it has logged in, or the broker has agreed */
	bool waits; /* for the socket to take more */
	char *queue;
	size_t queued, room;
	uint64_t connections, resets, sent, keepalives;
};

/* Listens on loopback, or WIDE at every address, at a port of the kernel's. False with errno. */
bool dxfeed_listen(struct dxfeed *feed, enum dx_feed kind, bool wide, int epoll);
/* Connects to a broker at 127.0.0.1 and waits for its agreement. False with errno. */
bool dxfeed_publish(struct dxfeed *feed, unsigned port, int epoll);

/* The listener or the connection is ready. */
void dxfeed_event(struct dxfeed *feed, int fd, int epoll);

/* Queues one line (or, of DX_MQTT, one message to TOPIC). */
void dxfeed_add(struct dxfeed *feed, const char *topic, const char *text, size_t length);
/* Sends what the kernel takes. */
void dxfeed_flush(struct dxfeed *feed, int epoll);

void dxfeed_close(struct dxfeed *feed);

#endif
