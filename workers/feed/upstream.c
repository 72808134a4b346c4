/* SPDX-License-Identifier: ISC
 *
 * NAME      upstream - a session with a cluster or the Reverse Beacon Network
 * PURPOSE   Login, lines, signs of life, and the reasons to begin anew.
 * OWNER     feed
 * CONTRACT  What a successor must know is in struct upstream, in the session table: it goes on with the
 *           line at which a predecessor died. A prompt has no line end: as the last bytes that came it is
 *           acted upon as a line.
 * LIMITS    SPOTLINE_MAX bytes a line, the rest of a longer one is skipped; MALFORMED_MOST malformed lines
 *           without a spot between them
 */
#include <string.h>
#include <strings.h>

#include "shm/fault.h"
#include "shm/log.h"
#include "workers/feed/feed.h"
#include "workers/feed/prompt.h"
#include "workers/feed/spotline.h"

#define LOGIN_AFTER    (5 * NS_PER_SEC) /* without a prompt */
#define LOGINS_MOST    2
#define KEEPALIVE      (120 * NS_PER_SEC)
#define MALFORMED_MOST 1000
#define LAST_WORDS     (5 * NS_PER_SEC) /* of a connection that we end */
#define QUOTED	       128

/* A process has one feed, and tcp's callbacks get a connection alone. */
static struct feed *the_feed;

static struct upstream *own(struct tcp_conn *conn)
{
	return tcp_own(conn);
}

/* ---- the life of the connection ---- */

static void on_open(struct tcp_conn *conn)
{
	struct feed *feed = the_feed;
	uint64_t now = clock_mono();

	feed->dial.handed = false;
	*own(conn) = (struct upstream){.version = UPSTREAM_VERSION,
				       .target = feed->want.target,
				       .opened = now,
				       .heard = now,
				       .spoke = now};
	if (feed->conn != NULL || !feed->want.enabled) {
		tcp_close(conn); /* it took so long that there is another by now */
		return;
	}
	feed->conn = conn;
	feed->heard = now;
	feed->why = NULL;
	page_count(feed->page, COUNT_FEED_CONNECTS);
	tell_state(feed, FEED_LOGIN, NULL);
}

static bool on_resume(struct tcp_conn *conn)
{
	struct feed *feed = the_feed;
	const struct upstream *self = own(conn);

	if (self->version != UPSTREAM_VERSION || self->target != feed->want.target ||
	    feed->conn != NULL)
		return false;
	feed->conn = conn;
	feed->heard = self->heard;
	feed->forward_more = true;
	feed->state = self->up ? FEED_UP : FEED_LOGIN; /* it was told when it came to be so */
	page_gauge(feed->page, GAUGE_FEED_STATE, feed->state);
	return true;
}

static void on_gone(struct tcp_conn *conn)
{
	struct feed *feed = the_feed;

	if (feed->conn != conn)
		return;
	feed->conn = NULL;
	dial_failed(feed, feed->why != NULL ? feed->why : "the connection ended", feed->is_long);
	feed->why = NULL;
	feed->is_long = false;
}

/* Inside a step. */
static void give_up(struct tcp_conn *conn, const char *why, bool is_long)
{
	the_feed->why = why;
	the_feed->is_long = is_long;
	the_feed->ending = clock_mono();
	tcp_close(conn);
}

void upstream_end(struct feed *feed, const char *why, bool is_long)
{
	if (feed->conn == NULL || feed->why != NULL)
		return;
	if (tcp_begin(feed->conn)) {
		give_up(feed->conn, why, is_long);
		tcp_end(feed->conn);
	} else { /* it takes nothing of what we have to say */
		feed->why = why;
		feed->is_long = is_long;
		feed->ending = clock_mono();
		tcp_drop(feed->conn);
	}
}

/* ---- the login ---- */

static void send_login(struct tcp_conn *conn, uint64_t now)
{
	struct upstream *self = own(conn);

	self->logins++;
	self->spoke = now;
	tcp_printf(conn, "%s\r\n", the_feed->want.login);
}

static void answer_password(struct tcp_conn *conn, uint64_t now)
{
	struct upstream *self = own(conn);
	const struct feed_want *want = &the_feed->want;

	if (want->password[0] == '\0') {
		log_warning(
			"feed %s: %s asks for a password, and none is configured (feed.password)",
			want->name, want->host);
		give_up(conn, "it asks for a password", true);
	} else if (self->passwords > 0) {
		log_warning("feed %s: %s refuses the password (feed.password)", want->name,
			    want->host);
		give_up(conn, "it refuses the password", true);
	} else {
		self->passwords++;
		self->spoke = now;
		tcp_printf(conn, "%s\r\n", want->password);
	}
}

static void answer(struct tcp_conn *conn, enum prompt prompt, uint64_t now)
{
	if (prompt == PROMPT_PASSWORD)
		answer_password(conn, now);
	else if (own(conn)->logins < LOGINS_MOST)
		send_login(conn, now);
}

/* ---- lines ---- */

/* Bytes before the spot, or all of them. */
static size_t before_spot(const char *text, size_t length)
{
	for (size_t i = 0; i + 6 <= length; i++)
		if (strncasecmp(text + i, "DX de ", 6) == 0)
			return i;
	return length;
}

