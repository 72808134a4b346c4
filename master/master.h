/* SPDX-License-Identifier: ISC
 *
 * NAME      master - everything that the one process which must not die knows
 * PURPOSE   The slots and what each holds, and the state of the program as a whole.
 * OWNER     master
 * CONTRACT  one thread, one loop; whatever is created here at cold start lives as long as the
 *           process. A worker can read none of it.
 * LIMITS    SLOTS_MAX slots
 */
#ifndef SHACKD_MASTER_MASTER_H
#define SHACKD_MASTER_MASTER_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "master/breaker.h"
#include "master/config.h"
#include "master/kinds.h"
#include "master/watch.h"
#include "shm/addr.h"
#include "shm/clock.h"
#include "shm/gate.h"
#include "shm/list.h"
#include "shm/msg.h"
#include "shm/page.h"

#define MASTER_YSF_MAX	   64
#define MASTER_VAULTED_MAX 16 /* slots of a vaulted kind */
#define MASTER_FEEDS_MAX   CONF_GROUP_MAX
#define MASTER_SLOTS_MAX   (5 + MASTER_YSF_MAX + 2 * MASTER_VAULTED_MAX + MASTER_FEEDS_MAX)
#define MASTER_GATES	   3 /* voice, state, spots */
#define MASTER_WHY_MAX	   1024
#define MASTER_EVENTS	   256 /* events that wait for keeper */
#define MASTER_ZOMBIES	   256

#define EXIT_USAGE   1 /* bad usage or configuration */
#define EXIT_START   2 /* could not start */
#define EXIT_GAVE_UP 3 /* could not go on */

enum phase {
	PHASE_LOG,     /* waiting for log */
	PHASE_KEEPER,  /* waiting for keeper */
	PHASE_AIDES,   /* waiting for data, whose lists say who may talk, then for spot */
	PHASE_WORKERS, /* waiting for all others */
	PHASE_SERVING,
	PHASE_STOPPING,
};

enum slot_state {
	SLOT_EMPTY,    /* nobody there, nobody wanted */
	SLOT_WAITING,  /* the next holder starts when the timer fires */
	SLOT_STARTING, /* forked, not READY */
	SLOT_READY,    /* READY, no GO yet */
	SLOT_SERVING,
	SLOT_STOPPING, /* asked to end */
};

/* What becomes of a feed, see master/reload/members.h. */
enum feed_change { FEED_STAYS, FEED_COMES, FEED_BEGINS, FEED_GOES, FEED_RENEWS };

struct slot;

enum heir_news { HEIR_READY, HEIR_DIED };

/* A process beside the holder that is to follow it: it gets READY, and GO when the holder is gone.
 */
struct heir {
	pid_t pid; /* 0: there is none */
	int pidfd, control;
	uint64_t generation;
	uint64_t forked, ready_ns; /* clock_mono; from there to READY */
	unsigned passed;	   /* messages of the start sequence that are sent */
	unsigned lists;		   /* bit n: a newer list of kind n is not sent yet */
	bool ready;
	bool killed; /* by somebody else's SIGKILL, which says nothing about it */
	ev_io pid_watch, control_watch;
	ev_timer timer;	  /* another try to pass descriptors */
	char failed[256]; /* its MSG_FAILED, or how it died */
	void (*tell)(struct slot *slot, enum heir_news news);
};

struct slot {
	struct master *master;
	char name[16];
	enum slot_kind kind;
	unsigned index; /* among its kind */

	/* held for ever */
	int page_fd, page_readonly, bell;
	int ring_fd; /* ysf: what its holder has in hand; -1: none */
	struct page *page;
	int udp[CONF_LISTEN_MAX]; /* by listener; -1: none */
	int table_fd, table_readonly; /* vaulted: sessions, -1: none */
	struct vault_room *room;  /* vaulted: the connections, see vault.c */
	int spotring_fd;	  /* feed: what it has for spot; -1: none */
	char member[20];	  /* feed: NAME of its section; "": an empty place */
	enum feed_change change;  /* in a reload that is under way */
	bool coming;  /* made by a reload that is not committed: beyond master->slots, no GO yet */
	bool retired; /* went with a reload. Page, bell and ring stay, for its counters and in case
		       * it comes back; while it is drained it still has a holder */

