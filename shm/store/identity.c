/* SPDX-License-Identifier: ISC
 *
 * NAME      identity - whose store is it
 * PURPOSE   Every store says which schema it has, in which boot it was made (its times are of one
 *           boot), and carries a random number that tells it from its predecessors.
 * OWNER     every process that opens a store; keeper alone makes one
 * CONTRACT  a store is made in one transaction: it is either empty or complete
 * LIMITS    none known
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "shm/log.h"
#include "shm/store/inside.h"
#include "shm/store/schema.h"

#define BOOT_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_MAX  36

/* Only a store that nobody else knows yet is made, so another holder of its gate can only be one
 * that goes on with a store that was just set aside: microseconds. */
#define GATE_TRIES    200
#define GATE_PAUSE_MS 5

static const char *const db_names[STORE_DBS] = {
	[DB_META] = "meta",
	[DB_CLIENTS] = "clients",
	[DB_CLIENT_IDS] = "client_ids",
	[DB_STREAMS] = "streams",
	[DB_BLOCKS] = "blocks",
	[DB_EVENTS] = "events",
	[DB_SAVED] = "saved",
	[DB_SAVED_AGES] = "saved_ages",
	[DB_AWAY] = "away",
	[DB_PTTS] = "ptts",
	[DB_PTT_AGES] = "ptt_ages",
	[DB_INFOS] = "infos",
	[DB_METAS] = "metas",
	[DB_DASHBOARDS] = "dashboards",
	[DB_STATIONS] = "stations",
	[DB_STATION_AGES] = "station_ages",
	[DB_SPOTS] = "spots",
	[DB_TAILS] = "tails",
	[DB_INBOX] = "inbox",
	[DB_SESSIONS] = "sessions",
	[DB_USERS] = "users",
	[DB_USER_AGES] = "user_ages",
	[DB_FILTERS] = "filters",
	[DB_USERS_ASIDE] = "users_aside",
	[DB_HUMAN] = "human",
};

struct identity {
	uint64_t schema;
	uint64_t id;
	char boot[BOOT_MAX];
};

static bool boot_read(char boot_r[BOOT_MAX], char error_r[256])
{
	ssize_t length;
	int fd;

	memset(boot_r, 0, BOOT_MAX);
	fd = open(BOOT_FILE, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		store_say(error_r, "can't read %s: %s", BOOT_FILE, strerror(errno));
		return false;
	}
	length = read(fd, boot_r, BOOT_MAX);
	close(fd);
	if (length == BOOT_MAX)
		return true;
	store_say(error_r, "%s is too short", BOOT_FILE);
	return false;
}

static enum store_verdict identity_compare(struct store *store, const MDB_val *value,
					   char error_r[256])
{
	struct identity identity;
	char boot[BOOT_MAX];

	if (value->mv_size < sizeof(identity.schema)) {
		store_say(error_r, "%.160s says nothing about its schema", store->path);
		return VERDICT_FOREIGN;
	}
	memset(&identity, 0, sizeof(identity));
	memcpy(&identity, value->mv_data,
	       value->mv_size < sizeof(identity) ? value->mv_size : sizeof(identity));
	if (identity.schema < SCHEMA_OLDEST || identity.schema > SCHEMA_VERSION ||
	    value->mv_size != sizeof(identity)) {
		store_say(error_r, "%.160s has schema %llu, this build serves %d to %d",
			  store->path, (unsigned long long)identity.schema, SCHEMA_OLDEST,
			  SCHEMA_VERSION);
		return VERDICT_FOREIGN;
	}
	if (!boot_read(boot, error_r))
		return VERDICT_FAILED;
	if (store_is_volatile(store->config.kind) && memcmp(boot, identity.boot, BOOT_MAX) != 0) {
		store_say(error_r, "%.160s was made before the last boot", store->path);
		return VERDICT_FOREIGN;
	}
	store->id = identity.id;
	return VERDICT_OURS;
}

bool identity_is_damage(int rc)
{
	return rc >= MDB_KEYEXIST && rc <= MDB_LAST_ERRCODE && rc != MDB_READERS_FULL &&
	       rc != MDB_MAP_FULL && rc != MDB_MAP_RESIZED;
}

static enum store_verdict identity_mdb_failed(struct store *store, int rc, const char *what,
					      char error_r[256])
{
	store_say(error_r, "%.160s: %s: %s", store->path, what, mdb_strerror(rc));
	return identity_is_damage(rc) ? VERDICT_FOREIGN : VERDICT_FAILED;
}

/* The handles live on when the transaction that opened them is committed. A store of an earlier
 * build lacks some, and is served without them. */
static int identity_open_dbs(struct store *store, MDB_txn *txn, unsigned flags)
{
	unsigned db;
	int rc;

	for (db = 0; db < STORE_DBS; db++) {
		if (!store_has(store->config.kind, (enum store_db)db))
			continue;
		rc = mdb_dbi_open(txn, db_names[db], flags, &store->dbi[db]);
		if (rc == MDB_NOTFOUND &&
		    (store_db_edition((enum store_db)db) > SCHEMA_OLDEST ||
		     store_db_is_added((enum store_db)db))) {
			store->dbi[db] = 0;
			rc = 0;
		}
		if (rc)
			return rc;
	}
	return 0;
}

