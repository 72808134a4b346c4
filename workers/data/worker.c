/* SPDX-License-Identifier: ISC
 *
 * NAME      worker (data) - access lists, home lists and host names
 * PURPOSE   Reads the sysop's files, asks the name service, and hands compiled lists to whoever uses them.
 * OWNER     data worker, of shackd-net
 * CONTRACT  nobody waits for it: ysf serves on while it is away
 * LIMITS    none known
 */
#include <stdlib.h>

#include "workers/roles.h"

struct data_worker {
	struct worker *worker;
};

static bool data_open(struct worker *worker)
{
	struct data_worker *self = calloc(1, sizeof(*self));

	if (self == NULL)
		return worker_failed(worker, "out of memory");
	worker->own = self;
	self->worker = worker;
	return true;
}

static void data_go(struct worker *worker)
{
	(void)worker;
}

static void data_tick(struct worker *worker)
{
	(void)worker;
}

static void data_list(struct worker *worker, unsigned index)
{
	(void)worker;
	(void)index;
}

static void data_stop(struct worker *worker)
{
	worker_finish(worker, 0);
}

static void data_close(struct worker *worker)
{
	free(worker->own);
	worker->own = NULL;
}

const struct worker_kind data_kind = {
	.name = "data",
	.wants_voice = true,
	.open = data_open,
	.go = data_go,
	.tick = data_tick,
	.list = data_list,
	.stop = data_stop,
	.close = data_close,
};