	struct staging { /* of a reload, see reload.c */
		int state;
		unsigned tries;
		uint64_t asked;	   /* clock_mono */
		uint64_t draining; /* bit n: listener n is read empty */
		bool leaving;	   /* retired now, not yet gone */
	} staging;

	/* the present holder */
	enum slot_state state;
	uint64_t generation;
	pid_t pid;
	int pidfd, control;
	ev_io pid_watch, control_watch;
	ev_timer timer;	 /* WAITING: the respawn; STARTING: another try to pass descriptors */
	unsigned passed; /* messages of the start sequence that are sent */
	unsigned lists;	 /* bit n: a newer list of kind n is not sent yet */
	bool want_go, want_stop;
	struct post *post, **post_end; /* messages that wait, see slot_post */
	unsigned posts;
	bool condemned;	    /* our watchdog sent it a signal */
	bool former;	    /* started by the image before this one */
	bool planned;	    /* it was asked to end so that a successor takes its place */
	enum msg_hang hang; /* because of this */
	struct watch watch;
	char failed[MASTER_WHY_MAX]; /* its MSG_FAILED */

	struct heir heir;

	/* over all holders */
	struct breaker breaker;
	uint64_t ready_ns;
	uint64_t restarts, deaths;
	unsigned tries; /* deaths while the daemon starts */
	char last_death[64];
	enum msg_hang last_hang;
	struct page_crash crash; /* the newest report; `done` is 0 when there is none */
	bool crash_waits;	 /* keeper has not been given it */

	/* while it waits: who reads its sockets (master/adopt.h) */
	bool parked;
	struct adoption {
		struct slot *by; /* NULL: nobody */
		uint64_t passed; /* bit i: the socket of listener i was sent */
		bool release;	 /* it has to stop */
		bool told;	 /* and knows that */
		uint64_t asked;	 /* clock_mono of `release` */
	} adoption;
};

/* A dead process that is not reaped yet, so that its pid can't be taken by another. */
struct zombie {
	pid_t pid;
	int pidfd;
	uint64_t serial; /* of the check that keeper was asked for */
	uint64_t died;	 /* clock_mono */
};

/* What keeper is to write into the event log. */
struct master_event {
	enum msg_type type; /* MSG_SLOT or MSG_NOTE */
	union {
		struct msg_slot slot;
		struct msg_note note;
	};
};

/* What changes the master as a whole: one thing at a time. */
enum master_busy { MASTER_IDLE, MASTER_RELOADING, MASTER_UPGRADING };

struct master {
	struct ev_loop *loop;
	struct config *config;
	const struct config_request *request; /* what it was loaded of, for a reload */
	char *program;	  /* where the executable was when the daemon was started */
	char **argv;	  /* how */
	uint32_t edition; /* of the stores; 0: keeper has not said */
	uint64_t images;  /* executions of this process that served: 1, 2, ... */
	struct upgrade *own_upgrade;
	bool foreground;
	int launcher; /* pipe to the waiting launcher, -1: none */
	int exit_code;
	char why[MASTER_WHY_MAX]; /* for a code that is not 0 */
	uint64_t started;	  /* clock_mono */

	int executable[KIND_PROGRAMS], null; /* descriptors */
	int conf_fd;
	uint64_t conf_generation;
	int log_read, log_write, log_err;
	int list_fd[LIST_KINDS]; /* the newest compiled list of each kind (master/lists.h); -1: none
				  */
	bool list_lent[LIST_KINDS]; /* it is the record's of an upgrade, not ours to close */
	int gate_fd[MASTER_GATES];  /* voice, state, spots; the last is -1 without a cluster */
	struct gate *gate[MASTER_GATES];
	struct watch_gate gate_seen[MASTER_GATES];

