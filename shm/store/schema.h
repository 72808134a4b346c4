/* SPDX-License-Identifier: ISC
 *
 * NAME      schema - keys and records of the stores
 * PURPOSE   The layouts that all processes share, with the one number that says which edition.
 * OWNER     every process that opens a store
 * CONTRACT  records are fixed layouts of at most 512 bytes that begin with their own version; what
 *           is read back is checked as if an enemy had written it (`*_check`): sizes, version,
 *           ranges, texts terminated and printable. Integers are in the machine's order (a store
 *           never leaves its machine); keys are big-endian where their order matters.
 * LIMITS    a change of layout needs a new SCHEMA_VERSION
 */
#ifndef SHACKD_SHM_STORE_SCHEMA_H
#define SHACKD_SHM_STORE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/addr.h"

/* The edition of the stores that this build makes, and the oldest that it can serve with. */
#ifndef SCHEMA_VERSION
#define SCHEMA_VERSION 3 /* since 2: events config.reload and upgrade; since 3: what says so below */
#endif
#define SCHEMA_OLDEST 1
#define RECORD_VERSION 1 /* what the record modules write into `version` of every record */
#define RECORD_MAX     512

#define CALL_MAX 11 /* ten characters and the NUL */
#define FRAME_SIZE 155

/* Key of a client: who, and at which of our ports (not which slot's socket). */
struct client_key {
	uint8_t ip[16];
	uint8_t port[2];   /* big-endian */
	uint8_t listen[2]; /* big-endian index of the listener */
};

void client_key_make(struct client_key *key_r, const struct addr *from, uint16_t listener);
void client_key_addr(const struct client_key *key, struct addr *addr_r);
uint16_t client_key_listener(const struct client_key *key);

enum client_flag {
	CLIENT_PROVEN = 1,  /* polled again, or sent a frame: nobody's forged address */
	CLIENT_STATIC = 2,  /* DG-ID nailed by its name: no change by radio */
	CLIENT_PKTINFO = 4, /* replies must name `local` as their source */
	/* since edition 3 */
	CLIENT_FIXED = 8,    /* DG-ID nailed by the home list */
	CLIENT_AUX = 16,     /* linked on an auxiliary port: no change by radio */
	CLIENT_OPTIONED = 32, /* its home came by its options, not from the home list */
};

/* The flags that a store of EDITION knows. */
unsigned client_flags(unsigned edition);

struct client_record {
	uint8_t version;
	uint8_t flags;
	uint8_t dgid;	   /* where it is */
	uint8_t home_dgid; /* 0: none */
	uint32_t id;	   /* 1, 2, 3 ... never reused */
	char name[CALL_MAX];
	uint8_t reserved;
	uint32_t home_time; /* seconds */
	uint8_t local[16];  /* the address of ours that it polls */
	uint64_t linked;    /* clock_mono */
	uint64_t linked_real; /* clock_real, for people */
	uint64_t polled;    /* clock_mono of the last poll written */
};

bool client_record_check(const void *data, size_t length, struct client_record *record_r);

/* May its DG-ID change (T_HOLD 0)? Such listeners get the rewritten frame. One on an auxiliary port
 * does not change it by radio all the same. */
bool client_movable(const struct client_record *record);

/* Key of a stream: its DG-ID, or STREAM_PRIVATE | client id for a call that nobody else may hear
 * (local DG-ID, muted first call after a DG-ID change) and that so keeps nobody out. */
#define STREAM_PRIVATE 0x80000000U
#define STREAM_ID_MAX  9999999U
#define STREAM_LANES_MAX 10000 /* greatest limits.streams */

enum stream_flag {
	STREAM_MUTED = 1, /* changed the DG-ID: reported, not relayed */
	STREAM_LOCAL = 2, /* on the local DG-ID: reported, not relayed */
	STREAM_LATE = 4,  /* opened without a header */
	STREAM_PARROT = 8, /* recorded, and played back to its sender alone (since edition 3) */
};

