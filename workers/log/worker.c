/* SPDX-License-Identifier: ISC
 *
 * NAME      worker (log) - the one writer of the log
 * PURPOSE   Takes the records out of the queue that the master holds and writes them as lines.
 * OWNER     log worker
 * CONTRACT  a record is looked at, written, and only then taken out of the queue: a log worker that
 *           is killed loses no line, its successor may repeat one. Nobody ever waits for it.
 * LIMITS    BATCH lines a turn
 */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/watch.h"
#include "workers/log/target.h"
#include "workers/roles.h"

#define BATCH 64
/* What is still written when told to stop: more than a full queue holds. */
#define LAST_BATCH 65536

struct log_worker {
	struct worker *worker;
	struct target target;
	ev_io queue;
};

enum taken { TAKEN_LINE, TAKEN_NONE, TAKEN_END };

/* Nobody is left who could write? An empty packet looks the same to recv. */
static bool has_ended(int queue)
{
	struct pollfd end = {.fd = queue, .events = POLLRDHUP};

	return poll(&end, 1, 0) == 1;
}

static enum taken take_line(struct log_worker *self)
{
	struct worker *worker = self->worker;
	struct log_record record;
	ssize_t got;

	got = recv(worker->log_read, &record, sizeof(record), MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? TAKEN_NONE : TAKEN_END;
	if (got == 0 && has_ended(worker->log_read))
		return TAKEN_END;
	fault_point(FAULT_LOG_PEEKED);
	if ((size_t)got > sizeof(record) || !log_record_check(&record, (uint64_t)got))
		page_count(worker->page, COUNT_LOG_BAD_RECORDS);
	else if (target_write(&self->target, &record, clock_mono()))
		page_count(worker->page, COUNT_LOG_LINES);
	else
		page_count(worker->page, COUNT_LOG_WRITE_FAILED);
	fault_point(FAULT_LOG_WRITTEN);
	if (recv(worker->log_read, &record, sizeof(record), MSG_DONTWAIT) < 0)
		return TAKEN_END;
	return TAKEN_LINE;
}

static void on_queue(struct ev_loop *loop, ev_io *watch, int events)
{
	struct log_worker *self = watch->data;

	if (watch_lost(loop, watch, events))
		return;
	for (int i = 0; i < BATCH; i++) {
		enum taken taken = take_line(self);

		if (taken == TAKEN_END) {
			worker_failed(self->worker, "the log queue has ended");
			worker_finish(self->worker, 1);
		}
		if (taken != TAKEN_LINE)
			return;
	}
}

static bool same_target(const struct conf *a, const struct conf *b)
{
	return strcmp(conf_text(a, CONF_SERVER_LOG), conf_text(b, CONF_SERVER_LOG)) == 0 &&
	       strcmp(conf_text(a, CONF_SERVER_LOG_FORMAT), conf_text(b, CONF_SERVER_LOG_FORMAT)) ==
		       0;
}

static line_form *form_of(const struct conf *conf)
{
	const char *name = conf_text(conf, CONF_SERVER_LOG_FORMAT);

	if (strcmp(name, "json") == 0)
		return line_json;
	return strcmp(name, "mmdvm") == 0 ? line_mmdvm : line_text;
}

static void point_at(struct log_worker *self, struct target *target, const struct conf *conf)
{
	uint64_t lost = target->lost; /* nobody has heard of them yet */

	target_init(target, conf_text(conf, CONF_SERVER_LOG), form_of(conf), self->worker->log_err);
	target->lost = lost;
}

static bool log_open(struct worker *worker)
{
	struct log_worker *self;

	if (worker->log_read < 0)
		return worker_failed(worker, "the log queue is missing");
	self = calloc(1, sizeof(*self));
	if (self == NULL)
		return worker_failed(worker, "out of memory");
	worker->own = self;
	self->worker = worker;
	point_at(self, &self->target, worker->conf);
	ev_io_init(&self->queue, on_queue, worker->log_read, EV_READ);
	self->queue.data = self;
	return true;
}

/* A file that can't be opened is found out now, not when the lines are gone. */
static bool log_stage(struct worker *worker, const struct conf *conf, char why_r[252])
{
	const char *spec = conf_text(conf, CONF_SERVER_LOG);
	char error[160];

	if (same_target(worker->conf, conf) || target_check(spec, error, sizeof(error)))
		return true;
	snprintf(why_r, 252, "server.log: can't open %s", error);
	return false;
}

static void log_commit(struct worker *worker, const struct conf *before)
{
	struct log_worker *self = worker->own;

	if (same_target(before, worker->conf))
		return;
	target_close(&self->target);
	point_at(self, &self->target, worker->conf);
}

static void log_message(struct worker *worker, struct msg *msg)
{
	struct log_worker *self = worker->own;

	if (msg->type == MSG_REOPEN) {
		target_close(&self->target);
		point_at(self, &self->target, worker->conf);
		log_info("the log is open anew");
	} else {
		page_count(worker->page, COUNT_MESSAGES_BAD);
	}
	if (msg->fd >= 0)
		close(msg->fd);
}

static void log_go(struct worker *worker)
{
	struct log_worker *self = worker->own;

	ev_io_start(worker->loop, &self->queue);
}

static void log_close(struct worker *worker)
{
	struct log_worker *self = worker->own;

	/* the last words of those who stopped before us; before GO they are the predecessor's */
	for (int i = 0; worker->going && i < LAST_BATCH && take_line(self) == TAKEN_LINE; i++)
		page_beat(worker->page, clock_mono());
	ev_io_stop(worker->loop, &self->queue);
	target_close(&self->target);
	free(self);
	worker->own = NULL;
}

const struct worker_kind log_kind = {
	.name = "log",
	.may_connect_unix = true,
	.open = log_open,
	.go = log_go,
	.message = log_message,
	.stage = log_stage,
	.commit = log_commit,
	.close = log_close,
};
