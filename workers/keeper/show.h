/* SPDX-License-Identifier: ISC
 *
 * NAME      show - records as JSON objects
 * PURPOSE   The one place that names the keys which shackctl shows.
 * OWNER     keeper
 * CONTRACT  returns a new object, or NULL when memory is short; the caller owns it. Times are
 *           seconds since the epoch but for events, which carry ISO 8601 with milliseconds.
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_KEEPER_SHOW_H
#define SHACKD_WORKERS_KEEPER_SHOW_H

#include <jansson.h>

#include "shm/store/saved.h"
#include "shm/store/schema.h"

/* OBJECT with KEY as VALUE; takes over both, and returns NULL when memory is short: calls chain. */
json_t *show_with(json_t *object, const char *key, json_t *value);

/* What the record of a gateway does not tell. */
struct show_more {
	bool blocked; /* it neither sends nor hears, or its call sign is blocked */
	bool muted;   /* it may only listen, or has a call open that nobody else hears */
	bool has_info;
	struct info_record info;
};

/* NOW is clock_mono. */
json_t *show_client(const struct client_key *key, const struct client_record *record,
		    const struct show_more *more, uint64_t now);
json_t *show_saved(const struct saved_key *key, const struct saved_record *record);
json_t *show_stream(const struct stream_record *record, uint32_t frames, uint32_t lost);
json_t *show_block(const char *call, const struct block_record *record);
/* LOG ("voice", "spots") and STORE tell which log the number counts in. */
json_t *show_event(const char *log, uint64_t store, uint64_t number,
		   const struct event_record *event);

#endif