struct stream_record {
	uint8_t version;
	uint8_t flags;
	uint8_t dgid; /* for people; of a private one too */
	uint8_t reserved;
	uint32_t key;
	uint32_t id;   /* 1..9999999, not that of any recent stream */
	uint32_t lane; /* index of its words in every slot's page */
	uint32_t client; /* id of the owner */
	struct client_key owner;
	char gateway[CALL_MAX]; /* registered name */
	char tag[CALL_MAX];	/* bytes 4..13 of the header */
	char source[CALL_MAX];
	char dest[CALL_MAX];
	uint64_t started;      /* clock_mono */
	uint64_t started_real; /* clock_real */
	uint8_t fich[4];       /* information bytes of the header */
	uint8_t header[FRAME_SIZE]; /* to make the terminator of a cut call */
};

/* The flags that a store of EDITION knows. */
unsigned stream_flags(unsigned edition);

bool stream_record_check(const void *data, size_t length, struct stream_record *record_r);

enum block_reason {
	BLOCK_TIMEOUT = 1,  /* transmission timeout */
	BLOCK_WILD_PTT = 2, /* too many short transmissions */
	BLOCK_OPERATOR = 3,
};

#define BLOCK_FOREVER UINT64_MAX

/* Keyed by the base call, NUL-padded to CALL_MAX bytes. */
struct block_record {
	uint8_t version;
	uint8_t reason; /* enum block_reason */
	uint8_t reserved[6];
	uint64_t until;	     /* clock_mono; BLOCK_FOREVER */
	uint64_t until_real; /* clock_real; BLOCK_FOREVER */
	char by[16];	     /* slot or "operator" */
};

bool block_record_check(const void *data, size_t length, struct block_record *record_r);
const char *block_reason_name(unsigned reason);

/* ---- tables since edition 3 ---- */

#define POSITION_NONE INT32_MAX /* of latitude and longitude, which are in millionths of a degree */

/* DG-ID that a gateway chose by radio. Key: its name, NUL-padded to CALL_MAX bytes, and the 16-byte
 * address that it came from; all zero: from anywhere. In the durable store too. */
struct saved_record {
	uint8_t version;
	uint8_t dgid;
	uint8_t reserved[6];
	uint64_t when; /* clock_real of the choice */
};

/* A gateway that is away from its home DG-ID. Key: its client_key. */
struct away_record {
	uint8_t version;
	uint8_t reserved[3];
	uint32_t client; /* id */
	uint64_t heard;	 /* clock_mono of its last frame, or of its move */
};

/* The last transmissions of a caller, for wild PTT. Key: the base call, as of a block. */
#define PTT_STARTS 16
struct ptt_record {
	uint8_t version;
	uint8_t count; /* of `start` */
	uint8_t reserved[6];
	uint64_t start[PTT_STARTS]; /* clock_mono, oldest first */
};

/* What a gateway says of itself (YSFI). Key: its client_key; goes with the client. */
struct info_record {
	uint8_t version;
	uint8_t reserved[3];
	uint32_t rx_hz, tx_hz;
	char locator[7];
	char town[21];
	char type[13];
	char id[18];
	uint8_t reserved_too;
};

/* What the frames of an open stream told so far. Key: the stream's id, big-endian; goes with the
 * stream. Texts are empty, or ten characters that are not trimmed. */
struct meta_record {
	uint8_t version;
	uint8_t radio; /* code of the model, 0: unknown */
	uint8_t reserved[2];
	uint32_t stream;
	int32_t latitude, longitude;
	char csd_dest[CALL_MAX], csd_source[CALL_MAX]; /* of the header; empty: it was damaged */
	char uplink[CALL_MAX], downlink[CALL_MAX];
	char rem12[CALL_MAX], rem34[CALL_MAX];
	uint8_t reserved_too[6];
};

/* A subscriber of the dashboard protocol. Key: 16-byte address, port (big-endian), listener
 * (big-endian): a client_key. */
