/* SPDX-License-Identifier: ISC
 *
 * NAME      link - what the parts of the link worker share
 * PURPOSE   Tells the outside what happens on the reflector: dashboards, the log that dashboards
 *           read, APRS-IS. Each follows the event log from a cursor in the slot's page, so that a
 *           successor goes on where a dead worker was.
 * OWNER     link, one process of shackd-net
 * CONTRACT  nothing here waits for anybody outside; nobody inside waits for link
 * LIMITS    LINK_SUBSCRIBERS dashboards, LINK_BATCH events a step
 */
#ifndef SHACKD_WORKERS_LINK_LINK_H
#define SHACKD_WORKERS_LINK_LINK_H

#include <ev.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "shm/access.h"
#include "shm/hosts.h"
#include "shm/nets.h"
#include "shm/store/events.h"
#include "shm/store/schema.h"
#include "workers/bucket.h"
#include "workers/link/aprs.h"
#include "workers/link/aprsis.h"
#include "workers/link/told.h"
#include "workers/run.h"

#define LINK_SUBSCRIBERS 256 /* greatest limits.dashboards */
#define LINK_LISTENERS	 16
#define LINK_SOURCES	 256
#define LINK_BATCH	 64
#define LINK_LIST_EVERY	 (120 * NS_PER_SEC)
#define FEED_SHIFT	 16 /* of the event number in PAGE_LINK_FEED */

/* ---- follow.c: the events, in batches ---- */

struct tale {
	uint64_t number;
	struct event_record event;
	const struct event_record *calls; /* of a stream.start: the stream.meta of its header */
};

struct batch {
	struct tale tale[LINK_BATCH];
	unsigned count;
};

/* Reads what comes after number AFTER. False: nothing, or the store could not be read. LAPPED_R:
 * the next ones are gone, go on after *LAPPED_R (0: it is not so). */
bool follow_batch(struct store *store, uint64_t after, struct batch *batch_r, uint64_t *lapped_r);

/* Number of the newest event. False: the store could not be read. */
bool follow_newest(struct store *store, uint64_t *number_r);

/* ---- spare.c: the words of the page that outlive the process ---- */

struct spare_note {
	uint64_t event;	 /* last one whose lines are in the file */
	uint64_t file;	 /* which file */
	uint64_t length; /* of the file after them */
};

uint64_t spare_get(const struct page *page, enum page_link word);
void spare_set(struct page *page, enum page_link word, uint64_t value);
struct spare_note spare_note_get(const struct page *page);
/* Takes effect in one store: whoever dies here leaves the old note or the new one. */
void spare_note_set(struct page *page, const struct spare_note *note);
/* Header NUMBER (0, 1) of what is being sent: the kernel writes its msg_len before anybody can kill
 * us. */
struct mmsghdr *spare_sending(struct page *page, unsigned number);

/* ---- roster.c: who is linked, who is parked ---- */

struct roster {
	struct told_gateway *gateway;
	unsigned gateways;
	struct told_parked *parked;
	unsigned parkeds;
	uint64_t taken; /* clock_real */
};

struct link;

/* A picture of the store. False: it could not be read, or there is no memory. */
bool roster_take(struct link *link, struct roster *roster_r);
void roster_drop(struct roster *roster);

/* ---- dashboards.c: subscribers ---- */

struct subscriber {
	struct client_key key;
	struct addr addr;
	unsigned listener;
	uint8_t local[16]; /* the address of ours that it speaks to */
	uint64_t since;	   /* clock_mono */
	uint64_t pinged;   /* clock_mono of the last sign of life; `since` until the first PING */
	uint64_t noted;	   /* `pinged` of its record */
	uint64_t joined;   /* number of the last event before it subscribed */
	bool told;	   /* of the calls that were open when it came */
	bool kept;	   /* its record is written */
	bool dirty;	   /* its record is not what it should be */
	bool gone;	   /* its record is to be removed */
	bool greet;	   /* is to be answered when its record is written */
	bool pinged_early;  /* ... and its PING after that */
	bool wants_list;
	bool listing; /* gets the list that is being sent */
};

struct link_source {
	uint8_t ip[16];
	struct bucket asks;  /* subscriptions */
	struct bucket lists; /* lists out of turn */
};

