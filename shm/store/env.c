/* SPDX-License-Identifier: ISC
 *
 * NAME      env - the one door to LMDB: opening and closing
 * PURPOSE   Opens a store that is ours, makes one when asked, sets a foreign one aside.
 * OWNER     every process but the master and `log`
 * CONTRACT  see env.h. Never MDB_WRITEMAP: with it a full tmpfs would be a SIGBUS, and a wild
 *           pointer in one worker could damage what all of them read.
 * LIMITS    STORE_READERS processes at a time
 */
#include "shm/store/env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/log.h"
#include "shm/store/dashboards.h"
#include "shm/store/human.h"
#include "shm/store/inbox.h"
#include "shm/store/inside.h"
#include "shm/store/saved.h"
#include "shm/store/schema.h"
#include "shm/store/users.h"

#define STORE_READERS 256
#define MAP_FLOOR     (64ULL << 20)
#define MAP_GRAIN     (1ULL << 20)

/* What a record takes beside itself: LMDB's node and its pointer, and a key */
#define RECORD_EXTRA 16

void store_say(char error_r[256], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error_r, 256, format, args);
	va_end(args);
}

const char *store_error_text(enum store_error error)
{
	static const char *const texts[] = {
		[STORE_OK] = "done",
		[STORE_BUSY] = "another process is writing",
		[STORE_NOT_FOUND] = "no such record",
		[STORE_EXISTS] = "there is such a record already",
		[STORE_LIMIT] = "a limit is reached",
		[STORE_NO_SPACE] = "no space left",
		[STORE_MAP_FULL] = "the map of the store is full",
		[STORE_BAD_RECORD] = "a record is damaged",
		[STORE_LOST] = "the store is lost",
		[STORE_FAILED] = "the store failed",
	};

	return (unsigned)error < sizeof(texts) / sizeof(texts[0]) ? texts[error] : "?";
}

const char *store_kind_name(enum store_kind kind)
{
	static const char *const names[] = {
		[STORE_VOICE] = "volatile store",
		[STORE_STATE] = "durable store",
		[STORE_SPOTS] = "spots store",
	};

	return names[kind];
}

bool store_is_volatile(enum store_kind kind)
{
	return kind != STORE_STATE;
}

bool store_db_is_added(enum store_db db)
{
	return db >= DB_SPOTS;
}

unsigned store_db_edition(enum store_db db)
{
	return db >= DB_SAVED && !store_db_is_added(db) ? 3 : 1;
}

static bool spots_has(enum store_db db)
{
	return db == DB_META || db == DB_EVENTS ||
	       (db >= DB_SPOTS && db <= DB_FILTERS && db != DB_USER_AGES);
}

static bool state_has(enum store_db db)
{
	return db == DB_META || db == DB_BLOCKS || db == DB_SAVED || db == DB_SAVED_AGES ||
	       (db >= DB_USERS && db <= DB_HUMAN);
}

bool store_has(enum store_kind kind, enum store_db db)
{
	if (store_db_edition(db) > SCHEMA_VERSION)
		return false;
	if (kind == STORE_SPOTS)
		return spots_has(db);
	return kind == STORE_STATE ? state_has(db) : !store_db_is_added(db);
}

void store_count(const struct store *store, enum page_counter which)
{
	if (store->config.page)
		page_count(store->config.page, which);
}

/* Bounds that the caller left open. */
static void complete_limits(struct store_config *config)
{
	if (!config->max_saved)
		config->max_saved = 20000;
	if (!config->max_ptts)
		config->max_ptts = 10000;
	if (!config->max_stations)
		config->max_stations = 10000;
	if (!config->max_spots)
		config->max_spots = 300000;
	if (!config->max_human)
		config->max_human = 100000;
	if (!config->max_users)
		config->max_users = 100000;
	if (!config->max_sessions)
		config->max_sessions = 1000;
}

