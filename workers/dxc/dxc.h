/* SPDX-License-Identifier: ISC
 *
 * NAME      dxc - what the files of a DX cluster worker share
 * PURPOSE   The worker's own state, a session's record (in the session table, so that a successor
 *           goes on with it), and what this process keeps of a session beside it.
 * OWNER     dxc workers
 * CONTRACT  whatever a session must not lose is in struct session or in the stores; struct client
 *           can be made anew from these at any time
 * LIMITS    struct session fits TABLE_OWN
 */
#ifndef SHACKD_WORKERS_DXC_DXC_H
#define SHACKD_WORKERS_DXC_DXC_H

#include "shm/country.h"
#include "shm/spot.h"
#include "workers/dxc/filter.h"
#include "workers/dxc/shdx.h"
#include "workers/dxc/telnet.h"
#include "workers/render.h"
#include "workers/run.h"
#include "workers/session.h"
#include "workers/tcp.h"

#define SESSION_QUERY	200 /* bytes of SHOW/DX's arguments, and of other output in progress */

enum session_flag {
	SESSION_PROVEN = 1,  /* gave a password */
	SESSION_SYSOP = 2,   /* proven, and one of dxc.sysops */
	SESSION_DX_OFF = 4,  /* UNSET/DX */
	SESSION_SELF = 8,    /* sees spots of and by himself whatever his filter says */
	SESSION_BEEP = 16,
	SESSION_AWAY = 32,   /* UNSET/HERE */
	SESSION_SAID_BYE = 64,
	SESSION_ABUSED = 128, /* broke a limit: that is why it ends */
};
/* Those that are kept with the user. */
#define SESSION_SWITCHES (SESSION_DX_OFF | SESSION_SELF | SESSION_BEEP | SESSION_AWAY)

/* Output that goes on with tcp_more(). */
enum session_more {
	MORE_NONE,
	MORE_SHDX,
	MORE_HELP,
	MORE_USERS,
	MORE_WHO,
	MORE_GREETING, /* and then the message of the day */
	MORE_PROMPT,   /* nothing but the prompt is left to say */
	MORES
};

/* In the session table; changed inside steps only. */
struct session {
	struct session_head head;
	uint8_t more;	  /* enum session_more */
	uint8_t attempts; /* logins that failed */
	uint8_t prompt;	  /* enum prompt_kind */
	uint8_t unknown;  /* commands in a row that nobody knows */
	uint16_t width;	  /* of SHOW/DX; 0: not chosen */
	uint16_t query_length;
	struct telnet telnet;
	uint64_t bucket[4];   /* commands, unknown commands, DX a minute, DX an hour */
	uint64_t position[2]; /* of output in progress */
	uint64_t due;	      /* clock_mono: the prompt comes then, or with the next spot; 0: none */
	uint32_t remaining;
	uint32_t reserved_too;
	uint64_t skip_told; /* of the spots dropped: those that the user was told of ... */
	uint64_t skip_when; /* ... and when, clock_mono */
	struct shdx_place shdx; /* of SHOW/DX in progress */
	uint64_t store; /* store_id of the one in which its login is */
	uint64_t reserved_three[4];
	char query[SESSION_QUERY];
};
_Static_assert(sizeof(struct session) <= TABLE_OWN, "a session fits its place in the table");
_Static_assert(sizeof(struct session_head) <= TABLE_TOLD, "fan_told changes no more");

#define MOTD_MAX 4096

/* A session that is over, until the store knows. */
struct leaver {
	char call[CALL_TEXT_SIZE];
	uint64_t session;
	uint8_t reason; /* enum event_reason */
};
#define LEAVERS_MAX 4096 /* who is beyond it is found by keeper */

struct dxc {
	struct worker *worker;
	struct tcp *tcp;
	struct fan *fan;
	struct countries *countries; /* NULL: none yet */
	struct known *known;
	unsigned search_turn;	/* turn of the loop in which was searched for SHOW/DX ... */
	uint64_t search_until;	/* ... and until when it may be, clock_mono */

	char node[CALL_TEXT_SIZE]; /* our call */
	uint64_t now;	   /* clock_mono of the line or tick that is handled */
	uint64_t line_end; /* offset of the end of the line that is acted upon */
	uint64_t born;	   /* clock_mono at which the service started */
	uint64_t looked;   /* clock_mono when all sessions were looked after */
	uint64_t store_seen, clients_seen;
	struct leaver *leaver; /* LEAVERS_MAX of them */
	unsigned leavers;
	bool closing; /* the worker ends, its sessions don't */

	/* the message of the day */
	struct {
		uint64_t looked;
		int64_t changed; /* of the file, ns */
		int64_t size;	 /* of the file */
		size_t length;
		char text[MOTD_MAX + 1];
	} motd;
};

struct password_check;

/* tcp_user() of a session. */
struct client {
	struct dxc *dxc;
	struct tcp_conn *conn;
	struct fan_member *member;   /* NULL: gets no spots */
	struct password_check *check; /* a password that is being checked; NULL: none */
	uint8_t ends;		     /* enum event_reason: it has to be told and closed */
	bool told;		     /* the master knows that it has logged in */
	bool waits;		     /* the line that is acted upon has to come again */
	bool fell;		     /* is ended because it was too slow */
	bool unread;		     /* its filter is not in force yet */
};

static inline struct session *session_of(struct client *client)
{
	return tcp_own(client->conn);
}

#endif
