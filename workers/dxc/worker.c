/* SPDX-License-Identifier: ISC
 *
 * NAME      worker - the DX cluster's sessions, a kind of process
 * PURPOSE   Serves the users that the master gives it.
 * OWNER     dxc workers
 * CONTRACT  see workers/run.h
 * LIMITS    none known
 */
#include <stdlib.h>
#include <unistd.h>

#include "shm/log.h"
#include "workers/dxc/dxc.h"
#include "workers/roles.h"

static bool dxc_open(struct worker *worker)
{
	struct dxc *dxc = calloc(1, sizeof(*dxc));

	if (dxc == NULL)
		return worker_failed(worker, "out of memory");
	dxc->worker = worker;
	worker->own = dxc;
	return true;
}

static void dxc_go(struct worker *worker)
{
	(void)worker;
}

static void dxc_tick(struct worker *worker)
{
	(void)worker;
}

static void dxc_message(struct worker *worker, struct msg *msg)
{
	page_count(worker->page, COUNT_MESSAGES_BAD);
	log_limited(LOG_LEVEL_WARNING, "unexpected message %s", msg_type_name(msg->type));
	if (msg->fd >= 0)
		close(msg->fd);
}

static void dxc_stop(struct worker *worker)
{
	worker_finish(worker, 0);
}

static void dxc_close(struct worker *worker)
{
	free(worker->own);
	worker->own = NULL;
}

const struct worker_kind dxc_kind = {
	.name = "dxc",
	.wants_spots = true,
	.reads_state = true,
	.open = dxc_open,
	.go = dxc_go,
	.tick = dxc_tick,
	.message = dxc_message,
	.stop = dxc_stop,
	.close = dxc_close,
};
