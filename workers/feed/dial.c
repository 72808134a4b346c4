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
	const struct feed_want *want = &feed->want;
	uint8_t ip[HOSTS_ADDRS][16];
	unsigned found;

	if (addr_parse(want->host, want->port, addr_r) == 0)
		return true;
	found = feed->hosts != NULL ? hosts_get(feed->hosts, want->host, ip) : 0;
	if (found == 0)
		return false; /* data goes on asking */
	*addr_r = (struct addr){.port = want->port};
	memcpy(addr_r->ip, ip[feed->dial.turn++ % found], 16);
	return true;
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
	int error = 0;
	socklen_t length = sizeof(error);

	(void)loop;
	(void)events;
	if (getsockopt(feed->dial.fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
		error = errno;
	if (error != 0)
		dial_failed(feed, strerror(error), false);
	else
		hand_over(feed);
}

static void dial(struct feed *feed)
{
	struct dial *self = &feed->dial;
	union addr_sock sock;
	socklen_t length;

	if (!dial_address(feed, &self->addr)) {
		tell_state(feed, FEED_RESOLVING, NULL);
		return;
	}
	tell_state(feed, FEED_CONNECTING, NULL);
	length = addr_to_sock(&self->addr, &sock);
	self->since = clock_mono();
	self->fd = socket(sock.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (self->fd < 0 || (connect(self->fd, &sock.sa, length) != 0 && errno != EINPROGRESS)) {
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
