/* SPDX-License-Identifier: ISC
 *
 * NAME      reserve - memory for who can't do without
 * PURPOSE   The event loop's library ends the process when it gets no memory. What it asks for are a
 *           few small arrays, so some is kept aside for it: a moment without memory, of all moments,
 *           must not end the master.
 * OWNER     master and workers
 * CONTRACT  to be given to ev_set_allocator(), and asked in what is given to ev_set_syserr_cb()
 * LIMITS    RESERVE_BYTES for as long as there is no other; what was taken of it comes back when its
 *           last block is given back or outgrown. One thread.
 */
#ifndef SHACKD_SHM_RESERVE_H
#define SHACKD_SHM_RESERVE_H

#include <stdbool.h>

#define RESERVE_BYTES (256 * 1024)

/* As realloc(); size 0 frees and is NULL. Another NULL: the reserve is used up as well. */
void *reserve_realloc(void *old, long size);

/* What to do when that library can't go on for another reason, such as no descriptor for a new epoll
 * set: it asks again when its callback returns. Waits a moment; false: it has been so for a second,
 * without a success in between. */
bool reserve_wait(void);

/* Such a moment alone: until the kernel is asked again for what a process can do without. */
void reserve_pause(void);

#endif
