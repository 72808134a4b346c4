/* SPDX-License-Identifier: ISC
 *
 * NAME      session - what outsiders read of a DX cluster session
 * PURPOSE   The first words of a session's record in its slot's table: `shackctl sessions` shows
 *           them without knowing how dxc keeps the rest.
 * OWNER     written by dxc inside steps; read by keeper
 * CONTRACT  fixed layout, the start of struct session. Who reads it from outside believes nothing:
 *           session_head_sound first.
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_SESSION_H
#define SHACKD_WORKERS_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "shm/call.h"

#define SESSION_VERSION 1

enum session_stage {
	SESSION_CALL = 0, /* asked for a call */
	SESSION_PASSWORD = 1,
	SESSION_IN = 2,
	SESSION_OUT = 3, /* was told to go */
};

struct session_head {
	uint8_t version; /* 0: a connection that nobody has greeted yet */
	uint8_t stage;	 /* enum session_stage */
	uint8_t format;	 /* enum spot_format */
	uint8_t reserved;
	uint32_t flags; /* enum session_flag of dxc */
	char call[CALL_TEXT_SIZE];
	uint64_t connected; /* clock_mono */
	uint64_t connected_real;
	uint64_t input; /* clock_mono of the last line */
	uint64_t
		cursor; /* number of the last spot that was looked at for it; 0: before the login */
	uint64_t delivered; /* spots */
	uint64_t dropped;   /* spots: it was lapped */
};

static inline bool session_head_sound(const struct session_head *head)
{
	return head->version == SESSION_VERSION && head->stage <= SESSION_OUT &&
	       memchr(head->call, '\0', sizeof(head->call)) != NULL &&
	       (head->stage < SESSION_IN || call_valid(head->call));
}

#endif
