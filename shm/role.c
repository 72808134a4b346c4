/* SPDX-License-Identifier: ISC
 *
 * NAME      role - what an executable can be started as
 * PURPOSE   Finds the kind of a slot in an executable's table, and becomes it.
 * OWNER     main (dispatch)
 * CONTRACT  see shm/role.h
 * LIMITS    none known
 */
#include "shm/role.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

int role_run(const struct role *table, const char *slot)
{
	char name[16];
	size_t kind = strcspn(slot, ".");

	/* first of all: execution by descriptor has called it "3" or so */
	snprintf(name, sizeof(name), "shackd-%s", slot);
	prctl(PR_SET_NAME, name);
	for (const struct role *role = table; role->kind != NULL; role++)
		if (strlen(role->kind) == kind && strncmp(role->kind, slot, kind) == 0)
			return role->run(slot);
	fprintf(stderr, "shackd: no worker is called '%s'\n", slot);
	return 1;
}
