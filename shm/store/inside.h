/* SPDX-License-Identifier: ISC
 *
 * NAME      inside - what the files of the store share among themselves
 * PURPOSE   The store object, and the steps of opening that live in files of their own.
 * OWNER     included by shm/store/ *.c only
 * CONTRACT  nobody else looks inside
 * LIMITS    none known
 */
#ifndef SHACKD_SHM_STORE_INSIDE_H
#define SHACKD_SHM_STORE_INSIDE_H

#include <lmdb.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/call.h"
#include "shm/gate.h"
#include "shm/store/env.h"
#include "shm/store/schema.h"

/* Numbers of the oldest and the newest entry of a numbered log; 0 both: it is empty. */
struct numlog_ends {
	bool loaded;
	uint64_t oldest, newest;
};

#define STORE_PATH_MAX 4096

struct store {
	struct store_config config; /* path and slot point into this object */
	char path[3072];
	char slot[16];
	MDB_env *env;
	MDB_dbi dbi[STORE_DBS]; /* 0: there is no such database (yet) */
	struct gate *gate;
	uint64_t id;

	bool lost;	 /* STORE_LOST was the answer at least once: see store_is_lost */
	MDB_txn *reader; /* the one read transaction, reset between uses */
	bool reading;

	/* of the write transaction in progress */
	uint32_t former_state;
	struct store_generations generations;
	bool generations_loaded;
	bool generations_changed;
	struct numlog_ends spots; /* with the bound that is in force */
	uint64_t spots_most;

	void *map; /* what LMDB mapped; NULL: not found */
	size_t map_length;
	uint64_t reserved_end; /* bytes of the file that surely have room */
};

/* Writes the sentence for the operator. */
void store_say(char error_r[256], const char *format, ...) __attribute__((format(printf, 2, 3)));

void store_count(const struct store *store, enum page_counter which);

bool store_has(enum store_kind kind, enum store_db db);

/* Is a store of that kind gone with the next boot? */
bool store_is_volatile(enum store_kind kind);

/* One of those that came without a new edition: earlier builds don't look at it. */
bool store_db_is_added(enum store_db db);

/* The oldest edition that has DB. */
unsigned store_db_edition(enum store_db db);

/* "the volatile store" ... for sentences and logs */
const char *store_kind_name(enum store_kind kind);

/* ---- place.c: the directory ---- */

/* Makes the directory when it is missing; sets aside what isn't one. */
enum store_error place_prepare(const struct store *store, bool *set_aside_r, char error_r[256]);

/* Renames the directory of STORE to PATH.old. What lies there goes if the store is volatile; of durable
 * ones up to ten are kept (PATH.old, PATH.old1 ...), then the last name's goes. OLD_R gets the name. */
enum store_error place_set_aside(const struct store *store, char old_r[STORE_PATH_MAX],
				 char error_r[256]);

/* Is there a data file? */
bool place_has_data(const char *path);

/* Can the file system hold NEED bytes, counting what the store has already? */
enum store_error place_check_room(const struct store *store, uint64_t need, char error_r[256]);

/* ---- identity.c: is it ours? ---- */

enum store_verdict {
	VERDICT_OURS,
	VERDICT_EMPTY,	 /* nothing in it yet */
	VERDICT_FOREIGN, /* of another schema or boot, or damaged; the sentence says which */
	VERDICT_FAILED,	 /* can't tell; the sentence says why */
};

/* Is it an error of LMDB that says that the files are none of ours? */
bool identity_is_damage(int rc);

/* Reads who made the store; opens the databases when it was us. */
enum store_verdict identity_read(struct store *store, char error_r[256]);

/* Which edition it says it has, whatever we can serve. False with a sentence. */
bool identity_peek(struct store *store, unsigned *edition_r, char error_r[256]);

#define IDENTITY_KEY "identity" /* of the record, in the table "meta" */

/* The edition that an identity names. False: it is none. */
bool identity_edition(const void *record, size_t size, unsigned *edition_r);

/* Makes databases and identity of an empty store, in one transaction. */
enum store_error identity_make(struct store *store, char error_r[256]);

/* Makes the databases that a store of an earlier build lacks. */
enum store_error identity_extend(struct store *store, char error_r[256]);

/* ---- doubt.c: files that can't be believed ---- */

/* LMDB met what can't be: every process that opens the store hears of it. */
void doubt_raise(struct store *store, const char *what);

/* Has LMDB tell us instead of aborting. */
int doubt_catch(struct store *store);

/* The store is open, and no more: faults in its map are its own. */
void doubt_enter(struct store *store);
void doubt_leave(const struct store *store);

/* Looks at the file before LMDB does, where there is reason to. VERDICT_OURS: it may be opened. */
enum store_verdict doubt_examine(struct store *store, char error_r[256]);

