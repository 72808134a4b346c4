/* SPDX-License-Identifier: ISC
 *
 * NAME      msg - typed, size-checked messages with descriptor passing
 * PURPOSE   The only way in which master, workers and shackctl talk over AF_UNIX sockets.
 * OWNER     every process
 * CONTRACT  sockets are SOCK_SEQPACKET, so a message arrives whole or not at all; a message with
 *           a wrong magic, type, size or descriptor count is refused as EBADMSG and its
 *           descriptors are closed. Bodies are plain structs of this header.
 * LIMITS    one descriptor a message; MSG_BODY_MAX bytes of body
 */
#ifndef SHACKD_SHM_MSG_H
#define SHACKD_SHM_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "shm/addr.h"

#define MSG_MAGIC    0x53484b31U
#define MSG_BODY_MAX 16384

enum msg_type {
	/* master -> worker */
	MSG_FD = 1,	/* struct msg_fd + descriptor */
	MSG_START = 2,	/* struct msg_start: all descriptors are there, begin */
	MSG_GO = 3,	/* empty: the predecessor is gone, serve */
	MSG_STOP = 4,	/* empty: finish the batch, exit 0 */
	MSG_CHECK = 5,	/* struct msg_check: a process died (keeper) */
	MSG_REQUEST = 6, /* words of a control request, each NUL-terminated, + its connection */
	MSG_SLOT = 7,	/* struct msg_slot: a slot came up or went down (keeper) */
	MSG_STAGE = 8,	/* struct msg_stage + snapshot: could you obey this configuration? */
	MSG_COMMIT = 9, /* struct msg_stage: the staged configuration is in force */
	MSG_UNSTAGE = 10, /* struct msg_stage: forget it, with the descriptors that came for it */
	MSG_DRAIN = 11,	  /* struct msg_drain: read these sockets until they stay empty, then say so */
	MSG_RELEASE = 12, /* struct msg_release: stop reading the sockets of a neighbour's slot */
	MSG_SCHEMA = 13,  /* struct msg_schema: bring the stores to this edition (keeper) */
	MSG_NOTE = 14,	  /* struct msg_note: an event of the master's own (keeper) */
	MSG_CRASH = 15,	  /* struct msg_crash + text: a report to keep (keeper) */
	MSG_REOPEN = 24,   /* empty: open the log file anew (log) */
	MSG_NO_CALLS = 25, /* empty: open no more calls, carry on those that are open (ysf) */
	/* worker -> master */
	MSG_READY = 16,	  /* empty */
	MSG_FAILED = 17,  /* text: why the worker can't serve */
	MSG_CHECKED = 18, /* struct msg_check: the readers' table is clean */
	MSG_STAGED = 19,  /* struct msg_staged: answer to MSG_STAGE, and to MSG_COMMIT */
	MSG_DRAINED = 20, /* struct msg_drain: nothing is left in them */
	MSG_RELEASED = 21, /* struct msg_release: not read any more, what was read is handled */
	MSG_SCHEMED = 22,  /* struct msg_schema: done, or `error` says why not (keeper) */
	MSG_CLOSED = 23,   /* struct msg_closed: a TCP connection is over, give it up */
	MSG_LIST = 26,	   /* struct msg_list + sealed memfd: a compiled list, for all who use it (data) */
	MSG_DIALED = 27,   /* struct msg_dialed + socket: a connection that a feed made; keep it for me */
	MSG_KNOWN = 28,	   /* struct msg_closed: this session has logged in (dxc) */
	MSG_AIDE = 29,	   /* struct msg_aide + socket: start a one-shot helper on it (dxc, keeper) */
	/* shackctl <-> master, keeper; the request goes up as MSG_REQUEST without a descriptor */
	MSG_DATA = 32, /* a piece of the answer's text */
	MSG_DONE = 33, /* struct msg_done: the end of the answer */
};

