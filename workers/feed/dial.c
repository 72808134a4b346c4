/* SPDX-License-Identifier: ISC
 *
 * NAME      dial - a connection to a cluster
 * PURPOSE   Connects without waiting, gives the connection to the master to keep, and tries again later
 *           when that fails.
 * OWNER     feed
 * CONTRACT  nothing is read or written here: a connection is first served when it has come back from the
 *           vault, so that no death in between loses a byte
 * LIMITS    FEED_PATIENCE for a connection, HANDED_PATIENCE for the master
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "shm/log.h"
#include "shm/watch.h"
#include "workers/connect.h"
#include "workers/feed/feed.h"

#define HANDED_PATIENCE NS_PER_SEC /* the master keeps only what is alive */

static void save(struct feed *feed)
{
	feed->page->spare[PAGE_FEED_RETRY] = feed->backoff.retry;
	feed->page->spare[PAGE_FEED_FAILURES] = feed->backoff.failures;
}

static void let_go(struct feed *feed)
{
	struct dial *dial = &feed->dial;

	ev_io_stop(feed->worker->loop, &dial->io);
	if (dial->fd >= 0)
		close(dial->fd);
	dial->fd = -1;
	dial->handed = false;
}

void dial_failed(struct feed *feed, const char *why, bool is_long)
{
	let_go(feed);
	if (feed->stopping)
		return;
	page_count(feed->page, COUNT_FEED_FAILURES);
	if (backoff_failed(&feed->backoff, clock_mono(), is_long, randombytes_random())) {
		page_count(feed->page, COUNT_FEED_BREAKS);
		log_warning(
			"feed %s: %s; failed %u times in a row, tried once a minute from now on",
			feed->want.name, why, BACKOFF_BREAK);
	} else if (!backoff_broken(&feed->backoff)) {
		log_limited(LOG_LEVEL_INFO, "feed %s: %s", feed->want.name, why);
	}
	save(feed);
	tell_state(feed, backoff_broken(&feed->backoff) ? FEED_BROKEN : FEED_WAITING, why);
}

void dial_steady(struct feed *feed)
{
	if (feed->backoff.failures == 0)
		return;
	if (backoff_steady(&feed->backoff))
		log_info("feed %s: works again", feed->want.name);
	save(feed);
}

bool dial_address(struct feed *feed, struct addr *addr_r)
{
	return hosts_address(feed->hosts, feed->want.host, feed->want.port, &feed->dial.turn,
			     addr_r);
}

static void hand_over(struct feed *feed)
{
	struct dial *dial = &feed->dial;
	struct msg_dialed dialed = {.addr = dial->addr};
	const int one = 1;

	/* lines of ours are short and few; failing, they come a little later */
	setsockopt(dial->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (msg_send(feed->worker->control, MSG_DIALED, feed->worker->generation, &dialed,
		     sizeof(dialed), dial->fd) != 0) {
		dial_failed(feed, "the master can't be told of the connection", false);
		return;
	}
	let_go(feed);
	dial->handed = true;
	dial->since = clock_mono();
}

static void on_connected(struct ev_loop *loop, ev_io *io, int events)
{
	struct feed *feed = io->data;
	int error = connect_result(feed->dial.fd);

	if (watch_lost(loop, io, events))
		return;
	if (error != 0)
		dial_failed(feed, strerror(error), false);
	else
		hand_over(feed);
}

static void dial(struct feed *feed)
{
	struct dial *self = &feed->dial;

	if (!dial_address(feed, &self->addr)) {
		tell_state(feed, FEED_RESOLVING, NULL);
		return;
	}
	tell_state(feed, FEED_CONNECTING, NULL);
	self->since = clock_mono();
	self->fd = connect_begin(&self->addr);
	if (self->fd < 0) {
		dial_failed(feed, strerror(errno), false);
		return;
	}
	ev_io_set(&self->io, self->fd, EV_WRITE);
	ev_io_start(feed->worker->loop, &self->io);
}

void dial_begin(struct feed *feed)
{
	feed->dial.fd = -1;
	ev_io_init(&feed->dial.io, on_connected, -1, EV_WRITE);
	feed->dial.io.data = feed;
	feed->backoff.retry = feed->page->spare[PAGE_FEED_RETRY];
	feed->backoff.failures = feed->page->spare[PAGE_FEED_FAILURES];
}

void dial_tick(struct feed *feed)
{
	const struct dial *self = &feed->dial;
	uint64_t now = clock_mono();

	if (self->handed) {
		if (clock_age(now, self->since) > HANDED_PATIENCE)
			dial_failed(feed, "the connection ended at once", false);
	} else if (self->fd >= 0) {
		if (clock_age(now, self->since) > FEED_PATIENCE)
			dial_failed(feed, "no connection", false);
	} else if (now >= feed->backoff.retry) {
		dial(feed);
	}
}

void dial_stop(struct feed *feed)
{
	let_go(feed);
}