/* COUNT records of SIZE bytes under keys of KEY bytes. */
static uint64_t use(uint64_t count, size_t key, size_t size)
{
	return count * (key + size + RECORD_EXTRA);
}

/* A table and its index of ages. */
static uint64_t use_aged(uint64_t count, size_t key, size_t size)
{
	return use(count, key, size) + use(count, sizeof(uint64_t) + key, 0);
}

/* A spot with a comment as most of them have. */
#define SPOT_USUAL (offsetof(struct spot, comment) + 40)
/* A filter is stored whole, whatever is in it. */
#define FILTER_USUAL 1500

static uint64_t spots_use(const struct store_config *config)
{
	const size_t key = CALL_TEXT_SIZE;
	uint64_t bytes = use(config->max_spots, sizeof(uint64_t), SPOT_USUAL);

	bytes += use(INBOX_MAX, 2 * sizeof(uint64_t), sizeof(struct spot));
	bytes += use(2ULL * config->max_sessions, key, sizeof(struct session_record));
	bytes += use(USERS_FRESH_MAX, key, sizeof(struct user_record));
	bytes += use(USERS_FRESH_MAX, key, FILTER_USUAL);
	return bytes + use(config->max_events, sizeof(uint64_t), sizeof(struct event_record));
}

/* What the file system must have room for at the start. Users and human spots are not counted: they
 * come over years, and a disk that is full then is not one that can't serve. */
static uint64_t state_use(const struct store_config *config)
{
	return use(config->max_blocks, CALL_MAX, sizeof(struct block_record)) +
	       use_aged(config->max_saved, sizeof(struct saved_key), sizeof(struct saved_record));
}

static uint64_t state_growth(const struct store_config *config)
{
	const size_t key = CALL_TEXT_SIZE;

	return use_aged(config->max_users, key, sizeof(struct user_record)) +
	       use(config->max_users, key, FILTER_USUAL) +
	       use(USERS_ASIDE_MAX, sizeof(uint64_t) + key, FILTER_BYTES_MAX) +
	       use(config->max_human, sizeof(uint64_t), sizeof(struct human_origin) + SPOT_USUAL);
}

uint64_t store_expected_use(const struct store_config *config)
{
	const size_t key = sizeof(struct client_key);
	const uint64_t clients = config->max_clients, streams = config->max_streams;
	uint64_t bytes;

	if (config->kind == STORE_SPOTS)
		return spots_use(config);
	bytes = state_use(config);
	if (config->kind == STORE_STATE)
		return bytes;
	bytes += use(clients, key, sizeof(struct client_record));
	bytes += use(clients, sizeof(uint32_t), key);
	bytes += use(clients, key, sizeof(struct away_record));
	bytes += use(clients, key, sizeof(struct info_record));
	bytes += use(streams, sizeof(uint32_t), sizeof(struct stream_record));
	bytes += use(streams, sizeof(uint32_t), sizeof(struct meta_record));
	bytes += use(config->max_events, sizeof(uint64_t), sizeof(struct event_record));
	bytes += use_aged(config->max_ptts, CALL_MAX, sizeof(struct ptt_record));
	bytes += use_aged(config->max_stations, CALL_MAX, sizeof(struct station_record));
	bytes += use(DASHBOARDS_MAX, key, sizeof(struct dashboard_record));
	return bytes;
}

uint64_t store_map_size(const struct store_config *config)
{
	struct store_config complete = *config;
	uint64_t bytes;

	complete_limits(&complete);
	bytes = 2 * store_expected_use(&complete);
	if (complete.kind == STORE_STATE)
		bytes += 2 * state_growth(&complete);
	if (bytes < MAP_FLOOR)
		return MAP_FLOOR;
	return (bytes + MAP_GRAIN - 1) / MAP_GRAIN * MAP_GRAIN;
}

static void env_close(struct store *store)
{
	if (store->reader)
		mdb_txn_abort(store->reader);
	store->reader = NULL;
	if (store->env)
		mdb_env_close(store->env);
	store->env = NULL;
	store->map = NULL;
}

