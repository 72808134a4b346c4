/* SPDX-License-Identifier: ISC
 *
 * NAME      control - the socket that shackctl talks to
 * PURPOSE   See master/control.h. A connection is in one of three moods: its request is awaited, it
 *           waits for keeper, or its answer is being sent.
 * OWNER     master
 * CONTRACT  see master/control.h
 * LIMITS    one request a connection
 */
#include "master/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "master/reload/reload.h"
#include "master/slot.h"
#include "master/upgrade/upgrade.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/text.h"
#include "shm/watch.h"

#define WORDS_MAX  64
#define GROUPS_MAX 1024
#define PAUSE_SECONDS 0.2

struct connection {
	struct control *control;
	int fd;
	uint32_t uid;
	enum rights rights;
	ev_io io;
	ev_timer timer;
	struct msg *request; /* waits for keeper */
	char *answer;
	size_t length, sent;
	bool waiting, answering, stop_after;
	bool patient; /* waits for what the master is busy with */
	struct msg_done done;
};

struct control {
	struct master *master;
	int fd;
	ev_io io;
	ev_timer pause; /* who wants in has to wait: there is no descriptor for it */
	struct connection *connection[CONTROL_CONNECTIONS];
};

static void drop(struct connection **connection)
{
	struct connection *c = *connection;
	struct ev_loop *loop = c->control->master->loop;

	for (unsigned i = 0; i < CONTROL_CONNECTIONS; i++)
		if (c->control->connection[i] == c)
			c->control->connection[i] = NULL;
	ev_io_stop(loop, &c->io);
	ev_timer_stop(loop, &c->timer);
	if (c->fd >= 0)
		msg_close(c->fd);
	free(c->request);
	free(c->answer);
	free(c);
	*connection = NULL;
}

static void arm(struct connection *c, double seconds)
{
	ev_timer_stop(c->control->master->loop, &c->timer);
	ev_timer_set(&c->timer, seconds, 0);
	ev_timer_start(c->control->master->loop, &c->timer);
}

/* ---- answering ---- */

/* Sends what the socket takes. False when there is more to send. */
static bool send_pieces(struct connection *c)
{
	while (c->sent < c->length) {
		size_t piece =
			c->length - c->sent < MSG_BODY_MAX ? c->length - c->sent : MSG_BODY_MAX;

		if (msg_send(c->fd, MSG_DATA, 0, c->answer + c->sent, piece, -1) != 0)
			return errno != EAGAIN;
		c->sent += piece;
	}
	return msg_send(c->fd, MSG_DONE, 0, &c->done, sizeof(c->done), -1) == 0 || errno != EAGAIN;
}

static void go_on(struct connection *c)
{
	struct master *master = c->control->master;
	bool stop = c->stop_after;

	if (!send_pieces(c))
		return;
	drop(&c);
	if (stop)
		stop_begin(master, STOP_GRACEFUL);
}

/* TEXT (the connection's from now on, may be NULL) and the end of the answer. */
static void answer(struct connection *c, char *text, uint32_t status, const char *why)
{
	struct ev_loop *loop = c->control->master->loop;

	c->answering = true;
	c->answer = text;
	c->length = text != NULL ? strlen(text) : 0;
	c->done.exit = status;
	text_copy(c->done.text, sizeof(c->done.text), why);
	ev_io_stop(loop, &c->io);
	ev_io_set(&c->io, c->fd, EV_WRITE);
	ev_io_start(loop, &c->io);
	arm(c, CONTROL_SECONDS);
	go_on(c);
}

static void refuse(struct connection *c, const char *why)
{
	c->control->master->control_refused++;
	log_limited(LOG_LEVEL_WARNING, "control request of uid %u refused: %s", c->uid, why);
	answer(c, NULL, 1, why);
}

static void answer_json(struct connection *c, json_t *json)
{
	char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	if (text == NULL)
		refuse(c, "out of memory");
	else
		answer(c, text, 0, "");
}

/* ---- waiting for what the master is busy with ---- */

static void wait_for_master(struct connection *c)
{
	c->patient = true;
	ev_io_stop(c->control->master->loop, &c->io);
	ev_timer_stop(c->control->master->loop, &c->timer);
}

void control_conclude(struct master *master, json_t *json, uint32_t status, const char *why)
{
	struct control *control = master->own_control;
	char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	for (unsigned i = 0; control != NULL && i < CONTROL_CONNECTIONS; i++) {
		struct connection *c = control->connection[i];

		if (c == NULL || !c->patient)
			continue;
		c->patient = false;
		answer(c, text != NULL ? strdup(text) : NULL, status, why);
	}
	free(text);
}

