/* SPDX-License-Identifier: ISC
 *
 * NAME      trouble - datagrams that could not be sent, and those that came back
 * PURPOSE   Sorts errors by cause, counts them, and says of each cause when it begins, that it goes
 *           on, and when it is over, however many gateways and datagrams it concerns.
 * OWNER     ysf workers
 * CONTRACT  a failure is never more than that: nobody is unlinked for it, for an ICMP message can be
 *           forged, and a gateway that is gone is found by its silence
 * LIMITS    of a cause a line at its beginning, one in TROUBLE_AGAIN, one at its end; the end needs
 *           TROUBLE_QUIET without it, so that a flapping line is said six times a minute at most
 */
#ifndef SHACKD_WORKERS_YSF_TROUBLE_H
#define SHACKD_WORKERS_YSF_TROUBLE_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/addr.h"
#include "shm/clock.h"

struct gateway;
struct ysf;

#define TROUBLE_AGAIN (60 * NS_PER_SEC)
#define TROUBLE_QUIET (10 * NS_PER_SEC)
#define TROUBLE_TRIES 4 /* of one datagram, while errors of earlier ones are in its way */

enum trouble {
	/* the kernel did not take it */
	TROUBLE_ROUTE,	 /* no route, or its interface is down */
	TROUBLE_FILTER,	 /* a packet filter or a prohibiting route */
	TROUBLE_BUFFERS, /* the queue of the interface is full, or it has no carrier */
	TROUBLE_SOURCE,	 /* a blackhole, or the address that it leaves from is gone */
	TROUBLE_SIZE,	 /* larger than the interface carries */
	TROUBLE_OTHER,
	/* somebody on the way sent it back */
	TROUBLE_BACK_PORT, /* nobody listens there */
	TROUBLE_BACK_HOST, /* nobody is there */
	TROUBLE_BACK_FILTER,
	TROUBLE_BACK_OTHER,
	TROUBLES
};

/* One cause, since when and how often. */
struct trouble_state {
	uint64_t since; /* clock_mono of the first of it; 0: none in the last TROUBLE_QUIET */
	uint64_t last;
	uint64_t told;	/* when it was last said */
	uint64_t count; /* since it was last said, that datagram not included */
	uint64_t total; /* since it began */
	int error;	/* the latest, with whom it concerned */
	struct addr to;
	uint16_t listener;
	uint8_t local[16]; /* the address of ours that it should have left from; zero: unknown */
	char name[12];
};

/* What the fan-out of one frame met: how many, and the last of them. */
struct trouble_batch {
	uint32_t count[TROUBLES];
	int error[TROUBLES];
	const struct gateway *who[TROUBLES];
};

/* The cause of ERROR, an errno of a send. */
enum trouble trouble_of(int error);

/* Asynchronous errors of earlier datagrams are reported by the next call, which then did nothing. True:
 * ERROR may be such a one, and TRIES (from 0, counted up) allow another try. */
bool trouble_again(int error, unsigned *tries);

static inline void trouble_add(struct trouble_batch *batch, int error, const struct gateway *who)
{
	enum trouble what = trouble_of(error);

	batch->count[what]++;
	batch->error[what] = error;
	batch->who[what] = who;
}

/* Counts and says what BATCH has. */
void trouble_note_batch(struct ysf *ysf, const struct trouble_batch *batch);
/* The same of one datagram from LISTENER to TO. */
void trouble_note(struct ysf *ysf, enum trouble what, int error, const struct addr *to,
		  unsigned listener);

/* Once a second: what goes on, and what is over. */
void trouble_tick(struct ysf *ysf);

#endif