/* What a passed descriptor is for. INDEX counts within the role. */
enum msg_fd_role {
	FD_CONF = 1,	     /* configuration snapshot, read-only */
	FD_PAGE = 2,	     /* the slot's own page, read-write */
	FD_PEER_PAGE = 3,    /* page of ysf slot INDEX, read-only */
	FD_GATE_VOICE = 4,   /* gate of the voice store */
	FD_GATE_STATE = 5,   /* gate of the state store */
	FD_LOG = 6,	     /* writing end of the log queue */
	FD_LOG_READ = 7,     /* reading end (log) */
	FD_BELL = 8,	     /* the slot's own doorbell */
	FD_PEER_BELL = 9,    /* doorbell of another slot that follows the voice store */
	FD_UDP = 10,	     /* socket of listener INDEX, bound to `addr`; indices may have gaps */
	FD_LOG_ERR = 11,     /* where `server.log = stderr` goes (log) */
	FD_PAGE_OF_SLOT = 12, /* page of any slot, read-only (keeper, for metrics); INDEX = slot number */
	FD_RING = 13,	      /* the slot's in-flight ring, read-write */
	FD_TABLE = 14,	      /* the slot's table of TCP sessions, read-write */
	FD_TCP = 15,	      /* a connection from the vault; INDEX = its place in the table */
	FD_LIST = 16,	      /* compiled list, read-only and sealed; INDEX = enum list_kind. The one
			       * that came before is void */
	FD_GATE_SPOTS = 17,   /* gate of the spots store */
	FD_SPOT_BELL = 18,    /* doorbell of another slot that follows the spots store; `slot`: whose */
	FD_SPOTRING = 19,     /* ring of feed slot INDEX, read-write: its feed, and spot; `slot`: whose.
			       * May come after START: a new feed, or a new ring of an old one */
	FD_TABLE_OF_SLOT = 20, /* session table of a vaulted slot, read-only (keeper); `slot`: whose */
};

struct msg_fd {
	uint16_t role;
	uint16_t index;
	struct addr addr; /* FD_UDP: what the socket is bound to */
	char slot[16];	  /* FD_PAGE_OF_SLOT, FD_PEER_BELL ...: whose. FD_UDP: empty, or the parked
			   * neighbour whose socket is to be read too */
};

struct msg_start {
	char slot[16];
	uint64_t generation;
	uint16_t index;	    /* among its kind */
	uint16_t count;	    /* slots of its kind */
	uint16_t listeners; /* ysf: number of listeners (the highest index + 1; there may be gaps) */
	uint16_t standby;   /* 1: the predecessor still serves; touch neither page nor ring before GO */
	uint32_t uid; /* to become; (uint32_t)-1: stay */
	uint32_t gid;
	int32_t master_pid;
	char member[20]; /* feed: the name of its section, [feed NAME]; else empty */
};

struct msg_check {
	uint64_t serial;
};

struct msg_slot {
	char slot[16];
	uint64_t generation;
	int32_t pid;
	uint8_t up;	/* 1 up, 0 down */
	uint8_t signal; /* down: terminating signal, or 0 */
	uint8_t status; /* down: exit status */
	uint8_t hang;	/* down: enum msg_hang, why our watchdog ended it */
};

/* How a worker hung, as far as it can be told from outside. */
enum msg_hang {
	MSG_HANG_NONE = 0,
	MSG_HANG_STOPPED = 1,  /* it was stopped (SIGSTOP, a debugger) */
	MSG_HANG_SPINNING = 2, /* it used the processor and went nowhere */
	MSG_HANG_GATE = 3,     /* it held the gate of a store */
	MSG_HANG_BLOCKED = 4,  /* it waited for something that did not come */
};

struct msg_stage {
	uint64_t conf_generation;
};

struct msg_staged {
	uint64_t conf_generation;
	uint32_t ok;   /* 1: could be obeyed; 2: is obeyed; 0: can't be */
	char why[252]; /* when it can't */
};

