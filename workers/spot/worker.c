/* SPDX-License-Identifier: ISC
 *
 * NAME      worker - the pipeline, a kind of process
 * PURPOSE   From the feeds' rings and the users' inbox into the log of spots.
 * OWNER     spot
 * CONTRACT  see workers/run.h; disposable: what it must not forget is in the log, in the rings, and
 *           in the note how far it came, which is written with the spots
 * LIMITS    see funnel.h
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "workers/roles.h"
#include "workers/spot/funnel.h"
#include "workers/spot/replay.h"

#define AT_ONCE	   0.
#define BUSY_AGAIN 0.001 /* seconds until the gate is tried again */

struct desk {
	struct worker *worker;
	struct pipeline pipeline;
	struct funnel funnel;
	struct replay replay;
	ev_timer again;
	uint64_t made_room; /* as it was counted */
};

static void come_back(struct desk *desk, double seconds)
{
	ev_timer_stop(desk->worker->loop, &desk->again);
	ev_timer_set(&desk->again, seconds, 0.);
	ev_timer_start(desk->worker->loop, &desk->again);
}

/* ---- rings ---- */

static void add_ring(struct desk *desk, unsigned feed)
{
	const struct worker *worker = desk->worker;

	if (!funnel_add(&desk->funnel, worker->spots, feed, worker->spotring_fd[feed]))
		log_error("the ring of feed.%u can't be used: %s", feed, strerror(errno));
}

static void spot_spotring(struct worker *worker, unsigned index)
{
	if (worker->going)
		add_ring(worker->own, index);
}

/* ---- a turn ---- */

static void replay(struct desk *desk)
{
	if (replay_go_on(&desk->replay) && desk->replay.shown > 0) {
		page_count_by(desk->worker->page, COUNT_SPOT_REPLAYED, desk->replay.shown);
		log_info("%llu spots of the log replayed", (unsigned long long)desk->replay.shown);
	}
	come_back(desk, AT_ONCE);
}

/* A person's spot also concerns those that pass it on or keep it for long. */
static void ring_followers(struct desk *desk, bool human)
{
	fault_point(FAULT_SPOT_DONE);
	worker_ring_spots(desk->worker, "dxc");
	fault_point(FAULT_SPOT_RUNG);
	if (!human)
		return;
	worker_ring_spots(desk->worker, "keeper");
	worker_ring_spots(desk->worker, "feed");
}

static void commit(struct desk *desk)
{
	bool human = desk->funnel.human;
	unsigned fresh;
	enum store_error error = funnel_commit(&desk->funnel, desk->worker->spots, &fresh);

	if (error == STORE_OK) {
		if (fresh > 0)
			ring_followers(desk, human);
		if (funnel_backlog(&desk->funnel) > 0)
			come_back(desk, AT_ONCE);
	} else if (error == STORE_BUSY) {
		come_back(desk, BUSY_AGAIN);
	} else if (error == STORE_LOST) {
		worker_store_lost(desk->worker, "spots");
	} else {
		page_count(desk->worker->page, COUNT_SPOT_UNKEPT);
		log_limited(LOG_LEVEL_ERROR, "spots wait, the store does not take them: %s",
			    store_error_text(error));
	}
}

static void show(struct desk *desk)
{
	const struct pipeline *pipeline = &desk->pipeline;
	struct page *page = desk->worker->page;
	uint64_t made_room = pipeline->machine.made_room + pipeline->typed.made_room;

	page_gauge(page, GAUGE_SPOT_WAITING, funnel_backlog(&desk->funnel));
	page_gauge(page, GAUGE_SPOT_MARKS, pipeline->machine.used);
	page_gauge(page, GAUGE_SPOT_TYPED, pipeline->typed.used);
	page_gauge(page, GAUGE_SPOT_MODES, pipeline->modes.used);
	page_count_by(page, COUNT_SPOT_MADE_ROOM, made_room - desk->made_room);
	desk->made_room = made_room;
}

static void spot_tick(struct worker *worker)
{
	struct desk *desk = worker->own;

	if (!desk->replay.over) {
		replay(desk);
		return;
	}
	funnel_take(&desk->funnel, worker->spots, clock_mono());
	if (funnel_waits(&desk->funnel))
		commit(desk);
	show(desk);
}

static void on_again(struct ev_loop *loop, ev_timer *watch, int events)
{
	(void)loop;
	(void)events;
	spot_tick(watch->data);
}

/* ---- the kind ---- */

static bool spot_open(struct worker *worker)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	struct pipeline_rules rules;

	if (desk == NULL)
		return worker_failed(worker, "out of memory");
	worker->own = desk;
	desk->worker = worker;
	ev_timer_init(&desk->again, on_again, 0., 0.);
	desk->again.data = worker;
	pipeline_rules(worker->conf, &rules);
	if (!pipeline_init(&desk->pipeline, &rules,
			   (uint64_t)conf_number(worker->conf, CONF_LIMITS_SPOTS)) ||
	    !funnel_init(&desk->funnel, &desk->pipeline, worker->page))
		return worker_failed(worker, "out of memory");
	return true;
}

/* Not before the predecessor is gone: until then the log grows. */
static void spot_go(struct worker *worker)
{
	struct desk *desk = worker->own;

	for (unsigned i = 0; i < WORKER_FEEDS; i++)
		if (worker->spotring_fd[i] >= 0)
			add_ring(desk, i);
	replay_begin(&desk->replay, &desk->pipeline, worker->spots, worker->state, clock_mono());
	come_back(desk, AT_ONCE);
}

static void spot_message(struct worker *worker, struct msg *msg)
{
	page_count(worker->page, COUNT_MESSAGES_BAD);
	log_limited(LOG_LEVEL_WARNING, "unexpected message %s", msg_type_name(msg->type));
	if (msg->fd >= 0)
		close(msg->fd);
}

static void spot_commit(struct worker *worker, const struct conf *before)
{
	struct desk *desk = worker->own;

	(void)before;
	pipeline_rules(worker->conf, &desk->pipeline.rules);
}

static void spot_stop(struct worker *worker)
{
	worker_finish(worker, 0); /* what was not committed is still where it came from */
}

static void spot_close(struct worker *worker)
{
	struct desk *desk = worker->own;

	if (desk == NULL)
		return;
	ev_timer_stop(worker->loop, &desk->again);
	funnel_free(&desk->funnel);
	pipeline_free(&desk->pipeline);
	free(desk);
	worker->own = NULL;
}

const struct worker_kind spot_kind = {
	.name = "spot",
	.wants_spots = true,
	.reads_state = true,
	.open = spot_open,
	.go = spot_go,
	.tick = spot_tick,
	.message = spot_message,
	.spotring = spot_spotring,
	.commit = spot_commit,
	.stop = spot_stop,
	.close = spot_close,
};
