/* SPDX-License-Identifier: ISC
 *
 * NAME      filter - which spots a user wants
 * PURPOSE   The stored form with GoCluster's semantics (allow, block, all, nothing for each
 *           dimension), its words, and the compiled form that every dialect shares.
 * OWNER     dxc workers
 * CONTRACT  pure. Compiled filters that pass the same spots by the same rules are the same bytes:
 *           memcmp tells who can share. A stored filter is hostile (filter_check).
 * LIMITS    FILTER_PATTERNS call patterns a user; stored size below 2,000 bytes
 */
#ifndef SHACKD_WORKERS_DXC_FILTER_H
#define SHACKD_WORKERS_DXC_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/spot.h"

#define FILTER_VERSION	1
#define FILTER_PATTERNS 64
#define FILTER_SIZE_MAX 2000

enum filter_dimension {
	FILTER_BAND, FILTER_MODE, FILTER_SOURCE, FILTER_CONFIDENCE,
	FILTER_DXCONT, FILTER_DECONT, FILTER_DXZONE, FILTER_DEZONE, FILTER_DXDXCC, FILTER_DEDXCC,
	FILTER_DXGRID2, FILTER_DEGRID2,
	FILTER_DIMENSIONS
};

struct filter;	       /* stored; defined in filter_inside.h */
struct filter_program; /* compiled */

#define FILTER_REPLY 1024

size_t filter_size(void);	  /* bytes of a struct filter, at most FILTER_SIZE_MAX */
size_t filter_program_size(void); /* bytes of a struct filter_program */

/* Passes everything, beacons too. */
void filter_clear(struct filter *filter_r);
/* For new users: SOURCES and MODES as in dxc.default_sources and dxc.default_modes. */
void filter_default(struct filter *filter_r, const char *sources, const char *modes);
/* Are LENGTH bytes of a store a filter? */
bool filter_check(const void *data, size_t length, struct filter *filter_r);

/* A command of the PASS or REJECT family: WORDS after that word. True: FILTER was changed. REPLY_R gets
 * what the user is told, lines with LF between, without the last. */
bool filter_pass_words(struct filter *filter, const char *arguments, char reply_r[FILTER_REPLY]);
bool filter_reject_words(struct filter *filter, const char *arguments, char reply_r[FILTER_REPLY]);
/* SHOW FILTER [WHAT] */
void filter_show(const struct filter *filter, const char *what, char *reply_r, size_t size);

void filter_compile(const struct filter *filter, struct filter_program *program_r);
bool filter_passes(const struct filter_program *program, const struct spot *spot);

#endif
