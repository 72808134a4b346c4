/* SPDX-License-Identifier: ISC
 *
 * NAME      stamp - which build an executable is of
 * PURPOSE   shackd and shackd-net speak with each other in structs of their own: they must be of
 * one build. Both carry its stamp as an ELF note, which can be read without running them
 *           (`readelf -n` shows it).
 * OWNER     made by the Makefile of all object files of both; read by the master
 * CONTRACT  the note's owner is STAMP_OWNER, its type STAMP_TYPE, its content STAMP_SIZE bytes
 * LIMITS    shm/stamp.c is linked into programs alone; the generated header is <stamp.h>
 */
#ifndef SHACKD_SHM_STAMP_H
#define SHACKD_SHM_STAMP_H

#include <stdint.h>

#define STAMP_OWNER "shackd"
#define STAMP_TYPE  1
#define STAMP_SIZE  32 /* hexadecimal digits, no NUL */

/* How a note begins, in both classes of ELF; <elf.h> can't be had beside <ev.h>. */
struct stamp_head {
	uint32_t owner_size; /* with its NUL */
	uint32_t text_size;
	uint32_t type;
};

struct stamp_note {
	struct stamp_head head;
	char owner[8]; /* STAMP_OWNER, NUL-padded */
	char text[STAMP_SIZE];
};

/* Of this executable. */
extern const struct stamp_note stamp_own;

#endif
