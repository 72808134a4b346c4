/* SPDX-License-Identifier: ISC
 *
 * NAME      worker - the pipeline, a kind of process
 * PURPOSE   From the feeds' rings and the users' inbox into the log of spots.
 * OWNER     spot
 * CONTRACT  see workers/run.h
 * LIMITS    none known
 */
#include <stdlib.h>
#include <unistd.h>

#include "shm/log.h"
#include "workers/roles.h"

struct spot {
	struct worker *worker;
};

static bool spot_open(struct worker *worker)
{
	struct spot *spot = calloc(1, sizeof(*spot));

	if (spot == NULL)
		return worker_failed(worker, "out of memory");
	spot->worker = worker;
	worker->own = spot;
	return true;
}

static void spot_go(struct worker *worker)
{
	(void)worker;
}

static void spot_tick(struct worker *worker)
{
	(void)worker;
}

static void spot_message(struct worker *worker, struct msg *msg)
{
	page_count(worker->page, COUNT_MESSAGES_BAD);
	log_limited(LOG_LEVEL_WARNING, "unexpected message %s", msg_type_name(msg->type));
	if (msg->fd >= 0)
		close(msg->fd);
}

static void spot_stop(struct worker *worker)
{
	worker_finish(worker, 0);
}

static void spot_close(struct worker *worker)
{
	free(worker->own);
	worker->own = NULL;
}

const struct worker_kind spot_kind = {
	.name = "spot",
	.wants_spots = true,
	.open = spot_open,
	.go = spot_go,
	.tick = spot_tick,
	.message = spot_message,
	.stop = spot_stop,
	.close = spot_close,
};
