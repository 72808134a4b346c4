/* SPDX-License-Identifier: ISC
 *
 * NAME      search - spots of the past, a slice at a time
 * PURPOSE   Looks back through the log of spots, then through the durable log of what people typed,
 *           for the spots that a query wants.
 * OWNER     dxc workers
 * CONTRACT  all that a later slice must know is in struct shdx_place: slices of any length, in any
 *           process, give the same rows. A spot that is in both logs is given once.
 * LIMITS    a slice ends at its time, when its rows are full, or with the answer
 */
#ifndef SHACKD_WORKERS_DXC_SEARCH_H
#define SHACKD_WORKERS_DXC_SEARCH_H

#include "shm/store/env.h"
#include "workers/dxc/filter.h"
#include "workers/dxc/query.h"
#include "workers/dxc/shdx.h"

struct search {
	struct store *spots, *state; /* state may be NULL */
	const struct query *query;
	const struct filter_program *own; /* the user's; looked at when the query says so */
	unsigned format, width;
};

struct search_slice {
	uint64_t until; /* clock_mono: it ends then, after a few spots at least */
	char *rows;
	size_t room;   /* at least RENDER_MAX */
	size_t length; /* of the rows that were found */
	uint64_t looked;
};

enum search_result { SEARCH_MORE, SEARCH_DONE, SEARCH_LOST };

/* Where an answer begins: at the newest spot. SEARCH_LOST: the log can't be read. */
enum search_result search_begin(const struct search *search, struct shdx_place *place_r);

/* Goes on. SEARCH_LOST: the log is another one or can't be read; this was all. */
enum search_result search_slice(const struct search *search, struct shdx_place *place,
				struct search_slice *slice);

#endif