struct dashboard_record {
	uint8_t version;
	uint8_t reserved[7];
	uint64_t since;	 /* clock_mono */
	uint64_t pinged; /* clock_mono of the last sign of life */
	uint8_t local[16]; /* the address of ours that it speaks to */
};

bool saved_record_check(const void *data, size_t length, struct saved_record *record_r);
bool away_record_check(const void *data, size_t length, struct away_record *record_r);
bool ptt_record_check(const void *data, size_t length, struct ptt_record *record_r);
bool info_record_check(const void *data, size_t length, struct info_record *record_r);
bool meta_record_check(const void *data, size_t length, struct meta_record *record_r);
bool dashboard_record_check(const void *data, size_t length, struct dashboard_record *record_r);

/* A station that sent its position. Key: the base call, as of a block. */
struct station_record {
	uint8_t version;
	uint8_t radio;
	uint8_t reserved[6];
	int32_t latitude, longitude;
	uint64_t reported;  /* clock_mono when it last went out; 0: not yet */
	uint64_t heard_real; /* clock_real */
};

bool station_record_check(const void *data, size_t length, struct station_record *record_r);

/* Events: what changed, written in the same transaction as the change. Numbers are for ever. */
enum event_type {
	EVENT_CLIENT_LINK = 1,
	EVENT_CLIENT_UNLINK = 2,
	EVENT_CLIENT_DGID = 3, /* the same DG-ID as before: its home or its flags are others */
	EVENT_STREAM_START = 10,
	EVENT_STREAM_META = 11,
	EVENT_STREAM_END = 12,
	EVENT_STREAM_BUSY = 13, /* a header that lost: the DG-ID was taken (since edition 3) */
	EVENT_ACCESS_REFUSED = 20,
	EVENT_BLOCK_ADD = 21,
	EVENT_BLOCK_REMOVE = 22,
	EVENT_SLOT_UP = 40,
	EVENT_SLOT_DOWN = 41,
	EVENT_CONFIG_RELOAD = 50, /* since edition 2, as the next one */
	EVENT_UPGRADE = 51,
	EVENT_LIST_LOADED = 60, /* since edition 3; REASON_FAILED: the former one stays */
	/* of the spots store only */
	EVENT_SESSION_LOGIN = 70,
	EVENT_SESSION_LOGOUT = 71,
	EVENT_FEED_STATE = 72, /* note: NAME STATE and, in brackets, why */
	EVENT_DX_LOCAL = 73,   /* somebody here typed a spot */
};

/* The oldest edition of the stores in which there are events of this TYPE. */
unsigned event_type_edition(unsigned type);

/* Why a client went, a stream ended, a caller was refused. */
enum event_reason {
	REASON_NONE = 0,
	REASON_UNLINK = 1,	/* the gateway said so */
	REASON_EXPIRED = 2,	/* silence */
	REASON_EVICTED = 3,	/* made room in a full table */
	REASON_KICK = 4,	/* operator */
	REASON_REBOUND = 5,	/* the gateway came back from another port */
	REASON_LISTENERS = 6,	/* its port is gone after a restart */
	REASON_TERMINATOR = 10, /* normal end */
	REASON_WATCHDOG = 11,
	REASON_TIMEOUT = 12,
	REASON_BLOCKED = 13,
	REASON_RADIO = 20,   /* DG-ID changed by radio */
	REASON_OPTIONS = 21, /* DG-ID changed by the gateway's options */
	REASON_LIST = 22,    /* its DG-ID left dgid.list */
	REASON_HOME = 23,    /* went back to its home DG-ID (since edition 3) */
	REASON_LISTED = 24,  /* DG-ID given by the home list (since edition 3) */
	REASON_DATA = 30,  /* access: Wires-X query */
	REASON_CALL = 31,  /* access: callsign rule or block */
	/* since edition 3 */
	REASON_GATEWAY = 32, /* access: the gateway may only listen */
	REASON_ADDRESS = 33, /* access: so may the gateways of its address */
	REASON_SERIAL = 34,  /* access: serial of the radio */
	REASON_FAILED = 40, /* reload, upgrade: refused, undone or rolled back */
	/* session.logout */
	REASON_BYE = 50,      /* the user said so */
	REASON_REPLACED = 51, /* the user logged in again */
	REASON_ENDED = 52,    /* the connection ended */
	REASON_SLOW = 53,     /* took nothing for dxc.write_timeout */
	REASON_ABUSE = 54,    /* broke a limit */
	REASON_SYSOP = 55,    /* DISCONNECT */
	REASON_LOST = 56,     /* nobody serves it any more: found by keeper */
};