/* LMDB believes the size in its header; where the file is shorter, reading would be a SIGBUS. The
 * missing end becomes zeros, which LMDB recognizes as damage (or never reads: free pages). */
static bool env_fill_short_file(struct store *store, char error_r[256])
{
	MDB_envinfo info;
	struct stat st;
	MDB_stat page;
	uint64_t end;
	int fd;

	if (mdb_env_get_fd(store->env, &fd) || mdb_env_info(store->env, &info) ||
	    mdb_env_stat(store->env, &page) || fstat(fd, &st) < 0) {
		store_say(error_r, "%.160s can't be examined", store->path);
		return false;
	}
	end = ((uint64_t)info.me_last_pgno + 1) * page.ms_psize;
	if ((uint64_t)st.st_size >= end || fallocate(fd, 0, (off_t)end - 1, 1) == 0)
		return true;
	store_say(error_r, "%.160s is too short: %s", store->path, strerror(errno));
	return false;
}

static int env_try_open(struct store *store)
{
	unsigned flags = MDB_NOTLS | MDB_NOMEMINIT;
	int rc;

	if (store_is_volatile(store->config.kind))
		flags |= MDB_NOSYNC;
	rc = mdb_env_create(&store->env);
	if (rc)
		return rc;
	rc = doubt_catch(store);
	if (!rc)
		rc = mdb_env_set_maxdbs(store->env, STORE_DBS);
	if (!rc)
		rc = mdb_env_set_maxreaders(store->env, STORE_READERS);
	/* a bigger map than the file's own is adopted, a smaller one never cuts what is there */
	if (!rc && store->config.map_size)
		rc = mdb_env_set_mapsize(store->env, store->config.map_size);
	return rc ? rc : mdb_env_open(store->env, store->path, flags, 0600);
}

/* Errors that say: what lies there is nothing for us. A store that we may not read is somebody
 * else's; it too makes room. */
static bool env_is_foreign(int rc)
{
	return rc == EACCES || rc == EPERM || identity_is_damage(rc) || rc == EISDIR ||
	       rc == ENOTDIR || rc == ELOOP || rc == EINVAL;
}

static enum store_verdict env_open_once(struct store *store, char error_r[256])
{
	enum store_verdict verdict;
	int rc;

	if (!store->config.create && !place_has_data(store->path)) {
		store_say(error_r, "there is no store at %.160s", store->path);
		return VERDICT_FAILED;
	}
	verdict = doubt_examine(store, error_r);
	if (verdict != VERDICT_OURS)
		return verdict;
	rc = env_try_open(store);
	if (rc) {
		store_say(error_r, "can't open the store %.160s: %s", store->path,
			  mdb_strerror(rc));
		return env_is_foreign(rc) ? VERDICT_FOREIGN : VERDICT_FAILED;
	}
	if (store->config.create && !env_fill_short_file(store, error_r))
		return VERDICT_FAILED;
	return identity_read(store, error_r);
}

static enum store_error env_open(struct store *store, bool *set_aside_r, char error_r[256])
{
	enum store_verdict verdict;
	char old[STORE_PATH_MAX], why[256];
	enum store_error error;

	verdict = env_open_once(store, error_r);
	if (verdict == VERDICT_FOREIGN && store->config.create) {
		env_close(store);
		memcpy(why, error_r, sizeof(why));
		error = place_set_aside(store, old, error_r);
		if (error) {
			log_error("%s must be set aside: %s", store_kind_name(store->config.kind),
				  why);
			return error;
		}
		log_warning("%s set aside as %s: %s", store_kind_name(store->config.kind), old,
			    why);
		error = place_prepare(store, set_aside_r, error_r);
		if (error)
			return error;
		*set_aside_r = true;
		verdict = env_open_once(store, error_r);
	}
	if (verdict == VERDICT_EMPTY && store->config.create)
		return identity_make(store, error_r);
	if (verdict == VERDICT_OURS && store->config.create)
		return identity_extend(store, error_r);
	return verdict == VERDICT_OURS ? STORE_OK : STORE_FAILED;
}