struct link_listener {
	struct link *link;
	unsigned index;
	bool wildcard;
	ev_io readable;
};

struct dashboards {
	struct subscriber subscriber[LINK_SUBSCRIBERS + 1]; /* in the order of their keys */
	unsigned count;
	struct nets allowed; /* ysf.dashboard_allow */
	struct link_listener listener[LINK_LISTENERS];
	struct link_source source[LINK_SOURCES];
	uint8_t secret[16]; /* of the hash that chooses a source's place */
	struct bucket asks; /* of all sources together */
	bool unkept;	    /* said that subscriptions can't be kept */
};

/* False: the worker ends. */
bool dashboards_go(struct link *link);
/* ysf.dashboard_allow may have changed: who is not in it any more is told nothing from now on. */
void dashboards_allow(struct link *link);
/* Expiry, and what has to be written. */
void dashboards_tick(struct link *link);
void dashboards_close(struct link *link);
/* The message of event NUMBER to all who may have it (BEGAN: the event that began its call, 0: it
 * belongs to none), each of them exactly once even if this process dies between two of them. */
void dashboards_tell(struct link *link, uint64_t number, uint64_t began, const char *text,
		     size_t length);
/* Anything else, to one. Lost when it can't be sent at once. */
void dashboards_send(struct link *link, const struct subscriber *subscriber, const char *text,
		     size_t length);

/* ---- feed.c: events and lists for the subscribers ---- */

struct open_call {
	uint32_t stream;
	uint64_t began; /* number of its stream.start */
};

struct feed {
	uint64_t done; /* last event that everybody has */
	struct open_call *call;
	unsigned calls, room;
	struct roster roster; /* the list that is being sent */
	bool listing;
	unsigned at; /* what of it comes next */
};

void feed_go(struct link *link);
void feed_tick(struct link *link);
void feed_close(struct link *link);
/* A subscriber has shown that it is there: tells it of the calls that are open. */
void feed_catch_up(struct link *link, struct subscriber *subscriber);
/* The lists are due for everybody. */
void feed_lists_due(struct link *link);

/* ---- logfile.c: ysf.mmdvm_log ---- */

struct logfile {
	char path[CONF_TEXT_MAX]; /* of the open file */
	uint64_t day;		  /* of the path: seconds of the epoch / 86400 */
	uint64_t checked;	  /* clock_mono of the last look at the path */
	int fd;			  /* -1: none */
	bool complained;
};

void logfile_go(struct link *link);
void logfile_tick(struct link *link);
void logfile_close(struct link *link);
/* Opens it anew: a new path, or an operator's wish. */
void logfile_reopen(struct link *link);
/* Could the file of CONF be written? False with a sentence in WHY_R, which is empty before. */
bool logfile_check(const struct conf *conf, char why_r[252]);
/* The daemon has been started: not this process alone. */
void logfile_started(struct link *link);
void logfile_lists_due(struct link *link);

/* ---- uplink.c: APRS-IS ---- */

struct uplink {
	struct aprsis session;
	ev_io io;
	int fd;	       /* -1: not connected */
	unsigned turn; /* which of the server's addresses is next */
	struct addr server;
	uint64_t done;	  /* last event that was looked at */
	uint64_t sending; /* event whose report is in `out`, 0: none */
	char out[APRS_LINE_MAX];
	size_t length, sent;
	bool unsent; /* said that reports can't go out */
};

void uplink_go(struct link *link);
void uplink_tick(struct link *link);
void uplink_close(struct link *link);
/* The configuration or the addresses of the server changed. */
void uplink_changed(struct link *link);

/* ---- worker.c ---- */

struct link {
	struct worker *worker;
	struct page *page;
	struct store *store;
	const struct conf *conf;
	struct access *access; /* NULL: none came yet */
	struct hosts *hosts;
	struct dashboards dashboards;
	struct feed feed;
	struct logfile log;
	struct uplink uplink;
	uint64_t now;	    /* clock_mono of this turn */
	uint64_t lists_due; /* clock_mono */
};

/* What a failed transaction means: STORE_LOST ends the process, anything else is tried again. */
void link_store_error(struct link *link, enum store_error error, const char *what);

#endif
