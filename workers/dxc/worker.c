/* SPDX-License-Identifier: ISC
 *
 * NAME      worker - the DX cluster's sessions, a kind of process
 * PURPOSE   Serves the users that the master gives it: binds tcp's steps to login, commands and
 *           spots, and looks after all of them now and then.
 * OWNER     dxc workers
 * CONTRACT  see workers/run.h
 * LIMITS    LINE_EACH, LINE_BURST: lines of one session; more of them wait in the kernel
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "workers/dxc/about.h"
#include "workers/dxc/account.h"
#include "workers/dxc/command.h"
#include "workers/dxc/dxc.h"
#include "workers/dxc/fan.h"
#include "workers/dxc/login.h"
#include "workers/dxc/rate.h"
#include "workers/dxc/say.h"
#include "workers/roles.h"

#define LINE_EACH  (NS_PER_SEC / 10)
#define LINE_BURST 30
#define LOOK_EACH  (40 * NS_PER_MS) /* all sessions are looked after so often */

static struct client *client_of(struct tcp_conn *conn)
{
	return *tcp_user(conn);
}

/* ---- connections ---- */

static struct dxc *the_dxc; /* a process is one worker; tcp has no word for its kind's state */

static struct client *add_client(struct tcp_conn *conn)
{
	struct client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return NULL;
	client->dxc = the_dxc;
	client->conn = conn;
	*tcp_user(conn) = client;
	return client;
}

static void on_open(struct tcp_conn *conn)
{
	struct client *client = add_client(conn);

	the_dxc->now = clock_mono();
	if (client != NULL)
		login_open(client);
	else
		tcp_close(conn);
}

static bool on_resume(struct tcp_conn *conn)
{
	struct client *client = add_client(conn);

	if (client == NULL)
		tcp_no_memory(the_dxc->worker);
	return client != NULL && login_resume(client);
}

static void on_gone(struct tcp_conn *conn)
{
	struct client *client = client_of(conn);

	if (client == NULL)
		return;
	login_gone(client);
	free(client);
	*tcp_user(conn) = NULL;
}

/* ---- lines ---- */

static size_t on_find(struct tcp_conn *conn, const uint8_t *text, size_t length)
{
	const struct session *session = tcp_own(conn);

	return telnet_find(&session->telnet, text, length);
}

static size_t longest(const struct dxc *dxc, const struct session *session)
{
	return (size_t)conf_number(dxc->worker->conf, session->head.stage == SESSION_CALL
							      ? CONF_DXC_LOGIN_LINE
							      : CONF_DXC_COMMAND_LINE);
}

static void too_long(struct client *client)
{
	page_count(client->dxc->worker->page, COUNT_DXC_LONG_LINES);
	if (session_of(client)->head.stage == SESSION_IN) {
		say(client, "Line too long");
		command_prompt(client);
	} else {
		login_too_long(client);
	}
}

static void act_upon(struct client *client, const struct telnet_piece *piece)
{
	struct session *session = session_of(client);

	if (!login_renew(client)) {
		command_later(client);
		return;
	}
	session->due = 0; /* this line brings a prompt of its own */
	if (!rate_take(&session->bucket[RATE_LINES], client->dxc->now, LINE_EACH, LINE_BURST)) {
		page_count(client->dxc->worker->page, COUNT_DXC_LINES_DELAYED);
		command_later(client);
		return;
	}
	if (piece->too_long)
		too_long(client);
	else if (session->head.stage == SESSION_IN)
		command_run(client, piece->text);
	else
		login_line(client, piece->text);
	session->head.input = client->dxc->now;
}

/* Lines are C strings from here on: telnet lets no NUL through. */
static void trim(struct telnet_piece *piece)
{
	while (piece->length > 0 && piece->text[piece->length - 1] == ' ')
		piece->text[--piece->length] = '\0';
}

static void on_line(struct tcp_conn *conn, const struct tcp_line *line)
{
	struct client *client = client_of(conn);
	struct session *session = tcp_own(conn);
	struct telnet_piece piece;

	client->waits = false;
	client->dxc->now = clock_mono();
	client->dxc->line_end = line->offset + line->length;
	telnet_take(&session->telnet, (const uint8_t *)line->text, line->length,
		    longest(client->dxc, session), &piece);
	if (piece.answers_length > 0)
		tcp_put(conn, piece.answers, piece.answers_length);
	trim(&piece);
	if ((piece.line || piece.too_long) && session->head.stage != SESSION_OUT)
		act_upon(client, &piece);
}

static bool on_more(struct tcp_conn *conn)
{
	struct client *client = client_of(conn);

	client->dxc->now = clock_mono();
	return command_more(client);
}

static const struct tcp_kind service = {
	.open = on_open,
	.resume = on_resume,
	.line = on_line,
	.find = on_find,
	.more = on_more,
	.told = fan_told,
	.ready = fan_ready,
	.gone = on_gone,
};

/* ---- all sessions ---- */

