/* SPDX-License-Identifier: ISC
 *
 * NAME      copy - a consistent copy of a store that others go on using
 * PURPOSE   Live backup, and compaction: the copy has no free pages.
 * OWNER     aide
 * CONTRACT  The copy is of one moment, that of the call. Writers are not held up; what they free
 *           meanwhile is used again only afterwards. It may take long, and waits for the disk: never
 *           in an event loop.
 * LIMITS    none known
 */
#ifndef SHACKD_SHM_STORE_COPY_H
#define SHACKD_SHM_STORE_COPY_H

#include "shm/store/env.h"

/* Writes the store at the directory PATH to FD, an empty file, and to the disk. STORE_NO_SPACE when
 * FD's file system is full; every other failure is STORE_FAILED. ERROR_R says why. */
enum store_error copy_store(const char *path, int fd, char error_r[256]);

/* Notes in the closed store at PATH that it comes from a backup (keeper then brings the volatile
 * stores in line with it). */
enum store_error copy_mark(const char *path, char error_r[256]);

/* The name of that number in the durable store: 1 until it is done. */
#define META_RESTORED "restored"

#endif
