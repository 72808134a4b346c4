/* SPDX-License-Identifier: ISC
 *
 * NAME      rights - who may ask for what
 * PURPOSE   A broken-into worker must not steer its master; a member of the group may run the
 *           reflector but not replace it.
 * OWNER     master
 * CONTRACT  pure
 * LIMITS    none known
 */
#include <string.h>

#include "master/control.h"

static bool listed(const char *const *list, const char *word)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, word) == 0)
			return true;
	return false;
}

enum rights rights_of(const struct rights_who *who, uint32_t uid, uint32_t gid,
		      const uint32_t *groups, size_t count)
{
	if (uid == 0 || uid == who->master_uid)
		return RIGHTS_ALL;
	/* before the group: the workers are in it */
	if (uid == who->worker_uid)
		return RIGHTS_READ;
	if (who->control_gid == UINT32_MAX)
		return RIGHTS_NONE;
	if (gid == who->control_gid)
		return RIGHTS_GROUP;
	for (size_t i = 0; i < count; i++)
		if (groups[i] == who->control_gid)
			return RIGHTS_GROUP;
	return RIGHTS_NONE;
}

bool rights_allow(enum rights rights, const char *verb)
{
	static const char *const reading[] = {"status",	  "workers", "clients", "streams",
					      "sessions", "feeds",   "spots",	"blocked", "lists",
					      "metrics",  "events",  NULL};
	static const char *const root_only[] = {"upgrade", "restore", "passwd", "import", NULL};

	switch (rights) {
	case RIGHTS_ALL:
		return true;
	case RIGHTS_GROUP:
		return !listed(root_only, verb);
	case RIGHTS_READ:
		return listed(reading, verb);
	case RIGHTS_NONE:
		break;
	}
	return false;
}
