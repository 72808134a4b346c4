/* SPDX-License-Identifier: ISC
 *
 * NAME      control - requests of shackctl that keeper answers
 * PURPOSE   The table of verbs, and the pump from a verb to its connection.
 * OWNER     keeper
 * CONTRACT  see control.h
 * LIMITS    see control.h
 */
#include "workers/keeper/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/watch.h"
#include "workers/keeper/request.h"

/* Steps of one request before the others get their turn. */
#define STEPS 4

struct control {
	struct keeper *keeper;
	struct request request[REQUESTS];
};

static const struct verb *const verbs[] = {
	&verb_clients, &verb_streams, &verb_blocked,	&verb_events, &verb_block,  &verb_unblock,
	&verb_kick,    &verb_metrics, &verb_quarantine, &verb_lists,  &verb_import,
	&verb_sessions, &verb_feeds, &verb_spots, &verb_passwd,
	&verb_backup,  &verb_restore, &verb_compact,
};

/* ---- what verbs add ---- */

void request_refuse(struct request *request, uint32_t exit, const char *format, ...)
{
	va_list args;

	request->done.exit = exit;
	va_start(args, format);
	vsnprintf(request->done.text, sizeof(request->done.text), format, args);
	va_end(args);
}

enum answer request_failed(struct request *request, enum store_error error)
{
	enum step step;

	if (error == STORE_BUSY)
		return ANSWER_WAIT;
	step = keeper_step(request->keeper, error, request->verb->name);
	request_refuse(request, 1, "%s%s", store_error_text(error),
		       step == STEP_LOST ? "; try again" : "");
	return ANSWER_DONE;
}

static bool make_room(struct request *request, size_t more)
{
	size_t room = request->room > 0 ? request->room : 4096;
	char *text;

	while (room < request->length + more)
		room *= 2;
	if (room == request->room)
		return true;
	text = realloc(request->text, room);
	if (text == NULL) {
		request_refuse(request, 1, "out of memory");
		request->finished = true;
		return false;
	}
	request->text = text;
	request->room = room;
	return true;
}

static void add(struct request *request, const char *text, size_t length)
{
	if (!make_room(request, length))
		return;
	memcpy(request->text + request->length, text, length);
	request->length += length;
}

