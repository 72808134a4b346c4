/* SPDX-License-Identifier: ISC
 *
 * NAME      feed - what the files of a feed worker share
 * PURPOSE   One source of spots: dialled, logged in to, read; what it says goes into the ring.
 * OWNER     feed, one process of shackd-net a section [feed NAME]
 * CONTRACT  Connections to clusters and skimmers are in the vault and their state in the session table: a
 *           successor goes on at the very line, and no spot is lost or doubled. Of MQTT what the broker
 *           had not handed over is lost with the connection. When it may be dialled again, and how far
 *           forward_dx came, are words of the page.
 * LIMITS    one connection at a time; SPOTLINE_MAX bytes a line, PSKR_PAYLOAD_MAX a message
 */
#ifndef SHACKD_WORKERS_FEED_FEED_H
#define SHACKD_WORKERS_FEED_FEED_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "shm/country.h"
#include "shm/feed.h"
#include "shm/hosts.h"
#include "shm/spot.h"
#include "shm/spotring.h"
#include "workers/feed/backoff.h"
#include "workers/run.h"
#include "workers/tcp.h"

#define FEED_PATIENCE (30 * NS_PER_SEC) /* for a connection */
#define FEED_MODES    32		/* that feed.modes may name */

struct feed;

/* ---- worker.c ---- */

/* What is wanted of the feed, from the section of the configuration; TARGET is a hash of all that a new
 * connection is needed for when it changes. */
struct feed_want {
	bool enabled;
	enum feed_type type;
	char name[SPOT_FEED_SIZE];
	char host[132];
	uint16_t port;
	char login[CALL_TEXT_SIZE];
	char login_base[CALL_TEXT_SIZE];
	char password[64];
	bool keep_ssid, forward_dx;
	uint64_t idle_timeout;
	char topic[132];
	unsigned modes; /* in `mode`; 0: whatever comes by `topic` */
	struct {
		char name[12];
		unsigned mode;
	} mode[FEED_MODES];
	uint64_t target;
};

/* Reads section MEMBER. False with a sentence in WHY_R. */
bool feed_want_read(const struct conf *conf, const char *member, struct feed_want *want_r,
		    char why_r[252]);

/* ---- tell.c: feed.state ---- */

#define TELL_MAX 8

struct tell {
	char note[TELL_MAX][64];
	uint64_t time[TELL_MAX];
	unsigned count;
};

/* The feed is in STATE from now on; WHY may be NULL. */
void tell_state(struct feed *feed, enum page_feed_state state, const char *why);
void tell_tick(struct feed *feed);

/* ---- intake.c: spots into the ring ---- */

struct intake {
	uint64_t session, offset; /* where the last spot in the ring came from */
	uint64_t full;		  /* spots dropped since there was room */
	bool fresh;		  /* the pipeline does not know yet */
};

void intake_begin(struct feed *feed);
/* Completes SPOT and passes it on. OFFSET: of the byte behind its line in SESSION. */
void intake(struct feed *feed, struct spot *spot, uint64_t session, uint64_t offset);
/* Rings the pipeline's bell if there is something new. */
void intake_ring(struct feed *feed);

/* ---- dial.c: a connection to a host ---- */

struct dial {
	int fd;	     /* -1: none is being made */
	bool handed; /* the master has it, and gives it back */
	ev_io io;
	struct addr addr;
	unsigned turn; /* which of the host's addresses is next */
	uint64_t since;
};

/* The next address of the host; false: it has none yet. */
bool dial_address(struct feed *feed, struct addr *addr_r);
void dial_begin(struct feed *feed);
/* Nothing is connected: dials when it is time. */
void dial_tick(struct feed *feed);
void dial_stop(struct feed *feed);
/* It could not be connected to, or the connection ended. IS_LONG: trying soon makes no sense. */
void dial_failed(struct feed *feed, const char *why, bool is_long);
/* The connection stands and data came for a minute. */
void dial_steady(struct feed *feed);

/* ---- upstream.c: a cluster or the Reverse Beacon Network ---- */

#define UPSTREAM_VERSION 1

/* In the session table; changed inside steps only. */
struct upstream {
	uint8_t version;
	uint8_t logins;	   /* times that the call was sent */
	uint8_t passwords; /* ... and the password */
	uint8_t up;	   /* it said something after the login */
	uint32_t bad;	   /* malformed lines since the last spot */
	uint64_t target;   /* of struct feed_want: what it was dialled for */
	uint64_t opened;   /* clock_mono */
	uint64_t heard;	   /* ... of the last line */
	uint64_t spoke;	   /* ... of the last line of ours */
	uint64_t spots;
	uint64_t forwarded; /* number of the last spot of ours that was looked at ... */
	uint64_t store;	    /* ... in this store_id */
};

struct tcp *upstream_new(struct feed *feed);
void upstream_tick(struct feed *feed);
/* Ends the connection, if there is one. */
void upstream_end(struct feed *feed, const char *why, bool is_long);

/* ---- forward.c: spots of our users to a cluster ---- */

/* May there be something to pass on? */
bool forward_due(struct feed *feed);
/* Inside a step of CONN: up to a few lines. */
void forward_tick(struct feed *feed, struct tcp_conn *conn);
void forward_begin(struct feed *feed, struct upstream *upstream);

/* ---- mqtt.c: PSKReporter ---- */

struct mqtt;

struct mqtt *mqtt_new(struct feed *feed);
void mqtt_free(struct mqtt **mqtt);
void mqtt_tick(struct mqtt *mqtt);
/* Ends the connection, if there is one. */
void mqtt_end(struct mqtt *mqtt, const char *why);

/* ---- the worker ---- */

struct feed {
	struct worker *worker;
	struct page *page;
	struct feed_want want;
	struct hosts *hosts; /* NULL: none came yet, as the next two */
	struct countries *countries;
	struct known *known;
	struct spotring ring;
	struct intake intake;
	struct backoff backoff;
	struct dial dial;
	struct tell tell;
	enum page_feed_state state;
	ev_prepare prepare;
	bool stopping;

	struct tcp *tcp;       /* NULL: it can't be vaulted */
	struct tcp_conn *conn; /* the one that serves; NULL: none */
	uint64_t heard;	       /* clock_mono of the last byte of it, as far as we know */
	const char *why;       /* we end it, because of this; NULL: it ended */
	bool is_long;
	uint64_t forward_seen; /* of store_moved */
	bool forward_more;     /* there was more than a turn's worth */
	uint64_t ending;       /* clock_mono since when we end it */

	struct mqtt *mqtt;
};

#endif
