/* SPDX-License-Identifier: ISC
 *
 * NAME      fdprint - is this descriptor still what it was?
 * PURPOSE   Prints of descriptors for the handover record, and the count of those that stay open.
 * OWNER     master
 * CONTRACT  looks, changes nothing
 * LIMITS    needs /proc for doorbells and pidfds, whose inode they all share
 */
#ifndef SHACKD_MASTER_UPGRADE_FDPRINT_H
#define SHACKD_MASTER_UPGRADE_FDPRINT_H

#include "master/upgrade/handover.h"

/* What FD is. False with errno. */
bool fdprint_make(int fd, struct handover_print *print_r);

/* Is it still what ITEM says, and of the sort that its role needs? False with a sentence. */
bool fdprint_check(const struct handover_fd *item, char why_r[160]);

/* How many descriptors would stay open over an exec; -1 with errno. */
int fdprint_count(void);

/* Visits every open descriptor (of the moment of the call). False with errno. */
bool fdprint_each(void (*visit)(void *arg, int fd), void *arg);

#endif
