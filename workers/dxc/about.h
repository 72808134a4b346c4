/* SPDX-License-Identifier: ISC
 *
 * NAME      about - what a node says of itself
 * PURPOSE   Texts with tokens (welcome, greeting, farewell), version and uptime, the message of the
 *           day.
 * OWNER     dxc workers
 * CONTRACT  about_fill is pure
 * LIMITS    ABOUT_MAX bytes of a filled text; MOTD_MAX bytes of the file are shown
 */
#ifndef SHACKD_WORKERS_DXC_ABOUT_H
#define SHACKD_WORKERS_DXC_ABOUT_H

#include "workers/dxc/dxc.h"

#define ABOUT_MAX 1024

/* What the tokens stand for; NULL is "". */
struct about {
	const char *node, *call;
	uint64_t now; /* clock_real */
	uint64_t users;
};

/* Replaces <NODE> <CLUSTER> <CALL> <DATE> <TIME> <DATETIME> <USERS> <VERSION>, and \n by a new line.
 * Other words in angle brackets stay. Returns the length. */
size_t about_fill(const char *text, const struct about *about, char filled_r[ABOUT_MAX]);

const char *about_version(void);
/* "1 02:03" days, hours, minutes */
void about_uptime(uint64_t seconds, char text_r[32]);
/* clock_mono at which the master was started; the process itself tells. */
uint64_t about_born(int32_t master_pid);

/* Reads dxc.motd if it changed, at most once a second; empty when there is none. */
const char *about_motd(struct dxc *dxc, size_t *length_r);

#endif
