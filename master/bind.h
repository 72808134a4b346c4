/* SPDX-License-Identifier: ISC
 *
 * NAME      bind - the sockets of every slot
 * PURPOSE   One UDP socket for each listener and ysf slot, bound before anybody is forked and held
 *           for the life of the daemon.
 * OWNER     master
 * CONTRACT  the group of a port has exactly as many members as there are slots; somebody else on
 * the port is noticed, not joined LIMITS    CONF_LISTEN_MAX listeners
 */
#ifndef SHACKD_MASTER_BIND_H
#define SHACKD_MASTER_BIND_H

#include "master/master.h"

/* Binds everything; fills master->listener and slot->udp. False after master_why. */
bool bind_all(struct master *master);

/* portuser.c: who holds UDP PORT, as a sentence that begins with "in use by". Returns BUF. */
const char *portuser_text(unsigned port, char *buf, size_t size);

#endif
