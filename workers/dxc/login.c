/* SPDX-License-Identifier: ISC
 *
 * NAME      login - from a connection to a session
 * PURPOSE   See login.h. What is said at the login: greeting.c; its end: logout.c.
 * OWNER     dxc workers
 * CONTRACT  see login.h
 * LIMITS    see login.h
 */
#include "workers/dxc/login.h"
#include "shm/clock.h"

#include <string.h>

#include "shm/log.h"
#include "workers/dxc/account.h"
#include "workers/dxc/command.h"
#include "workers/dxc/fan.h"
#include "workers/dxc/greeting.h"
#include "workers/dxc/say.h"
#include "workers/dxc/secret.h"

static void echo(struct client *client, bool off)
{
	uint8_t bytes[3];
	size_t length = telnet_echo(&session_of(client)->telnet, off, bytes);

	tcp_put(client->conn, bytes, length);
}

void login_open(struct client *client)
{
	struct session *session = session_of(client);

	session->head.version = SESSION_VERSION;
	session->head.stage = SESSION_CALL;
	session->head.connected = session->head.input = client->dxc->now;
	session->head.connected_real = clock_real();
	greeting_welcome(client);
}

/* ---- in vain ---- */

/* What to type again, or that it is over. */
static void refuse(struct client *client, enum page_counter why, const char *text)
{
	struct session *session = session_of(client);

	page_count(client->dxc->worker->page, why);
	say(client, "%s", text);
	if (++session->attempts >= LOGIN_TRIES) {
		session->head.flags |= SESSION_ABUSED;
		login_close(client);
	} else if (session->head.stage == SESSION_PASSWORD) {
		say_open(client, "password: ");
	} else {
		greeting_ask(client);
	}
}

void login_too_long(struct client *client)
{
	if (session_of(client)->head.stage == SESSION_PASSWORD)
		echo(client, false);
	session_of(client)->head.stage = SESSION_CALL;
	refuse(client, COUNT_DXC_LOGIN_CALL, "Line too long");
}

/* ---- into the store ---- */

struct entry {
	struct account account;
	uint64_t users;
};

static void fill_record(struct client *client, struct session_record *record_r)
{
	const struct addr *peer = tcp_peer(client->conn);
	struct dxc *dxc = client->dxc;

	memset(record_r, 0, sizeof(*record_r));
	record_r->session = tcp_session(client->conn);
	record_r->index = tcp_index(client->conn);
	memcpy(record_r->slot, dxc->worker->slot, sizeof(record_r->slot));
	memcpy(record_r->ip, peer->ip, sizeof(record_r->ip));
	record_r->port = peer->port;
	record_r->since = dxc->now;
	record_r->since_real = clock_real();
}

/* A user whose settings can't be noted is welcome all the same. */
static void note_login(struct client *client, struct store_txn *txn, const char *call,
		       struct user_record *record)
{
	uint64_t now = clock_real();

	if (record->created == 0)
		record->created = now;
	record->last_login = now;
	record->logins++;
	memcpy(record->last_ip, tcp_peer(client->conn)->ip, sizeof(record->last_ip));
	if (users_put(txn, call, record) == STORE_LIMIT)
		page_count(client->dxc->worker->page, COUNT_DXC_UNSAVED);
}

/* STORE_EXISTS: the call is in use, and dxc.duplicate_login refuses a second one. */
static enum store_error put_session(struct client *client, struct store_txn *txn, const char *call,
				    bool *again_r)
{
	const char *rule = conf_text(client->dxc->worker->conf, CONF_DXC_DUPLICATE_LOGIN);
	struct session_record record, there;
	enum store_error error;

	fill_record(client, &record);
	error = sessions_get(txn, call, &there);
	*again_r = error == STORE_OK && there.session == record.session;
	if (error == STORE_OK && !*again_r && strcmp(rule, "refuse") == 0)
		return STORE_EXISTS;
	return sessions_put(txn, call, &record, NULL);
}

static enum store_error enter_store(struct client *client, const char *call, struct entry *entry)
{
	struct store_txn spots;
	bool again = false;
	enum store_error error = store_write(client->dxc->worker->spots, &spots);

	if (error)
		return error;
	error = put_session(client, &spots, call, &again);
	if (error == STORE_OK)
		error = account_within(client->dxc, &spots, call, &entry->account);
	if (error) {
		store_abort(&spots);
		return error;
	}
	if (!again)
		note_login(client, &spots, call, &entry->account.record);
	entry->users = sessions_count(&spots);
	return store_end(&spots);
}

/* ---- entering ---- */

static void prove(struct client *client, const char *call, bool proven)
{
	struct session *session = session_of(client);

	if (proven)
		session->head.flags |= SESSION_PROVEN;
	if (proven && secret_is_sysop(client->dxc, call))
		session->head.flags |= SESSION_SYSOP;
}

