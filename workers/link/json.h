/* SPDX-License-Identifier: ISC
 *
 * NAME      json - the messages of the dashboard protocol
 * PURPOSE   Renders what pYSFReflector3 tells its dashboards, one datagram a message.
 * OWNER     link
 * CONTRACT  pure. Every value is a JSON string. Apostrophes, quotes, backslashes and control
 *           characters in a value become blanks: the collector of pYSFReflector3 pastes values into
 *           SQL. Returns the length, 0 for what has no message or does not fit.
 * LIMITS    JSON_MAX bytes a message, which is all that receivers read
 */
#ifndef SHACKD_WORKERS_LINK_JSON_H
#define SHACKD_WORKERS_LINK_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/addr.h"
#include "shm/conf.h"
#include "shm/store/schema.h"
#include "workers/link/told.h"

#define JSON_MAX 1024

/* What a datagram of a dashboard asks for: exactly these bytes, or nothing. */
enum json_asked { JSON_NOTHING, JSON_CONNREQ, JSON_PING, JSON_BYE };
enum json_asked json_asked(const char *data, size_t length);

/* "CONNOK:127.0.0.1:40859", "BYE:127.0.0.1:40859": not JSON, but of the same protocol. */
size_t json_word(char buf[JSON_MAX], const char *word, const struct addr *who);

/* What the reflector is. */
struct json_system {
	const char *version; /* eight digits */
	uint32_t id;
	const char *name;
	const char *description;
	const char *contact;
	const char *web;
	const char *aprs_ssid;
	bool aprs;
	unsigned local;	  /* DG-ID, 0: none */
	unsigned initial; /* the default DG-ID */
	struct conf_dgids dgids;
};
size_t json_system(char buf[JSON_MAX], const struct json_system *about);

/* The message of an event. CALLS: of a stream.start, the stream.meta of its header, or NULL. */
size_t json_event(char buf[JSON_MAX], const struct event_record *event,
		  const struct event_record *calls);

/* One of the gateways, from 1 on; one of the parked callers; and what ends either list. */
size_t json_linked(char buf[JSON_MAX], unsigned number, const struct told_gateway *gateway);
size_t json_total_linked(char buf[JSON_MAX], unsigned total);
size_t json_parked(char buf[JSON_MAX], unsigned number, const struct told_parked *parked);
size_t json_total_parked(char buf[JSON_MAX], unsigned total);

#endif
