/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_print - answers for people
 * PURPOSE   Turns the JSON of the daemon into aligned columns and sentences.
 * OWNER     shackctl
 * CONTRACT  ASCII only, whatever a gateway calls itself; NOW is seconds since the epoch
 * LIMITS    a cell is cut at 63 characters
 */
#ifndef SHACKD_MASTER_SHACKCTL_PRINT_H
#define SHACKD_MASTER_SHACKCTL_PRINT_H

#include <jansson.h>
#include <stdio.h>
#include <time.h>

typedef void print_answer(FILE *out, const json_t *answer, time_t now);

print_answer print_status, print_workers, print_clients, print_streams, print_blocked;
print_answer print_lists, print_sessions, print_feeds, print_spots, print_passwd;
print_answer
	print_reload; /* a refused one too: all its problems but the first, on standard error */
print_answer print_block, print_unblock, print_kick, print_event, print_quarantine;
print_answer print_upgrade;

/* "45s", "3m12s", "2h05m", "3d04h" */
const char *print_age(double seconds, char buf[24]);

#endif