static bool identity_is_complete(const struct store *store)
{
	unsigned db;

	for (db = 0; db < STORE_DBS; db++)
		if (store_has(store->config.kind, (enum store_db)db) && !store->dbi[db])
			return false;
	return true;
}

/* A record of another size would be believed by nobody: such a store can't count. */
static bool identity_has_generations(struct store *store, MDB_txn *txn)
{
	MDB_val key = {11, (void *)"generations"}, value;

	return mdb_get(txn, store->dbi[DB_META], &key, &value) == 0 &&
	       value.mv_size == sizeof(struct store_generations);
}

static enum store_verdict identity_read_in(struct store *store, MDB_txn *txn, char error_r[256])
{
	MDB_val key = {8, (void *)"identity"}, value;
	enum store_verdict verdict;
	MDB_dbi main_dbi;
	MDB_stat stat;
	int rc;

	rc = mdb_dbi_open(txn, NULL, 0, &main_dbi);
	if (!rc)
		rc = mdb_stat(txn, main_dbi, &stat);
	if (rc)
		return identity_mdb_failed(store, rc, "can't be read", error_r);
	if (stat.ms_entries == 0) {
		store_say(error_r, "%.160s is empty", store->path);
		return VERDICT_EMPTY;
	}
	/* identity first: databases of another schema may be of another kind */
	rc = mdb_dbi_open(txn, db_names[DB_META], 0, &store->dbi[DB_META]);
	if (!rc)
		rc = mdb_get(txn, store->dbi[DB_META], &key, &value);
	if (rc)
		return identity_mdb_failed(store, rc, "is no store of ours", error_r);
	verdict = identity_compare(store, &value, error_r);
	if (verdict != VERDICT_OURS)
		return verdict;
	rc = identity_open_dbs(store, txn, 0);
	if (rc)
		return identity_mdb_failed(store, rc, "lacks a database", error_r);
	if (identity_has_generations(store, txn))
		return VERDICT_OURS;
	store_say(error_r, "%.160s lacks its generations", store->path);
	return VERDICT_FOREIGN;
}

enum store_verdict identity_read(struct store *store, char error_r[256])
{
	enum store_verdict verdict;
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
	if (rc == MDB_READERS_FULL) {
		mdb_reader_check(store->env, NULL);
		rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
	}
	if (rc)
		return identity_mdb_failed(store, rc, "can't be read", error_r);
	verdict = identity_read_in(store, txn, error_r);
	if (verdict != VERDICT_OURS) {
		mdb_txn_abort(txn);
		return verdict;
	}
	rc = mdb_txn_commit(txn);
	if (rc)
		return identity_mdb_failed(store, rc, "can't be read", error_r);
	return VERDICT_OURS;
}

bool identity_edition(const void *record, size_t size, unsigned *edition_r)
{
	struct identity identity;

	if (size != sizeof(identity))
		return false;
	memcpy(&identity, record, sizeof(identity));
	*edition_r = (unsigned)identity.schema;
	return true;
}

bool identity_peek(struct store *store, unsigned *edition_r, char error_r[256])
{
	MDB_val key = {8, (void *)"identity"}, value;
	struct identity identity;
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
	if (rc) {
		identity_mdb_failed(store, rc, "can't be read", error_r);
		return false;
	}
	rc = mdb_dbi_open(txn, db_names[DB_META], 0, &store->dbi[DB_META]);
	if (!rc)
		rc = mdb_get(txn, store->dbi[DB_META], &key, &value);
	if (!rc && value.mv_size < sizeof(identity))
		rc = MDB_INVALID;
	if (rc)
		identity_mdb_failed(store, rc, "is no store of ours", error_r);
	else
		memcpy(&identity, value.mv_data, sizeof(identity));
	mdb_txn_abort(txn);
	if (!rc)
		*edition_r = (unsigned)identity.schema;
	return !rc;
}

static int identity_write(struct store *store, MDB_txn *txn, struct identity *identity)
{
	struct store_generations generations = {0};
	MDB_val key, value;
	int rc;

	rc = identity_open_dbs(store, txn, MDB_CREATE);
	if (rc)
		return rc;
	key.mv_data = (void *)"identity";
	key.mv_size = 8;
	value.mv_data = identity;
	value.mv_size = sizeof(*identity);
	rc = mdb_put(txn, store->dbi[DB_META], &key, &value, 0);
	if (rc)
		return rc;
	key.mv_data = (void *)"generations";
	key.mv_size = 11;
	value.mv_data = &generations;
	value.mv_size = sizeof(generations);
	return mdb_put(txn, store->dbi[DB_META], &key, &value, 0);
}

static bool identity_take_gate(struct store *store)
{
	enum gate_result result = gate_try(store->gate);
	unsigned tries;

	for (tries = 0; result == GATE_BUSY && tries < GATE_TRIES; tries++) {
		poll(NULL, 0, GATE_PAUSE_MS);
		result = gate_try(store->gate);
	}
	return result == GATE_TAKEN || result == GATE_RECOVERED;
}