#define MSG_ALL_LISTENERS 0xffff

struct msg_drain {
	uint16_t listener; /* MSG_ALL_LISTENERS: of every listener */
};

struct msg_release {
	char slot[16]; /* whose sockets */
};

struct msg_schema {
	uint32_t schema;
	char error[252]; /* MSG_SCHEMED: empty when done */
};

/* Numbers of enum event_type, which the master does not see. */
enum msg_note_type { MSG_NOTE_RELOAD = 50, MSG_NOTE_UPGRADE = 51 };

struct msg_note {
	uint16_t type;	 /* enum msg_note_type */
	uint16_t failed; /* 1: it was refused, undone or rolled back */
	uint32_t reserved;
	char text[120];	 /* for people: changed keys, versions */
};

/* Followed by the report, text for people. */
struct msg_crash {
	char slot[16];
	uint64_t generation;
};

struct msg_closed {
	uint64_t session;
	uint16_t index; /* its place in the table */
};

struct msg_dialed {
	struct addr addr; /* of the other side */
};

/* What a one-shot process is for; it is given one end of a stream socket. */
enum msg_aide_task {
	AIDE_PASSWORD = 1, /* hashes or checks a password (workers/password.h) */
	/* workers/errand.h: these take minutes, and one is done at a time */
	AIDE_BACKUP = 2,  /* copies the durable store to a file that comes with it */
	AIDE_RESTORE = 3, /* makes a store of such a file */
	AIDE_COMPACT = 4, /* makes one without free pages */
};

struct msg_aide {
	uint16_t task; /* enum msg_aide_task */
	uint16_t reserved[3];
};

struct msg_list {
	uint16_t index; /* enum list_kind */
	uint16_t reserved[3];
};

struct msg_done {
	uint32_t exit; /* shackctl's exit code */
	char text[508]; /* why, when exit != 0 */
};

/* A received message. BODY is NUL-terminated one byte beyond its length, for text. */
struct msg {
	uint16_t type;
	size_t length;
	uint64_t generation;
	int fd; /* -1: none; the receiver owns it */
	uint8_t body[MSG_BODY_MAX + 1] __attribute__((aligned(8)));
};

/* Sends; FD -1 for none (FD stays the caller's). Returns 0, or -1 with errno (EAGAIN when the
 * queue is full, EPIPE when the other end is gone, EMSGSIZE when LENGTH breaks the type's rule). */
int msg_send(int sock, enum msg_type type, uint64_t generation, const void *body, size_t length,
	     int fd);

/* Receives one message without waiting. Returns 1, 0 at end of file, or -1 with errno (EAGAIN,
 * EBADMSG, or EMFILE when there was no descriptor left for what came with it, after which the socket
 * may be read on). MSG_R->fd is -1 unless 1 is returned. */
int msg_recv(int sock, struct msg *msg_r);

/* A peer may have set a descriptor that it passes so that closing it takes as long as it likes. Those
 * that msg_recv gives are made harmless by this; so must be what others hold a duplicate of. */
void msg_no_linger(int fd);

/* Closes a socket of messages that nobody else reads, without a wait for what a peer that is not
 * trusted has put into its queue. */
void msg_close(int sock);

/* Pure check of one datagram: LENGTH bytes at DATA with HAVE_FD; fills MSG_R. 0 or -1. */
int msg_decode(const void *data, size_t length, int have_fd, struct msg *msg_r);

/* Splits the words of a MSG_REQUEST body in place. Returns how many (at most MAX), or -1 when there
 * is none, one too many, or the last lacks its NUL. */
int msg_words(const struct msg *msg, const char *words_r[], int max);

/* "stopped" ...; "" for MSG_HANG_NONE and what is unknown. */
const char *msg_hang_name(unsigned hang);

/* Name of a type for logs, "?" when unknown. */
const char *msg_type_name(unsigned type);

#endif
