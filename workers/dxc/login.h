/* SPDX-License-Identifier: ISC
 *
 * NAME      login - from a connection to a session, and its end
 * PURPOSE   Welcome, call, password, greeting; who logs in twice, too slowly, or too often in vain.
 * OWNER     dxc workers
 * CONTRACT  A session is in the store before its user is greeted; the call of a session is its own as
 *           long as the store says so. All but login_tick, login_judge and login_gone are steps.
 * LIMITS    LOGIN_TRIES calls or passwords; dxc.login_timeout
 */
#ifndef SHACKD_WORKERS_DXC_LOGIN_H
#define SHACKD_WORKERS_DXC_LOGIN_H

#include "shm/store/env.h"
#include "workers/dxc/dxc.h"

#define LOGIN_TRIES 3

/* The first words to a connection. */
void login_open(struct client *client);

/* A line before the login: a call, or a password. */
void login_line(struct client *client, const char *text);
/* The same of one that was too long. */
void login_too_long(struct client *client);

/* Ends the session once all is said. */
void login_close(struct client *client);

/* The greeting's rest: message of the day and figures. True while there is more. */
bool login_more(struct client *client);
/* Begins the message of the day; FIGURES: with the greeting's last lines behind it. */
void login_show_motd(struct client *client, bool figures);

/* A predecessor's session: takes up what this process keeps beside the record. */
bool login_resume(struct client *client);

/* A session whose spots store was made anew is written into the new one. In a step; false: not now. */
bool login_renew(struct client *client);

/* Too slow to log in? To be ended? Outside of steps. */
void login_tick(struct client *client);

/* Does the store still say that the call is this session's? Outside of steps. */
void login_judge(struct client *client, struct store_txn *txn);

/* The connection is over; the store hears of it at the next login_flush. */
void login_gone(struct client *client);
void login_flush(struct dxc *dxc);

#endif
