/* SPDX-License-Identifier: ISC
 *
 * NAME      roles - the kinds of worker in this executable
 * PURPOSE   Names what each folder under workers/ offers; workers/roles.c and
 *           workers/roles_net.c make the tables of it.
 * OWNER     main (dispatch)
 * CONTRACT  each folder defines its one struct worker_kind
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_ROLES_H
#define SHACKD_WORKERS_ROLES_H

#include "workers/run.h"

extern const struct worker_kind data_kind; /* of shackd-net */
extern const struct worker_kind dxc_kind;
extern const struct worker_kind feed_kind; /* of shackd-net */
extern const struct worker_kind keeper_kind;
extern const struct worker_kind line_kind; /* test builds alone */
extern const struct worker_kind link_kind; /* of shackd-net */
extern const struct worker_kind log_kind;
extern const struct worker_kind spot_kind;
extern const struct worker_kind ysf_kind;

/* workers/aide: no kind of worker, for it serves one task and no slot. */
int aide_main(const char *slot);

#endif
