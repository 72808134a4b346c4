/* SPDX-License-Identifier: ISC
 *
 * NAME      shdx - SHOW/DX
 * PURPOSE   Searches the log of spots, then the durable log of what people typed, newest first, and
 *           puts out what the arguments ask for, a slice at a time.
 * OWNER     dxc workers
 * CONTRACT  how far it came is in the session's record (struct shdx_place and the arguments), changed
 *           in the same step that puts the rows out: a successor goes on with the next row. A worker
 *           searches for SHDX_SLICE in one turn of its loop, however many sessions ask.
 * LIMITS    SESSION_QUERY bytes of arguments; those of workers/dxc/query.h
 */
#ifndef SHACKD_WORKERS_DXC_SHDX_H
#define SHACKD_WORKERS_DXC_SHDX_H

#include <stdbool.h>
#include <stdint.h>

#define SHDX_SLICE 2000000 /* ns */

struct client;

/* How far an answer came; in the session's record. */
struct shdx_place {
	uint64_t store; /* store_id of the log of spots that it is about */
	uint64_t next;	/* number to look at next, going back */
	uint64_t edge;	/* spots from this number on were looked at in the log of spots */
	uint32_t skip;	/* rows still to be passed over */
	uint16_t rows;	/* rows still to be given */
	uint8_t log;	/* enum shdx_log of search.c */
	uint8_t found;	/* one was */
	uint32_t today; /* days since the epoch, when it began */
	uint32_t reserved;
};

/* In the step of the command: says what is wrong with ARGUMENTS (all that follows SHOW/DX; empty:
 * the newest ten), or begins the answer: sets more and query of the session and calls tcp_more().
 * SHOW/MYDX x is SHOW/DX filter x, SHOW/FDX x: real x, SHOW/DXCC x: dxcc x. */
void shdx_start(struct client *client, const char *arguments);

/* In the `more` step of a session whose `more` is MORE_SHDX. True while there is more; then false,
 * with `more` MORE_NONE again: the place for a prompt. */
bool shdx_more(struct client *client);

#endif
