/* SPDX-License-Identifier: ISC
 *
 * NAME      keeper - the process that keeps the stores in order
 * PURPOSE   What the files of this folder share: the state of the one keeper, and its parts.
 * OWNER     keeper
 * CONTRACT  Every part works in slices: at most SLICE records a transaction, nothing held over a
 *           wait, a busy gate means "next tick".
 * LIMITS    see each part
 */
#ifndef SHACKD_WORKERS_KEEPER_KEEPER_H
#define SHACKD_WORKERS_KEEPER_KEEPER_H

#include "shm/access.h"
#include "shm/homes.h"
#include "shm/store/events.h"
#include "shm/store/saved.h"
#include "shm/store/streams.h"
#include "workers/keeper/wall.h"
#include "workers/run.h"

#define SLICE 256

/* What a step of a job came to. */
enum step {
	STEP_DONE,  /* the job is through for this second */
	STEP_AGAIN, /* a slice is done, there are more */
	STEP_BUSY,  /* the gate is held: go on at the next tick */
	STEP_LOST,  /* the store can't go on; the worker is leaving */
};

/* Where the expiry of clients and blocks stands. */
struct expiry {
	struct client_key client; /* walked up to here */
	struct client_key clients[SLICE];
	char block[CALL_MAX];
	char blocks[SLICE][CALL_MAX];
	unsigned found; /* entries of the running job's list */
	bool last;	/* the list came from the last slice */
};

/* Where bringing the gateways in line with the configuration stands, see settle.c. */
struct settle {
	unsigned looks; /* left to do */
	bool start;	/* nothing is served yet */
	uint64_t next;	/* clock_mono: not before */
	unsigned phase;
	struct client_key key; /* walked up to here */
	unsigned changed;
	bool deferred; /* somebody who would have moved was talking */
};

/* Slot events that wait for the gate. */
#define SLOT_EVENTS 128

struct keeper {
	struct worker *worker;
	struct expiry expiry;
	struct settle settle;
	struct control *control;
	uint64_t applied; /* number of the newest voice event that the durable store has seen */
	uint64_t saved;	  /* the same as written down there */
	char durable_block[CALL_MAX];
	struct wall wall;    /* the machine's clock, see judge.c */
	uint64_t next_note;  /* clock_mono: when that is written down again */
	bool redate;	     /* the durable blocks are dated by a clock that is no longer believed */
	uint64_t next_round; /* clock_mono */
	unsigned job;	     /* running in this round */
	struct event_record slot_event[SLOT_EVENTS];
	unsigned slot_events;
	uint64_t slot_events_lost;
	unsigned edition_wanted; /* of the stores; 0: nothing is asked */
	unsigned edition_stage;
	uint64_t edition_cursor; /* events up to here belong into it */
	struct client_key edition_client;
	struct access *access; /* the newest lists; NULL: none came yet */
	struct homes *homes;
	struct client_key away; /* walked up to here */
	uint64_t next_forget; /* clock_mono */
	unsigned restored_phase; /* of a store from a backup, see restored.c; 0: none */
	uint64_t restored_from;	 /* number of the voice event that it begins with */
	uint64_t restored_until; /* clock_mono */
	char restored_block[CALL_MAX];
	struct saved_key restored_saved;
	const void *exchanger;	 /* the request that exchanges the durable store, NULL: none */
	const void *frozen;	 /* the request that must be answered before the durable store may be
				  * written; NULL: it may be */
	struct cluster *cluster; /* NULL: there is no DX cluster */
};

/* Tells of ERROR at WHAT once a second; leaves when the store is lost. What a job goes on with. */
enum step keeper_step(struct keeper *keeper, enum store_error error, const char *what);

/* The durable store took a transaction, or ERROR: `status` tells of a disk that takes nothing. */
void keeper_saved(struct keeper *keeper, enum store_error error);

/* ---- start.c: before READY ---- */
bool start_all(struct keeper *keeper);

/* Begins a write transaction, waiting for the gate; only while nothing is served yet. */
enum store_error start_write(struct store *store, struct store_txn *txn_r);

/* ---- judge.c: the time by which ages are judged ---- */
/* Nanoseconds since the epoch: clock_real, or while that is doubted what it should be. */
uint64_t judge_now(const struct keeper *keeper);
/* Nothing expires by its date meanwhile. */
bool judge_doubts(const struct keeper *keeper);
/* The date on which a block of this boot ends (UNTIL: clock_mono). UNTIL_REAL when that is so. */
uint64_t judge_end(const struct keeper *keeper, uint64_t until, uint64_t until_real);
enum store_error judge_start(struct keeper *keeper);
enum step judge_round(struct keeper *keeper, uint64_t now);
enum step judge_save(struct keeper *keeper);

/* ---- expire.c: the jobs of each second ---- */
enum step expire_clients(struct keeper *keeper, uint64_t now);
enum step expire_blocks(struct keeper *keeper, uint64_t now);
enum step expire_events(struct keeper *keeper, uint64_t now);
enum step expire_events_of(struct keeper *keeper, struct store *store);
enum step expire_streams(struct keeper *keeper, uint64_t now);
/* The same with another patience, in nanoseconds. */
enum step expire_streams_after(struct keeper *keeper, uint64_t now, uint64_t patience);

/* ---- settle.c: the gateways in line with the configuration ---- */
void settle_begin(struct keeper *keeper, bool start);
/* One slice, at most; STEP_DONE when there is nothing to do (now). */
enum step settle_step(struct keeper *keeper, uint64_t now);

/* ---- durable.c: the durable store follows the volatile one ---- */
/* At start: brings both stores' blocks in line. */
enum store_error durable_start(struct keeper *keeper);
enum step durable_follow(struct keeper *keeper, uint64_t now);
enum step durable_expire(struct keeper *keeper, uint64_t now);
/* The clock is believed again: blocks in the durable store get their dates by it. */
enum step durable_redate(struct keeper *keeper, uint64_t now);
/* Inside a transaction of the durable store: it knows what happened up to voice event NUMBER. */
void durable_note(struct keeper *keeper, struct store_txn *txn, uint64_t number);
/* The edition has changed: what both stores have from now on. */
enum store_error durable_stepped(struct keeper *keeper);

/* ---- saved.c ---- */
/* Copies the saved DG-IDs that are news to TO. WAIT for its gate only while nothing is served. */
enum store_error saved_copy(struct store *from, struct store *to, bool wait);
/* One slice of it, on from *CURSOR (all zero: from the start). */
enum store_error saved_copy_slice(struct store *from, struct store *to, struct saved_key *cursor,
				  bool wait, bool *last_r);

/* ---- home.c: who is away goes back ---- */
enum step home_round(struct keeper *keeper, uint64_t now);
enum step home_expire(struct keeper *keeper, uint64_t now);
/* Has the gateway a call open? */
bool home_is_talking(struct store_txn *txn, const struct client_record *record);

/* ---- edition.c: the stores change their edition ---- */
/* MSG_SCHEMA; the answer follows when it is done. */
void edition_ask(struct keeper *keeper, const struct msg_schema *wanted);
void edition_tick(struct keeper *keeper);

/* ---- lanes.c ---- */
/* What all ysf slots together saw of a stream. */
void lanes_totals(const struct worker *worker, const struct stream_record *stream,
		  struct stream_totals *totals_r);
/* Inside TXN, before clients_unlink: closes what CLIENT (id) has open, with its totals. */
void lanes_close_client(const struct worker *worker, struct store_txn *txn, uint32_t client,
			enum event_reason reason);

#endif
