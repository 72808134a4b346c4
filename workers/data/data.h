/* SPDX-License-Identifier: ISC
 *
 * NAME      data - the state of a data worker
 * PURPOSE   What its parts share: the lists of the operator, those that others publish, the names,
 *           and what waits to go out.
 * OWNER     data
 * CONTRACT  nothing waits: reading, parsing and asking go on in slices, what the control socket or
 *           the gate of the store can't take now goes out a turn later
 * LIMITS    EVENTS_WAITING events wait for the gate; the oldest makes room
 */
#ifndef SHACKD_WORKERS_DATA_DATA_H
#define SHACKD_WORKERS_DATA_DATA_H

#include "shm/store/events.h"
#include "workers/data/book.h"
#include "workers/data/names.h"
#include "workers/data/reference.h"
#include "workers/run.h"

#define EVENTS_WAITING 16
#define WATCHES	       4 /* folders */

struct data_worker {
	struct worker *worker;
	struct book access, homes;
	struct reference countries, known;
	struct names *names;

	int list_out[LIST_KINDS]; /* sealed, on its way to the master; -1: none */
	struct event_record event[EVENTS_WAITING];
	unsigned events;

	int inotify; /* -1: none */
	ev_io inotify_io;
	struct {
		int id; /* -1: none */
		char folder[CONF_TEXT_MAX + 1];
		bool complained;
	} watch[WATCHES]; /* of access, homes, countries, known */

	ev_idle more; /* runs while there is more to read */
};

/* Counts in the page, once it is ours. */
void data_count(struct data_worker *self, enum page_counter which, uint64_t by);

/* ---- outbox.c: what goes to the master and into the store ---- */

/* FD is ours from here on; an older list of that kind that waits is dropped. */
void outbox_list(struct data_worker *self, enum list_kind kind, int fd);
void outbox_event(struct data_worker *self, const char *note, bool failed);
/* Sends what can be sent. */
void outbox_turn(struct data_worker *self);
bool outbox_lists_sent(const struct data_worker *self);
void outbox_close(struct data_worker *self);

/* ---- watch.c: what the kernel says of the files ---- */

void watch_open(struct data_worker *self);
/* The files are other ones now. */
void watch_follow(struct data_worker *self);
void watch_close(struct data_worker *self);

#endif
