/* SPDX-License-Identifier: ISC
 *
 * NAME      worker (feed) - one feed of spots, a kind of process
 * PURPOSE   Talks to one source of spots and puts what it says into its ring.
 * OWNER     feed workers, one a section [feed NAME]
 * CONTRACT  see feed.h and workers/run.h. The ring, the table and the page's words belong to the
 *           predecessor until GO.
 * LIMITS    see feed.h
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/log.h"
#include "workers/feed/feed.h"
#include "workers/roles.h"

static void map_lists(struct feed *feed)
{
	const int *fd = feed->worker->list_fd;
	struct hosts *hosts = fd[LIST_HOSTS] >= 0 ? hosts_map(fd[LIST_HOSTS]) : NULL;
	struct countries *countries =
		fd[LIST_COUNTRIES] >= 0 ? countries_map(fd[LIST_COUNTRIES]) : NULL;
	struct known *known = fd[LIST_KNOWN] >= 0 ? known_map(fd[LIST_KNOWN]) : NULL;

	if (hosts != NULL) {
		hosts_unmap(&feed->hosts);
		feed->hosts = hosts;
	}
	if (countries != NULL) {
		countries_unmap(&feed->countries);
		feed->countries = countries;
	}
	if (known != NULL) {
		known_unmap(&feed->known);
		feed->known = known;
	}
}

static bool map_ring(struct feed *feed)
{
	struct worker *worker = feed->worker;
	struct spotring ring;

	if (worker->index >= WORKER_FEEDS || worker->spotring_fd[worker->index] < 0 ||
	    !spotring_map(worker->spotring_fd[worker->index], &ring))
		return false;
	spotring_unmap(&feed->ring);
	feed->ring = ring;
	return true;
}

static void on_prepare(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	(void)loop;
	(void)events;
	intake_ring(prepare->data);
}

/* What the type of the feed needs; both may be there after a change of it. */
static bool make_ready(struct feed *feed)
{
	if (feed->want.type == FEED_PSKREPORTER && feed->mqtt == NULL)
		feed->mqtt = mqtt_new(feed);
	return feed->want.type != FEED_PSKREPORTER || feed->mqtt != NULL;
}

static bool open_feed(struct feed *feed)
{
	struct worker *worker = feed->worker;
	char why[252];

	if (!feed_want_read(worker->conf, worker->member, &feed->want, why))
		return worker_failed(worker, "%s", why);
	if (!map_ring(feed))
		return worker_failed(worker, "the ring can't be mapped: %s", strerror(errno));
	if (worker->table.block != NULL)
		feed->tcp = upstream_new(feed);
	if (feed->tcp == NULL || !make_ready(feed))
		return worker_failed(worker, "no table or no memory for a feed");
	map_lists(feed);
	ev_prepare_init(&feed->prepare, on_prepare);
	feed->prepare.data = feed;
	return true;
}

static bool feed_open(struct worker *worker)
{
	struct feed *feed = calloc(1, sizeof(*feed));

	if (feed == NULL)
		return worker_failed(worker, "out of memory");
	worker->own = feed;
	feed->worker = worker;
	feed->page = worker->page;
	feed->dial.fd = -1;
	return open_feed(feed);
}

static void feed_tick(struct worker *worker)
{
	struct feed *feed = worker->own;

	tcp_tick(feed->tcp);
	if (!feed->want.enabled)
		tell_state(feed, FEED_OFF, NULL);
	else if (feed->want.type == FEED_PSKREPORTER)
		mqtt_tick(feed->mqtt);
	else if (feed->conn != NULL)
		upstream_tick(feed);
	else
		dial_tick(feed);
	tell_tick(feed);
	page_gauge(feed->page, GAUGE_FEED_QUEUE, spotring_used(&feed->ring));
}

static void feed_go(struct worker *worker)
{
	struct feed *feed = worker->own;

	/* shackctl shows it */
	memcpy(&feed->page->spare[PAGE_FEED_NAME], worker->member, sizeof(worker->member));
	dial_begin(feed);
	intake_begin(feed);
	ev_prepare_start(worker->loop, &feed->prepare);
	tcp_go(feed->tcp);
	feed_tick(worker);
}

static void feed_message(struct worker *worker, struct msg *msg)
{
	struct feed *feed = worker->own;

	if (tcp_take(feed->tcp, msg))
		return;
	page_count(worker->page, COUNT_MESSAGES_BAD);
	log_limited(LOG_LEVEL_WARNING, "unexpected message %s", msg_type_name(msg->type));
	if (msg->fd >= 0)
		close(msg->fd);
}

static void feed_list(struct worker *worker, unsigned index)
{
	struct feed *feed = worker->own;

	map_lists(feed);
	/* a host that has an address at last is tried at once */
	if (worker->going && index == LIST_HOSTS && feed->state == FEED_RESOLVING)
		feed_tick(worker);
}

static void feed_spotring(struct worker *worker, unsigned index)
{
	struct feed *feed = worker->own;

	if (index != worker->index)
		return;
	if (!map_ring(feed))
		log_warning("a new ring can't be mapped: %s; the old one stays", strerror(errno));
	else if (worker->going)
		intake_begin(feed);
}

static bool feed_stage(struct worker *worker, const struct conf *conf, char why_r[252])
{
	struct feed_want want;

	return feed_want_read(conf, worker->member, &want, why_r);
}

static void feed_commit(struct worker *worker, const struct conf *before)
{
	struct feed *feed = worker->own;
	struct feed_want was = feed->want;
	char why[252];

	(void)before;
	if (!feed_want_read(worker->conf, worker->member, &feed->want, why) || !make_ready(feed)) {
		feed->want = was; /* staged before: only memory can be wanting */
		return;
	}
	if (!worker->going ||
	    (was.target == feed->want.target && was.enabled == feed->want.enabled))
		return;
	log_info("feed %s: begins anew with its new configuration", feed->want.name);
	dial_stop(feed);
	upstream_end(feed, "its configuration changed", false);
	if (feed->mqtt != NULL)
		mqtt_end(feed->mqtt, "its configuration changed");
	feed->backoff = (struct backoff){0};
}

static void feed_stop(struct worker *worker)
{
	worker_finish(worker, 0); /* all of it is in the ring, the table and the vault */
}

static void feed_close(struct worker *worker)
{
	struct feed *feed = worker->own;

	if (feed == NULL)
		return;
	feed->stopping = true;
	if (worker->going) {
		intake_ring(feed);
		ev_prepare_stop(worker->loop, &feed->prepare);
	}
	dial_stop(feed);
	mqtt_free(&feed->mqtt);
	tcp_free(&feed->tcp);
	spotring_unmap(&feed->ring);
	hosts_unmap(&feed->hosts);
	countries_unmap(&feed->countries);
	known_unmap(&feed->known);
	free(feed);
	worker->own = NULL;
}

const struct worker_kind feed_kind = {
	.name = "feed",
	.wants_spots = true,
	.open = feed_open,
	.go = feed_go,
	.tick = feed_tick,
	.message = feed_message,
	.list = feed_list,
	.spotring = feed_spotring,
	.stage = feed_stage,
	.commit = feed_commit,
	.stop = feed_stop,
	.close = feed_close,
};
