/* SPDX-License-Identifier: ISC
 *
 * NAME      door - how fast connections may come
 * PURPOSE   Rates of one address, of one network, and of all: a flood from one place is turned away,
 *           a crowd from many waits its turn.
 * OWNER     master
 * CONTRACT  Pure but for the struct; time is passed in. An address is an IPv4 address or an IPv6 /64,
 *           a network an IPv4 /24. Loopback has no network, an IPv6 /64 is its own.
 * LIMITS    DOOR_CELLS addresses and networks are remembered, for as long as they matter (two
 *           seconds); when a set is full the one that is free again first makes room
 */
#ifndef SHACKD_MASTER_TCP_DOOR_H
#define SHACKD_MASTER_TCP_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/addr.h"

#define DOOR_ADDRESS_RATE   3 /* a second */
#define DOOR_ADDRESS_BURST  6
#define DOOR_NETWORK_RATE   24
#define DOOR_NETWORK_BURST  48
#define DOOR_ALL_RATE	    300
#define DOOR_ALL_BURST	    300
#define DOOR_ADDRESS_LOGINS 3	/* connections of an address that have not logged in */
#define DOOR_ALL_LOGINS	    256 /* of all */
#define DOOR_NETWORK_MOST   64	/* connections of a network */
#define DOOR_CELLS	    4096

struct door_key {
	uint8_t bytes[17];
};

struct door_cell {
	struct door_key key;
	uint64_t due; /* clock_mono at which all of its burst is free again */
};

struct door {
	uint8_t secret[16]; /* so that nobody can choose who shares a set */
	uint64_t due;	    /* of all */
	struct door_cell cell[DOOR_CELLS];
};

enum door_answer { DOOR_OPEN, DOOR_ADDRESS, DOOR_NETWORK };

void door_init(struct door *door_r);

/* Somebody knocks: may he come in, by the rates of his address and network? Counts him if so. */
enum door_answer door_ask(struct door *door, const struct addr *addr, uint64_t now);

/* By the rate of all: nanoseconds until the next one may come, 0: now. And: one came. */
uint64_t door_wait(const struct door *door, uint64_t now);
void door_pass(struct door *door, uint64_t now);

/* Of one address, one network? */
bool door_same_address(const struct addr *a, const struct addr *b);
bool door_same_network(const struct addr *a, const struct addr *b);

#endif