/* ---- handing over to keeper ---- */

static void wait_for_keeper(struct connection *c)
{
	if (c->waiting)
		return; /* for the second time: the deadline stays */
	c->waiting = true;
	ev_io_stop(c->control->master->loop, &c->io);
	arm(c, CONTROL_WAIT);
}

/* Keeper has a descriptor of its own now, and what comes is its to read. */
static void part(struct connection **connection)
{
	close((*connection)->fd);
	(*connection)->fd = -1;
	drop(connection);
}

static void forward(struct connection *c)
{
	struct slot *keeper = c->control->master->keeper;

	if (msg_send(keeper->control, MSG_REQUEST, keeper->generation, c->request->body,
		     c->request->length, c->fd) == 0) {
		fault_point(FAULT_MASTER_FORWARDED);
		part(&c);
	} else if (errno == EPIPE || errno == ECONNRESET) {
		wait_for_keeper(c); /* dead, and we have not heard of it yet */
	} else {
		refuse(c, "keeper is busy, try again");
	}
}

static void forward_or_wait(struct connection *c, const struct msg *msg)
{
	struct master *master = c->control->master;

	if (master->phase == PHASE_STOPPING) {
		refuse(c, "the daemon is stopping");
		return;
	}
	c->request = malloc(sizeof(*msg));
	if (c->request == NULL) {
		refuse(c, "out of memory");
		return;
	}
	*c->request = *msg;
	if (master->keeper->state == SLOT_SERVING)
		forward(c);
	else
		wait_for_keeper(c);
}

void control_keeper_serves(struct master *master)
{
	struct control *control = master->own_control;

	for (unsigned i = 0; control != NULL && i < CONTROL_CONNECTIONS; i++) {
		struct connection *c = control->connection[i];

		if (c != NULL && c->request != NULL && !c->answering)
			forward(c);
	}
}

/* ---- the request ---- */

static void obey_reload(struct connection *c)
{
	struct master *master = c->control->master;
	const char *why;

	log_info("uid %u asks for a reload", c->uid);
	if (!reload_may(master, &why)) {
		refuse(c, why);
		return;
	}
	wait_for_master(c);
	reload_begin(master);
}

static void obey_upgrade(struct connection *c, const char *path)
{
	struct master *master = c->control->master;
	const char *why;

	log_info("uid %u asks for an upgrade", c->uid);
	if (!upgrade_may(master, &why)) {
		refuse(c, why);
		return;
	}
	wait_for_master(c);
	upgrade_begin(master, path);
}

static void obey_drain(struct connection *c)
{
	struct master *master = c->control->master;

	if (master->phase != PHASE_SERVING || master->busy == MASTER_UPGRADING) {
		refuse(c, "the daemon is busy, try again");
		return;
	}
	log_info("uid %u asks for a drain", c->uid);
	drain_begin(master);
	answer(c, NULL, 0, "");
}

static void obey(struct connection *c, const struct msg *msg)
{
	struct master *master = c->control->master;
	const char *words[WORDS_MAX] = {NULL};

	if (msg->type != MSG_REQUEST || msg_words(msg, words, WORDS_MAX) < 1) {
		refuse(c, "that is not a request");
	} else if (c->rights == RIGHTS_NONE) {
		refuse(c, "this user has no rights here; members of server.group have");
	} else if (!rights_allow(c->rights, words[0])) {
		refuse(c, c->rights == RIGHTS_READ ? "the daemon's own user may only read"
						   : "only root may do that");
	} else if (strcmp(words[0], "status") == 0) {
		answer_json(c, report_status(master));
	} else if (strcmp(words[0], "workers") == 0) {
		answer_json(c, report_workers(master));
	} else if (strcmp(words[0], "stop") == 0) {
		log_info("uid %u asks for a stop", c->uid);
		c->stop_after = true;
		answer(c, NULL, 0, "stopping");
	} else if (strcmp(words[0], "reload") == 0) {
		obey_reload(c);
	} else if (strcmp(words[0], "reopen") == 0) {
		reload_reopen(master);
		answer(c, NULL, 0, "");
	} else if (strcmp(words[0], "upgrade") == 0) {
		obey_upgrade(c, words[1]);
	} else if (strcmp(words[0], "drain") == 0) {
		obey_drain(c);
	} else {
		forward_or_wait(c, msg);
	}
}

