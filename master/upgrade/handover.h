/* SPDX-License-Identifier: ISC
 *
 * NAME      handover - the record that one image of the master leaves to the next
 * PURPOSE   What the master knows and holds, in a form that another build can check before it
 *           believes a word: a header with a checksum, then entries that say their type and size.
 * OWNER     master
 * CONTRACT  pure: bytes in, struct out. An entry may grow at its end: what a reader does not know
 *           is cut, what the writer did not know reads as zero. A tag that the reader does not know
 *           makes the whole record unreadable, unless it has the bit HANDOVER_OPTIONAL.
 * LIMITS    HANDOVER_MAX bytes, HANDOVER_BODY_MAX bytes an entry
 */
#ifndef SHACKD_MASTER_UPGRADE_HANDOVER_H
#define SHACKD_MASTER_UPGRADE_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/addr.h"

#define HANDOVER_MAGIC	  0x53484b48U
#define HANDOVER_VERSION  1
#define HANDOVER_MAX	  (8U * 1024 * 1024)
#define HANDOVER_BODY_MAX (256U * 1024)
#define HANDOVER_SUM	  32
#define HANDOVER_OPTIONAL 0x8000U

enum handover_tag {
	HANDOVER_MASTER = 1,   /* struct handover_master; the first entry, once */
	HANDOVER_TEXT = 2,     /* struct handover_text and characters without a NUL */
	HANDOVER_LISTENER = 3, /* struct handover_listener */
	HANDOVER_SLOT = 4,     /* struct handover_slot; before its descriptors */
	HANDOVER_FD = 5,       /* struct handover_fd */
	HANDOVER_EVENT = 6,    /* struct master_event: waits for keeper */
};

struct handover_master {
	int32_t pid;
	uint32_t images; /* of the writer: 1 for who was started */
	uint64_t started;
	uint64_t conf_generation;
	uint64_t events_dropped, messages_bad, control_refused, crashes_dropped;
	uint64_t sessions_refused, sessions_refused_per_ip, accept_failed;
	uint64_t next_session;
	uint64_t check_serial;
	uint64_t asked;	  /* clock_mono of the request */
	uint32_t foreign; /* descriptors that stay open over the exec and are not in the record */
	uint32_t slots;
	uint32_t foreground;
	uint32_t worker_uid, worker_gid, control_gid;
	uint32_t edition; /* of the stores, as the writer left them */
	uint32_t reserved;
	uint64_t lists_refused;
	uint64_t sessions_refused_rate, sessions_refused_login, sessions_refused_network;
	uint64_t sessions_delayed, aides_refused, aides_failed;
};

enum handover_word {
	WORD_FILE = 1,	/* of -c; none: the default */
	WORD_DIRECTORY, /* where it was started */
	WORD_SET,	/* of -o, in order */
	WORD_CONFIG,	/* the effective configuration, as an ini file */
	WORD_PIDFILE,
	WORD_SOCKET,
	WORD_PROGRAM, /* where the executable was when the daemon was started */
	WORD_VERSION, /* of the writer */
	WORD_REPORT,  /* last_reload as JSON */
};

struct handover_text {
	uint32_t word; /* enum handover_word */
};

struct handover_listener {
	uint32_t index;
	uint32_t used;
	uint32_t known; /* the addresses mean something */
	uint32_t dgid;	/* of its auxiliary port; 0: of ysf.listen */
	struct addr real;  /* bound to */
	struct addr asked; /* configured */
};

struct handover_slot {
	char name[16];
	char kind[16];
	uint32_t index; /* among its kind */
	uint32_t serving;
	uint32_t retired;
	int32_t pid; /* 0: nobody there */
	uint64_t generation;
	uint64_t ready_ns, restarts, deaths;
	char last_death[64];
	char member[20]; /* feed: its section */
};

/* What a descriptor is for. SLOT and INDEX say of whom and which. */
enum handover_role {
	ROLE_EXECUTABLE = 1,
	ROLE_NULL,
	ROLE_CONF,
	ROLE_LOG_READ,
	ROLE_LOG_WRITE,
	ROLE_LOG_ERR,
	ROLE_GATE, /* 0 voice, 1 state, 2 spots */
	ROLE_PIDFILE,
	ROLE_LOCK,     /* 0 shm_dir, 1 state_dir */
	ROLE_CONTROL,  /* the listening socket */
	ROLE_ASKER,    /* the control connection that waits for the end of the upgrade */
	ROLE_CALLER,   /* a control connection that has not said what it wants */
	ROLE_PROGRESS, /* shared memory in which the next image says how far it has got */
	ROLE_NET,      /* shackd-net: 0 the writer's, 1 that of the next image */
	ROLE_LIST,     /* index: enum list_kind */
	ROLE_PAGE = 32,
	ROLE_BELL,
	ROLE_RING, /* in-flight ring */
	ROLE_TABLE,
	ROLE_HOLDER, /* control socket of the present holder */
	ROLE_PIDFD,  /* of the present holder */
	ROLE_UDP,    /* index: listener */
	ROLE_ACCEPT, /* listening TCP socket; `slot` names the kind */
	ROLE_TCP,    /* connection of the vault; index: its place in the table */
	ROLE_SPOTRING, /* of a feed */
};

/* What tells a descriptor from any other: two of the same file are alike. */
struct handover_print {
	uint64_t device, inode;
	uint64_t extra;	 /* sockets: cookie; eventfd: its id; pidfd: the pid */
	uint32_t type;	 /* file type bits of st_mode */
	uint32_t access; /* open mode bits */
};

struct handover_fd {
	int32_t fd;
	uint16_t role;
	uint16_t index;
	char slot[16];
	struct addr addr; /* UDP, ACCEPT: bound to; TCP: the client */
	uint64_t session; /* TCP */
	struct handover_print print;
	uint32_t known; /* TCP: it has logged in */
	uint32_t reserved;
};

/* ---- writing ---- */

struct handover {
	uint8_t *data;
	size_t room, used;
	uint32_t entries, fds;
	bool full;
};

/* DATA of ROOM bytes stays the caller's. */
void handover_begin(struct handover *handover_r, void *data, size_t room);
/* An entry of two parts, the second one may be NULL. */
void handover_put(struct handover *handover, enum handover_tag tag, const void *body, size_t length,
		  const void *more, size_t more_length);
/* Header and checksum. Returns the size of the record, 0 when it did not fit. */
size_t handover_end(struct handover *handover);

/* ---- reading ---- */

struct handover_item {
	uint32_t tag;
	size_t length;
	const uint8_t *body; /* inside the record, 8-byte aligned when the record is */
};

struct handover_info {
	uint32_t entries, fds;
	uint8_t sum[HANDOVER_SUM];
};

/* Checks a whole record: magic, version, size, checksum, every entry inside, known tags, sizes. 0,
 * or -1 with a sentence in WHY. */
int handover_check(const void *data, size_t size, struct handover_info *info_r, char why_r[160]);

/* The next entry of a checked record; *AT is 0 at first. False at the end. */
bool handover_next(const void *data, size_t size, size_t *at, struct handover_item *item_r);

/* ITEM's body as a struct of SIZE bytes. */
void handover_get(const struct handover_item *item, void *struct_r, size_t size);

const char *handover_role_name(unsigned role);

#endif
