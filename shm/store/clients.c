/* SPDX-License-Identifier: ISC
 *
 * NAME      clients - linked gateways
 * PURPOSE   The table of the gateways, its index by id, and the events of both.
 * OWNER     ysf workers and keeper write
 * CONTRACT  see clients.h
 * LIMITS    none known
 */
#include "shm/store/clients.h"

#include <string.h>

#include "shm/clock.h"
#include "shm/store/away.h"
#include "shm/store/events.h"
#include "shm/store/infos.h"
#include "shm/store/inside.h"
#include "shm/store/streams.h"

enum store_error clients_get(struct store_txn *txn, const struct client_key *key,
			     struct client_record *record_r)
{
	enum store_error error;
	MDB_val value;

	memset(record_r, 0, sizeof(*record_r));
	error = store_get(txn, DB_CLIENTS, key, sizeof(*key), &value);
	if (error || client_record_check(value.mv_data, value.mv_size, record_r))
		return error;
	store_bad_record(txn, "clients");
	return store_fail(txn, STORE_BAD_RECORD);
}

enum store_error clients_by_id(struct store_txn *txn, uint32_t id, struct client_key *key_r)
{
	struct id_key name = id_key_make(id);
	struct client_record record;
	enum store_error error;
	MDB_val value;

	memset(key_r, 0, sizeof(*key_r));
	error = store_get(txn, DB_CLIENT_IDS, &name, sizeof(name), &value);
	if (error)
		return error;
	if (value.mv_size != sizeof(*key_r)) {
		store_bad_record(txn, "client_ids");
		return store_fail(txn, STORE_BAD_RECORD);
	}
	memcpy(key_r, value.mv_data, sizeof(*key_r));
	error = clients_get(txn, key_r, &record);
	if (!error && record.id != id)
		error = STORE_NOT_FOUND;
	return error;
}

uint64_t clients_count(struct store_txn *txn)
{
	return store_entries(txn, DB_CLIENTS);
}

/* How many bytes of the address name one subscriber: an IPv6 host has a whole /64 to itself. */
static size_t host_length(const struct client_key *key)
{
	struct addr addr;

	client_key_addr(key, &addr);
	return addr_is_ipv4(&addr) ? sizeof(key->ip) : 8;
}

