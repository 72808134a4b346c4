/* SPDX-License-Identifier: ISC
 *
 * NAME      uplink - positions to APRS-IS
 * PURPOSE   Keeps one connection to a server, and reports the positions of calls that ended as
 *           they should.
 * OWNER     link
 * CONTRACT  The queue is the event log: an event is done when its report has gone, or is not to
 *           go. That a station was reported is written before it is, so that no restart reports it
 *           anew; a report on which this process dies goes out again, letter by letter the same,
 *           and servers drop what they have seen. Nothing here waits.
 * LIMITS    a report every APRSIS_PACE; those that are older than aprs.interval are dropped
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "shm/log.h"
#include "shm/reflector.h"
#include "shm/store/stations.h"
#include "shm/watch.h"
#include "workers/connect.h"
#include "workers/link/link.h"

#include "version.h"

#define MOVED_EVERY (60 * NS_PER_SEC) /* a station on the way is reported so often at most */
#define INPUT	    4096
#define INPUTS	    16 /* a turn */

static bool is_wanted(const struct link *link)
{
	return conf_bool(link->conf, CONF_APRS_ENABLED);
}

static uint32_t reflector(const struct link *link)
{
	return reflector_id((uint32_t)conf_number(link->conf, CONF_YSF_ID),
			    conf_text(link->conf, CONF_YSF_NAME));
}

/* ---- the connection ---- */

static void hang_up(struct link *link)
{
	struct uplink *self = &link->uplink;

	ev_io_stop(link->worker->loop, &self->io);
	if (self->fd >= 0)
		close(self->fd);
	self->fd = -1;
	self->length = self->sent = 0;
	self->sending = 0;
}

static void fail(struct link *link, const char *why, bool refused)
{
	struct uplink *self = &link->uplink;
	char text[ADDR_TEXT_MAX];

	hang_up(link);
	page_count(link->page, COUNT_APRS_FAILURES);
	log_limited(LOG_LEVEL_INFO, "APRS-IS %s: %s", addr_text(&self->server, text), why);
	if (!aprsis_failed(&self->session, link->now, refused, randombytes_random()))
		return;
	page_count(link->page, COUNT_APRS_BREAKS);
	log_warning("APRS-IS %s: %s; left alone for %llu minutes (aprs.server)", text, why,
		    (unsigned long long)(APRSIS_PAUSE / NS_PER_SEC / 60));
}

static void watch(struct link *link)
{
	struct uplink *self = &link->uplink;
	int events = EV_READ;

	if (self->session.state == APRSIS_CONNECTING)
		events = EV_WRITE;
	else if (self->sent < self->length)
		events = EV_READ | EV_WRITE;
	if (self->fd < 0 || (ev_is_active(&self->io) && self->io.events == events))
		return;
	ev_io_stop(link->worker->loop, &self->io);
	ev_io_set(&self->io, self->fd, events);
	ev_io_start(link->worker->loop, &self->io);
}

/* All of `out` has gone: what it reported is done. */
static void line_gone(struct link *link)
{
	struct uplink *self = &link->uplink;

	self->session.spoke = link->now;
	self->length = self->sent = 0;
	if (self->sending == 0)
		return;
	self->session.reported = link->now;
	self->done = self->sending;
	self->sending = 0;
	spare_set(link->page, PAGE_LINK_APRS, self->done);
	page_count(link->page, COUNT_APRS_SENT);
}

static void flush(struct link *link)
{
	struct uplink *self = &link->uplink;
	ssize_t wrote;

	if (self->length == 0)
		return;
	wrote = send(self->fd, self->out + self->sent, self->length - self->sent,
		     MSG_DONTWAIT | MSG_NOSIGNAL);
	if (wrote < 0 && errno != EAGAIN && errno != EINTR) {
		fail(link, strerror(errno), false);
		return;
	}
	self->sent += wrote > 0 ? (size_t)wrote : 0;
	if (self->sent == self->length)
		line_gone(link);
	watch(link);
}

static void on_act(struct link *link, enum aprsis_act act)
{
	struct uplink *self = &link->uplink;
	char text[ADDR_TEXT_MAX];

	switch (act) {
	case APRSIS_SEND_LOGIN:
		self->length = aprs_login(self->out, reflector(link), SHACKD_DATE);
		flush(link);
		break;
	case APRSIS_WELCOME:
		page_count(link->page, COUNT_APRS_LOGINS);
		log_info("APRS-IS %s: logged in as YSF%05u", addr_text(&self->server, text),
			 reflector(link));
		break;
	case APRSIS_REFUSED:
		fail(link, "the login was not verified", true);
		break;
	case APRSIS_FULL:
		fail(link, "it is full", false);
		break;
	case APRSIS_NOTHING:
		break;
	}
}