static void judge(struct tcp_conn *conn, void *arg)
{
	login_judge(client_of(conn), arg);
}

static void look_after(struct tcp_conn *conn, void *arg)
{
	struct client *client = client_of(conn);

	(void)arg;
	if (client->unread)
		account_want(client);
	/* either may end the connection, so that there is no second thing to do */
	if (session_of(client)->due != 0)
		command_tick(client);
	else
		login_tick(client);
}

/* Did somebody log in or out anywhere? Then our sessions' calls may be others' by now. */
static void follow(struct dxc *dxc)
{
	struct store_generations generations;
	struct store_txn txn;

	if (!store_moved(dxc->worker->spots, &dxc->store_seen))
		return;
	store_read(dxc->worker->spots, &txn);
	if (store_generations(&txn, &generations) != STORE_OK) {
		dxc->store_seen = 0; /* looked at again */
	} else if (generations.clients != dxc->clients_seen) {
		dxc->clients_seen = generations.clients;
		tcp_each(dxc->tcp, judge, &txn);
	}
	store_end(&txn);
}

/* ---- the kind ---- */

static void map_lists(struct dxc *dxc, unsigned kind)
{
	int fd = dxc->worker->list_fd[kind];

	if (kind == LIST_COUNTRIES && fd >= 0) {
		countries_unmap(&dxc->countries);
		dxc->countries = countries_map(fd);
	} else if (kind == LIST_KNOWN && fd >= 0) {
		known_unmap(&dxc->known);
		dxc->known = known_map(fd);
	}
}

static bool dxc_open(struct worker *worker)
{
	const char *node = conf_text(worker->conf, CONF_DXC_NODE_CALL);
	struct dxc *dxc = calloc(1, sizeof(*dxc));

	worker->own = dxc;
	if (dxc == NULL || (dxc->leaver = calloc(LEAVERS_MAX, sizeof(*dxc->leaver))) == NULL)
		return worker_failed(worker, "out of memory");
	the_dxc = dxc;
	dxc->worker = worker;
	dxc->now = clock_mono();
	dxc->born = about_born(worker->master_pid);
	call_normalise(node, strlen(node), dxc->node);
	if (worker->table.block == NULL)
		return worker_failed(worker, "no table of sessions");
	dxc->tcp = tcp_new(worker, &service);
	dxc->fan = fan_new(dxc);
	if (dxc->tcp == NULL || dxc->fan == NULL)
		return worker_failed(worker, "out of memory");
	map_lists(dxc, LIST_COUNTRIES);
	map_lists(dxc, LIST_KNOWN);
	return true;
}

static void dxc_go(struct worker *worker)
{
	struct dxc *dxc = worker->own;

	tcp_go(dxc->tcp);
}

static void dxc_tick(struct worker *worker)
{
	struct dxc *dxc = worker->own;

	dxc->now = clock_mono();
	follow(dxc);
	fan_tick(dxc->fan);
	if (clock_age(dxc->now, dxc->looked) < LOOK_EACH)
		return; /* the doorbell may ring a thousand times a second */
	dxc->looked = dxc->now;
	tcp_each(dxc->tcp, look_after, NULL);
	tcp_tick(dxc->tcp);
	login_flush(dxc);
}

static void dxc_message(struct worker *worker, struct msg *msg)
{
	struct dxc *dxc = worker->own;

	if (tcp_take(dxc->tcp, msg))
		return;
	page_count(worker->page, COUNT_MESSAGES_BAD);
	log_limited(LOG_LEVEL_WARNING, "unexpected message %s", msg_type_name(msg->type));
	if (msg->fd >= 0)
		close(msg->fd);
}

static void dxc_list(struct worker *worker, unsigned kind)
{
	map_lists(worker->own, kind);
}

static void dxc_commit(struct worker *worker, const struct conf *before)
{
	struct dxc *dxc = worker->own;

	(void)before; /* all keys are read where they count */
	dxc->motd.looked = 0;
}

static void dxc_stop(struct worker *worker)
{
	struct dxc *dxc = worker->own;

	login_flush(dxc);
	fan_save(dxc->fan);
	worker_finish(worker, 0); /* the sessions are in the table and in the vault */
}

static void dxc_close(struct worker *worker)
{
	struct dxc *dxc = worker->own;

	if (dxc == NULL)
		return;
	dxc->closing = true;
	tcp_free(&dxc->tcp);
	fan_free(&dxc->fan);
	countries_unmap(&dxc->countries);
	known_unmap(&dxc->known);
	free(dxc->leaver);
	free(dxc);
	worker->own = NULL;
}

const struct worker_kind dxc_kind = {
	.name = "dxc",
	.wants_spots = true,
	.reads_state = true,
	.open = dxc_open,
	.go = dxc_go,
	.tick = dxc_tick,
	.message = dxc_message,
	.list = dxc_list,
	.commit = dxc_commit,
	.stop = dxc_stop,
	.close = dxc_close,
};
