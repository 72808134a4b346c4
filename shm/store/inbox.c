/* SPDX-License-Identifier: ISC
 *
 * NAME      inbox - spots that users of ours typed, on their way to the pipeline
 * PURPOSE   The table between dxc and spot.
 * OWNER     dxc puts, spot takes
 * CONTRACT  see inbox.h
 * LIMITS    see inbox.h
 */
#include "shm/store/inbox.h"

#include <string.h>

#include "shm/store/events.h"
#include "shm/store/inside.h"

struct inbox_key {
	struct number_key session, offset;
};

static const struct walk walk = {DB_INBOX, "inbox", sizeof(struct inbox_key), NULL};

static struct inbox_key key_make(uint64_t session, uint64_t offset)
{
	return (struct inbox_key){number_key_make(session), number_key_make(offset)};
}

static uint64_t number_of(const struct number_key *key)
{
	uint64_t number;

	memcpy(&number, key->bytes, sizeof(number));
	return __builtin_bswap64(number);
}

static void tell(struct store_txn *txn, const struct spot *spot)
{
	struct event_record event = {
		.type = EVENT_DX_LOCAL,
		.has_key = 1,
		.session = spot->session,
		.hz = spot->hz,
	};

	memcpy(event.user_key.ip, spot->ip, sizeof(event.user_key.ip));
	memcpy(event.user, spot->de, CALL_TEXT_MAX);
	memcpy(event.dx, spot->dx, CALL_TEXT_MAX);
	events_append(txn, &event);
}

enum store_error inbox_put(struct store_txn *txn, uint64_t session, uint64_t offset,
			   const struct spot *spot)
{
	struct inbox_key key = key_make(session, offset);
	enum store_error error = store_serves(txn, DB_INBOX);
	struct spot added = *spot, checked;
	MDB_val value;

	if (error)
		return store_fail(txn, STORE_FAILED);
	added.session = session;
	if (!spot_check(&added, spot_size(&added), &checked)) {
		store_bad_record(txn, walk.what);
		return STORE_BAD_RECORD;
	}
	error = store_get(txn, DB_INBOX, &key, sizeof(key), &value);
	if (error != STORE_NOT_FOUND)
		return error ? error : STORE_EXISTS;
	if (inbox_count(txn) >= INBOX_MAX)
		return STORE_LIMIT;
	tell(txn, &added);
	return store_put(txn, DB_INBOX, &key, sizeof(key), &added, spot_size(&added), 0);
}

uint64_t inbox_count(struct store_txn *txn)
{
	return store_serves(txn, DB_INBOX) ? 0 : store_entries(txn, DB_INBOX);
}

struct inbox_visit {
	struct store_txn *txn;
	inbox_visitor *visit;
	void *arg;
};

static bool visit_spot(const void *key, const MDB_val *value, void *arg)
{
	const struct inbox_visit *visiting = arg;
	struct inbox_key name;
	struct spot spot;

	memcpy(&name, key, sizeof(name));
	if (spot_check(value->mv_data, value->mv_size, &spot))
		return visiting->visit(number_of(&name.session), number_of(&name.offset), &spot,
				       visiting->arg);
	store_bad_record(visiting->txn, walk.what);
	return true;
}

unsigned inbox_each(struct store_txn *txn, unsigned most, inbox_visitor *visit, void *arg)
{
	struct inbox_visit visiting = {txn, visit, arg};
	struct inbox_key key;

	if (store_serves(txn, DB_INBOX))
		return 0;
	memset(&key, 0, sizeof(key));
	return store_walk(txn, &walk, &key, most, visit_spot, &visiting);
}

enum store_error inbox_del(struct store_txn *txn, uint64_t session, uint64_t offset)
{
	struct inbox_key key = key_make(session, offset);
	enum store_error error = store_serves(txn, DB_INBOX);

	return error ? error : store_del(txn, DB_INBOX, &key, sizeof(key));
}

struct cleaning {
	struct store_txn *txn;
	unsigned removed;
};

/* In a write the walk searches anew at each step, so this one may remove what it sees. */
static bool clean_spot(const void *key, const MDB_val *value, void *arg)
{
	struct cleaning *cleaning = arg;
	struct spot spot;

	if (spot_check(value->mv_data, value->mv_size, &spot))
		return true;
	store_bad_record(cleaning->txn, walk.what);
	if (store_del(cleaning->txn, DB_INBOX, key, sizeof(struct inbox_key)) == STORE_OK)
		cleaning->removed++;
	return true;
}

unsigned inbox_clean(struct store_txn *txn)
{
	struct cleaning cleaning = {txn, 0};
	struct inbox_key key;

	if (store_serves(txn, DB_INBOX))
		return 0;
	memset(&key, 0, sizeof(key));
	store_walk(txn, &walk, &key, INBOX_MAX, clean_spot, &cleaning);
	return cleaning.removed;
}
