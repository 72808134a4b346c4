/* SPDX-License-Identifier: ISC
 *
 * NAME      fan - spots to sessions
 * PURPOSE   The log of spots is the transport and a session is a cursor in it. Sessions with equal
 *           filters and formats are a group: a spot is looked at and rendered once for all of them,
 *           and each is sent the group's bytes from where they lie.
 * OWNER     dxc workers
 * CONTRACT  every session gets every spot after its cursor that its filter passes, exactly once, over
 *           any death of the worker; being lapped is the only drop, counted exactly: of all spots
 *           from its login on, each was delivered, dropped, or none that it wanted. (Of what the log
 *           itself has lost before it could be judged, each counts as dropped.) Control output goes
 *           before spots. Nothing waits for a session.
 *           The cursor in the session's record may lie behind by spots that the session did not
 *           want, for a second.
 * LIMITS    dxc.queue_client spots of lag, at most 15/16 of limits.spots; TABLE_CHUNKS chunks of
 *           lines a worker
 */
#ifndef SHACKD_WORKERS_DXC_FAN_H
#define SHACKD_WORKERS_DXC_FAN_H

#include "workers/dxc/dxc.h"

struct fan;
struct fan_member;

/* What a session wants to be sent. */
struct fan_want {
	const struct filter *filter; /* copied */
	uint8_t format;		     /* enum spot_format */
	bool off;		     /* nothing (UNSET/DX): its cursor goes on */
	bool self;		     /* spots of and by `base`, whatever the filter says */
	bool beep;
	char base[CALL_TEXT_SIZE]; /* its base call */
};

/* DXC has its worker and its tcp by then. */
struct fan *fan_new(struct dxc *dxc);
void fan_free(struct fan **fan);

/* Number of the newest spot: where the cursor of a session begins that logs in. */
uint64_t fan_newest(struct fan *fan);

/* After the login, at resume, and in the step of every change of what the session wants. False: no
 * memory. */
bool fan_want(struct client *client, const struct fan_want *want);
void fan_leave(struct client *client);

/* Reads what is new in the log and sends it: at the doorbell and every 50 ms. */
void fan_tick(struct fan *fan);

/* Hooks of tcp: see struct tcp_kind. */
void fan_told(struct tcp_conn *conn, uint64_t number, unsigned lines);
void fan_ready(struct tcp_conn *conn);

/* Writes the cursors down that are only in memory: before the worker ends. */
void fan_save(struct fan *fan);

#endif
