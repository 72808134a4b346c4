/* SPDX-License-Identifier: ISC
 *
 * NAME      fan - spots to sessions
 * PURPOSE   The log of spots is the transport and a session is a cursor in it. Sessions with equal
 *           filters and formats are a group: a spot is looked at and rendered once for all of them,
 *           and each gets the group's bytes with one send.
 * OWNER     dxc workers
 * CONTRACT  every session gets every spot after its cursor that its filter passes, exactly once, over
 *           any death of the worker; being lapped is the only drop, counted exactly. Control output
 *           goes before spots. Nothing waits for a session.
 * LIMITS    dxc.queue_client spots of lag; FAN_MEMORY bytes of rendered batches a worker
 */
#ifndef SHACKD_WORKERS_DXC_FAN_H
#define SHACKD_WORKERS_DXC_FAN_H

#include "workers/dxc/dxc.h"

#define FAN_MEMORY (32UL << 20)

struct fan;
struct fan_member;

/* What a session wants to be sent. */
struct fan_want {
	const struct filter *filter; /* copied */
	uint8_t format;		     /* enum spot_format */
	bool off;		     /* nothing (UNSET/DX): its cursor goes on */
	bool self;		     /* spots of and by `base`, whatever the filter says */
	bool beep;
	char base[CALL_TEXT_SIZE];   /* its base call */
};

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

#endif