/* The oldest edition of the stores that knows this reason. */
unsigned event_reason_edition(unsigned reason);

#define EVENT_NOTE_MAX 64

/* What a stream.meta tells. */
enum event_meta {
	META_CALLS = 1,	   /* text[0..3]: dest, source, uplink, downlink of the header */
	META_REM12 = 2,	   /* text[0]: downlink id and uplink id */
	META_REM34 = 3,	   /* text[0]: station id and radio id */
	META_RADIO = 4,	   /* `radio` */
	META_POSITION = 5, /* `latitude`, `longitude`, and `radio` as far as known */
};

/* One layout for all events; fields that a type does not use are zero. */
struct event_record {
	uint8_t version;
	uint8_t type;	/* enum event_type */
	uint8_t reason; /* enum event_reason */
	uint8_t dgid;
	uint8_t old_dgid;
	uint8_t flags; /* of the stream */
	uint8_t has_key;
	uint8_t signal;
	uint64_t time;	     /* clock_real */
	uint64_t generation; /* of the writing slot, or of the slot that it tells of */
	char slot[16];	     /* likewise */
	uint32_t client;     /* id; session.*: of the session's record */
	uint32_t stream;     /* id */
	uint32_t stream_key;
	uint32_t frames;
	uint32_t lost;
	uint32_t duration_ms;
	int32_t pid;
	union {
		struct {
			struct client_key key;
			char gateway[CALL_MAX];
			char source[CALL_MAX];
			char dest[CALL_MAX];
			char call[CALL_MAX]; /* blocks: base call; slot.down: how it hung, or empty;
					      * stream.start: tag of the frames */
		};
		char note[EVENT_NOTE_MAX]; /* config.reload, upgrade, list.loaded: for people */
		struct {
			uint8_t meta_reserved[20];
			char text[4][CALL_MAX]; /* stream.meta */
		};
		struct {
			struct client_key user_key; /* session.*: address; listener 0 */
			char user[16];		    /* session.*, dx.local: call */
			char dx[16];		    /* dx.local */
			uint8_t user_reserved[12];
		};
	};
	union {
		struct {
			uint64_t until;	     /* blocks: clock_real; BLOCK_FOREVER */
			uint64_t block_until; /* blocks: clock_mono */
		};
		struct { /* stream.meta, stream.end (since edition 3) */
			int32_t latitude, longitude; /* POSITION_NONE, or zero both: unknown */
			uint32_t position_reserved[2];
		};
		struct { /* session.*, dx.local */
			uint64_t session;
			uint64_t hz; /* dx.local */
		};
	};
	uint8_t block_reason;
	uint8_t meta;	 /* stream.meta: enum event_meta */
	uint8_t radio;	 /* stream.meta, stream.end: code of the model */
	uint8_t fich[4]; /* stream.start: information bytes of the header */
	uint8_t reserved;
};

/* Does the type carry a user of the DX cluster instead of a gateway and its call? */
bool event_has_user(unsigned type);

/* Does the type carry a note instead of a gateway and its call? */
bool event_has_note(unsigned type);

bool event_record_check(const void *data, size_t length, struct event_record *record_r);
const char *event_type_name(unsigned type); /* "client.link" */
const char *event_reason_name(unsigned reason);

#endif
