/* SPDX-License-Identifier: ISC
 *
 * NAME      identity - user and group of the workers
 * PURPOSE   Names to numbers, once, before anything is made.
 * OWNER     master
 * CONTRACT  see master/start/place.h
 * LIMITS    none known
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "master/start/place.h"
#include "shm/log.h"

static bool find_group(struct master *master, const char *name)
{
	struct group *group;

	errno = 0;
	group = getgrnam(name);
	if (group != NULL) {
		master->control_gid = group->gr_gid;
		return true;
	}
	if (!master->privileged)
		return true; /* nobody to hand anything to */
	return master_why(
		master, EXIT_START,
		"server.group: there is no group '%s'; create it with: addgroup --system %s", name,
		name);
}

/* Without root there is nothing to switch to: the workers stay what we are. */
static void note_unprivileged(const char *user)
{
	struct passwd *own = getpwuid(geteuid());

	if (own == NULL || strcmp(own->pw_name, user) != 0)
		log_debug("not started as root: the workers stay uid %u, server.user '%s' is not "
			  "obeyed",
			  (unsigned)geteuid(), user);
}

bool place_identity(struct master *master)
{
	const char *user = config_text(master->config, CONF_SERVER_USER);
	const char *group = config_text(master->config, CONF_SERVER_GROUP);
	struct passwd *found;

	master->privileged = geteuid() == 0;
	master->worker_uid = master->worker_gid = master->control_gid = UINT32_MAX;
	if (group[0] != '\0' && (user[0] != '\0' || !master->privileged) &&
	    !find_group(master, group))
		return false;
	if (!master->privileged) {
		note_unprivileged(user);
		return true;
	}
	if (user[0] == '\0') {
		log_warning("server.user is empty: the workers run as root");
		return true;
	}
	found = getpwnam(user);
	if (found == NULL)
		return master_why(
			master, EXIT_START,
			"server.user: there is no user '%s'; create it with: adduser --system "
			"--group --no-create-home %s",
			user, user);
	if (found->pw_uid == 0)
		log_warning("server.user is '%s': the workers run as root", user);
	master->worker_uid = found->pw_uid;
	if (master->control_gid == UINT32_MAX)
		master->control_gid = found->pw_gid;
	master->worker_gid = master->control_gid;
	return true;
}
