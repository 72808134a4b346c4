/* SPDX-License-Identifier: ISC
 *
 * NAME      saved - DG-IDs that gateways chose, from one store to the other
 * PURPOSE   Brings the saved DG-IDs of both stores in line: a new volatile store starts with those
 *           of the durable one, and what the event log can't tell any more is copied back.
 * OWNER     keeper
 * CONTRACT  The newer choice wins wherever it is, so copying is repeated without harm, in either
 *           direction and in any order.
 * LIMITS    limits.saved_dgids
 */
#include <string.h>

#include "shm/store/saved.h"
#include "workers/keeper/keeper.h"

struct list {
	unsigned count;
	struct {
		struct saved_key key;
		struct saved_record record;
	} saved[SLICE];
};

static bool gather(const struct saved_key *key, const struct saved_record *record, void *arg)
{
	struct list *list = arg;

	list->saved[list->count].key = *key;
	list->saved[list->count++].record = *record;
	return true;
}

static const uint8_t *place_of(const struct saved_key *key)
{
	static const uint8_t anywhere[16];

	return memcmp(key->ip, anywhere, sizeof(anywhere)) == 0 ? NULL : key->ip;
}

/* Keeps on the list what is news to STORE: most of it is there already. */
static enum store_error keep_news(struct store *store, struct list *list)
{
	struct store_txn txn;
	unsigned kept = 0;

	if (store_read(store, &txn) == STORE_OK) {
		for (unsigned i = 0; i < list->count; i++) {
			const struct saved_key *key = &list->saved[i].key;
			struct saved_record there;

			if (saved_get(&txn, key->name, place_of(key), &there) != STORE_OK ||
			    saved_newer(&list->saved[i].record, &there))
				list->saved[kept++] = list->saved[i];
		}
	}
	list->count = kept;
	return store_end(&txn);
}

static enum store_error put_listed(struct store *store, const struct list *list, bool wait)
{
	struct store_txn txn;
	enum store_error error;

	if (list->count == 0)
		return STORE_OK;
	error = wait ? start_write(store, &txn) : store_write(store, &txn);
	if (error != STORE_OK)
		return error;
	for (unsigned i = 0; i < list->count; i++) {
		const struct saved_key *key = &list->saved[i].key;

		saved_put(&txn, key->name, place_of(key), list->saved[i].record.dgid,
			  list->saved[i].record.when);
	}
	return store_end(&txn);
}

enum store_error saved_copy_slice(struct store *from, struct store *to, struct saved_key *cursor,
				  bool wait, bool *last_r)
{
	struct list list = {.count = 0};
	struct saved_key at = *cursor;
	enum store_error error;
	struct store_txn txn;
	unsigned seen = 0;

	if (store_read(from, &txn) == STORE_OK)
		seen = saved_walk(&txn, &at, SLICE, gather, &list);
	error = store_end(&txn);
	*last_r = seen < SLICE;
	if (error == STORE_OK)
		error = keep_news(to, &list);
	if (error == STORE_OK)
		error = put_listed(to, &list, wait);
	if (error == STORE_OK)
		*cursor = at;
	return error;
}

enum store_error saved_copy(struct store *from, struct store *to, bool wait)
{
	enum store_error error = STORE_OK;
	struct saved_key cursor;
	bool last = false;

	memset(&cursor, 0, sizeof(cursor));
	while (error == STORE_OK && !last)
		error = saved_copy_slice(from, to, &cursor, wait, &last);
	return error;
}
