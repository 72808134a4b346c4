/* SPDX-License-Identifier: ISC
 *
 * NAME      show_cluster - the DX cluster as JSON objects
 * PURPOSE   The one place that names the keys which shackctl shows of sessions, feeds and spots.
 * OWNER     keeper
 * CONTRACT  as show.h
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_KEEPER_SHOW_CLUSTER_H
#define SHACKD_WORKERS_KEEPER_SHOW_CLUSTER_H

#include <jansson.h>

#include "shm/page.h"
#include "shm/spot.h"
#include "shm/store/dxschema.h"
#include "workers/session.h"

/* HEAD NULL: not what its worker knows. NEWEST is the number of the newest spot, NOW clock_mono. */
json_t *show_session(const char *call, const struct session_record *record,
		     const struct session_head *head, uint64_t newest, uint64_t now);

/* The keys of the JSON format of the cluster, and `line`, the spot as DXSpider shows it. */
json_t *show_spot(uint64_t number, const struct spot *spot);

struct show_feed {
	const char *name, *type;
	bool enabled;
	uint64_t capacity;	 /* configured */
	const struct page *page; /* NULL: no worker serves it */
};
json_t *show_feed(const struct show_feed *feed);

#endif
