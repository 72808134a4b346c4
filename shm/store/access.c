/* SPDX-License-Identifier: ISC
 *
 * NAME      access - single steps inside a transaction
 * PURPOSE   get, put, delete, cursors, small numbers; and the one place that knows LMDB's errors.
 * OWNER     the record modules of this folder
 * CONTRACT  see env.h; every call on a transaction that failed is a no-op
 * LIMITS    names of numbers have up to NAME_MAX_LEN characters
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "shm/log.h"
#include "shm/store/inside.h"
#include "shm/store/schema.h"

#define NAME_MAX_LEN 40

/* What is left of a file system when LMDB gets a short write and calls it an I/O error. */
#define SHORT_WRITE_ROOM (1U << 20)

static bool file_system_is_full(const struct store *store)
{
	struct statvfs fs;
	int fd;

	return mdb_env_get_fd(store->env, &fd) == 0 && fstatvfs(fd, &fs) == 0 && fs.f_blocks > 0 &&
	       (uint64_t)fs.f_bavail * fs.f_frsize < SHORT_WRITE_ROOM;
}

static enum store_error classify(struct store *store, int mdb_error)
{
	switch (mdb_error) {
	case MDB_NOTFOUND:
		return STORE_NOT_FOUND;
	case MDB_KEYEXIST:
		return STORE_EXISTS;
	case MDB_READERS_FULL:
		return STORE_BUSY;
	case MDB_MAP_FULL:
		return STORE_MAP_FULL;
	case ENOSPC:
	case EDQUOT:
		return STORE_NO_SPACE;
	case EIO:
		return file_system_is_full(store) ? STORE_NO_SPACE : STORE_FAILED;
	case MDB_PANIC:
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_MAP_RESIZED:
	case MDB_PAGE_FULL:
	case MDB_CURSOR_FULL:
	case MDB_BAD_DBI:
	case MDB_BAD_TXN: /* something in it went wrong before; a reader's slot is mended at its begin */
	case MDB_INCOMPATIBLE:
	case ENOTRECOVERABLE:
		return STORE_LOST;
	default:
		return STORE_FAILED;
	}
}

enum store_error store_translate(struct store *store, int mdb_error, const char *what)
{
	const char *why = mdb_strerror(mdb_error);
	enum store_error error;

	if (!mdb_error)
		return STORE_OK;
	error = classify(store, mdb_error);
	switch (error) {
	case STORE_NOT_FOUND:
	case STORE_EXISTS:
		break;
	case STORE_BUSY:
		log_limited(LOG_LEVEL_WARNING, "%s: %s: %s", store->path, what, why);
		break;
	case STORE_NO_SPACE:
		store_count(store, COUNT_STORE_NO_SPACE);
		log_limited(LOG_LEVEL_ERROR, "%s: %s: the file system is full (%s)", store->path,
			    what, why);
		break;
	case STORE_MAP_FULL:
		store_count(store, COUNT_STORE_MAP_FULL);
		log_limited(LOG_LEVEL_ERROR, "%s: %s: %s", store->path, what, why);
		break;
	case STORE_LOST:
		store->lost = true;
		store_count(store, COUNT_STORE_FAILED);
		doubt_raise(store, why);
		log_limited(LOG_LEVEL_ERROR, "%s: %s: the store is lost (%s)", store->path, what,
			    why);
		break;
	default:
		store_count(store, COUNT_STORE_FAILED);
		log_limited(LOG_LEVEL_ERROR, "%s: %s failed: %s", store->path, what, why);
		break;
	}
	return error;
}

enum store_error store_fail(struct store_txn *txn, enum store_error error)
{
	switch (error) {
	case STORE_OK:
	case STORE_NOT_FOUND:
	case STORE_EXISTS:
	case STORE_LIMIT:
	case STORE_BAD_RECORD:
		return error;
	default:
		if (error == STORE_LOST)
			txn->store->lost = true;
		if (!txn->error)
			txn->error = error;
		return error;
	}
}

enum store_error store_get(struct store_txn *txn, enum store_db db, const void *key, size_t key_len,
			   MDB_val *value_r)
{
	MDB_val name = {key_len, (void *)key};
	int rc;

	if (txn->error)
		return txn->error;
	rc = mdb_get(txn->mdb, txn->store->dbi[db], &name, value_r);
	return rc ? store_fail(txn, store_translate(txn->store, rc, "get")) : STORE_OK;
}