static void enter(struct client *client, const char *call, bool proven)
{
	struct session *session = session_of(client);
	struct worker *worker = client->dxc->worker;
	struct entry entry;
	enum store_error error = enter_store(client, call, &entry);

	if (error == STORE_EXISTS || error == STORE_LIMIT) {
		page_count(worker->page, error == STORE_EXISTS ? COUNT_DXC_LOGIN_DUPLICATE
							       : COUNT_DXC_LOGIN_FULL);
		say(client,
		    error == STORE_EXISTS ? "%s is logged in already"
					  : "Too many users, %s, try again later",
		    call);
		login_close(client);
		return;
	}
	if (error) {
		if (error == STORE_LOST)
			worker_store_lost(worker, "the spots store");
		if (error != STORE_BUSY)
			log_limited(LOG_LEVEL_WARNING, "nobody can log in: %s",
				    store_error_text(error));
		command_later(client);
		return;
	}
	memcpy(session->head.call, call, sizeof(session->head.call));
	session->head.stage = SESSION_IN;
	session->store = store_id(worker->spots);
	session->attempts = 0;
	session->head.cursor = fan_newest(client->dxc->fan);
	prove(client, call, proven);
	account_apply(client, &entry.account);
	account_want(client);
	page_count(worker->page, COUNT_DXC_LOGINS);
	greeting_say(client, &entry.account.record, entry.users);
}

bool login_renew(struct client *client)
{
	struct session *session = session_of(client);
	struct store *store = client->dxc->worker->spots;
	struct session_record record;
	enum store_error error;
	struct store_txn txn;

	if (session->head.stage != SESSION_IN || session->store == store_id(store))
		return true;
	error = store_write(store, &txn);
	if (error)
		return false;
	fill_record(client, &record);
	record.since = session->head.connected;
	record.since_real = session->head.connected_real;
	/* of two sessions of a call the later one may have been quicker: the store decides */
	if (sessions_get(&txn, session->head.call, &(struct session_record){0}) == STORE_NOT_FOUND)
		sessions_put(&txn, session->head.call, &record, NULL);
	if (store_end(&txn) != STORE_OK)
		return false;
	session->store = store_id(store);
	return true;
}

/* ---- lines before the login ---- */

/* Whether there is a password can't be known now: nobody gets in by that. */
static void wait_for_users(struct client *client)
{
	log_limited(LOG_LEVEL_WARNING, "nobody can log in: what is kept of users can't be read");
	command_later(client);
}

static void take_call(struct client *client, const char *text)
{
	struct session *session = session_of(client);
	char call[CALL_TEXT_SIZE];
	struct account account;

	if (text[strspn(text, " ")] == '\0') {
		say(client, "Callsign cannot be empty. Please try again.");
		greeting_ask(client);
		return;
	}
	if (!call_normalise(text, strlen(text), call) || !call_amateur(call) ||
	    strcmp(call, client->dxc->node) == 0) {
		log_limited(LOG_LEVEL_INFO, "session %llu: '%.64s' is no call sign",
			    (unsigned long long)tcp_session(client->conn), text);
		refuse(client, COUNT_DXC_LOGIN_CALL, "Invalid callsign. Please try again.");
		return;
	}
	if (account_read(client->dxc, call, &account) != STORE_OK) {
		wait_for_users(client);
		return;
	}
	if (account.hash[0] == '\0') {
		enter(client, call, false);
		return;
	}
	memcpy(session->head.call, call, sizeof(session->head.call));
	session->head.stage = SESSION_PASSWORD;
	echo(client, true);
	say_open(client, "password: ");
}

static void take_password(struct client *client, const char *text)
{
	struct session *session = session_of(client);
	char call[CALL_TEXT_SIZE];
	struct account account;

	memcpy(call, session->head.call, sizeof(call));
	if (account_read(client->dxc, call, &account) != STORE_OK) {
		wait_for_users(client);
		return;
	}
	if (account.hash[0] == '\0') { /* it was taken away meanwhile */
		echo(client, false);
		enter(client, call, false);
		return;
	}
	switch (secret_check(client, account.hash, text)) {
	case SECRET_WAITS:
		return;
	case SECRET_YES:
		echo(client, false);
		say(client, "%s", "");
		enter(client, call, true);
		return;
	case SECRET_NO:
		say(client, "%s", "");
		refuse(client, COUNT_DXC_LOGIN_PASSWORD, "Wrong password");
		return;
	default:
		page_count(client->dxc->worker->page, COUNT_DXC_LOGIN_PASSWORD);
		say(client, "\nPasswords can't be checked now, please try again later");
		login_close(client);
	}
}

void login_line(struct client *client, const char *text)
{
	if (session_of(client)->head.stage == SESSION_PASSWORD)
		take_password(client, text);
	else
		take_call(client, text);
}
