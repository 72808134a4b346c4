/* SPDX-License-Identifier: ISC
 *
 * NAME      sources - rates of addresses that are nobody yet
 * PURPOSE   Token buckets per source address for what needs no link: registrations and queries. An
 *           IPv6 source is its /64, for a host has as many addresses as it likes.
 * OWNER     ysf workers
 * CONTRACT  bounded: the source that was quiet for longest makes room, and forgets its past; the
 *           callers' overall rates are the second line
 * LIMITS    SOURCES_MAX addresses
 */
#ifndef SHACKD_WORKERS_YSF_SOURCES_H
#define SHACKD_WORKERS_YSF_SOURCES_H

#include "shm/addr.h"
#include "workers/bucket.h"
#include "workers/keymap.h"

#define SOURCES_MAX 4096

struct source {
	uint8_t ip[16];
	struct bucket links;
	struct bucket queries;
	uint32_t older, newer; /* by last use; SOURCES_MAX: none */
};

struct sources {
	struct keymap map;
	struct source *source;
	uint32_t count;
	uint32_t oldest, newest;
};

bool sources_init(struct sources *table);
void sources_free(struct sources *table);

/* The entry of FROM's address; never NULL. */
struct source *sources_get(struct sources *table, const struct addr *from);

#endif