static void come_up(struct tcp_conn *conn)
{
	struct feed *feed = the_feed;
	struct upstream *self = own(conn);

	if (self->up)
		return;
	self->up = true;
	if (feed->want.forward_dx)
		forward_begin(feed, self);
	log_info("feed %s: up", feed->want.name);
	tell_state(feed, FEED_UP, NULL);
}

static void malformed(struct tcp_conn *conn, const struct tcp_line *line, enum spotline_error error)
{
	static const enum page_counter counter[SPOTLINE_ERRORS] = {
		[SPOTLINE_GARBAGE] = COUNT_FEED_BAD_GARBAGE,
		[SPOTLINE_SPOTTER] = COUNT_FEED_BAD_SPOTTER,
		[SPOTLINE_FREQUENCY] = COUNT_FEED_BAD_FREQUENCY,
		[SPOTLINE_CALL] = COUNT_FEED_BAD_CALL,
		[SPOTLINE_BAND] = COUNT_FEED_BAD_BAND,
		[SPOTLINE_LONG] = COUNT_FEED_BAD_LONG,
	};
	struct feed *feed = the_feed;
	struct upstream *self = own(conn);

	page_count(feed->page, counter[error]);
	log_limited(LOG_LEVEL_DEBUG, "feed %s: %s: %.*s", feed->want.name,
		    spotline_error_text(error),
		    (int)(line->length < QUOTED ? line->length : QUOTED), line->text);
	if (++self->bad == MALFORMED_MOST)
		give_up(conn, "nothing that it says makes sense", false);
}

static void take_spot(struct tcp_conn *conn, const struct tcp_line *line, size_t length)
{
	struct feed *feed = the_feed;
	struct spot spot;
	enum spotline_error error = SPOTLINE_LONG;

	if (!line->cut)
		error = spotline_parse(line->text, length, feed->want.type == FEED_CLUSTER,
				       (int64_t)(clock_real() / NS_PER_SEC), &spot);
	if (error == SPOTLINE_OTHER) {
		page_count(feed->page, COUNT_FEED_OTHER);
	} else if (error != SPOTLINE_OK) {
		malformed(conn, line, error);
	} else {
		own(conn)->bad = 0;
		own(conn)->spots++;
		intake(feed, &spot, tcp_session(conn), line->offset + line->length);
	}
	if (own(conn)->logins > 0 || error == SPOTLINE_OK)
		come_up(conn);
}

static void on_line(struct tcp_conn *conn, const struct tcp_line *line)
{
	struct upstream *self = own(conn);
	uint64_t now = clock_mono();
	size_t length = line->length;
	enum prompt prompt = PROMPT_NONE;

	page_count(the_feed->page, COUNT_FEED_RECEIVED);
	self->heard = now;
	while (length > 0 && strchr("\r\n", line->text[length - 1]) != NULL)
		length--;
	if (self->spots == 0 && !line->cut)
		prompt = prompt_find(line->text, before_spot(line->text, length));
	if (prompt != PROMPT_NONE)
		answer(conn, prompt, now);
	if (prompt == PROMPT_NONE || before_spot(line->text, length) < length)
		take_spot(conn, line, length);
}

static size_t on_find(struct tcp_conn *conn, const uint8_t *text, size_t length)
{
	const uint8_t *end = memchr(text, '\n', length);

	the_feed->heard = clock_mono();
	if (end != NULL)
		return (size_t)(end - text) + 1;
	if (own(conn)->spots == 0 && length <= SPOTLINE_MAX &&
	    prompt_find((const char *)text, length) != PROMPT_NONE)
		return length;
	return 0;
}

static const struct tcp_kind upstream_kind = {
	.open = on_open,
	.resume = on_resume,
	.line = on_line,
	.find = on_find,
	.gone = on_gone,
};

struct tcp *upstream_new(struct feed *feed)
{
	the_feed = feed;
	return tcp_new(feed->worker, &upstream_kind);
}

/* ---- time ---- */

static uint64_t keepalive(void)
{
	return fault_is("quick-feeds") ? NS_PER_SEC / 2 : KEEPALIVE;
}

/* A step of our own, if there is anything to say. */
static void speak(struct feed *feed, struct tcp_conn *conn, uint64_t now)
{
	const struct upstream *self = own(conn);
	bool logs_in = self->logins == 0 && clock_age(now, self->opened) >= LOGIN_AFTER;
	bool is_due = self->logins > 0 && clock_age(now, self->spoke) >= keepalive();

	bool forwards = self->up && feed->want.forward_dx && forward_due(feed);

	if ((!logs_in && !is_due && !forwards) || !tcp_begin(conn))
		return;
	if (logs_in) {
		send_login(conn, now);
	} else if (is_due) {
		own(conn)->spoke = now;
		tcp_put(conn, "\r\n", 2);
	}
	if (forwards)
		forward_tick(feed, conn);
	tcp_end(conn);
}

void upstream_tick(struct feed *feed)
{
	uint64_t now = clock_mono();
	const struct upstream *self;

	if (feed->conn == NULL)
		return;
	if (feed->why != NULL) {
		if (clock_age(now, feed->ending) > LAST_WORDS)
			tcp_drop(feed->conn);
		return;
	}
	self = own(feed->conn);
	if (self->spots > 0 && feed->heard > self->opened + BACKOFF_STEADY)
		dial_steady(feed);
	if (clock_age(now, feed->heard) >= feed->want.idle_timeout)
		upstream_end(feed, "silence", false);
	else
		speak(feed, feed->conn, now);
}
