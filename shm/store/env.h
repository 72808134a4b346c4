/* SPDX-License-Identifier: ISC
 *
 * NAME      env - the one door to LMDB
 * PURPOSE   Opens a store, runs transactions behind its gate, and turns every LMDB error into one of
 *           a few that a caller can act on.
 * OWNER     every process but the master and `log`; a store is opened once per process
 * CONTRACT  No event loop ever waits here: a write begins with a trylock of the gate (a robust
 *           mutex in memory that the master holds) or fails with STORE_BUSY. A transaction object
 *           remembers its first error; calls chain and are checked once, at the end. No read
 *           transaction outlives the turn it was begun in.
 * LIMITS    one write transaction per process at a time; about 1,000 dirty pages each
 */
#ifndef SHACKD_SHM_STORE_ENV_H
#define SHACKD_SHM_STORE_ENV_H

#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/gate.h"
#include "shm/page.h"

enum store_error {
	STORE_OK = 0,
	STORE_BUSY,	 /* another process holds the gate: try again next turn */
	STORE_NOT_FOUND, /* no such record */
	STORE_EXISTS,	 /* a record with that key is there already */
	STORE_LIMIT,	 /* a limit of ours is reached */
	STORE_NO_SPACE,	 /* shm_dir or state_dir is full: nothing was changed, try again later */
	STORE_MAP_FULL,	 /* the map is full: nothing was changed */
	STORE_BAD_RECORD, /* a record failed its check */
	STORE_LOST,	 /* the environment can't go on (panic, corruption): end the process */
	STORE_FAILED,	 /* anything else; says so in the log */
};

const char *store_error_text(enum store_error error);

/* Which of the stores (each its own directory, gate, events). */
enum store_kind {
	STORE_VOICE, /* volatile: everything */
	STORE_STATE, /* durable: blocks, saved DG-IDs, users, human spots */
	STORE_SPOTS, /* volatile: all of the DX cluster */
};

struct store_config {
	enum store_kind kind;
	const char *path;     /* directory; made when missing if `create`, its parent must exist */
	int gate_fd;	      /* memfd of the gate; stays the caller's */
	uint64_t map_size;    /* bytes; used at creation, else the file's own size counts */
	uint32_t max_clients; /* limits: bounds of the tables */
	uint32_t max_streams;
	uint32_t max_blocks;
	uint32_t max_events;
	uint32_t max_saved; /* 0 here and below: the default of the key */
	uint32_t max_ptts;
	uint32_t max_stations;
	uint32_t max_spots;
	uint32_t max_human;
	uint32_t max_users;
	uint32_t max_sessions;
	struct page *page; /* for counters and the state word; may be NULL in tests */
	const char *slot;  /* who we are: goes into events */
	uint64_t generation;
	bool create; /* keeper: make it, or set a foreign one aside; others: must exist */
};

/* Databases of a store. A kind has only some. */
enum store_db {
	DB_META,
	DB_CLIENTS,
	DB_CLIENT_IDS, /* id -> key of a client */
	DB_STREAMS,
	DB_BLOCKS,
	DB_EVENTS,
	/* since edition 3; made by keeper where they are missing */
	DB_SAVED,
	DB_SAVED_AGES, /* when -> key of a saved DG-ID */
	DB_AWAY,
	DB_PTTS,
	DB_PTT_AGES, /* last start -> key */
	DB_INFOS,
	DB_METAS,
	DB_DASHBOARDS,
	DB_STATIONS,
	DB_STATION_AGES, /* last heard -> key */
	/* of the DX cluster */
	DB_SPOTS,
	DB_TAILS,
	DB_INBOX,
	DB_SESSIONS,
	DB_USERS, /* in the spots store: what waits for keeper to make it durable */
	DB_USER_AGES, /* last login -> key */
	DB_FILTERS,
	DB_USERS_ASIDE, /* damaged records, as they were found */
	DB_HUMAN,
	STORE_DBS
};

struct store;

/* Opens. ERROR_R gets a sentence for the operator when it fails. A store of another schema or boot
 * is set aside (renamed to PATH.old, an earlier one removed) when `create`; SET_ASIDE_R tells. */
enum store_error store_open(struct store **store_r, const struct store_config *config,
			    bool *set_aside_r, char error_r[256]);
void store_close(struct store **store);

/* Bytes that a store of the limits in CONFIG needs (design: 2 x sum of limits x record sizes, floor
 * 64 MiB). */
uint64_t store_map_size(const struct store_config *config);

struct store_txn {
	struct store *store;
	MDB_txn *mdb;
	enum store_error error; /* the first one */
	unsigned edition;	/* of the store; 0: not looked at yet, see store_edition */
	bool writing;
	bool changed_clients; /* what the commit has to bump; set by the record modules */
	bool changed_streams;
	bool changed_access;
	uint64_t began;
};

/* Begins a read transaction (renewed, cheap). On an error txn->error is set and every call on it
 * is a no-op. */
