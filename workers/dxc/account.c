/* SPDX-License-Identifier: ISC
 *
 * NAME      account - what is kept of a user
 * PURPOSE   See account.h.
 * OWNER     dxc workers
 * CONTRACT  see account.h
 * LIMITS    see account.h
 */
#include "workers/dxc/account.h"

#include <string.h>

#include "shm/fault.h"
#include "shm/log.h"
#include "workers/dxc/command.h"
#include "workers/dxc/fan.h"
#include "workers/dxc/prompt.h"
#include "workers/dxc/say.h"

/* ---- reading ---- */

static void take_hash(struct account *account)
{
	memcpy(account->hash, account->record.hash, sizeof(account->hash));
	account->hash[sizeof(account->hash) - 1] = '\0';
}

/* There is no record, or none that can be used: as of a new user. */
static bool is_none(enum store_error error)
{
	return error == STORE_NOT_FOUND || error == STORE_BAD_RECORD;
}

enum store_error account_get(struct store_txn *spots, struct store_txn *state, const char *call,
			     struct account *account_r)
{
	char found[CALL_TEXT_SIZE] = "", base[CALL_TEXT_SIZE];
	struct user_record *record = &account_r->record, of_base;
	enum store_error error = users_lookup(spots, state, call, record, found);

	memset(account_r->hash, 0, sizeof(account_r->hash));
	if (error == STORE_BAD_RECORD)
		log_warning("what was kept of user %s is damaged: begins anew", call);
	if (error) {
		user_record_blank(record);
		return is_none(error) ? STORE_OK : error;
	}
	take_hash(account_r);
	call_base(call, base);
	if (strcmp(found, call) != 0) {
		memset(record->hash, 0, sizeof(record->hash));
		record->created = record->last_login = 0;
		record->logins = 0;
	} else if (account_r->hash[0] == '\0' && strcmp(base, call) != 0) {
		error = users_get(spots, state, base, &of_base);
		if (error == STORE_OK)
			memcpy(account_r->hash, of_base.hash, sizeof(account_r->hash));
	}
	return is_none(error) ? STORE_OK : error;
}

/* Begins one of the durable store; STATE_R->store is NULL when there is none. */
static enum store_error begin_state(struct dxc *dxc, struct store_txn *state_r)
{
	memset(state_r, 0, sizeof(*state_r));
	return dxc->worker->state != NULL ? store_read(dxc->worker->state, state_r) : STORE_OK;
}

static struct store_txn *or_none(struct store_txn *state)
{
	return state->store != NULL ? state : NULL;
}

static void end_state(struct store_txn *state)
{
	if (state->store != NULL)
		store_end(state);
}

enum store_error account_within(struct dxc *dxc, struct store_txn *spots, const char *call,
				struct account *account_r)
{
	struct store_txn state;
	enum store_error error = begin_state(dxc, &state);

	memset(account_r, 0, sizeof(*account_r));
	if (error == STORE_OK)
		error = account_get(spots, or_none(&state), call, account_r);
	end_state(&state);
	return error;
}

enum store_error account_read(struct dxc *dxc, const char *call, struct account *account_r)
{
	struct store_txn spots;
	enum store_error error = store_read(dxc->worker->spots, &spots);

	memset(account_r, 0, sizeof(*account_r));
	if (error == STORE_OK)
		error = account_within(dxc, &spots, call, account_r);
	store_end(&spots);
	return error;
}

enum store_error account_filter(struct dxc *dxc, const char *call, struct filter *filter_r)
{
	const struct conf *conf = dxc->worker->conf;
	struct store_txn spots, state;
	char base[CALL_TEXT_SIZE];
	uint8_t bytes[FILTER_BYTES_MAX];
	size_t length = 0;
	enum store_error error = store_read(dxc->worker->spots, &spots);

	memset(&state, 0, sizeof(state));
	if (error == STORE_OK)
		error = begin_state(dxc, &state);
	if (error == STORE_OK)
		error = filters_get(&spots, or_none(&state), call, bytes, &length);
	call_base(call, base);
	if (is_none(error) && strcmp(base, call) != 0)
		error = filters_get(&spots, or_none(&state), base, bytes, &length);
	end_state(&state);
	store_end(&spots);
	if (error || !filter_check(bytes, length, filter_r))
		filter_default(filter_r, conf_text(conf, CONF_DXC_DEFAULT_SOURCES),
			       conf_text(conf, CONF_DXC_DEFAULT_MODES));
	return is_none(error) ? STORE_OK : error;
}

