/* SPDX-License-Identifier: ISC
 *
 * NAME      tell - what a feed does, told
 * PURPOSE   The state word of the page, the log, and feed.state in the event log.
 * OWNER     feed
 * CONTRACT  an event waits here while the store is busy; of more than TELL_MAX the oldest is let go
 * LIMITS    TELL_MAX events
 */
#include <stdio.h>
#include <string.h>

#include "shm/log.h"
#include "shm/store/events.h"
#include "workers/feed/feed.h"

/* States that come and go with every try are not told one by one. */
static bool is_told(enum page_feed_state state)
{
	return state == FEED_UP || state == FEED_WAITING || state == FEED_BROKEN ||
	       state == FEED_OFF;
}

/* Texts come from outside: a note is printable. */
static void note_event(struct feed *feed, enum page_feed_state state, const char *why)
{
	struct tell *tell = &feed->tell;
	char *note;

	if (tell->count == TELL_MAX) {
		tell->count--;
		memmove(tell->note[0], tell->note[1], sizeof(tell->note[0]) * tell->count);
		memmove(&tell->time[0], &tell->time[1], sizeof(tell->time[0]) * tell->count);
	}
	tell->time[tell->count] = clock_real();
	note = tell->note[tell->count++];
	snprintf(note, sizeof(tell->note[0]), why != NULL ? "%s %s (%.30s)" : "%s %s",
		 feed->want.name, page_feed_state_name(state), why);
}

void tell_state(struct feed *feed, enum page_feed_state state, const char *why)
{
	enum page_feed_state before = feed->state;

	feed->state = state;
	page_gauge(feed->page, GAUGE_FEED_STATE, state);
	/* a row of failures is one event, and so is its end */
	if (state == before || !is_told(state) ||
	    (state == FEED_WAITING && feed->backoff.failures > 1))
		return;
	note_event(feed, state, why);
}

static bool write_event(struct feed *feed, const char *note, uint64_t time)
{
	struct event_record event = {.type = EVENT_FEED_STATE, .time = time};
	enum store_error error;
	struct store_txn txn;

	snprintf(event.note, sizeof(event.note), "%s", note);
	error = store_write(feed->worker->spots, &txn);
	if (error == STORE_OK) {
		events_append(&txn, &event);
		error = store_end(&txn);
	}
	if (error == STORE_LOST)
		worker_store_lost(feed->worker, "events");
	return error != STORE_BUSY; /* what can't be written is let go: it is in the log too */
}

void tell_tick(struct feed *feed)
{
	struct tell *tell = &feed->tell;
	unsigned done = 0;

	while (done < tell->count && feed->worker->spots != NULL &&
	       write_event(feed, tell->note[done], tell->time[done]))
		done++;
	if (done == 0)
		return;
	tell->count -= done;
	memmove(tell->note[0], tell->note[done], sizeof(tell->note[0]) * tell->count);
	memmove(&tell->time[0], &tell->time[done], sizeof(tell->time[0]) * tell->count);
	worker_ring_spots(feed->worker, NULL);
}