uint32_t clients_count_ip(struct store_txn *txn, const struct client_key *key, uint32_t most)
{
	MDB_cursor *cursor = store_cursor(txn, DB_CLIENTS);
	size_t length = host_length(key);
	struct client_key first;
	MDB_val name, value;
	uint32_t count = 0;
	bool more;

	if (!cursor)
		return 0;
	memset(&first, 0, sizeof(first));
	memcpy(first.ip, key->ip, length);
	name.mv_size = sizeof(first);
	name.mv_data = &first;
	more = store_step(txn, cursor, &name, &value, MDB_SET_RANGE);
	while (more && count < most && name.mv_size == sizeof(first) &&
	       memcmp(name.mv_data, first.ip, length) == 0) {
		count++;
		more = count < most && store_step(txn, cursor, &name, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return count;
}

static enum store_error client_store(struct store_txn *txn, const struct client_key *key,
				     const struct client_record *record)
{
	struct client_record stored = *record;

	stored.flags &= (uint8_t)client_flags(store_edition(txn));
	return store_put(txn, DB_CLIENTS, key, sizeof(*key), &stored, sizeof(stored), 0);
}

/* Away as long as it is not where it belongs. A move starts the time anew, a new home does not. */
static void client_note_away(struct store_txn *txn, const struct client_key *key,
			     const struct client_record *record, bool moved)
{
	struct away_record away;

	if (record->home_dgid == 0 || record->home_dgid == record->dgid)
		away_del(txn, key);
	else if (moved || away_get(txn, key, &away) != STORE_OK)
		away_put(txn, key, record->id, clock_mono());
}

static enum store_error client_tell(struct store_txn *txn, enum event_type type,
				    enum event_reason reason, const struct client_key *key,
				    const struct client_record *record, uint8_t old_dgid)
{
	struct event_record event = {
		.type = (uint8_t)type,
		.reason = (uint8_t)reason,
		.dgid = record->dgid,
		.old_dgid = old_dgid,
		.has_key = 1,
		.client = record->id,
		.key = *key,
	};

	memcpy(event.gateway, record->name, sizeof(event.gateway));
	return events_append(txn, &event);
}

enum store_error clients_link(struct store_txn *txn, const struct client_key *key,
			      struct client_record *record)
{
	struct client_record checked;
	enum store_error error;
	struct id_key name;

	error = clients_get(txn, key, &checked);
	if (error == STORE_OK)
		return store_fail(txn, STORE_EXISTS);
	/* a damaged record keeps nobody out: it is replaced */
	if (error != STORE_NOT_FOUND && error != STORE_BAD_RECORD)
		return error;
	if (clients_count(txn) >= txn->store->config.max_clients)
		return store_fail(txn, STORE_LIMIT);
	record->version = RECORD_VERSION;
	record->id = 1;
	if (!client_record_check(record, sizeof(*record), &checked))
		return store_fail(txn, STORE_BAD_RECORD);
	record->id = store_next_id(txn, "client");
	if (!record->id)
		return txn->error;
	name = id_key_make(record->id);
	client_store(txn, key, record);
	store_put(txn, DB_CLIENT_IDS, &name, sizeof(name), key, sizeof(*key), 0);
	client_tell(txn, EVENT_CLIENT_LINK, REASON_NONE, key, record, 0);
	client_note_away(txn, key, record, true);
	txn->changed_clients = true;
	return txn->error;
}

enum store_error clients_unlink(struct store_txn *txn, const struct client_key *key,
				enum event_reason reason)
{
	struct client_record record;
	enum store_error error;
	struct id_key name;

	error = clients_get(txn, key, &record);
	if (error == STORE_BAD_RECORD) {
		/* nothing in it can be believed, not even the id; but it goes as asked */
		memset(&record, 0, sizeof(record));
	} else if (error) {
		return error;
	} else {
		streams_close_client(txn, record.id, reason ? reason : REASON_UNLINK);
		name = id_key_make(record.id);
		store_del(txn, DB_CLIENT_IDS, &name, sizeof(name));
	}
	store_del(txn, DB_CLIENTS, key, sizeof(*key));
	away_del(txn, key);
	infos_del(txn, key);
	client_tell(txn, EVENT_CLIENT_UNLINK, reason, key, &record, 0);
	txn->changed_clients = true;
	return txn->error;
}

/* Stores RECORD, whose DG-ID was OLD_DGID, and tells of the move. */
static enum store_error client_moved(struct store_txn *txn, const struct client_key *key,
				     const struct client_record *record, uint8_t old_dgid,
				     enum event_reason reason)
{
	struct client_record checked;

	if (!client_record_check(record, sizeof(*record), &checked))
		return store_fail(txn, STORE_BAD_RECORD);
	client_store(txn, key, record);
	client_tell(txn, EVENT_CLIENT_DGID, reason, key, record, old_dgid);
	client_note_away(txn, key, record, record->dgid != old_dgid);
	txn->changed_clients = true;
	return txn->error;
}

enum store_error clients_move(struct store_txn *txn, const struct client_key *key, uint8_t dgid,
			      enum event_reason reason)
{
	struct client_record record;
	enum store_error error;
	uint8_t old_dgid;

	error = clients_get(txn, key, &record);
	if (error)
		return error;
	old_dgid = record.dgid;
	record.dgid = dgid;
	return client_moved(txn, key, &record, old_dgid, reason);
}

enum store_error clients_home(struct store_txn *txn, const struct client_key *key, uint8_t dgid,
			      uint32_t seconds, enum event_reason reason)
{
	struct client_record record;
	enum store_error error;
	uint8_t old_dgid;

	error = clients_get(txn, key, &record);
	if (error)
		return error;
	if (record.home_dgid != 0 || !client_movable(&record))
		return store_fail(txn, STORE_EXISTS);
	old_dgid = record.dgid;
	record.dgid = record.home_dgid = dgid;
	record.home_time = seconds;
	if (reason == REASON_OPTIONS)
		record.flags |= CLIENT_OPTIONED;
	return client_moved(txn, key, &record, old_dgid, reason);
}

struct client_place client_place(const struct client_record *record)
{
	return (struct client_place){
		.dgid = record->dgid,
		.home = record->home_dgid,
		.seconds = record->home_time,
		.flags = record->flags & CLIENT_PLACE,
	};
}

enum store_error clients_place(struct store_txn *txn, const struct client_key *key,
			       const struct client_place *place, enum event_reason reason)
{
	struct client_record record, before;
	enum store_error error;

	error = clients_get(txn, key, &before);
	if (error)
		return error;
	record = before;
	record.dgid = place->dgid;
	record.home_dgid = place->home;
	record.home_time = place->seconds;
	record.flags = (uint8_t)((record.flags & ~CLIENT_PLACE) | (place->flags & CLIENT_PLACE));
	if (memcmp(&record, &before, sizeof(record)) == 0)
		return STORE_OK;
	return client_moved(txn, key, &record, before.dgid, reason);
}

struct client_strip {
	struct store_txn *txn;
	unsigned edition;
};

static bool strip_client(const struct client_key *key, const struct client_record *record,
			 void *arg)
{
	const struct client_strip *strip = arg;
	struct client_record stripped = *record;

	stripped.flags &= (uint8_t)client_flags(strip->edition);
	if (stripped.flags != record->flags) {
		store_put(strip->txn, DB_CLIENTS, key, sizeof(*key), &stripped, sizeof(stripped),
			  0);
		strip->txn->changed_clients = true;
	}
	return true;
}

enum store_error clients_touch(struct store_txn *txn, const struct client_key *key, uint64_t polled,
			       bool proven)
{
	struct client_record record;
	enum store_error error;

	error = clients_get(txn, key, &record);
	if (error)
		return error;
	if (polled <= record.polled && (!proven || (record.flags & CLIENT_PROVEN)))
		return STORE_OK;
	if (polled > record.polled)
		record.polled = polled;
	if (proven)
		record.flags |= CLIENT_PROVEN;
	return client_store(txn, key, &record);
}

struct client_visit {
	struct store_txn *txn;
	clients_visitor *visit;
	void *arg;
};

static bool visit_client(const void *key, const MDB_val *value, void *arg)
{
	const struct client_visit *visiting = arg;
	struct client_record record;

	if (client_record_check(value->mv_data, value->mv_size, &record))
		return visiting->visit(key, &record, visiting->arg);
	store_bad_record(visiting->txn, "clients");
	return true;
}

unsigned clients_walk(struct store_txn *txn, struct client_key *key, unsigned most,
		      clients_visitor *visit, void *arg)
{
	static const struct walk walk = {DB_CLIENTS, "clients", sizeof(*key), NULL};
	struct client_visit visiting = {txn, visit, arg};

	return store_walk(txn, &walk, key, most, visit_client, &visiting);
}

unsigned clients_strip(struct store_txn *txn, struct client_key *key, unsigned most,
		       unsigned edition)
{
	struct client_strip strip = {txn, edition};

	return clients_walk(txn, key, most, strip_client, &strip);
}