static int identity_commit(struct store *store, struct identity *identity)
{
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(store->env, NULL, 0, &txn);
	if (rc)
		return rc;
	rc = identity_write(store, txn, identity);
	if (!rc)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

enum store_error identity_make(struct store *store, char error_r[256])
{
	struct identity identity = {.schema = SCHEMA_VERSION};
	int rc;

	if (!boot_read(identity.boot, error_r))
		return STORE_FAILED;
	if (getrandom(&identity.id, sizeof(identity.id), 0) != (ssize_t)sizeof(identity.id)) {
		store_say(error_r, "no random numbers: %s", strerror(errno));
		return STORE_FAILED;
	}
	if (!identity_take_gate(store)) {
		store_say(error_r, "the gate of %.160s is held by process %d", store->path,
			  (int)store->gate->holder);
		return STORE_BUSY;
	}
	rc = identity_commit(store, &identity);
	gate_leave(store->gate);
	store->id = identity.id;
	if (!rc)
		return STORE_OK;
	store_say(error_r, "can't make the store %.160s: %s", store->path, mdb_strerror(rc));
	return rc == ENOSPC ? STORE_NO_SPACE : STORE_FAILED;
}

static int identity_add_dbs(struct store *store)
{
	MDB_dbi before[STORE_DBS];
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(store->env, NULL, 0, &txn);
	if (rc)
		return rc;
	memcpy(before, store->dbi, sizeof(before));
	rc = identity_open_dbs(store, txn, MDB_CREATE);
	if (!rc)
		rc = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	if (rc)
		memcpy(store->dbi, before, sizeof(before));
	return rc;
}

enum store_error identity_extend(struct store *store, char error_r[256])
{
	int rc;

	if (identity_is_complete(store))
		return STORE_OK;
	if (!identity_take_gate(store)) {
		store_say(error_r, "the gate of %.160s is held by process %d", store->path,
			  (int)store->gate->holder);
		return STORE_BUSY;
	}
	rc = identity_add_dbs(store);
	gate_leave(store->gate);
	if (!rc)
		return STORE_OK;
	store_say(error_r, "%.160s lacks tables that can't be made: %s", store->path,
		  mdb_strerror(rc));
	/* it serves as it is: its keeper must come back, full or not */
	if (rc != ENOSPC && rc != EIO)
		return STORE_FAILED;
	log_warning("%s: %s", store_kind_name(store->config.kind), error_r);
	return STORE_OK;
}

/* ---- editions ---- */

void store_editions(unsigned *oldest_r, unsigned *newest_r)
{
	*oldest_r = SCHEMA_OLDEST;
	*newest_r = SCHEMA_VERSION;
}

/* False when there is none, which the transaction remembers. */
static bool identity_get(struct store_txn *txn, struct identity *identity_r)
{
	MDB_val value;
	enum store_error error = store_get(txn, DB_META, "identity", 8, &value);

	if (error != STORE_OK || value.mv_size != sizeof(*identity_r)) {
		store_fail(txn, STORE_FAILED);
		return false;
	}
	memcpy(identity_r, value.mv_data, sizeof(*identity_r));
	return true;
}

unsigned store_edition(struct store_txn *txn)
{
	struct identity identity;

	if (!txn->edition && identity_get(txn, &identity))
		txn->edition = (unsigned)identity.schema;
	return txn->edition;
}

enum store_error store_set_edition(struct store_txn *txn, unsigned edition)
{
	struct identity identity;

	if (edition < SCHEMA_OLDEST || edition > SCHEMA_VERSION)
		return store_fail(txn, STORE_FAILED);
	if (!identity_get(txn, &identity))
		return txn->error;
	identity.schema = edition;
	txn->edition = edition;
	return store_put(txn, DB_META, "identity", 8, &identity, sizeof(identity), 0);
}

enum store_error store_serves(struct store_txn *txn, enum store_db db)
{
	if (txn->error)
		return txn->error;
	if (!store_has(txn->store->config.kind, db) || !txn->store->dbi[db])
		return STORE_NOT_FOUND;
	if (store_edition(txn) < store_db_edition(db))
		return txn->error ? txn->error : STORE_NOT_FOUND;
	return STORE_OK;
}

void store_clear(struct store_txn *txn, enum store_db db)
{
	int rc;

	if (txn->error)
		return;
	rc = mdb_drop(txn->mdb, txn->store->dbi[db], 0);
	if (rc)
		store_fail(txn, store_translate(txn->store, rc, "clear"));
}

void store_clear_newer(struct store_txn *txn, unsigned edition)
{
	unsigned db;

	for (db = 0; db < STORE_DBS && !txn->error; db++) {
		if (store_db_edition((enum store_db)db) <= edition || db == DB_SAVED ||
		    db == DB_SAVED_AGES || !txn->store->dbi[db])
			continue;
		store_clear(txn, (enum store_db)db);
	}
}
