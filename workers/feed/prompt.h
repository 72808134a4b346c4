/* SPDX-License-Identifier: ISC
 *
 * NAME      prompt - what the other side asks for
 * PURPOSE   Clusters ask for the call, and some for a password, without a line end.
 * OWNER     feed
 * CONTRACT  pure; telnet's commands, escape sequences, blanks and case are passed over
 * LIMITS    the last PROMPT_TAIL signs count
 */
#ifndef SHACKD_WORKERS_FEED_PROMPT_H
#define SHACKD_WORKERS_FEED_PROMPT_H

#include <stddef.h>

#define PROMPT_TAIL 32

enum prompt { PROMPT_NONE, PROMPT_CALL, PROMPT_PASSWORD };

/* What LENGTH bytes end with. */
enum prompt prompt_find(const char *text, size_t length);

#endif
