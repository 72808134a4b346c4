/* SPDX-License-Identifier: ISC
 *
 * NAME      sessions - who is logged in to the DX cluster
 * PURPOSE   The table of sessions by call, and their events.
 * OWNER     dxc workers write, keeper removes
 * CONTRACT  see sessions.h
 * LIMITS    see sessions.h
 */
#include "shm/store/sessions.h"

#include <string.h>

#include "shm/store/events.h"
#include "shm/store/inside.h"

static const struct walk walk = {DB_SESSIONS, "sessions", sizeof(struct user_key), user_key_ok};

static void tell(struct store_txn *txn, enum event_type type, const struct user_key *key,
		 const struct session_record *record, enum event_reason reason)
{
	struct event_record event = {
		.type = type,
		.reason = reason,
		.has_key = 1,
		.client = record->id,
		.session = record->session,
	};
	struct addr addr = {.port = record->port};

	memcpy(addr.ip, record->ip, sizeof(addr.ip));
	client_key_make(&event.user_key, &addr, 0);
	memcpy(event.user, key->call, sizeof(event.user));
	memcpy(event.slot, record->slot, sizeof(event.slot));
	events_append(txn, &event);
}

static enum store_error get(struct store_txn *txn, const char *call, struct user_key *key_r,
			    struct session_record *record_r)
{
	enum store_error error = store_serves(txn, DB_SESSIONS);
	MDB_val value;

	memset(record_r, 0, sizeof(*record_r));
	if (!error && !user_key_make(key_r, call))
		error = STORE_NOT_FOUND;
	if (!error)
		error = store_get(txn, DB_SESSIONS, key_r, sizeof(*key_r), &value);
	if (error || session_record_check(value.mv_data, value.mv_size, record_r))
		return error;
	store_bad_record(txn, walk.what);
	return STORE_BAD_RECORD;
}

static enum store_error put(struct store_txn *txn, const struct user_key *key,
			    const struct session_record *record)
{
	struct session_record added = *record;

	added.version = RECORD_VERSION;
	return store_put(txn, DB_SESSIONS, key, sizeof(*key), &added, sizeof(added), 0);
}

enum store_error sessions_get(struct store_txn *txn, const char *call,
			      struct session_record *record_r)
{
	struct user_key key;

	return get(txn, call, &key, record_r);
}

enum store_error sessions_put(struct store_txn *txn, const char *call,
			      const struct session_record *record,
			      struct session_record *replaced_r)
{
	struct session_record there, added = *record;
	struct user_key key;
	enum store_error found;

	if (replaced_r)
		memset(replaced_r, 0, sizeof(*replaced_r));
	if (!user_key_make(&key, call) || store_serves(txn, DB_SESSIONS))
		return store_fail(txn, txn->error ? txn->error : STORE_FAILED);
	found = get(txn, call, &key, &there);
	if (txn->error || (found == STORE_OK && there.session == record->session))
		return txn->error;
	if (found == STORE_NOT_FOUND &&
	    sessions_count(txn) >= 2ULL * txn->store->config.max_sessions)
		return STORE_LIMIT;
	if (found == STORE_OK) {
		tell(txn, EVENT_SESSION_LOGOUT, &key, &there, REASON_REPLACED);
		if (replaced_r)
			*replaced_r = there;
	}
	txn->changed_clients = true;
	added.id = store_next_id(txn, "session");
	tell(txn, EVENT_SESSION_LOGIN, &key, &added, REASON_NONE);
	return put(txn, &key, &added);
}

enum store_error sessions_act(struct store_txn *txn, const char *call, uint64_t session,
			      uint64_t offset)
{
	struct session_record record;
	struct user_key key;
	enum store_error error = get(txn, call, &key, &record);

	if (error)
		return error == STORE_BAD_RECORD ? STORE_NOT_FOUND : error;
	if (record.session != session)
		return STORE_NOT_FOUND;
	if (record.acted >= offset)
		return STORE_EXISTS;
	record.acted = offset;
	return put(txn, &key, &record);
}

enum store_error sessions_del(struct store_txn *txn, const char *call, uint64_t session,
			      enum event_reason reason)
{
	struct session_record record;
	struct user_key key;
	enum store_error error = get(txn, call, &key, &record);

	if (error == STORE_BAD_RECORD) {
		/* nobody's any more */
		txn->changed_clients = true;
		store_del(txn, DB_SESSIONS, &key, sizeof(key));
		return STORE_NOT_FOUND;
	}
	if (error)
		return error;
	if (record.session != session)
		return STORE_NOT_FOUND;
	txn->changed_clients = true;
	tell(txn, EVENT_SESSION_LOGOUT, &key, &record, reason);
	return store_del(txn, DB_SESSIONS, &key, sizeof(key));
}

uint64_t sessions_count(struct store_txn *txn)
{
	return store_serves(txn, DB_SESSIONS) ? 0 : store_entries(txn, DB_SESSIONS);
}

struct session_visit {
	struct store_txn *txn;
	sessions_visitor *visit;
	void *arg;
};

static bool visit_session(const void *key, const MDB_val *value, void *arg)
{
	const struct session_visit *visiting = arg;
	struct session_record record;

	if (session_record_check(value->mv_data, value->mv_size, &record))
		return visiting->visit(key, &record, visiting->arg);
	store_bad_record(visiting->txn, walk.what);
	return true;
}

unsigned sessions_walk(struct store_txn *txn, char call[CALL_TEXT_SIZE], unsigned most,
		       sessions_visitor *visit, void *arg)
{
	struct session_visit visiting = {txn, visit, arg};
	struct user_key key;
	unsigned seen;

	if (store_serves(txn, DB_SESSIONS))
		return 0;
	if (!user_key_make(&key, call))
		memset(&key, 0, sizeof(key));
	seen = store_walk(txn, &walk, &key, most, visit_session, &visiting);
	memcpy(call, key.call, CALL_TEXT_SIZE);
	return seen;
}
