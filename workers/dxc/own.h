/* SPDX-License-Identifier: ISC
 *
 * NAME      own - the filter of a user
 * PURPOSE   Finds it in the stores: what is sent to his session, and SHOW/MYDX, go by it.
 * OWNER     dxc workers
 * CONTRACT  there always is one: who has none, or one that is damaged, has that of new users
 * LIMITS    begins read transactions of its own in both stores
 */
#ifndef SHACKD_WORKERS_DXC_OWN_H
#define SHACKD_WORKERS_DXC_OWN_H

#include "workers/dxc/filter.h"
#include "workers/run.h"

/* As stored for CALL (normalised), or else for its base call; else by dxc.default_sources and
 * dxc.default_modes. */
void own_filter(const struct worker *worker, const char *call, struct filter *filter_r);

#endif
