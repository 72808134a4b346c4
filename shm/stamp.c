/* SPDX-License-Identifier: ISC
 *
 * NAME      stamp - which build an executable is of
 * PURPOSE   The note itself.
 * OWNER     every executable of the daemon
 * CONTRACT  see shm/stamp.h
 * LIMITS    see shm/stamp.h
 */
#include "shm/stamp.h"

#include <stamp.h>

const struct stamp_note stamp_own __attribute__((section(".note.shackd"), used, aligned(4))) = {
	.head = {sizeof(STAMP_OWNER), STAMP_SIZE, STAMP_TYPE},
	.owner = STAMP_OWNER,
	.text = SHACKD_STAMP,
};
