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

#include "shm/store/schema.h"

/* BLOCKED: its call sign is. MUTED: it has a call open that nobody else hears. NOW is clock_mono.
 */
json_t *show_client(const struct client_key *key, const struct client_record *record, bool blocked,
		    bool muted, uint64_t now);
json_t *show_stream(const struct stream_record *record, uint32_t frames, uint32_t lost);
json_t *show_block(const char *call, const struct block_record *record);
/* STORE tells which log the number counts in. */
json_t *show_event(uint64_t store, uint64_t number, const struct event_record *event);

#endif
