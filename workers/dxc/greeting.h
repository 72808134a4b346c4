/* SPDX-License-Identifier: ISC
 *
 * NAME      greeting - what a node says at the login
 * PURPOSE   Welcome and question of a new connection; greeting, message of the day and figures.
 * OWNER     dxc workers
 * CONTRACT  steps; the rest of the greeting goes on with login_more()
 * LIMITS    see about.h
 */
#ifndef SHACKD_WORKERS_DXC_GREETING_H
#define SHACKD_WORKERS_DXC_GREETING_H

#include "shm/store/dxschema.h"
#include "workers/dxc/dxc.h"

/* What a logging program looks for to learn what we understand; each word is a promise. */
#define CAPABILITIES "rbn"

void greeting_welcome(struct client *client);
void greeting_ask(struct client *client);
void greeting_say(struct client *client, const struct user_record *record, uint64_t users);

#endif
