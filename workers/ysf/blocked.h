/* SPDX-License-Identifier: ISC
 *
 * NAME      blocked - the worker's own table of blocked callers
 * PURPOSE   Is this base call blocked? A mirror of the `blocks` of the voice store.
 * OWNER     ysf workers
 * CONTRACT  an entry whose time is over blocks nobody, also before keeper has removed it
 * LIMITS    as many as the store holds
 */
#ifndef SHACKD_WORKERS_YSF_BLOCKED_H
#define SHACKD_WORKERS_YSF_BLOCKED_H

#include "shm/store/schema.h"
#include "workers/keymap.h"

struct blocked_call {
	char call[CALL_MAX]; /* NUL-padded: the whole field is the key */
	uint64_t until;	     /* clock_mono */
};

struct blocked {
	struct keymap map;
	struct blocked_call *entry;
	uint32_t count;
	uint32_t room;
};

bool blocked_init(struct blocked *table);
void blocked_free(struct blocked *table);
void blocked_clear(struct blocked *table);
/* Adds or replaces. False: no memory. */
bool blocked_set(struct blocked *table, const char *call, uint64_t until);
void blocked_unset(struct blocked *table, const char *call);
bool blocked_is(const struct blocked *table, const char *call, uint64_t now);

#endif
