/* SPDX-License-Identifier: ISC
 *
 * NAME      fan_inside - what the parts of fan share
 * PURPOSE   fan.c has the groups and the turn, fan_serve.c what one session is sent, fan_care.c what
 *           is looked at once a second.
 * OWNER     dxc workers
 * CONTRACT  included by these alone
 * LIMITS    FAN_SELVES chains of calls
 */
#ifndef SHACKD_WORKERS_DXC_FAN_INSIDE_H
#define SHACKD_WORKERS_DXC_FAN_INSIDE_H

#include "workers/dxc/batch.h"
#include "workers/dxc/fan.h"
#include "workers/dxc/piece.h"

#define FAN_SELVES 1024

struct fan_member {
	struct client *client;
	struct fan_group *group;
	struct fan_member *next, **link;	   /* in the group */
	struct fan_member *self_next, **self_link; /* among those whose base call hashes alike */
	uint64_t cursor;   /* all up to this number is done with; the record may lie behind */
	uint64_t self_hit; /* up to here there may be spots that it gets by the self rule alone */
	bool self;
	bool untold;   /* was lapped, and does not know it */
	uint32_t hash; /* of `base` */
	char base[CALL_TEXT_SIZE];
	/* the last half minute */
	uint64_t began;
	uint64_t told, dropped;
};

/* Sessions that want the same. */
struct fan_group {
	struct fan_group *next, **link;
	struct fan_member *members;
	uint64_t hash;
	uint64_t to;	/* the log was looked at for it up to here ... */
	uint64_t quiet; /* ... and nothing from here on was for it */
	unsigned slot;	/* the chunk that grows */
	bool off, beep;
	uint8_t format;
	struct filter_program *program;
};

struct fan {
	struct dxc *dxc;
	struct batch batch;
	struct piece *now;  /* what is new, for all groups */
	struct piece *late; /* for those who are behind */
	struct fan_group *groups;
	struct fan_member *selves[FAN_SELVES];
	struct filter_program *scratch;
	unsigned self_members, group_count;
	uint64_t at;	      /* the log was looked at up to here */
	uint64_t newest;      /* of the log, when it was last read */
	uint64_t floor;	      /* who is further back misses what is before */
	uint64_t sent, cared; /* clock_mono of the last turn that read the log; of the last care */
	uint64_t made, judged, alone; /* not counted in the page yet */
	ev_timer again;
};

static inline struct session *fan_session(const struct fan_member *member)
{
	return tcp_own(member->client->conn);
}

/* ---- fan.c ---- */

/* A store that failed: true when the worker has to end. */
bool fan_failed(struct fan *fan, enum store_error error);

/* Puts lines into chunks of OWNER's: of the spots of PIECE up to number LAST those that GROUP's
 * filter passes, and those that SELF (may be NULL) gets by the self rule. FIRST: into one chunk, which
 * ends where a second would begin. */
struct fan_filling {
	struct piece *piece;
	const struct fan_group *group;
	const struct fan_member *self;
	const void *owner;
	uint64_t last;
	bool first;
};
/* SLOT: the chunk to go on with, which ends where the piece begins; or BATCH_NONE. Returns the chunk
 * that the last line went to, SLOT when there was none; QUIET gets the number of the last line. */
unsigned fan_fill(struct fan *fan, const struct fan_filling *filling, unsigned slot,
		  uint64_t *quiet);

/* Is item INDEX of PIECE for it? */
bool fan_wants(struct fan *fan, const struct fan_group *group, const struct fan_member *self,
	       struct piece *piece, unsigned index);

/* ---- fan_serve.c ---- */

/* Sends MEMBER what is there for it and it takes. It may be gone when this returns. */
void fan_serve(struct fan *fan, struct fan_member *member);

/* The log has moved on: how far back may they be? */
void fan_bound(struct fan *fan);

/* Passes over what is too far back. */
void fan_lap(struct fan *fan, struct fan_member *member);

/* Says what was left out, in its place among the spots. True: the session may be gone. */
bool fan_tell(struct fan *fan, struct fan_member *member);

/* Writes its cursor down. */
void fan_note(struct fan_member *member);

/* ---- fan_care.c ---- */

/* Those who take nothing, who are too slow, who heard nothing of us; and the cursors. */
void fan_care(struct fan *fan, uint64_t now);

#endif
