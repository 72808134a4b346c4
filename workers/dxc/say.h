/* SPDX-License-Identifier: ISC
 *
 * NAME      say - words to one user
 * PURPOSE   Lines with their CR LF, dates and texts the way clusters write them.
 * OWNER     dxc workers
 * CONTRACT  inside a step of the session. What users typed may be among the words: whatever it holds,
 *           a line stays a line, and no byte of it is a command to a terminal or to telnet.
 * LIMITS    SAY_MAX bytes a call; TCP_STEP a step, over which the rest is lost and counted
 */
#ifndef SHACKD_WORKERS_DXC_SAY_H
#define SHACKD_WORKERS_DXC_SAY_H

#include "workers/dxc/dxc.h"

#define SAY_MAX 1536

/* A line, or several with LF between; CR LF is put behind each. */
void say(struct client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* TEXT as it is but for its LFs, and no end is added. */
void say_open(struct client *client, const char *text);

/* Keeps at most SIZE - 1 bytes of what a user typed: trimmed, runs of blanks made one, no control
 * characters, whole signs of UTF-8; what is none becomes '?'. Returns the length. */
size_t say_clean(char *dst, size_t size, const char *text);

#define SAY_DATE_SIZE 16
/* "22-Nov-2025", and " 1-Dec-2025": two wide. REAL is clock_real. */
void say_date(uint64_t real, char text_r[SAY_DATE_SIZE]);
/* "0454Z" */
void say_minute(uint64_t real, char text_r[SAY_DATE_SIZE]);

#endif
