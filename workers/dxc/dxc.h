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
};

/* Output that goes on with tcp_more(). */
enum session_more { MORE_NONE, MORE_SHDX, MORE_HELP, MORE_USERS, MORE_MOTD };

/* In the session table; changed inside steps only. */
struct session {
	struct session_head head;
	uint8_t more;	  /* enum session_more */
	uint8_t attempts; /* logins that failed */
	uint8_t prompt;
	uint8_t reserved;
	uint16_t width;
	uint16_t query_length;
	struct telnet telnet;
	uint64_t bucket[4];   /* commands, unknown commands, DX a minute, DX an hour */
	uint64_t position[2]; /* of output in progress */
	uint32_t remaining;
	uint32_t reserved_too;
	struct shdx_place shdx; /* of SHOW/DX in progress */
	char query[SESSION_QUERY];
};
_Static_assert(sizeof(struct session) <= TABLE_OWN, "a session fits its place in the table");

struct dxc {
	struct worker *worker;
	struct tcp *tcp;
	struct fan *fan;
	struct countries *countries; /* NULL: none yet */
	struct known *known;
	unsigned search_turn;	/* turn of the loop in which was searched for SHOW/DX ... */
	uint64_t search_until;	/* ... and until when it may be, clock_mono */
	void *login;  /* what login, commands and so on keep for the worker */
};

/* tcp_user() of a session. */
struct client {
	struct dxc *dxc;
	struct tcp_conn *conn;
	struct fan_member *member; /* NULL: gets no spots */
	uint64_t user_seen;	   /* what the store's generation was when its user was read */
	void *aide;		   /* a password that is being checked */
};

#endif
