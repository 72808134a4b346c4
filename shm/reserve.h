/* SPDX-License-Identifier: ISC
 *
 * NAME      reserve - memory for who can't do without
 * PURPOSE   The event loop's library ends the process when it gets no memory. What it asks for are a
 *           few small arrays, so some is kept aside for it: a moment without memory, of all moments,
 *           must not end the master.
 * OWNER     master and workers
 * CONTRACT  to be given to ev_set_allocator()
 * LIMITS    RESERVE_BYTES for as long as there is no other; what was taken of it comes back when its
 *           last block is given back or outgrown. One thread.
 */
#ifndef SHACKD_SHM_RESERVE_H
#define SHACKD_SHM_RESERVE_H

#define RESERVE_BYTES (256 * 1024)

/* As realloc(); size 0 frees and is NULL. Another NULL: the reserve is used up as well. */
void *reserve_realloc(void *old, long size);

#endif