/* The one read transaction takes its slot in the readers' table here, for it may have to wait for
 * another process that does the same. */
static enum store_error env_begin_reader(struct store *store, char error_r[256])
{
	int rc;

	rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->reader);
	if (rc == MDB_READERS_FULL) {
		mdb_reader_check(store->env, NULL);
		rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->reader);
	}
	if (rc) {
		store->reader = NULL;
		store_say(error_r, "can't read %.160s: %s", store->path, mdb_strerror(rc));
		return rc == MDB_READERS_FULL ? STORE_BUSY : STORE_FAILED;
	}
	mdb_txn_reset(store->reader);
	return STORE_OK;
}

static enum store_error store_open_steps(struct store *store, bool *set_aside_r, char error_r[256])
{
	const struct store_config *config = &store->config;
	enum store_error error = STORE_OK;

	store->gate = gate_map(config->gate_fd);
	if (!store->gate) {
		store_say(error_r, "the gate of %.160s can't be mapped: %s", store->path,
			  strerror(errno));
		return STORE_FAILED;
	}
	if (config->create) {
		error = place_prepare(store, set_aside_r, error_r);
		if (!error)
			error = place_check_room(store, store_expected_use(config), error_r);
		/* a store that is there serves as it is: its keeper must come back, full or not */
		if (error == STORE_NO_SPACE && place_has_data(store->path)) {
			log_warning("%s: %s", store->path, error_r);
			error = STORE_OK;
		}
	}
	if (!error)
		error = env_open(store, set_aside_r, error_r);
	if (!error)
		error = env_begin_reader(store, error_r);
	if (error)
		return error;
	room_find_map(store);
	doubt_enter(store);
	return STORE_OK;
}

/* With texts of its own, not open yet; NULL with a sentence. */
static struct store *store_make(const struct store_config *config, char error_r[256])
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store || strlen(config->path) >= sizeof(store->path)) {
		store_say(error_r, "%s", store ? "the path of the store is too long" : "no memory");
		free(store);
		return NULL;
	}
	store->config = *config;
	complete_limits(&store->config);
	snprintf(store->path, sizeof(store->path), "%s", config->path);
	snprintf(store->slot, sizeof(store->slot), "%s", config->slot ? config->slot : "");
	store->config.path = store->path;
	store->config.slot = store->slot;
	return store;
}

enum store_error store_open(struct store **store_r, const struct store_config *config,
			    bool *set_aside_r, char error_r[256])
{
	bool set_aside = false;
	enum store_error error;
	struct store *store;

	*store_r = NULL;
	error_r[0] = '\0';
	store = store_make(config, error_r);
	if (!store)
		return STORE_FAILED;
	error = store_open_steps(store, &set_aside, error_r);
	if (set_aside_r)
		*set_aside_r = set_aside;
	if (error) {
		store_close(&store);
		return error;
	}
	error_r[0] = '\0';
	*store_r = store;
	return STORE_OK;
}

enum store_error store_peek(const struct store_config *config, unsigned *edition_r,
			    char error_r[256])
{
	struct store *store = store_make(config, error_r);
	bool good;
	int rc;

	if (!store)
		return STORE_FAILED;
	rc = env_try_open(store);
	if (rc)
		store_say(error_r, "can't open the store %.160s: %s", store->path,
			  mdb_strerror(rc));
	good = !rc && identity_peek(store, edition_r, error_r);
	store_close(&store);
	return good ? STORE_OK : STORE_FAILED;
}

void store_close(struct store **store)
{
	if (!*store)
		return;
	doubt_leave(*store);
	env_close(*store);
	gate_unmap(&(*store)->gate);
	free(*store);
	*store = NULL;
}

uint64_t store_id(const struct store *store)
{
	return store->id;
}

const struct store_config *store_config(const struct store *store)
{
	return &store->config;
}
