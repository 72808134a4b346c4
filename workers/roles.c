/* SPDX-License-Identifier: ISC
 *
 * NAME      roles - the kinds of worker in this executable
 * PURPOSE   The table that main looks a slot's kind up in.
 * OWNER     main (dispatch)
 * CONTRACT  see shm/role.h
 * LIMITS    none known
 */
#include "workers/roles.h"

#include <stddef.h>

#include "shm/role.h"

static int run_dxc(const char *slot)
{
	return worker_main(&dxc_kind, slot);
}

static int run_keeper(const char *slot)
{
	return worker_main(&keeper_kind, slot);
}

static int run_log(const char *slot)
{
	return worker_main(&log_kind, slot);
}

static int run_spot(const char *slot)
{
	return worker_main(&spot_kind, slot);
}

static int run_ysf(const char *slot)
{
	return worker_main(&ysf_kind, slot);
}

#ifdef SHACKD_TEST
static int run_line(const char *slot)
{
	return worker_main(&line_kind, slot);
}
#endif

/* clang-format off */
const struct role role_table[] = {
	{"aide", aide_main},
	{"dxc", run_dxc},
	{"keeper", run_keeper},
#ifdef SHACKD_TEST
	{"line", run_line},
#endif
	{"log", run_log},
	{"spot", run_spot},
	{"ysf", run_ysf},
	{NULL, NULL},
};
/* clang-format on */
