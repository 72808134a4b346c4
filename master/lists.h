/* SPDX-License-Identifier: ISC
 *
 * NAME      lists - the compiled lists that data makes and others look things up in
 * PURPOSE   Keeps the newest of each kind, whoever of data lives, and hands it to every holder that
 *           uses the store: at its start, and at once when there is a newer one.
 * OWNER     master
 * CONTRACT  the master never maps a list; one that could still change is refused and counted
 * LIMITS    LIST_KINDS lists; of those that a slow holder has not taken yet only the newest waits
 */
#ifndef SHACKD_MASTER_LISTS_H
#define SHACKD_MASTER_LISTS_H

#include "master/master.h"

/* SLOT's holder has sent MSG (MSG_LIST). Takes its descriptor if it is a list. */
void lists_take(struct slot *slot, struct msg *msg);

/* Sends the lists of NEWS (bit n: kind n) to the process behind CONTROL and clears their bits.
 * False with errno when the socket took one not. */
bool lists_send(const struct master *master, int control, uint64_t generation, unsigned *news);

/* Closes them. */
void lists_close(struct master *master);

#endif
