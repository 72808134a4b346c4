/* SPDX-License-Identifier: ISC
 *
 * NAME      aide - a process for one task
 * PURPOSE   What takes so long, or so much memory, that a worker must not do it itself: takes one
 *           request, gives one answer, and is gone.
 * OWNER     aide, started by the master when dxc or keeper asks for one
 * CONTRACT  It is no slot: no page, no store, no log. Descriptor ROLE_CONTROL_FD has been filled
 *           before it was started (configuration, START, the task with its socket). Exit status 0: an
 *           answer was given. The master ends it after some seconds, whatever it does.
 * LIMITS    AIDE_FILES descriptors
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shm/conf.h"
#include "shm/log.h"
#include "shm/msg.h"
#include "shm/role.h"
#include "workers/aide/state.h"
#include "workers/password.h"
#include "workers/rights.h"
#include "workers/roles.h"
#include "workers/sandbox.h"

#define AIDE_FILES 16
#define MESSAGES   8

/* What it was given. */
struct aide {
	struct conf *conf;
	struct msg_start start;
	struct msg_aide task;
	int socket;
};

static void take(struct aide *aide, struct msg *msg)
{
	if (msg->type == MSG_FD && aide->conf == NULL)
		aide->conf = conf_map(msg->fd);
	if (msg->type == MSG_START)
		memcpy(&aide->start, msg->body, sizeof(aide->start));
	if (msg->type == MSG_AIDE && aide->socket < 0) {
		memcpy(&aide->task, msg->body, sizeof(aide->task));
		aide->socket = msg->fd;
		return;
	}
	if (msg->fd >= 0)
		close(msg->fd);
}

static bool take_all(struct aide *aide)
{
	struct msg msg;

	for (unsigned i = 0; i < MESSAGES && msg_recv(ROLE_CONTROL_FD, &msg) > 0; i++)
		take(aide, &msg);
	return aide->conf != NULL && aide->socket >= 0 && aide->start.master_pid > 0;
}

/* As little as a worker may, and less. */
static bool give_up_rights(const struct aide *aide, char why_r[256])
{
	const struct rlimit files = {AIDE_FILES, AIDE_FILES};

	if (chdir("/") != 0 || setrlimit(RLIMIT_NOFILE, &files) != 0) {
		snprintf(why_r, 256, "can't limit itself");
		return false;
	}
	if (!rights_drop(aide->start.uid, aide->start.gid, why_r))
		return false;
	rights_hide();
	snprintf(why_r, 256, "can't enter the sandbox");
	return !conf_bool(aide->conf, CONF_SERVER_SANDBOX) || sandbox_enter(false) == 0;
}

int aide_main(const char *slot)
{
	struct aide aide = {.socket = -1};
	char why[256];

	log_init(-1, slot, 0, LOG_LEVEL_ERROR, NULL);
	if (!take_all(&aide) || !rights_tie(aide.start.master_pid))
		return 1; /* nobody wants us any more */
	if (!give_up_rights(&aide, why)) {
		fprintf(stderr, "shackd: %s: %s\n", slot, why);
		return 1;
	}
	if (state_knows(aide.task.task))
		return state_serve(aide.task.task, aide.socket, aide.conf) ? 0 : 1;
	return aide.task.task == AIDE_PASSWORD && password_serve(aide.socket) ? 0 : 1;
}
