/* SPDX-License-Identifier: ISC
 *
 * NAME      worker (link) - dashboards, logs and APRS
 * PURPOSE   Tells the outside what happens on the reflector.
 * OWNER     link worker, of shackd-net
 * CONTRACT  nobody waits for it: ysf serves on while it is away
 * LIMITS    none known
 */
#include <stdlib.h>

#include "workers/roles.h"

struct link_worker {
	struct worker *worker;
};

static bool link_open(struct worker *worker)
{
	struct link_worker *self = calloc(1, sizeof(*self));

	if (self == NULL)
		return worker_failed(worker, "out of memory");
	worker->own = self;
	self->worker = worker;
	return true;
}

static void link_go(struct worker *worker)
{
	(void)worker;
}

static void link_tick(struct worker *worker)
{
	(void)worker;
}

static void link_list(struct worker *worker, unsigned index)
{
	(void)worker;
	(void)index;
}

static void link_stop(struct worker *worker)
{
	worker_finish(worker, 0);
}

static void link_close(struct worker *worker)
{
	free(worker->own);
	worker->own = NULL;
}

const struct worker_kind link_kind = {
	.name = "link",
	.wants_voice = true,
	.open = link_open,
	.go = link_go,
	.tick = link_tick,
	.list = link_list,
	.stop = link_stop,
	.close = link_close,
};
