/* SPDX-License-Identifier: ISC
 *
 * NAME      connect - a TCP connection, begun without waiting
 * PURPOSE   Kinds of worker that dial wait for a connection in their event loop.
 * OWNER     feed, link
 * CONTRACT  see below; nothing here logs or counts
 * LIMITS    how long to wait is the caller's
 */
#ifndef SHACKD_WORKERS_CONNECT_H
#define SHACKD_WORKERS_CONNECT_H

#include "shm/addr.h"

/* Begins a connection to ADDR. Returns a socket of the caller's, non-blocking and closed by exec, that is
 * writable when it is decided; -1: it failed at once, see errno, and there is no socket. */
int connect_begin(const struct addr *addr);

/* How it was decided: 0, or an errno. Does not set errno. */
int connect_result(int fd);

#endif
