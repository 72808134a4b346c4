/* SPDX-License-Identifier: ISC
 *
 * NAME      examine - is the file of a store whole?
 * PURPOSE   LMDB believes what it reads: a flipped bit in a page makes it abort, or read where nothing
 *           is. This looks at every page that is in use, without LMDB, and believes none of them.
 * OWNER     keeper, before it opens a durable store it has not seen; aide, of backups
 * CONTRACT  Nothing is changed. Nobody may commit meanwhile. A file that passes can be opened, walked
 *           and written by LMDB without an abort; what its records say is for others to check.
 * LIMITS    files of this machine's byte order; no tables with duplicates (we have none)
 */
#ifndef SHACKD_SHM_STORE_EXAMINE_H
#define SHACKD_SHM_STORE_EXAMINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct examine_report {
	uint64_t pages;	  /* in use, the two headers included */
	uint64_t free;	  /* given back by commits, to be used again */
	uint64_t entries; /* of all tables */
	uint64_t txnid;	  /* of the newest commit */
	unsigned tables;
	char why[160]; /* the first thing that is wrong; "" when it is whole */
};

/* Gets every record of every table. */
typedef void examine_visitor(const char *table, const void *key, size_t key_size, const void *value,
			     size_t size, void *arg);

/* Looks at the whole of FD, a file that can be read at any place. VISIT may be NULL. False:
 * REPORT_R->why says what is wrong with it. */
bool examine_file(int fd, examine_visitor *visit, void *arg, struct examine_report *report_r);

#endif