/* False: there is no more, or no connection. */
static bool read_some(struct link *link)
{
	struct uplink *self = &link->uplink;
	char data[INPUT];
	ssize_t got = recv(self->fd, data, sizeof(data), MSG_DONTWAIT);
	size_t at = 0, used;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got <= 0) {
		fail(link, got == 0 ? "it closed the connection" : strerror(errno), false);
		return false;
	}
	while (at < (size_t)got && self->fd >= 0) {
		enum aprsis_act act =
			aprsis_input(&self->session, link->now, data + at, (size_t)got - at, &used);

		at += used;
		on_act(link, act);
	}
	return self->fd >= 0;
}

static void finish_connect(struct link *link)
{
	struct uplink *self = &link->uplink;
	int error = connect_result(self->fd);

	if (error != 0) {
		fail(link, strerror(error), false);
		return;
	}
	aprsis_connected(&self->session, link->now);
	watch(link);
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
	struct link *link = io->data;
	struct uplink *self = &link->uplink;

	if (watch_lost(loop, io, events))
		return;
	link->now = clock_mono();
	if (self->session.state == APRSIS_CONNECTING) {
		finish_connect(link);
		return;
	}
	for (unsigned i = 0; (events & EV_READ) && i < INPUTS && read_some(link); i++)
		;
	if ((events & EV_WRITE) && self->fd >= 0)
		flush(link);
}

/* A literal address, or the next of those that the server's name has. */
static bool choose_server(struct link *link)
{
	struct uplink *self = &link->uplink;

	return hosts_address(link->hosts, conf_text(link->conf, CONF_APRS_SERVER),
			     (uint16_t)conf_number(link->conf, CONF_APRS_PORT), &self->turn,
			     &self->server);
}

static void dial(struct link *link)
{
	struct uplink *self = &link->uplink;

	if (!choose_server(link))
		return;
	aprsis_connecting(&self->session, link->now);
	self->fd = connect_begin(&self->server);
	if (self->fd < 0) {
		fail(link, strerror(errno), false);
		return;
	}
	watch(link);
}

static void keep_connection(struct link *link)
{
	struct uplink *self = &link->uplink;
	const char *why;

	if (aprsis_may_connect(&self->session, link->now))
		dial(link);
	else if (aprsis_overdue(&self->session, link->now, &why))
		fail(link, why, false);
	else if (self->length > 0 && clock_age(link->now, self->session.spoke) > APRSIS_SILENCE)
		fail(link, "it reads nothing", false);
	else if (self->length == 0 && aprsis_keepalive_due(&self->session, link->now)) {
		self->length = aprs_keepalive(self->out, SHACKD_DATE);
		flush(link);
	}
}

/* ---- reports ---- */

enum verdict { REPORT_NOW, REPORT_WAIT, REPORT_NEVER };

static bool is_report(const struct event_record *event)
{
	return event->type == EVENT_STREAM_END && event->reason == REASON_TERMINATOR &&
	       told_position(event->latitude, event->longitude);
}

/* A moment ago, and where it is now? */
static bool same_place(const struct station_record *station, const struct event_record *event)
{
	char before[APRS_POSITION_MAX], now[APRS_POSITION_MAX];

	return strcmp(aprs_position(station->latitude, station->longitude, '.', before),
		      aprs_position(event->latitude, event->longitude, '.', now)) == 0;
}

static enum verdict judge(struct link *link, const struct event_record *event, const char *call)
{
	uint64_t interval = (uint64_t)conf_number(link->conf, CONF_APRS_INTERVAL);
	struct station_record station;
	enum store_error found;
	struct store_txn txn;
	uint64_t age;

	if (clock_age(clock_real(), event->time) > interval) {
		page_count(link->page, COUNT_APRS_LATE);
		return REPORT_NEVER;
	}
	if (store_read(link->store, &txn) != STORE_OK)
		return REPORT_WAIT;
	found = stations_get(&txn, call, &station);
	store_end(&txn);
	/* of this very event: a predecessor died over it, or the connection did */
	if (found != STORE_OK || station.reported == 0 || station.heard_real == event->time)
		return REPORT_NOW;
	age = clock_age(link->now, station.reported);
	if (age < interval && same_place(&station, event)) {
		page_count(link->page, COUNT_APRS_REPEATED);
		return REPORT_NEVER;
	}
	if (age < MOVED_EVERY) {
		page_count(link->page, COUNT_APRS_LIMITED);
		return REPORT_NEVER;
	}
	return REPORT_NOW;
}

