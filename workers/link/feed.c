/* SPDX-License-Identifier: ISC
 *
 * NAME      feed - events and lists for the subscribers
 * PURPOSE   Tells subscribers what happens, in the order in which it happened; and every two
 *           minutes who is linked.
 * OWNER     link
 * CONTRACT  A subscriber hears of a call only if it heard of its beginning: a dashboard of
 *           pYSFReflector3 hangs for ever at the radio code of a call that it does not know.
 *           Whoever comes in the middle of a call is told its beginning after its first PING. A
 *           list is sent in pieces, for its receivers write a data base as they read.
 * LIMITS    BATCHES batches a turn; PIECE lines of a list a turn; LOOK_BACK events are searched
 *           for the beginning of open calls
 */
#include <stdlib.h>

#include "shm/log.h"
#include "workers/link/json.h"
#include "workers/link/link.h"

#define BATCHES	  8
#define PIECE	  20
#define LOOK_BACK 20000

/* ---- open calls ---- */

static struct open_call *find_call(struct feed *self, uint32_t stream)
{
	for (unsigned i = self->calls; i > 0; i--)
		if (self->call[i - 1].stream == stream)
			return &self->call[i - 1];
	return NULL;
}

static void note_start(struct link *link, const struct tale *tale)
{
	struct feed *self = &link->feed;

	if (self->calls == self->room) {
		unsigned room = self->room > 0 ? self->room * 2 : 64;
		struct open_call *grown = realloc(self->call, room * sizeof(*grown));

		if (grown == NULL) {
			log_limited(LOG_LEVEL_ERROR, "no memory for open calls");
			return; /* a call that nobody knows is not told on */
		}
		self->call = grown;
		self->room = room;
	}
	self->call[self->calls++] = (struct open_call){tale->event.stream, tale->number};
}

static void note_end(struct feed *self, uint32_t stream)
{
	struct open_call *call = find_call(self, stream);

	if (call != NULL)
		*call = self->call[--self->calls];
}

static bool is_of_call(const struct event_record *event)
{
	return event->type == EVENT_STREAM_META || event->type == EVENT_STREAM_END;
}

/* What is open where a predecessor stopped, or where the log goes on. */
static void note_call(struct link *link, const struct tale *tale)
{
	if (tale->event.type == EVENT_STREAM_START)
		note_start(link, tale);
	if (tale->event.type == EVENT_STREAM_END)
		note_end(&link->feed, tale->event.stream);
}

static void find_open_calls(struct link *link)
{
	struct feed *self = &link->feed;
	struct batch *batch = malloc(sizeof(*batch));
	uint64_t at = self->done > LOOK_BACK ? self->done - LOOK_BACK : 0, next;

	self->calls = 0;
	while (batch != NULL && at < self->done) {
		if (!follow_batch(link->store, at, batch, &next) && next == 0)
			break;
		at = next != 0 ? next : at;
		for (unsigned k = 0; k < batch->count; k++) {
			at = batch->tale[k].number;
			if (at <= self->done)
				note_call(link, &batch->tale[k]);
		}
	}
	free(batch);
}

/* ---- events ---- */

static void tell(struct link *link, const struct tale *tale)
{
	struct feed *self = &link->feed;
	struct open_call *call = NULL;
	char text[JSON_MAX];
	size_t length = 0;

	if (is_of_call(&tale->event))
		call = find_call(self, tale->event.stream);
	if (call != NULL || !is_of_call(&tale->event))
		length = json_event(text, &tale->event, tale->calls);
	dashboards_tell(link, tale->number, call != NULL ? call->began : 0, text, length);
	note_call(link, tale);
	self->done = tale->number;
}

static void lapped(struct link *link, uint64_t next)
{
	log_warning(
		"the event log has gone on without dashboards: events %llu to %llu are not told",
		(unsigned long long)link->feed.done + 1, (unsigned long long)next);
	link->feed.done = next;
	spare_set(link->page, PAGE_LINK_FEED, next << FEED_SHIFT);
	find_open_calls(link);
}