/* ---- to the session ---- */

void account_apply(struct client *client, const struct account *account)
{
	const struct conf *conf = client->dxc->worker->conf;
	const struct user_record *record = &account->record;
	struct session *session = session_of(client);
	const char *format = conf_text(conf, CONF_DXC_DEFAULT_FORMAT);
	uint32_t chosen = record->switches_set & SESSION_SWITCHES;

	session->head.format = record->format;
	if (record->format >= FORMATS)
		session->head.format = (uint8_t)format_parse(format, strlen(format));
	if (session->head.format >= FORMATS)
		session->head.format = FORMAT_SPIDER;
	session->prompt = record->prompt;
	if (record->prompt >= PROMPTS)
		session->prompt = (uint8_t)prompt_parse(conf_text(conf, CONF_DXC_PROMPT));
	session->width = record->width;
	session->head.flags &= ~(uint32_t)SESSION_SWITCHES;
	session->head.flags |= SESSION_SELF & ~chosen;
	session->head.flags |= record->switches & chosen;
}

void account_want(struct client *client)
{
	const struct session *session = session_of(client);
	union account_filter room;
	struct fan_want want = {
		.filter = account_filter_of(&room),
		.format = session->head.format,
		.off = session->head.flags & SESSION_DX_OFF,
		.self = session->head.flags & SESSION_SELF,
		.beep = session->head.flags & SESSION_BEEP,
	};

	client->unread = account_filter(client->dxc, session->head.call,
					account_filter_of(&room)) != STORE_OK;
	if (client->unread) {
		log_limited(LOG_LEVEL_WARNING, "the filter of %s can't be read, later again",
			    session->head.call);
		return;
	}
	call_base(session->head.call, want.base);
	client->unread = !fan_want(client, &want);
	if (client->unread)
		log_limited(LOG_LEVEL_ERROR,
			    "session %llu: no memory for what it wants, later again",
			    (unsigned long long)tcp_session(client->conn));
}

/* ---- changing ---- */

bool account_failed(struct client *client, enum store_error error)
{
	switch (error) {
	case STORE_OK:
		return false;
	case STORE_BUSY:
		command_later(client);
		return true;
	case STORE_LOST:
		worker_store_lost(client->dxc->worker, "the spots store");
		command_later(client);
		return true;
	case STORE_NOT_FOUND: /* the session is another's by now: it will be ended */
		return true;
	default:
		page_count(client->dxc->worker->page, COUNT_DXC_UNSAVED);
		log_limited(LOG_LEVEL_WARNING, "what a user set can't be kept: %s",
			    store_error_text(error));
		say(client, "This can't be kept now, please try again later");
		return true;
	}
}

/* Begins the transaction of an effect. STORE_EXISTS: it is in the store already; the transaction is
 * over then, and after any other error. */
static enum store_error begin_effect(struct client *client, struct store_txn *txn)
{
	enum store_error error = store_write(client->dxc->worker->spots, txn);

	if (error)
		return error;
	error = sessions_act(txn, session_of(client)->head.call, tcp_session(client->conn),
			     client->dxc->line_end);
	if (error)
		store_abort(txn);
	return error;
}

static enum store_error end_effect(struct store_txn *txn, enum store_error error)
{
	if (error == STORE_OK)
		return store_end(txn);
	store_abort(txn);
	return error;
}

bool account_change(struct client *client, account_edit *edit, const void *arg)
{
	const char *call = session_of(client)->head.call;
	struct store_txn spots;
	struct account account;
	enum store_error error = begin_effect(client, &spots);

	if (error == STORE_OK) {
		error = account_within(client->dxc, &spots, call, &account);
		if (error == STORE_OK) {
			edit(&account.record, arg);
			error = users_put(&spots, call, &account.record);
		}
		error = end_effect(&spots, error);
		fault_point(FAULT_USER_WRITTEN);
	} else if (error == STORE_EXISTS) {
		return true;
	}
	return !account_failed(client, error);
}

bool account_keep_filter(struct client *client, const struct filter *filter)
{
	const char *call = session_of(client)->head.call;
	struct store_txn txn;
	enum store_error error = begin_effect(client, &txn);

	if (error == STORE_EXISTS)
		return true;
	if (error == STORE_OK)
		error = end_effect(&txn, filters_put(&txn, call, filter, filter_size()));
	return !account_failed(client, error);
}
