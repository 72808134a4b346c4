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

void account_get(struct store_txn *spots, struct store_txn *state, const char *call,
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
		return;
	}
	take_hash(account_r);
	call_base(call, base);
	if (strcmp(found, call) != 0) {
		memset(record->hash, 0, sizeof(record->hash));
		record->created = record->last_login = 0;
		record->logins = 0;
	} else if (account_r->hash[0] == '\0' && strcmp(base, call) != 0 &&
		   users_get(spots, state, base, &of_base) == STORE_OK) {
		memcpy(account_r->hash, of_base.hash, sizeof(account_r->hash));
	}
}

/* Begins both; STATE_R->store is NULL when there is none. */
static void begin_reading(struct dxc *dxc, struct store_txn *spots_r, struct store_txn *state_r)
{
	store_read(dxc->worker->spots, spots_r);
	memset(state_r, 0, sizeof(*state_r));
	if (dxc->worker->state != NULL)
		store_read(dxc->worker->state, state_r);
}

static struct store_txn *or_none(struct store_txn *state)
{
	return state->store != NULL && state->error == STORE_OK ? state : NULL;
}

static void end_reading(struct store_txn *spots, struct store_txn *state)
{
	if (state->store != NULL)
		store_end(state);
	store_end(spots);
}

void account_read(struct dxc *dxc, const char *call, struct account *account_r)
{
	struct store_txn spots, state;

	begin_reading(dxc, &spots, &state);
	account_get(&spots, or_none(&state), call, account_r);
	end_reading(&spots, &state);
}

void account_filter(struct dxc *dxc, const char *call, struct filter *filter_r)
{
	const struct conf *conf = dxc->worker->conf;
	struct store_txn spots, state;
	char base[CALL_TEXT_SIZE];
	uint8_t bytes[FILTER_BYTES_MAX];
	size_t length = 0;
	enum store_error error;

	begin_reading(dxc, &spots, &state);
	error = filters_get(&spots, or_none(&state), call, bytes, &length);
	call_base(call, base);
	if (error && strcmp(base, call) != 0)
		error = filters_get(&spots, or_none(&state), base, bytes, &length);
	end_reading(&spots, &state);
	if (error || !filter_check(bytes, length, filter_r))
		filter_default(filter_r, conf_text(conf, CONF_DXC_DEFAULT_SOURCES),
			       conf_text(conf, CONF_DXC_DEFAULT_MODES));
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

	account_filter(client->dxc, session->head.call, account_filter_of(&room));
	call_base(session->head.call, want.base);
	if (!fan_want(client, &want))
		log_limited(LOG_LEVEL_ERROR, "session %llu: no memory for what it wants",
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
	struct store_txn spots, state = {0};
	struct account account;
	enum store_error error = begin_effect(client, &spots);

	if (error == STORE_OK) {
		if (client->dxc->worker->state != NULL)
			store_read(client->dxc->worker->state, &state);
		account_get(&spots, or_none(&state), call, &account);
		edit(&account.record, arg);
		if (state.store != NULL)
			store_end(&state);
		error = end_effect(&spots, users_put(&spots, call, &account.record));
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