enum store_error store_read(struct store *store, struct store_txn *txn_r);

/* Begins a write transaction, without waiting. STORE_BUSY: nothing to end. */
enum store_error store_write(struct store *store, struct store_txn *txn_r);

/* Ends a transaction: commits a write if no error was met, else aborts. Returns the first error.
 * Safe on a transaction whose begin failed. */
enum store_error store_end(struct store_txn *txn);

/* Ends without keeping anything. */
void store_abort(struct store_txn *txn);

/* Has anything been committed since the last call with the same SEEN? One mapped word, no lock. */
bool store_moved(struct store *store, uint64_t *seen);

/* What a cache asks first: grows whenever a commit touched what it names. */
struct store_generations {
	uint64_t clients; /* membership: clients linked, unlinked, moved; spots store: sessions */
	uint64_t streams; /* streams opened or closed */
	uint64_t access;  /* blocks; spots store: users and filters */
	uint64_t events;  /* number of the newest event */
	uint64_t events_most; /* bound of the log while the file can't grow; 0: limits.events */
};
enum store_error store_generations(struct store_txn *txn, struct store_generations *gen_r);

/* The edition (schema number) of this store, and the range that this build serves. A change takes
 * effect with the commit; what does not belong into the edition must be gone before. */
unsigned store_edition(struct store_txn *txn);
enum store_error store_set_edition(struct store_txn *txn, unsigned edition);
void store_editions(unsigned *oldest_r, unsigned *newest_r);
/* The edition of a store that this build may not be able to open. */
enum store_error store_peek(const struct store_config *config, unsigned *edition_r,
			    char error_r[256]);

/* Identity of this store: random at creation. */
uint64_t store_id(const struct store *store);
const struct store_config *store_config(const struct store *store);

/* Clears readers of dead processes (keeper). Returns how many, or -1. */
int store_check_readers(struct store *store);

/* Empties the tables that stores of EDITION do not have, but for the saved DG-IDs: those lie there
 * unseen, and are found again one day. */
void store_clear_newer(struct store_txn *txn, unsigned edition);

/* Entries of a database, without counting them. */
uint64_t store_entries(struct store_txn *txn, enum store_db db);

/* Pages in use and size of the data file in bytes (keeper's gauges). */
void store_size(struct store *store, uint64_t *pages_r, uint64_t *bytes_r);

/* Keeps room for small commits in the file system even when others fill it (keeper, every second).
 * False: there is no more room to keep. */
bool store_reserve(struct store *store, uint64_t bytes);

/* Bounds the event log to MOST events (0: limits.events), so that a file that can't grow is used
 * again instead (keeper). */
void store_bound_events(struct store_txn *txn, uint64_t most);

/* The stores at the directories PATH and FRESH change places at once; nobody has FRESH open. The former
 * one becomes PATH.old (KEEP), or is removed. Whoever has it open goes on reading it. */
enum store_error store_exchange(const char *path, const char *fresh, bool keep, char error_r[256]);

/* True when another store lies at the path by now (a damaged one was set aside): the process must
 * end, its successor opens the new one. */
bool store_replaced(struct store *store);

/* Did a process meet what can't be in this store? Looks at the file then, behind the gate. False: it is
 * damaged, WHY_R says how; the process must end, and keeper's successor sets the store aside. */
bool store_sound(struct store *store, char why_r[256]);

/* For a handler of faults: one at ADDRESS in the map of any open store makes that one doubted. Safe in
 * a signal handler. */
void store_fault_at(uintptr_t address);

/* Has anything failed with STORE_LOST since the store was opened? Nothing works in it any more, whoever
 * asked. NULL: no. */
bool store_is_lost(const struct store *store);

/* Gives the pages of the map that a whole scan touched back (our page table entries only). */
void store_forget_pages(struct store *store);

/* ---- for the record modules in this folder only ---- */
enum store_error store_get(struct store_txn *txn, enum store_db db, const void *key, size_t key_len,
			   MDB_val *value_r);
enum store_error store_put(struct store_txn *txn, enum store_db db, const void *key, size_t key_len,
			   const void *value, size_t value_len, unsigned mdb_flags);
enum store_error store_del(struct store_txn *txn, enum store_db db, const void *key, size_t key_len);
MDB_cursor *store_cursor(struct store_txn *txn, enum store_db db);
/* Remembers and returns: the first error of a transaction wins; NOT_FOUND, EXISTS, LIMIT and
 * BAD_RECORD are answers about one record, returned but not remembered. */
enum store_error store_fail(struct store_txn *txn, enum store_error error);
enum store_error store_translate(struct store *store, int mdb_error, const char *what);

/* Next id of a kind ("client", "stream"); never reused within the life of the store. */
uint32_t store_next_id(struct store_txn *txn, const char *what);

/* A small named number in DB_META; 0 when it was never set. */
uint64_t store_meta_get(struct store_txn *txn, const char *name);
void store_meta_put(struct store_txn *txn, const char *name, uint64_t value);

#endif
