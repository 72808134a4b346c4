/* SPDX-License-Identifier: ISC
 *
 * NAME      run - the life of a worker
 * PURPOSE   Everything that workers of all kinds do alike: take descriptors by role, give up
 *           rights, open the stores, say READY, wait for GO, turn one libev loop, stop when told.
 * OWNER     every worker
 * CONTRACT  worker_main calls the kind's functions in the order of struct worker_kind. A worker
 *           ends when the control socket reads end of file (the master is gone).
 * LIMITS    WORKER_LISTENERS listeners, WORKER_PEERS slots of the same kind
 */
#ifndef SHACKD_WORKERS_RUN_H
#define SHACKD_WORKERS_RUN_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "shm/addr.h"
#include "shm/conf.h"
#include "shm/list.h"
#include "shm/msg.h"
#include "shm/page.h"
#include "shm/store/env.h"
#include "shm/table.h"

#define WORKER_LISTENERS 64
#define WORKER_PEERS	 64
#define WORKER_BELLS	 128
#define WORKER_SLOTS	 192
#define WORKER_FEEDS	 CONF_GROUP_MAX

struct worker_socket {
	int fd; /* -1: none */
	struct addr addr;
};

/* A descriptor that came after GO and is used from the commit on. */
struct worker_fd {
	struct msg_fd what;
	int fd;
};

struct worker {
	const struct worker_kind *kind;
	char slot[16];
	uint64_t generation;
	unsigned index; /* among its kind */
	unsigned count; /* slots of its kind */
	struct ev_loop *loop;
	int control;
	struct conf *conf;
	struct page *page; /* own */

	/* pages of the ysf slots, read-only, [i] is slot ysf.i; the own one too */
	const struct page *peer_page[WORKER_PEERS];
	unsigned peers;

	/* pages of all slots (keeper only) */
	struct {
		char slot[16];
		const struct page *page;
	} slot_page[WORKER_SLOTS];
	unsigned slot_pages;

	int ring_fd; /* memfd of the slot's in-flight ring, -1: none */
	int bell;		     /* own doorbell, -1: none */
	int peer_bell[WORKER_BELLS]; /* of the others that follow the voice store */
	unsigned peer_bells;

	struct worker_socket udp[WORKER_LISTENERS]; /* there may be gaps */
	unsigned listeners; /* highest index + 1 */

	/* doorbells of the others that follow the spots store */
	struct worker_bell {
		char slot[16];
		int fd;
	} spot_bell[WORKER_BELLS];
	unsigned spot_bells;

	/* spot: [i] is the ring of feed.i; a feed: its own, at its own index. -1: none. The newest
	 * one; the one before is closed */
	int spotring_fd[WORKER_FEEDS];
	char member[20]; /* a feed: NAME of its section [feed NAME] */

	/* session tables of the vaulted slots, read-only (keeper only) */
	struct {
		char slot[16];
		struct table table;
	} slot_table[WORKER_PEERS];
	unsigned slot_tables;

	int list_fd[LIST_KINDS]; /* the newest compiled list of each kind, -1: none came yet */

	struct table table; /* vaulted kinds: the slot's sessions */

	int gate_voice, gate_state, gate_spots; /* memfds, -1: none */
	int log_read, log_err;	    /* log only */
	struct store *voice;	    /* opened by worker_main when the kind wants it */
	struct store *state;
	struct store *spots;	    /* the same; keeper makes it when the DX cluster runs */
	unsigned state_trouble;	    /* enum page_state_trouble, as it was found at the start */
	uint64_t looked;	    /* clock_mono: are they still those at their paths? */

	ev_io control_watch, bell_watch;
	ev_timer timer;
	ev_prepare prepare;
	ev_check check;
	ev_signal term;
	bool stopping;
	void *own; /* the kind's state */

	struct conf *staged; /* could be obeyed; NULL: none */
	struct worker_fd *coming;
	unsigned comings;
	bool coming_lost; /* one could not be kept */

	int log_fd; /* writing end of the log queue, -1: none */
	bool going; /* GO has come */
	bool standby; /* the predecessor still serves: page and ring are not ours before GO */
	int status; /* what worker_main returns */
	int32_t master_pid;
};

struct worker_kind {
	const char *name;      /* "ysf" */
	bool wants_voice;      /* open the voice store */
	bool wants_spots;      /* open the spots store */
	bool reads_state;      /* open the durable store for reading */
	bool creates_stores;   /* keeper: make them, open the state store too */
	bool may_connect_unix; /* log: talks to the syslog socket */
	/* Builds the kind's state (worker->own). Descriptors, configuration and stores are there;
	 * rights are given up. Returns false after worker_failed(). Nothing may be read yet. */
	bool (*open)(struct worker *worker);
	/* GO: start the watchers. */
	void (*go)(struct worker *worker);
	/* The 50 ms timer behind the doorbell, and the doorbell itself. */
	void (*tick)(struct worker *worker);
	/* A message that run does not know, and MSG_FD after START but for pages, bells and lists. The
	 * kind owns msg->fd. May be NULL. */
	void (*message)(struct worker *worker, struct msg *msg);
	/* A newer list came after START: worker->list_fd[INDEX], which is ours to map (the number of
	 * the descriptor may be the same as before). May be NULL. */
	void (*list)(struct worker *worker, unsigned index);
	/* A ring came after START, of feed.INDEX: worker->spotring_fd[INDEX]. May be NULL. */
	void (*spotring)(struct worker *worker, unsigned index);
	/* Could CONF be obeyed? Changes nothing that is in force; what it prepares, commit or
	 * unstage finishes. False with a sentence in WHY_R ("KEY: what is wrong"). May be NULL. */
	bool (*stage)(struct worker *worker, const struct conf *conf, char why_r[252]);
	/* worker->conf is the new configuration; BEFORE goes when this returns. Can't fail. */
	void (*commit)(struct worker *worker, const struct conf *before);
	/* The staged configuration is forgotten. May be NULL. */
	void (*unstage)(struct worker *worker);
	/* TERM or MSG_STOP: finish the batch; call worker_finish() when done (may be at once). */
	void (*stop)(struct worker *worker);
	/* Frees the state. */
	void (*close)(struct worker *worker);
};

/* The whole life; returns the exit status. Takes ROLE_CONTROL_FD. */
int worker_main(const struct worker_kind *kind, const char *slot);

/* Why the worker can't serve: goes to the master, the log, and ends up in front of the operator. */
bool worker_failed(struct worker *worker, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Leaves the loop; worker_main then returns STATUS. */
void worker_finish(struct worker *worker, int status);

/* Rings the doorbells of all others that follow the voice store: something was committed. */
void worker_ring(struct worker *worker);

/* Rings those of KIND ("spot") that follow the spots store; all of them when it is NULL. */
void worker_ring_spots(struct worker *worker, const char *kind);

/* Asks the master for a one-shot process; SOCKET, one end of a stream pair, goes to it and is closed
 * here. False: the message could not be sent. */
bool worker_aide(struct worker *worker, unsigned task, int socket);

/* Another store lies where the durable one was: goes on with that. False after worker_failed(). */
bool worker_reopen_state(struct worker *worker);

/* The store is lost (STORE_LOST): log and leave, the successor opens it anew. */
void worker_store_lost(struct worker *worker, const char *what);

#endif