static void tell_events(struct link *link)
{
	static struct batch batch; /* too large for the stack; one process, one thread */
	uint64_t next;

	for (unsigned i = 0; i < BATCHES; i++) {
		if (!follow_batch(link->store, link->feed.done, &batch, &next) && next == 0)
			return;
		if (next != 0)
			lapped(link, next);
		for (unsigned k = 0; k < batch.count; k++)
			tell(link, &batch.tale[k]);
	}
}

/* Tells SUBSCRIBER of one event of a call that is open and began before it came. */
static void repeat(struct link *link, const struct subscriber *subscriber, const struct tale *tale)
{
	const struct open_call *call;
	char text[JSON_MAX];

	if (tale->event.type != EVENT_STREAM_START && tale->event.type != EVENT_STREAM_META)
		return;
	call = find_call(&link->feed, tale->event.stream);
	if (call == NULL || call->began > subscriber->joined || tale->number < call->began)
		return;
	dashboards_send(link, subscriber, text, json_event(text, &tale->event, tale->calls));
}

void feed_catch_up(struct link *link, struct subscriber *subscriber)
{
	struct feed *self = &link->feed;
	struct batch *batch = malloc(sizeof(*batch));
	uint64_t at = self->done, next;

	for (unsigned i = 0; i < self->calls; i++)
		if (self->call[i].began <= at)
			at = self->call[i].began - 1;
	while (batch != NULL && at < self->done && follow_batch(link->store, at, batch, &next))
		for (unsigned k = 0; k < batch->count; k++) {
			at = batch->tale[k].number;
			if (at <= self->done)
				repeat(link, subscriber, &batch->tale[k]);
		}
	subscriber->told = batch != NULL;
	free(batch);
}

/* ---- lists ---- */

static void to_listing(struct link *link, const char *text, size_t length)
{
	for (unsigned i = 0; i < link->dashboards.count; i++)
		if (link->dashboards.subscriber[i].listing)
			dashboards_send(link, &link->dashboards.subscriber[i], text, length);
}

/* Who wants it gets it from the beginning. False: nobody does. */
static bool choose_listeners(struct dashboards *dashboards)
{
	bool any = false;

	for (unsigned i = 0; i < dashboards->count; i++) {
		struct subscriber *subscriber = &dashboards->subscriber[i];

		subscriber->listing = subscriber->wants_list && subscriber->kept;
		any = any || subscriber->listing;
		if (subscriber->listing)
			subscriber->wants_list = false;
	}
	return any;
}

static void begin_list(struct link *link)
{
	struct feed *self = &link->feed;

	if (!choose_listeners(&link->dashboards))
		return;
	self->listing = roster_take(link, &self->roster);
	self->at = 0;
}

static size_t list_line(const struct roster *roster, unsigned at, char text[JSON_MAX])
{
	if (at < roster->gateways)
		return json_linked(text, at + 1, &roster->gateway[at]);
	at -= roster->gateways;
	if (at == 0)
		return json_total_linked(text, roster->gateways);
	at--;
	if (at < roster->parkeds)
		return json_parked(text, at + 1, &roster->parked[at]);
	return at == roster->parkeds ? json_total_parked(text, roster->parkeds) : 0;
}

static void go_on_with_list(struct link *link)
{
	struct feed *self = &link->feed;
	char text[JSON_MAX];
	size_t length;

	for (unsigned i = 0; i < PIECE; i++) {
		length = list_line(&self->roster, self->at++, text);
		if (length == 0) {
			roster_drop(&self->roster);
			self->listing = false;
			return;
		}
		to_listing(link, text, length);
	}
}

void feed_lists_due(struct link *link)
{
	/* who never sent a PING may be the victim of a forged address */
	for (unsigned i = 0; i < link->dashboards.count; i++)
		if (link->dashboards.subscriber[i].told)
			link->dashboards.subscriber[i].wants_list = true;
}

void feed_tick(struct link *link)
{
	tell_events(link);
	if (!link->feed.listing)
		begin_list(link);
	else
		go_on_with_list(link);
}

/* ---- the beginning and the end ---- */

void feed_go(struct link *link)
{
	link->feed.done = spare_get(link->page, PAGE_LINK_FEED) >> FEED_SHIFT;
	find_open_calls(link);
}

void feed_close(struct link *link)
{
	roster_drop(&link->feed.roster);
	free(link->feed.call);
}
