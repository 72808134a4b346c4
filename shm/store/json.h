/* SPDX-License-Identifier: ISC
 *
 * NAME      json - records as JSON objects
 * PURPOSE   The one place that names the keys which shackctl, and later the web API, show.
 * OWNER     keeper
 * CONTRACT  returns a new jansson object, or NULL when memory is short; the caller owns it
 * LIMITS    none known
 */
#ifndef SHACKD_SHM_STORE_JSON_H
#define SHACKD_SHM_STORE_JSON_H

#include <jansson.h>

#include "shm/store/schema.h"

/* NOW is clock_mono. */
json_t *json_client(const struct client_key *key, const struct client_record *record, bool blocked,
		    uint64_t now);
json_t *json_stream(const struct stream_record *record, uint32_t frames, uint32_t lost);
json_t *json_block(const char *call, const struct block_record *record);
json_t *json_event(uint64_t number, const struct event_record *event);

#endif