	bool privileged;
	uint32_t worker_uid, worker_gid; /* UINT32_MAX: stay */
	uint32_t control_gid; /* group with rights on the control socket; UINT32_MAX: none */

	int pidfile;
	int locked[2]; /* shm_dir and state_dir, -1: none */
	char *pidfile_path;
	char *socket_path;

	struct acceptors *acceptors; /* see accept.c */
	struct aides *aides;	     /* see aides.c */
	uint64_t next_session;

	/* A listener keeps its index as long as it is there, so there may be gaps; one that went is
	 * remembered and gets its old index back. */
	struct addr listener[CONF_LISTEN_MAX];	     /* really bound */
	struct addr listener_asked[CONF_LISTEN_MAX]; /* as configured: the port may be 0 */
	uint8_t listener_dgid[CONF_LISTEN_MAX];	     /* of auxiliary ports; 0: of ysf.listen */
	bool listener_used[CONF_LISTEN_MAX];
	bool listener_known[CONF_LISTEN_MAX]; /* is one, or was: its addresses mean something */
	unsigned listeners;		      /* highest index + 1 */
	bool buffer_told;		      /* a short receive buffer was logged */

	struct addr feed[CONF_LISTEN_MAX]; /* where link's sockets are bound */
	unsigned feeds;

	struct slot slot[MASTER_SLOTS_MAX];
	unsigned slots;
	struct slot *log, *keeper;
	struct slot *feed_place; /* the first, see master/feeds.h */
	unsigned feed_places;	 /* 0 without a cluster */
	/* The ysf slots are the last of the table, for their number changes: those of index
	 * ysf_count and above are retired. */
	struct slot *ysf; /* the first */
	unsigned ysf_count;
	struct reload *own_reload;

	enum phase phase;
	enum master_busy busy;
	ev_io signal_watch;
	int signal_fd;
	ev_timer watchdog, stop_timer, reap_timer;
	uint64_t watchdog_ns, tick_ns;
	bool draining;
	unsigned drain_quiet; /* looks without a call */
	ev_timer drain_timer;
	bool stop_log; /* everybody else is gone, log was told */
	bool announced;

	struct zombie zombie[MASTER_ZOMBIES]; /* [0] is the oldest */
	unsigned zombies;
	uint64_t check_serial;

	struct master_event event[MASTER_EVENTS]; /* ring */
	unsigned event_first, events;

	bool adopt_suspended; /* nobody reads for parked slots */

	/* refused at a bound, or odd */
	uint64_t events_dropped, messages_bad, control_refused, crashes_dropped;
	uint64_t sessions_refused, sessions_refused_per_ip, accept_failed;
	uint64_t lists_refused;
	uint64_t sessions_refused_rate, sessions_refused_login, sessions_refused_network;
	uint64_t sessions_delayed;
	uint64_t aides_refused, aides_failed;

	struct control *own_control;
};

/* Remembers why the master can't start or go on; the first reason wins. Returns false. */
bool master_why(struct master *master, int exit_code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* boot.c: a master that holds nothing yet. */
void boot_init(struct master *master_r);

/* boot.c: a slot became READY, or died while the daemon starts. */
void boot_slot_ready(struct slot *slot);
void boot_slot_died(struct slot *slot);

/* stop.c */
enum stop_mode { STOP_GRACEFUL, STOP_NOW };
void stop_begin(struct master *master, enum stop_mode mode);
void stop_advance(struct master *master);

/* drain.c: no more calls, and the end when the last one is over; a slot serves meanwhile. */
void drain_begin(struct master *master);
void drain_slot_serves(struct slot *slot);

/* signals.c: blocks them for good and reads them as events. */
bool signals_block(struct master *master);
void signals_start(struct master *master);

/* watchdog.c; again after a reload */
void watchdog_start(struct master *master);

#endif
