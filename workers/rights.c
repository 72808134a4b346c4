/* SPDX-License-Identifier: ISC
 *
 * NAME      rights - what a worker gives up before it serves
 * PURPOSE   Limits, identity, and the ties to the master.
 * OWNER     every worker
 * CONTRACT  see rights.h
 * LIMITS    none known
 */
#include "workers/rights.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "workers/sandbox.h"

static bool fail(char error_r[256], const char *what)
{
	snprintf(error_r, 256, "%s: %s", what, strerror(errno));
	return false;
}

static bool is_now(uint32_t uid, uint32_t gid)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) != 0 || getresgid(&rgid, &egid, &sgid) != 0)
		return false;
	return ruid == uid && euid == uid && suid == uid && rgid == gid && egid == gid &&
	       sgid == gid && getgroups(0, NULL) == 0;
}

static bool become(uint32_t uid, uint32_t gid, char error_r[256])
{
	if (setresgid(gid, gid, gid) != 0)
		return fail(error_r, "can't change the group");
	if (setgroups(0, NULL) != 0)
		return fail(error_r, "can't drop the supplementary groups");
	if (setresuid(uid, uid, uid) != 0)
		return fail(error_r, "can't change the user");
	if (!is_now(uid, gid)) {
		snprintf(error_r, 256, "the change to user %u, group %u did not take", uid, gid);
		return false;
	}
	if (uid != 0 && setuid(0) == 0) {
		snprintf(error_r, 256, "user %u can become root again", uid);
		return false;
	}
	return true;
}

bool rights_drop(uint32_t uid, uint32_t gid, char error_r[256])
{
	if (uid != RIGHTS_SAME && !become(uid, gid, error_r))
		return false;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fail(error_r, "can't forbid new privileges");
	return true;
}

bool rights_tie(int32_t master_pid)
{
	/* setuid clears the death signal, so this comes after it; the master may have died before
	 */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	return getppid() == master_pid;
}

bool rights_limit(unsigned sessions, char error_r[256])
{
	const rlim_t most = RIGHTS_FILES + (rlim_t)sessions;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return fail(error_r, "can't read the limit of open files");
	if (limit.rlim_max > most)
		limit.rlim_max = most;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return fail(error_r, "can't limit the open files");
	return true;
}

void rights_hide(void)
{
	/* the leak checker of a sanitizer attaches to its own process */
	prctl(PR_SET_DUMPABLE, SANDBOX_SANITIZED ? 1 : 0, 0, 0, 0);
}