static void on_request(struct connection *c)
{
	struct msg msg;
	int got = msg_recv(c->fd, &msg);

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EBADMSG)) {
		drop(&c);
	} else if (got < 0 && errno == EBADMSG) {
		c->control->master->messages_bad++;
		refuse(c, "that is not a request");
	} else if (got > 0) {
		if (msg.fd >= 0) {
			close(msg.fd);
			refuse(c, "a request carries no descriptor");
		} else {
			obey(c, &msg);
		}
	}
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
	struct connection *c = io->data;

	if (watch_lost(loop, io, events))
		return;
	if (c->answering)
		go_on(c);
	else
		on_request(c);
}

static void on_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct connection *c = timer->data;

	(void)loop;
	(void)events;
	if (c->answering)
		drop(&c); /* does not read */
	else if (c->request != NULL)
		refuse(c, "keeper is being replaced, try again");
	else
		refuse(c, "no request came in time");
}

/* ---- the socket ---- */

static bool who_is_it(struct connection *c)
{
	const struct master *master = c->control->master;
	struct rights_who who = {geteuid(), master->worker_uid, master->control_gid};
	struct ucred cred;
	socklen_t length = sizeof(cred);
	uint32_t groups[GROUPS_MAX];
	size_t count;

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &length) != 0)
		return false;
	length = sizeof(groups);
	count = getsockopt(c->fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) == 0
			? length / sizeof(groups[0])
			: 0;
	c->uid = cred.uid;
	c->rights = rights_of(&who, cred.uid, cred.gid, groups, count);
	return true;
}

static void turn_away(struct control *control, int fd)
{
	struct msg_done done = {.exit = 1, .text = "too many control connections, try again"};

	control->master->control_refused++;
	log_limited(LOG_LEVEL_WARNING, "a control connection was refused: %d are open",
		    CONTROL_CONNECTIONS);
	if (msg_send(fd, MSG_DONE, 0, &done, sizeof(done), -1) != 0)
		log_debug("it could not be told: %s", strerror(errno));
	/* closing over unread words would reset the connection before the reason is read */
	msg_close(fd);
}

/* NULL when there is no place for it. */
static struct connection *take_in(struct control *control, int fd)
{
	struct connection *c;
	unsigned place = 0;

	while (place < CONTROL_CONNECTIONS && control->connection[place] != NULL)
		place++;
	c = place < CONTROL_CONNECTIONS ? calloc(1, sizeof(*c)) : NULL;
	if (c == NULL)
		return NULL;
	c->control = control;
	c->fd = fd;
	control->connection[place] = c;
	ev_io_init(&c->io, on_io, fd, EV_READ);
	ev_init(&c->timer, on_timeout);
	c->io.data = c->timer.data = c;
	return c;
}

static void welcome(struct control *control, int fd)
{
	struct connection *c = take_in(control, fd);

	if (c == NULL) {
		turn_away(control, fd);
		return;
	}
	if (!who_is_it(c)) {
		drop(&c);
		return;
	}
	ev_io_start(control->master->loop, &c->io);
	arm(c, CONTROL_SECONDS);
}

static void on_pause_over(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct control *control = timer->data;

	(void)events;
	ev_io_start(loop, &control->io);
}

/* What keeps us from accepting will not be over the next moment, and the socket stays readable. */
static void pause_for(struct control *control, int error)
{
	struct ev_loop *loop = control->master->loop;

	log_limited(LOG_LEVEL_ERROR, "control socket: %s", strerror(error));
	ev_io_stop(loop, &control->io);
	ev_timer_set(&control->pause, PAUSE_SECONDS, 0);
	ev_timer_start(loop, &control->pause);
}

static void on_accept(struct ev_loop *loop, ev_io *io, int events)
{
	struct control *control = io->data;

	if (watch_lost(loop, io, events))
		return;
	for (unsigned i = 0; i < CONTROL_CONNECTIONS; i++) {
		int fd = accept4(control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			welcome(control, fd);
		} else {
			if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
				pause_for(control, errno);
			return;
		}
	}
}

