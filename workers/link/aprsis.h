/* SPDX-License-Identifier: ISC
 *
 * NAME      aprsis - one session with an APRS-IS server
 * PURPOSE   Banner, login, signs of life, failures, and when to try again.
 * OWNER     link
 * CONTRACT  pure: time and bytes come in, what is to be done comes out. A server that fails is left
 *           alone for longer each time; after APRSIS_BREAK failures in a row, or when it does not
 *           verify us, for APRSIS_PAUSE.
 * LIMITS    lines longer than APRS_LINE_MAX are passed over
 */
#ifndef SHACKD_WORKERS_LINK_APRSIS_H
#define SHACKD_WORKERS_LINK_APRSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/clock.h"
#include "workers/link/aprs.h"

#define APRSIS_PATIENCE (15 * NS_PER_SEC)   /* for a connection, the banner, the answer to a login \
					     */
#define APRSIS_SILENCE	 (90 * NS_PER_SEC)  /* servers say something every 20 s */
#define APRSIS_KEEPALIVE (60 * NS_PER_SEC)  /* ours */
#define APRSIS_PACE	 (5 * NS_PER_SEC)   /* between two reports */
#define APRSIS_STABLE	 (60 * NS_PER_SEC)  /* a session that held this long had no fault */
#define APRSIS_RETRY	 (2 * NS_PER_SEC)   /* doubled by each failure ... */
#define APRSIS_RETRY_MAX (300 * NS_PER_SEC) /* ... up to this */
#define APRSIS_BREAK	 8
#define APRSIS_PAUSE	 (900 * NS_PER_SEC)

enum aprsis_state {
	APRSIS_IDLE = 0,   /* no connection */
	APRSIS_CONNECTING, /* not yet there */
	APRSIS_BANNER,	   /* the server speaks first */
	APRSIS_LOGIN,	   /* our login is out */
	APRSIS_ONLINE,	   /* verified */
};

struct aprsis {
	enum aprsis_state state;
	uint64_t entered;  /* clock_mono of the change of state */
	uint64_t heard;	   /* ... of the last byte */
	uint64_t spoke;	   /* ... of the last line of ours */
	uint64_t reported; /* ... of the last report */
	uint64_t retry;	   /* ... of the next try; 0: at once */
	unsigned failures; /* in a row */
	bool broken;	   /* left alone for APRSIS_PAUSE */
	size_t used;
	bool skipping; /* the rest of a line that was too long */
	char line[APRS_LINE_MAX];
};

bool aprsis_may_connect(const struct aprsis *self, uint64_t now);
void aprsis_connecting(struct aprsis *self, uint64_t now);
void aprsis_connected(struct aprsis *self, uint64_t now);

enum aprsis_act {
	APRSIS_NOTHING = 0,
	APRSIS_SEND_LOGIN, /* the banner came */
	APRSIS_WELCOME,	   /* verified */
	APRSIS_REFUSED,	   /* not verified: a try at once would end the same way */
	APRSIS_FULL,	   /* it has no room */
};

/* LENGTH bytes came; takes as many as belong to the next thing to do, *USED_R. Call again with the
 * rest until all are used. */
enum aprsis_act aprsis_input(struct aprsis *self, uint64_t now, const char *data, size_t length,
			     size_t *used_r);

/* Has it been silent, or a step been waited for, too long? WHY_R says which. */
bool aprsis_overdue(const struct aprsis *self, uint64_t now, const char **why_r);

/* The connection failed or ended. REFUSED: as APRSIS_REFUSED. JITTER: random. True: it is left
 * alone for a while from here on. */
bool aprsis_failed(struct aprsis *self, uint64_t now, bool refused, uint32_t jitter);

bool aprsis_may_report(const struct aprsis *self, uint64_t now);
bool aprsis_keepalive_due(const struct aprsis *self, uint64_t now);

#endif
