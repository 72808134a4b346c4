/* SPDX-License-Identifier: ISC
 *
 * NAME      logout - the end of sessions
 * PURPOSE   Who takes too long to log in, whose call is another's by now, and what the store hears
 *           when a connection is over. See login.h.
 * OWNER     dxc workers
 * CONTRACT  A worker that ends logs nobody out: its successor goes on with the sessions. What is not
 *           told for want of room is found by keeper.
 * LIMITS    LEAVERS_MAX who wait for the store
 */
#include <string.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "shm/store/sessions.h"
#include "workers/dxc/account.h"
#include "workers/dxc/command.h"
#include "workers/dxc/fan.h"
#include "workers/dxc/login.h"
#include "workers/dxc/prompt.h"
#include "workers/dxc/say.h"
#include "workers/dxc/secret.h"

void login_close(struct client *client)
{
	session_of(client)->head.stage = SESSION_OUT;
	fan_leave(client);
	tcp_close(client->conn);
}

/* ---- told and closed from outside of its lines ---- */

/* Tries until there is room for the words. */
static void end_now(struct client *client, const char *text)
{
	fan_leave(client);
	if (!tcp_begin(client->conn))
		return;
	say(client, "%s", text);
	login_close(client);
	tcp_end(client->conn);
}

void login_judge(struct client *client, struct store_txn *txn)
{
	const struct session *session = session_of(client);
	struct session_record record;
	enum store_error error;

	if (session->head.stage != SESSION_IN || client->ends ||
	    session->store != store_id(client->dxc->worker->spots))
		return;
	error = sessions_get(txn, session->head.call, &record);
	if (error == STORE_OK && record.session != tcp_session(client->conn))
		client->ends = REASON_REPLACED;
	else if (error == STORE_NOT_FOUND)
		client->ends = REASON_SYSOP;
}

/* So that the master counts it among those who have logged in. */
static void tell_master(struct client *client)
{
	struct worker *worker = client->dxc->worker;
	const struct msg_closed known = {.session = tcp_session(client->conn),
					 .index = (uint16_t)tcp_index(client->conn)};

	client->told = msg_send(worker->control, MSG_KNOWN, worker->generation, &known,
				sizeof(known), -1) == 0;
}

static void renew(struct client *client)
{
	const struct session *session = session_of(client);

	if (session->head.stage != SESSION_IN ||
	    session->store == store_id(client->dxc->worker->spots) || !tcp_begin(client->conn))
		return;
	login_renew(client);
	tcp_end(client->conn);
}

void login_tick(struct client *client)
{
	const struct session *session = session_of(client);
	const struct conf *conf = client->dxc->worker->conf;
	uint64_t patience = (uint64_t)conf_number(conf, CONF_DXC_LOGIN_TIMEOUT);

	if (session->head.stage == SESSION_OUT)
		return;
	if (client->ends == REASON_REPLACED) {
		page_count(client->dxc->worker->page, COUNT_DXC_REPLACED);
		end_now(client, conf_text(conf, CONF_DXC_DUPLICATE_MESSAGE));
	} else if (client->ends) {
		end_now(client, "*** Disconnected by the operator");
	} else if (session->head.stage != SESSION_IN) {
		if (clock_age(client->dxc->now, session->head.connected) < patience)
			return;
		page_count(client->dxc->worker->page, COUNT_DXC_LOGIN_TIMEOUT);
		end_now(client, "*** Too slow, login timed out");
	} else {
		renew(client);
		if (!client->told)
			tell_master(client);
	}
}

/* ---- over ---- */

static enum event_reason reason_of(struct client *client)
{
	const struct session *session = session_of(client);

	if (session->head.flags & SESSION_ABUSED)
		return REASON_ABUSE;
	if (client->fell)
		return REASON_SLOW;
	return session->head.flags & SESSION_SAID_BYE ? REASON_BYE : REASON_ENDED;
}

void login_gone(struct client *client)
{
	const struct session *session = session_of(client);
	struct dxc *dxc = client->dxc;
	struct leaver *leaver;

	secret_free(client);
	fan_leave(client);
	if (dxc->closing || session->head.call[0] == '\0' || dxc->leavers >= LEAVERS_MAX)
		return;
	leaver = &dxc->leaver[dxc->leavers++];
	memcpy(leaver->call, session->head.call, sizeof(leaver->call));
	leaver->session = tcp_session(client->conn);
	leaver->reason = (uint8_t)reason_of(client);
}

void login_flush(struct dxc *dxc)
{
	struct store_txn txn;
	enum store_error error;

	if (dxc->leavers == 0)
		return;
	error = store_write(dxc->worker->spots, &txn);
	if (error == STORE_OK) {
		for (unsigned i = 0; i < dxc->leavers; i++)
			sessions_del(&txn, dxc->leaver[i].call, dxc->leaver[i].session,
				     dxc->leaver[i].reason);
		error = store_end(&txn);
	}
	if (error == STORE_OK)
		dxc->leavers = 0;
	else if (error == STORE_LOST)
		worker_store_lost(dxc->worker, "the spots store");
}

/* ---- taken up from a predecessor ---- */

static bool is_sound(const struct session *session)
{
	const struct session_head *head = &session->head;

	return session_head_sound(head) && head->format < FORMATS && session->more < MORES &&
	       session->prompt < PROMPTS && session->query_length <= SESSION_QUERY &&
	       head->connected <= clock_mono();
}

bool login_resume(struct client *client)
{
	const struct session *session = session_of(client);

	if (!is_sound(session)) {
		log_warning("session %llu: the record of it makes no sense",
			    (unsigned long long)tcp_session(client->conn));
		return false;
	}
	if (session->head.stage == SESSION_IN)
		account_want(client);
	return true;
}
