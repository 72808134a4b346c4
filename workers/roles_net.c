/* SPDX-License-Identifier: ISC
 *
 * NAME      shackd-net - the workers that ask the network for names
 * PURPOSE   The table of kinds in this second executable, and its main: what needs a resolver or a
 *           client of other services lives here, and its libraries stay out of shackd.
 * OWNER     data, feed, link
 * CONTRACT  started by the master of the same build alone (shm/stamp.h). Exit status 1: bad usage
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "shm/role.h"
#include "shm/stamp.h"
#include "workers/roles.h"

static int run_data(const char *slot)
{
	return worker_main(&data_kind, slot);
}

static int run_feed(const char *slot)
{
	return worker_main(&feed_kind, slot);
}

static int run_link(const char *slot)
{
	return worker_main(&link_kind, slot);
}

const struct role role_table[] = {
	{"data", run_data},
	{"feed", run_feed},
	{"link", run_link},
	{NULL, NULL},
};

int main(int argc, char **argv)
{
	if (argc == ROLE_ARGS && strcmp(argv[1], ROLE_FLAG) == 0)
		return role_run(role_table, argv[2]);
	if (argc == 2 && strcmp(argv[1], ROLE_STAMP_FLAG) == 0)
		return printf("%.*s\n", STAMP_SIZE, stamp_own.text) < 0 || fflush(stdout) != 0;
	fprintf(stderr, "shackd-net: is a part of shackd, which starts it by itself\n");
	return 1;
}
