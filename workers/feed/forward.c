/* SPDX-License-Identifier: ISC
 *
 * NAME      forward - spots of our users to another cluster
 * PURPOSE   feed.forward_dx: what users type here goes out as a DX command of ours there.
 * OWNER     feed
 * CONTRACT  The queue is the log of spots. How far it came changes in the step that puts the line out, so
 *           that no death sends one twice; a new connection goes on where the last one was. What is older
 *           than FORWARD_AGE by then is not sent: it would be told as if it were now.
 * LIMITS    FORWARD_TURN lines a turn
 */
#include <string.h>

#include "shm/store/spots.h"
#include "workers/feed/feed.h"

#define FORWARD_TURN 8
#define FORWARD_LOOK 512 /* spots that are looked at in a turn */
#define FORWARD_AGE  (600 * NS_PER_SEC)

struct walk {
	struct feed *feed;
	struct tcp_conn *conn;
	uint64_t done; /* number of the last spot that was looked at */
	unsigned lines;
};

static bool newest(struct feed *feed, uint64_t *number_r)
{
	struct store_txn txn;
	enum store_error error = store_read(feed->worker->spots, &txn);

	*number_r = error == STORE_OK ? spots_newest(&txn) : 0;
	store_end(&txn);
	return error == STORE_OK;
}

void forward_begin(struct feed *feed, struct upstream *upstream)
{
	uint64_t *spare = feed->page->spare;
	uint64_t now = 0;

	if (spare[PAGE_FEED_STORE] == 0 && newest(feed, &now)) {
		spare[PAGE_FEED_FORWARD] = now;
		spare[PAGE_FEED_STORE] = store_id(feed->worker->spots);
	}
	upstream->forwarded = spare[PAGE_FEED_FORWARD];
	upstream->store = spare[PAGE_FEED_STORE];
	feed->forward_more = true;
}

/* The log was made anew: its numbers are others, and what is in it was typed since. */
static void follow_store(const struct feed *feed, struct upstream *upstream)
{
	uint64_t id = store_id(feed->worker->spots);

	if (upstream->store != id && upstream->store != 0)
		upstream->forwarded = 0;
	upstream->store = id;
}

bool forward_due(struct feed *feed)
{
	return store_moved(feed->worker->spots, &feed->forward_seen) || feed->forward_more;
}

/* Bytes that every cluster takes; a blank for what is not. */
static void put_text(struct tcp_conn *conn, const char *text)
{
	char line[SPOT_COMMENT_MAX + 1];
	size_t length = strlen(text);

	for (size_t i = 0; i < length && i < sizeof(line); i++)
		line[i] = (unsigned char)text[i] >= 0x20 && (unsigned char)text[i] < 0x7f ? text[i]
											  : '?';
	tcp_put(conn, line, length < sizeof(line) ? length : sizeof(line));
}

static void send_spot(struct walk *walk, const struct spot *spot)
{
	uint64_t tenths = spot_decihertz(spot->hz);

	if (clock_age(clock_mono(), spot->arrived) > FORWARD_AGE) {
		page_count(walk->feed->page, COUNT_FEED_UNFORWARDED);
		return;
	}
	tcp_printf(walk->conn, "DX %llu.%llu ", (unsigned long long)tenths / 10,
		   (unsigned long long)tenths % 10);
	put_text(walk->conn, spot->dx);
	tcp_put(walk->conn, " ", 1);
	put_text(walk->conn, spot->comment);
	tcp_put(walk->conn, "\r\n", 2);
	page_count(walk->feed->page, COUNT_FEED_FORWARDED);
	walk->lines++;
}

static bool on_spot(uint64_t number, const struct spot *spot, void *arg)
{
	struct walk *walk = arg;

	if (spot->source == SPOT_LOCAL)
		send_spot(walk, spot);
	walk->done = number;
	return walk->lines < FORWARD_TURN;
}

void forward_tick(struct feed *feed, struct tcp_conn *conn)
{
	struct upstream *self = tcp_own(conn);
	struct walk walk = {.feed = feed, .conn = conn};
	struct store_txn txn;
	unsigned seen = 0;

	follow_store(feed, self);
	walk.done = self->forwarded;
	/* one line leaves room for the next within a step: TCP_STEP bytes hold more than ten */
	if (store_read(feed->worker->spots, &txn) == STORE_OK)
		seen = spots_each(&txn, self->forwarded + 1, FORWARD_LOOK, on_spot, &walk);
	if (store_end(&txn) == STORE_OK)
		feed->forward_more = seen == FORWARD_LOOK || walk.lines == FORWARD_TURN;
	self->forwarded = walk.done;
	if (walk.lines > 0)
		self->spoke = clock_mono();
	feed->page->spare[PAGE_FEED_FORWARD] = walk.done;
	feed->page->spare[PAGE_FEED_STORE] = self->store;
}
