/* SPDX-License-Identifier: ISC
 *
 * NAME      vault - TCP connections that outlive the workers who serve them
 * PURPOSE   Keeps a descriptor of every accepted connection, gives the slot's holder a duplicate,
 *           and closes it when the holder says that it is over.
 * OWNER     master
 * CONTRACT  reads nothing of a client, peeks neither. A connection belongs to one slot for its
 *           life; its place there is its place in the slot's table.
 * LIMITS    the kind's key of sessions, for all its slots together
 */
#ifndef SHACKD_MASTER_TCP_VAULT_H
#define SHACKD_MASTER_TCP_VAULT_H

#include "master/master.h"

struct vault_entry {
	int fd;		  /* -1: this place is free */
	uint16_t index;	  /* its place in the slot's table */
	uint64_t session; /* unique for the life of the daemon, over its images too */
	uint64_t cookie;  /* SO_COOKIE: is it the same socket? */
	struct addr addr; /* the client */
	bool known;	  /* it has logged in */
};

/* The table and the empty places of a vaulted slot; of other slots nothing. With slot->table_fd
 * set already (inherited) that table is used. False with errno. */
bool vault_make(struct slot *slot);
void vault_close(struct slot *slot);

/* Gives up all its connections: nobody is there, and nobody will go on with them. */
void vault_clear(struct slot *slot);

/* A new connection: FD becomes the vault's. False (the caller closes FD) when the slot has no
 * place or the kernel can't be asked about it. */
bool vault_add(struct slot *slot, int fd, const struct addr *addr);

/* The holder says that a session has logged in. */
void vault_known(struct slot *slot, const struct msg_closed *session);

/* MSG_DIALED: a connection that the holder has made; it comes back to it as one of the table. One
 * that can't be kept is closed, which the holder sees by its time-out. */
void vault_dialed(struct slot *slot, struct msg *msg);

/* The holder says that a connection is over. */
void vault_over(struct slot *slot, const struct msg_closed *closed);

/* Sends the holder, when it serves, every connection that it does not have yet. False with errno
 * when its socket took one not. */
bool vault_flush(struct slot *slot);

/* The holder of SLOT will be called GENERATION: what it has it still has. */
void vault_renumber(struct slot *slot, uint64_t generation);

unsigned vault_used(const struct slot *slot);
/* Over all slots of KIND; and those that have not logged in. */
unsigned vault_count(const struct master *master, enum slot_kind kind);
unsigned vault_waiting(const struct master *master, enum slot_kind kind);

/* Connections like ADDR's (master/tcp/door.h). */
struct vault_census {
	unsigned address, network;
	unsigned waiting; /* of the address, not logged in */
};
struct vault_census vault_census(const struct master *master, enum slot_kind kind,
				 const struct addr *addr);

/* Every connection of every slot, for a record of all descriptors. */
typedef void vault_visit(void *arg, const struct slot *slot, const struct vault_entry *entry);
void vault_each(const struct master *master, vault_visit *visit, void *arg);

/* Takes one over from such a record: FD becomes the vault's. False with errno otherwise, and FD
 * stays the caller's: ESTALE when it is not the socket of that cookie, ENOENT when the table says
 * that the session is over. */
bool vault_adopt(struct slot *slot, const struct vault_entry *entry);

#endif
