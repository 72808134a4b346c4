/* SPDX-License-Identifier: ISC
 *
 * NAME      outbox - lists on their way to the master, events on their way into the store
 * PURPOSE   See data.h.
 * OWNER     data
 * CONTRACT  the newest list of a kind goes out, older ones never; the order of events is kept
 * LIMITS    see data.h
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "shm/log.h"
#include "shm/fault.h"
#include "workers/data/data.h"

void outbox_list(struct data_worker *self, enum list_kind kind, int fd)
{
	if (self->list_out[kind] >= 0)
		close(self->list_out[kind]);
	self->list_out[kind] = fd;
	fault_point(FAULT_LIST_MADE);
	outbox_turn(self);
}

void outbox_event(struct data_worker *self, const char *note, bool failed)
{
	struct event_record event = {.version = RECORD_VERSION, .type = EVENT_LIST_LOADED};

	event.reason = failed ? REASON_FAILED : REASON_NONE;
	event.time = clock_real();
	strncpy(event.note, note, sizeof(event.note) - 1);
	if (self->events == EVENTS_WAITING) {
		self->events--;
		memmove(self->event, self->event + 1, self->events * sizeof(event));
		data_count(self, COUNT_DATA_EVENTS_DROPPED, 1);
	}
	self->event[self->events++] = event;
}

static void send_list(struct data_worker *self, enum list_kind kind)
{
	struct worker *worker = self->worker;
	struct msg_list list = {.index = (uint16_t)kind};

	if (msg_send(worker->control, MSG_LIST, worker->generation, &list, sizeof(list),
		     self->list_out[kind]) != 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ETOOMANYREFS)
			log_limited(LOG_LEVEL_ERROR, "the list of %s can't be sent: %s",
				    list_name(kind), strerror(errno));
		return; /* it stays: tried again */
	}
	fault_point(FAULT_LIST_SENT);
	close(self->list_out[kind]);
	self->list_out[kind] = -1;
}

/* All that wait in one transaction; false when the gate is another's. */
static bool write_events(struct data_worker *self)
{
	struct worker *worker = self->worker;
	struct store_txn txn;
	enum store_error error;

	if (store_write(worker->voice, &txn) == STORE_OK)
		for (unsigned i = 0; i < self->events; i++)
			events_append(&txn, &self->event[i]);
	error = store_end(&txn);
	if (error == STORE_LOST)
		worker_store_lost(worker, "list.loaded");
	if (error != STORE_OK)
		return false;
	self->events = 0;
	worker_ring(worker);
	return true;
}

void outbox_turn(struct data_worker *self)
{
	for (unsigned kind = 0; kind < LIST_KINDS; kind++)
		if (self->list_out[kind] >= 0)
			send_list(self, kind);
	/* before GO the predecessor may still be there, and the page is its own */
	if (self->worker->going && self->events > 0 && !write_events(self))
		log_debug("events wait for the store");
}

bool outbox_lists_sent(const struct data_worker *self)
{
	for (unsigned kind = 0; kind < LIST_KINDS; kind++)
		if (self->list_out[kind] >= 0)
			return false;
	return true;
}

void outbox_close(struct data_worker *self)
{
	for (unsigned kind = 0; kind < LIST_KINDS; kind++)
		if (self->list_out[kind] >= 0)
			close(self->list_out[kind]);
}
