/* SPDX-License-Identifier: ISC
 *
 * NAME      control - requests of shackctl that keeper answers
 * PURPOSE   The master checks who asks and passes the connection on; keeper writes the answer in
 *           slices, as fast as the reader takes it.
 * OWNER     keeper
 * CONTRACT  a reader that takes nothing for REQUEST_PATIENCE is dropped; no answer is ever held in
 *           memory as a whole
 * LIMITS    REQUESTS at a time, more are refused with a sentence
 */
#ifndef SHACKD_WORKERS_KEEPER_CONTROL_H
#define SHACKD_WORKERS_KEEPER_CONTROL_H

#include "workers/keeper/keeper.h"

#define REQUESTS	 16
#define REQUEST_PATIENCE (10 * NS_PER_SEC)

struct control;

struct control *control_create(struct keeper *keeper);
void control_destroy(struct control **control);

/* Takes a MSG_REQUEST and its connection (msg->fd becomes -1 when it was taken). */
void control_request(struct control *control, struct msg *msg);

/* Goes on with those that wait for the gate or for events. */
void control_tick(struct control *control);

/* Drops those that don't read. NOW is clock_mono. */
void control_tidy(struct control *control, uint64_t now);

#endif
