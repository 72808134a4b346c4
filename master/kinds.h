/* SPDX-License-Identifier: ISC
 *
 * NAME      kinds - what the master must know of each kind of slot
 * PURPOSE   One row a kind, so that nothing else in the master names one without need: how many
 *           slots it has, by which keys it is configured, and how the outside reaches it.
 * OWNER     master
 * CONTRACT  read-only; kind_table[kind] is the row of enum slot_kind
 * LIMITS    a new kind of service is one more row
 */
#ifndef SHACKD_MASTER_KINDS_H
#define SHACKD_MASTER_KINDS_H

#include <stdbool.h>

#include "shm/conf.h"

#define KIND_NO_KEY (-1)

enum slot_kind {
	SLOT_LOG,
	SLOT_KEEPER,
#ifdef SHACKD_TEST
	SLOT_LINE,
#endif
	SLOT_DATA,
	SLOT_SPOT,
	SLOT_LINK,
	SLOT_DXC,
	SLOT_FEED, /* places for all the feeds that there may be, see master/feeds.h */
	SLOT_YSF,  /* the last: its number of slots can grow */
	SLOT_KINDS,
};

/* How the outside reaches it. */
enum kind_service {
	KIND_INTERNAL, /* not at all: log and keeper, each started and stopped in its own turn */
	KIND_DATAGRAM, /* one UDP socket for each listener and slot */
	KIND_VAULTED,  /* TCP: the master accepts and keeps the connections, slots share them */
	KIND_AIDE,     /* not at all, but it works for those who are reached: started before them */
	KIND_FEED,     /* UDP sockets of its one slot, bound at the start (master/bind.h) */
	KIND_DIALS,    /* by connections of its own making, which the vault keeps; a slot for each
			* member of a group */
};

/* Which executable of the build can be it. */
enum kind_program { KIND_OWN, KIND_NET, KIND_PROGRAMS };

/* KEYS are of enum conf_key, or KIND_NO_KEY. */
struct kind {
	const char *name;    /* slots are NAME, or NAME.0, NAME.1 ... */
	const char *outside; /* what the outside calls it; NULL: nobody knows of it */
	enum kind_service service;
	enum kind_program program;
	bool many;	     /* NAME.N */
	bool guarded;	     /* vaulted: strangers come, master/tcp/door.h */
	bool lanes;	     /* its page has the clocks of streams */
	bool store;	     /* it uses the voice store: has its gate, and rings the doorbells */
	bool follows;	     /* its own bell is rung when something was committed there */
	bool spots;	     /* it uses the spots store, in the same way */
	bool cluster;	     /* it is wanted when the DX cluster runs */
	int enabled;	     /* key: is it wanted? Neither key nor cluster: always */
	int listen;	     /* key */
	int count;	     /* key: how many slots */
	int sessions;	     /* key: vaulted, connections at a time */
	int sessions_per_ip; /* key */
};

extern const struct kind kind_table[SLOT_KINDS];

static inline bool kind_vaulted(enum slot_kind kind)
{
	return kind_table[kind].service == KIND_VAULTED;
}

/* Those whose slots have a table of TCP connections. */
static inline bool kind_has_table(enum slot_kind kind)
{
	return kind_vaulted(kind) || kind_table[kind].service == KIND_DIALS;
}

/* It looks things up in the compiled lists, and a bell wakes it. */
static inline bool kind_shares(enum slot_kind kind)
{
	return kind_table[kind].store || kind_table[kind].spots;
}

/* A worker of the outside's: started when keeper serves, stopped before it. */
static inline bool kind_serves(enum slot_kind kind)
{
	return kind_table[kind].service != KIND_INTERNAL;
}

#endif
