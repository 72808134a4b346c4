/* SPDX-License-Identifier: ISC
 *
 * NAME      worker - one feed of spots, a kind of process
 * PURPOSE   Talks to one source of spots and puts what it says into its ring.
 * OWNER     feed workers, one a section [feed NAME]
 * CONTRACT  see workers/run.h
 * LIMITS    none known
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/log.h"
#include "workers/roles.h"

struct feed {
	struct worker *worker;
};

static bool feed_open(struct worker *worker)
{
	struct feed *feed = calloc(1, sizeof(*feed));

	if (feed == NULL)
		return worker_failed(worker, "out of memory");
	feed->worker = worker;
	worker->own = feed;
	return true;
}

static void feed_go(struct worker *worker)
{
	/* shackctl shows it */
	memcpy(&worker->page->spare[PAGE_FEED_NAME], worker->member, sizeof(worker->member));
}

static void feed_tick(struct worker *worker)
{
	(void)worker;
}

static void feed_message(struct worker *worker, struct msg *msg)
{
	page_count(worker->page, COUNT_MESSAGES_BAD);
	log_limited(LOG_LEVEL_WARNING, "unexpected message %s", msg_type_name(msg->type));
	if (msg->fd >= 0)
		close(msg->fd);
}

static void feed_stop(struct worker *worker)
{
	worker_finish(worker, 0);
}

static void feed_close(struct worker *worker)
{
	free(worker->own);
	worker->own = NULL;
}

const struct worker_kind feed_kind = {
	.name = "feed",
	.wants_spots = true,
	.open = feed_open,
	.go = feed_go,
	.tick = feed_tick,
	.message = feed_message,
	.stop = feed_stop,
	.close = feed_close,
};