enum store_error store_put(struct store_txn *txn, enum store_db db, const void *key, size_t key_len,
			   const void *value, size_t value_len, unsigned mdb_flags)
{
	MDB_val name = {key_len, (void *)key};
	MDB_val data = {value_len, (void *)value};
	int rc;

	if (txn->error)
		return txn->error;
	if (!txn->writing) {
		log_limited(LOG_LEVEL_ERROR, "%s: a write inside a read", txn->store->path);
		return store_fail(txn, STORE_FAILED);
	}
	rc = mdb_put(txn->mdb, txn->store->dbi[db], &name, &data, mdb_flags);
	return rc ? store_fail(txn, store_translate(txn->store, rc, "put")) : STORE_OK;
}

enum store_error store_del(struct store_txn *txn, enum store_db db, const void *key, size_t key_len)
{
	MDB_val name = {key_len, (void *)key};
	int rc;

	if (txn->error)
		return txn->error;
	rc = mdb_del(txn->mdb, txn->store->dbi[db], &name, NULL);
	return rc ? store_fail(txn, store_translate(txn->store, rc, "delete")) : STORE_OK;
}

MDB_cursor *store_cursor(struct store_txn *txn, enum store_db db)
{
	MDB_cursor *cursor = NULL;
	int rc;

	if (txn->error)
		return NULL;
	rc = mdb_cursor_open(txn->mdb, txn->store->dbi[db], &cursor);
	if (!rc)
		return cursor;
	store_fail(txn, store_translate(txn->store, rc, "cursor"));
	return NULL;
}

bool store_step(struct store_txn *txn, MDB_cursor *cursor, MDB_val *key, MDB_val *value_r,
		MDB_cursor_op op)
{
	int rc;

	if (txn->error)
		return false;
	rc = mdb_cursor_get(cursor, key, value_r, op);
	if (rc)
		store_fail(txn, store_translate(txn->store, rc, "walk"));
	return rc == 0;
}

uint64_t store_entries(struct store_txn *txn, enum store_db db)
{
	MDB_stat stat;
	int rc;

	if (txn->error || !store_has(txn->store->config.kind, db) || !txn->store->dbi[db])
		return 0;
	rc = mdb_stat(txn->mdb, txn->store->dbi[db], &stat);
	if (!rc)
		return stat.ms_entries;
	store_fail(txn, store_translate(txn->store, rc, "stat"));
	return 0;
}

void store_bad_record(struct store_txn *txn, const char *what)
{
	store_count(txn->store, COUNT_STORE_BAD_RECORD);
	log_limited(LOG_LEVEL_ERROR, "%s: a record of the %s table is damaged and left out",
		    txn->store->path, what);
}

static size_t number_key(char key[NAME_MAX_LEN], const char *prefix, const char *name)
{
	int length = snprintf(key, NAME_MAX_LEN, "%s.%s", prefix, name);

	return length < NAME_MAX_LEN ? (size_t)length : NAME_MAX_LEN - 1;
}

static uint64_t number_get(struct store_txn *txn, const char *key, size_t length)
{
	uint64_t number = 0;
	MDB_val value;

	if (store_get(txn, DB_META, key, length, &value))
		return 0;
	if (value.mv_size == sizeof(number))
		memcpy(&number, value.mv_data, sizeof(number));
	else
		store_bad_record(txn, "meta");
	return number;
}

uint32_t store_next_id(struct store_txn *txn, const char *what)
{
	char key[NAME_MAX_LEN];
	size_t length = number_key(key, "id", what);
	uint64_t number = number_get(txn, key, length) + 1;

	/* the upper half marks keys of private streams */
	if (number >= STREAM_PRIVATE) {
		log_limited(LOG_LEVEL_ERROR, "%s: the numbers for a new %s are used up",
			    txn->store->path, what);
		store_fail(txn, STORE_FAILED);
		return 0;
	}
	if (store_put(txn, DB_META, key, length, &number, sizeof(number), 0))
		return 0;
	return (uint32_t)number;
}

uint64_t store_meta_get(struct store_txn *txn, const char *name)
{
	char key[NAME_MAX_LEN];
	size_t length = number_key(key, "n", name);

	return number_get(txn, key, length);
}

void store_meta_put(struct store_txn *txn, const char *name, uint64_t value)
{
	char key[NAME_MAX_LEN];
	size_t length = number_key(key, "n", name);

	store_put(txn, DB_META, key, length, &value, sizeof(value), 0);
}
