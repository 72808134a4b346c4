/* SPDX-License-Identifier: ISC
 *
 * NAME      control - the socket that shackctl talks to
 * PURPOSE   Checks who asks, answers what concerns the master, and hands the rest to keeper
 *           together with the connection.
 * OWNER     master
 * CONTRACT  a client can neither block the master nor cost it more than a bounded piece of memory
 * LIMITS    CONTROL_CONNECTIONS at a time, CONTROL_SECONDS for each step
 */
#ifndef SHACKD_MASTER_CONTROL_H
#define SHACKD_MASTER_CONTROL_H

#include <jansson.h>

#include "master/master.h"
#include "master/upgrade/handover.h"

#define CONTROL_CONNECTIONS 32
#define CONTROL_SECONDS	    5.0
#define CONTROL_WAIT	    2.0 /* for a keeper that is being replaced */

/* Makes RUN_DIR/control.sock. False after master_why. */
bool control_open(struct master *master);
void control_start(struct master *master);
/* Removes the socket and drops all connections. */
void control_close(struct master *master);
/* What the master was busy with is over: JSON (may be NULL; is taken over) and the end go to
 * whoever waits for it. */
void control_conclude(struct master *master, json_t *json, uint32_t status, const char *why);
/* Keeper serves: hands over what waited for it. */
void control_keeper_serves(struct master *master);

/* ---- from image to image ---- */

/* Visits the listening socket and every connection. */
void control_each(const struct master *master,
		  void (*visit)(void *arg, enum handover_role role, int fd), void *arg);
/* Is nobody there but who waits for the upgrade and who has not spoken yet? */
bool control_quiet(const struct master *master);
/* Takes one of them over. False when there is no place for it; FD stays the caller's then. */
bool control_inherit(struct master *master, enum handover_role role, int fd);

/* rights.c: what a peer may ask for; pure. */
enum rights {
	RIGHTS_NONE,
	RIGHTS_READ,  /* the daemon's own user */
	RIGHTS_GROUP, /* members of server.group */
	RIGHTS_ALL,   /* root; who started an unprivileged master */
};

struct rights_who {
	uint32_t master_uid;
	uint32_t worker_uid;  /* UINT32_MAX: none of its own */
	uint32_t control_gid; /* UINT32_MAX: none */
};

enum rights rights_of(const struct rights_who *who, uint32_t uid, uint32_t gid,
		      const uint32_t *groups, size_t count);
bool rights_allow(enum rights rights, const char *verb);

/* report.c: the answers; NULL when memory is short. */
json_t *report_status(const struct master *master);
json_t *report_workers(const struct master *master);

/* " ysf=[::]:42000,..." and so on for each kind that listens. Returns BUF. */
const char *report_services(const struct master *master, char *buf, size_t size);

#endif