/* ---- room.c ---- */

/* Finds the address range of LMDB's map. */
void room_find_map(struct store *store);

/* ---- txn.c ---- */

/* Number of the event that is written next, 0 after an error. */
uint64_t store_next_event(struct store_txn *txn);

/* ---- access.c ---- */

/* One step of a cursor; false at the end and after an error, which the transaction remembers. */
bool store_step(struct store_txn *txn, MDB_cursor *cursor, MDB_val *key, MDB_val *value_r,
		MDB_cursor_op op);

/* Counts and logs a record of the WHAT table that failed its check. */
void store_bad_record(struct store_txn *txn, const char *what);

/* Is DB there, and does the store's edition have it? STORE_NOT_FOUND (not remembered) if not. */
enum store_error store_serves(struct store_txn *txn, enum store_db db);

/* Empties a table. */
void store_clear(struct store_txn *txn, enum store_db db);

/* ---- keys.c: names as keys ---- */

struct call_key {
	char call[CALL_MAX];
};

/* False when it is no call: empty, too long, or with signs that no record may have. */
bool call_key_make(struct call_key *key_r, const char *call);
bool call_key_ok(const void *key); /* the bytes of a struct call_key */

/* Streams and clients by number: big-endian, so that they lie in order. */
struct id_key {
	uint8_t bytes[4];
};

struct id_key id_key_make(uint32_t id);

/* Calls of the DX cluster. */
struct user_key {
	char call[CALL_TEXT_SIZE];
};

bool user_key_make(struct user_key *key_r, const char *call);
bool user_key_ok(const void *key);

/* ---- numlog.c: logs whose keys are numbers ---- */

struct number_key {
	uint8_t bytes[8]; /* big-endian */
};

struct number_key number_key_make(uint64_t number);

struct numlog {
	enum store_db db;
	const char *what; /* for the log */
};

enum store_error numlog_ends(struct store_txn *txn, const struct numlog *log,
			     struct numlog_ends *ends_r);

/* Adds the next one; *ENDS follows. */
enum store_error numlog_append(struct store_txn *txn, const struct numlog *log,
			       struct numlog_ends *ends, const void *data, size_t size);

/* Makes room when there are BOUND entries: the oldest few go. */
void numlog_trim(struct store_txn *txn, const struct numlog *log, struct numlog_ends *ends,
		     uint64_t bound);

/* Visits up to MOST entries from FROM on, upwards or (BACK) downwards; false stops. Returns how many
 * were seen. */
typedef bool numlog_visitor(uint64_t number, const MDB_val *value, void *arg);
unsigned numlog_each(struct store_txn *txn, const struct numlog *log, uint64_t from, unsigned most,
		     bool back, numlog_visitor *visit, void *arg);

/* ---- walk.c ---- */

struct walk {
	enum store_db db;
	const char *what; /* for the log */
	size_t key_size;  /* at most WALK_KEY_MAX */
	bool (*key_ok)(const void *key); /* NULL: all are */
};

#define WALK_KEY_MAX 32

/* Visits the records after KEY (all zero: from the start), up to MOST; false stops. KEY is left at
 * the last record seen; returns how many were seen. In a write the visitor may change the table. */
typedef bool walk_visitor(const void *key, const MDB_val *value, void *arg);
unsigned store_walk(struct store_txn *txn, const struct walk *walk, void *key, unsigned most,
		    walk_visitor *visit, void *arg);

/* ---- aged.c: tables with a bound whose oldest record makes room ---- */

struct aged {
	enum store_db db;
	enum store_db ages; /* age and key -> nothing */
	const char *what;   /* for the log */
	size_t key_size;    /* at most WALK_KEY_MAX */
	enum page_counter made_room;
	/* False: the record is damaged. */
	bool (*age)(const void *record, size_t size, uint64_t *age_r);
	/* The record under KEY had to go: what belongs to it goes too. May be NULL. */
	void (*gone)(struct store_txn *txn, const void *key);
};

/* Adds or replaces; when it adds and there are BOUND, the oldest goes. STORE_LIMIT when that would
 * be the new one itself. */
enum store_error aged_put(struct store_txn *txn, const struct aged *table, const void *key,
			  const void *record, size_t size, uint64_t bound);
enum store_error aged_remove(struct store_txn *txn, const struct aged *table, const void *key);

/* Removes up to MOST records of an age before BEFORE. Returns how many. */
unsigned aged_expire(struct store_txn *txn, const struct aged *table, uint64_t before,
		     unsigned most);

/* ---- env.c ---- */

/* The bytes that records within the limits take, without room for copies. */
uint64_t store_expected_use(const struct store_config *config);

#endif