/* False: not now. */
static bool note_station(struct link *link, const struct event_record *event, const char *call)
{
	struct station_record station = {
		.version = RECORD_VERSION,
		.radio = event->radio,
		.latitude = event->latitude,
		.longitude = event->longitude,
		.reported = link->now,
		.heard_real = event->time,
	};
	enum store_error error;
	struct store_txn txn;

	if (store_write(link->store, &txn) == STORE_BUSY)
		return false;
	stations_put(&txn, call, &station);
	error = store_end(&txn);
	if (error != STORE_OK)
		link_store_error(link, error, "stations");
	return error != STORE_LOST;
}

static void report(struct link *link, const struct tale *tale, const char *call)
{
	struct uplink *self = &link->uplink;
	const struct aprs_report what = {
		.call = call,
		.ssid = conf_text(link->conf, CONF_APRS_SSID),
		.via = conf_text(link->conf, CONF_APRS_VIA),
		.reflector = reflector(link),
		.latitude = tale->event.latitude,
		.longitude = tale->event.longitude,
		.radio = tale->event.radio,
		.heard = tale->event.time,
	};

	self->length = aprs_report(self->out, &what);
	if (self->length == 0) { /* APRS-IS knows no names of that length */
		page_count(link->page, COUNT_APRS_DECLINED);
		self->done = tale->number;
		return;
	}
	self->sending = tale->number;
	log_debug("APRS-IS: %.*s", (int)self->length - 2, self->out);
	flush(link);
}

/* False: this one must wait, and so must those behind it. */
static bool handle(struct link *link, const struct tale *tale)
{
	struct uplink *self = &link->uplink;
	char call[CALL_MAX];
	enum verdict verdict;

	if (!is_report(&tale->event))
		return true;
	if (!aprs_station(tale->event.source, conf_text(link->conf, CONF_APRS_OPT_OUT), call)) {
		page_count(link->page, COUNT_APRS_DECLINED);
		return true;
	}
	verdict = judge(link, &tale->event, call);
	if (verdict != REPORT_NOW)
		return verdict == REPORT_NEVER;
	if (self->length == 0 && aprsis_may_report(&self->session, link->now) &&
	    note_station(link, &tale->event, call))
		report(link, tale, call);
	return self->done >= tale->number;
}

static void lapped(struct link *link, uint64_t next)
{
	log_warning(
		"the event log has gone on without APRS-IS: events %llu to %llu are not reported",
		(unsigned long long)link->uplink.done + 1, (unsigned long long)next);
	link->uplink.done = next;
}

static void follow(struct link *link)
{
	static struct batch batch; /* too large for the stack; one process, one thread */
	struct uplink *self = &link->uplink;
	uint64_t next;
	bool going = true;

	if (self->sending != 0 ||
	    (!follow_batch(link->store, self->done, &batch, &next) && next == 0))
		return;
	if (next != 0)
		lapped(link, next);
	for (unsigned i = 0; going && i < batch.count; i++) {
		going = handle(link, &batch.tale[i]);
		if (going)
			self->done = batch.tale[i].number;
	}
	spare_set(link->page, PAGE_LINK_APRS, self->done);
}

void uplink_tick(struct link *link)
{
	struct uplink *self = &link->uplink;

	if (!is_wanted(link)) {
		if (self->session.state != APRSIS_IDLE)
			uplink_changed(link);
		self->done = link->feed.done;
		spare_set(link->page, PAGE_LINK_APRS, self->done);
		return;
	}
	keep_connection(link);
	follow(link);
}

/* ---- the beginning and the end ---- */

void uplink_go(struct link *link)
{
	struct uplink *self = &link->uplink;

	self->fd = -1;
	self->done = spare_get(link->page, PAGE_LINK_APRS);
	ev_io_init(&self->io, on_io, -1, EV_READ);
	self->io.data = link;
}

/* Another server, or none: the next turn begins anew. */
void uplink_changed(struct link *link)
{
	struct uplink *self = &link->uplink;

	hang_up(link);
	self->session = (struct aprsis){.reported = self->session.reported};
}

void uplink_close(struct link *link)
{
	hang_up(link);
}