void request_text(struct request *request, const char *format, ...)
{
	char text[1024];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (length > 0)
		add(request, text,
		    (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

static void add_json(struct request *request, json_t *object)
{
	char *text =
		object != NULL ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;

	if (text != NULL) {
		add(request, text, strlen(text));
	} else {
		request_refuse(request, 1, "out of memory");
		request->finished = true;
	}
	free(text);
	json_decref(object);
}

void request_line(struct request *request, json_t *object)
{
	add_json(request, object);
	add(request, "\n", 1);
}

void request_element(struct request *request, json_t *object)
{
	if (request->started)
		add(request, ",\n", 2);
	else
		add(request, "[\n", 2);
	request->started = true;
	add_json(request, object);
}

void request_array_end(struct request *request)
{
	if (request->started)
		add(request, "\n]\n", 3);
	else
		add(request, "[]\n", 3);
}

/* ---- the pump ---- */

static void drop(struct request *request)
{
	struct ev_loop *loop = request->keeper->worker->loop;

	ev_io_stop(loop, &request->reader);
	ev_io_stop(loop, &request->writer);
	if (request->verb->drop != NULL)
		request->verb->drop(request);
	msg_close(request->fd);
	free(request->text);
	request->text = NULL;
	request->verb = NULL;
}

enum sent { SENT_ALL, SENT_LATER, SENT_NEVER };

static enum sent send_piece(struct request *request, enum msg_type type, const void *body,
			    size_t length)
{
	if (msg_send(request->fd, type, 0, body, length, -1) == 0) {
		request->progress = clock_mono();
		return SENT_ALL;
	}
	if (errno == EAGAIN || errno == ENOBUFS)
		return SENT_LATER;
	return SENT_NEVER;
}

static enum sent send_text(struct request *request)
{
	while (request->sent < request->length) {
		size_t piece = request->length - request->sent;
		enum sent sent;

		if (piece > MSG_BODY_MAX)
			piece = MSG_BODY_MAX;
		sent = send_piece(request, MSG_DATA, request->text + request->sent, piece);
		if (sent != SENT_ALL)
			return sent;
		request->sent += piece;
	}
	request->sent = request->length = 0;
	return SENT_ALL;
}

/* Sends what is there. True: the verb may go on. */
static bool flush(struct request *request)
{
	enum sent sent = send_text(request);

	if (sent == SENT_ALL && !request->finished)
		return true;
	if (sent == SENT_ALL)
		fault_point(FAULT_KEEPER_HALF_SAID);
	if (sent == SENT_ALL)
		sent = send_piece(request, MSG_DONE, &request->done, sizeof(request->done));
	if (sent == SENT_LATER)
		ev_io_start(request->keeper->worker->loop, &request->writer);
	else
		drop(request);
	return false;
}

static void serve(struct request *request)
{
	struct ev_loop *loop = request->keeper->worker->loop;

	for (int i = 0; i < STEPS; i++) {
		enum answer answer;

		if (!flush(request))
			return;
		answer = request->verb->step(request);
		if (answer == ANSWER_DONE)
			request->finished = true;
		if (answer != ANSWER_WAIT)
			continue;
		request->waiting = true;
		ev_io_stop(loop, &request->writer);
		flush(request);
		return;
	}
	ev_io_start(loop, &request->writer);
}

static void on_writable(struct ev_loop *loop, ev_io *watch, int events)
{
	struct request *request = watch->data;

	if (watch_lost(loop, watch, events))
		return;
	if (!request->waiting)
		serve(request);
	else if (flush(request))
		ev_io_stop(loop, &request->writer);
}

/* A second message brings the file that the request is about. */
static void take_file(struct request *request)
{
	struct msg msg;
	int got = msg_recv(request->fd, &msg);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		drop(request);
		return;
	}
	request->file = msg.fd;
	request->waiting = false;
	serve(request);
}

/* Nothing more is expected but the end, and a file where there is one. */
static void on_readable(struct ev_loop *loop, ev_io *watch, int events)
{
	struct request *request = watch->data;
	char rest[64];
	ssize_t got;

	if (watch_lost(loop, watch, events))
		return;
	if (request->verb->takes_file && !request->filed) {
		request->filed = true;
		take_file(request);
		return;
	}
	got = recv(request->fd, rest, sizeof(rest), MSG_DONTWAIT);
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		drop(request);
}

/* ---- requests come ---- */

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}

static void refuse_connection(struct control *control, int fd, uint32_t exit, const char *text)
{
	struct msg_done done = {.exit = exit};

	page_count(control->keeper->worker->page, COUNT_KEEPER_REQUESTS_REFUSED);
	snprintf(done.text, sizeof(done.text), "%s", text);
	if (msg_send(fd, MSG_DONE, 0, &done, sizeof(done), -1) != 0)
		log_limited(LOG_LEVEL_WARNING, "can't answer a control request: %s",
			    strerror(errno));
}

static struct request *find_free(struct control *control)
{
	for (unsigned i = 0; i < REQUESTS; i++)
		if (control->request[i].verb == NULL)
			return &control->request[i];
	return NULL;
}

static void begin(struct control *control, struct request *request, const struct verb *verb, int fd)
{
	memset(request, 0, sizeof(*request));
	request->control = control;
	request->keeper = control->keeper;
	request->verb = verb;
	request->fd = fd;
	request->file = -1;
	request->progress = clock_mono();
	ev_io_init(&request->reader, on_readable, fd, EV_READ);
	ev_io_init(&request->writer, on_writable, fd, EV_WRITE);
	request->reader.data = request->writer.data = request;
	ev_io_start(control->keeper->worker->loop, &request->reader);
}

void control_request(struct control *control, struct msg *msg)
{
	const char *words[2 + 2 * IMPORT_PAIRS + 1];
	int count = msg_words(msg, words, sizeof(words) / sizeof(words[0]));
	const struct verb *verb = count > 0 ? find_verb(words[0]) : NULL;
	struct request *request = find_free(control);

	if (msg->fd < 0)
		return;
	fault_point(FAULT_KEEPER_ASKED);
	if (verb == NULL) {
		refuse_connection(control, msg->fd, count > 0 ? 1 : 2,
				  count > 0 ? "not available in this version" : "bad request");
		return;
	}
	if (request == NULL) {
		refuse_connection(control, msg->fd, 1, "too many requests at once, try again");
		return;
	}
	page_count(control->keeper->worker->page, COUNT_KEEPER_REQUESTS);
	begin(control, request, verb, msg->fd);
	msg->fd = -1;
	if (count > verb->words) {
		request_refuse(request, 2, "too many arguments for %s", verb->name);
		request->finished = true;
	} else if (verb->parse != NULL && !verb->parse(request, words + 1, count - 1)) {
		request->finished = true;
	}
	serve(request);
}

void control_tick(struct control *control)
{
	for (unsigned i = 0; i < REQUESTS; i++) {
		struct request *request = &control->request[i];

		if (request->verb == NULL || !request->waiting || request->length > 0)
			continue;
		request->waiting = false;
		serve(request);
	}
}

void control_tidy(struct control *control, uint64_t now)
{
	for (unsigned i = 0; i < REQUESTS; i++) {
		struct request *request = &control->request[i];

		if (request->verb == NULL)
			continue;
		if (request->length == 0 && !request->finished)
			request->progress = now;
		if (clock_age(now, request->progress) < REQUEST_PATIENCE)
			continue;
		log_info("%s: the reader takes nothing, dropped", request->verb->name);
		drop(request);
	}
}

struct control *control_create(struct keeper *keeper)
{
	struct control *control = calloc(1, sizeof(*control));

	if (control != NULL)
		control->keeper = keeper;
	return control;
}

void control_destroy(struct control **control)
{
	if (*control == NULL)
		return;
	for (unsigned i = 0; i < REQUESTS; i++)
		if ((*control)->request[i].verb != NULL)
			drop(&(*control)->request[i]);
	free(*control);
	*control = NULL;
}