static bool make_socket(struct master *master, struct control *control)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const char *path = master->socket_path;
	mode_t before;
	int bound;

	if (strlen(path) >= sizeof(name.sun_path))
		return master_why(master, EXIT_START,
				  "server.run_dir: %s is too long for a socket (%zu bytes at most)",
				  path, sizeof(name.sun_path) - 1);
	text_copy(name.sun_path, sizeof(name.sun_path), path);
	control->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (control->fd < 0)
		return master_why(master, EXIT_START, "can't make the control socket: %s",
				  strerror(errno));
	/* we hold the lock of the pid file: a socket that lies there is nobody's */
	if (unlink(path) != 0 && errno != ENOENT)
		return master_why(master, EXIT_START, "can't replace %s: %s", path,
				  strerror(errno));
	before = umask(0177);
	bound = bind(control->fd, (struct sockaddr *)&name, sizeof(name));
	umask(before);
	if (bound != 0 || listen(control->fd, CONTROL_CONNECTIONS) != 0)
		return master_why(master, EXIT_START, "can't make the control socket %s: %s", path,
				  strerror(errno));
	if (master->control_gid != UINT32_MAX &&
	    lchown(path, (uid_t)-1, (gid_t)master->control_gid) != 0 && master->privileged)
		return master_why(master, EXIT_START, "can't give %s to its group: %s", path,
				  strerror(errno));
	if (chmod(path, 0660) != 0)
		return master_why(master, EXIT_START, "can't set the mode of %s: %s", path,
				  strerror(errno));
	return true;
}

static struct control *make_control(struct master *master)
{
	struct control *control = calloc(1, sizeof(*control));

	if (control == NULL)
		return NULL;
	control->master = master;
	control->fd = -1;
	master->own_control = control;
	return control;
}

bool control_open(struct master *master)
{
	struct control *control = make_control(master);

	if (control == NULL || asprintf(&master->socket_path, "%s/control.sock",
					config_text(master->config, CONF_SERVER_RUN_DIR)) < 0)
		return master_why(master, EXIT_START, "out of memory");
	return make_socket(master, control);
}

/* ---- from image to image ---- */

void control_each(const struct master *master,
		  void (*visit)(void *arg, enum handover_role role, int fd), void *arg)
{
	const struct control *control = master->own_control;

	visit(arg, ROLE_CONTROL, control->fd);
	for (unsigned i = 0; i < CONTROL_CONNECTIONS; i++) {
		const struct connection *c = control->connection[i];

		if (c != NULL && c->patient)
			visit(arg, ROLE_ASKER, c->fd);
		else if (c != NULL && !c->answering)
			visit(arg, ROLE_CALLER, c->fd);
	}
}

bool control_quiet(const struct master *master)
{
	const struct control *control = master->own_control;

	for (unsigned i = 0; i < CONTROL_CONNECTIONS; i++) {
		const struct connection *c = control->connection[i];

		if (c != NULL && (c->answering || c->request != NULL))
			return false;
	}
	return true;
}

bool control_inherit(struct master *master, enum handover_role role, int fd)
{
	struct control *control =
		master->own_control != NULL ? master->own_control : make_control(master);
	struct connection *c;

	if (control == NULL)
		return false;
	if (role == ROLE_CONTROL) {
		control->fd = fd;
		return true;
	}
	c = take_in(control, fd);
	if (c == NULL || !who_is_it(c)) {
		if (c != NULL)
			drop(&c);
		return false;
	}
	c->patient = role == ROLE_ASKER;
	return true;
}

void control_start(struct master *master)
{
	struct control *control = master->own_control;

	ev_io_init(&control->io, on_accept, control->fd, EV_READ);
	ev_timer_init(&control->pause, on_pause_over, 0, 0);
	control->io.data = control->pause.data = control;
	ev_io_start(master->loop, &control->io);
	for (unsigned i = 0; i < CONTROL_CONNECTIONS; i++) {
		struct connection *c = control->connection[i];

		/* who called the image before this one and has not spoken yet */
		if (c == NULL || c->patient)
			continue;
		ev_io_start(master->loop, &c->io);
		arm(c, CONTROL_SECONDS);
	}
}

void control_close(struct master *master)
{
	struct control *control = master->own_control;

	if (control == NULL)
		return;
	for (unsigned i = 0; i < CONTROL_CONNECTIONS; i++)
		if (control->connection[i] != NULL)
			drop(&control->connection[i]);
	if (master->loop != NULL) {
		ev_io_stop(master->loop, &control->io);
		ev_timer_stop(master->loop, &control->pause);
	}
	if (control->fd >= 0 && unlink(master->socket_path) != 0 && errno != ENOENT)
		log_debug("can't remove %s: %s", master->socket_path, strerror(errno));
	if (control->fd >= 0)
		close(control->fd);
	free(control);
	master->own_control = NULL;
}
