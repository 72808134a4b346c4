/* SPDX-License-Identifier: ISC
 *
 * NAME      callsign - what a source text says about who is talking
 * PURPOSE   split a source into base call and suffix; tell a call sign from anything else
 * OWNER     ysf workers, and other kinds that meet call signs
 * CONTRACT  pure; input is NUL-terminated and trimmed
 * LIMITS    a part longer than 15 characters is cut (a source has ten)
 */
#ifndef SHACKD_WORKERS_CALLSIGN_H
#define SHACKD_WORKERS_CALLSIGN_H

#include <stdbool.h>

#define CALLSIGN_SIZE	16	/* with the NUL */
#define CALLSIGN_MAX	8	/* longest base call that callsign_valid() accepts */

struct callsign {
	char base[CALLSIGN_SIZE];
	char suffix[CALLSIGN_SIZE];	/* empty: none */
};

/*
 * Splits `source` at every '-', '/', apostrophe and blank: the first part is the base call, the
 * second the suffix, further parts are dropped (YSF protocol). Either may be empty.
 */
void callsign_split(const char *source, struct callsign *call_r);

/* Under which name a caller is blocked: the base call; "-" for all who have none. */
const char *callsign_blocked_as(const struct callsign *call);

/*
 * True if `base` looks like a call sign: an optional digit, one or two letters, one to four digits,
 * one to three letters, either case, and at most eight characters (YSF protocol, CheckRE).
 */
bool callsign_valid(const char *base);

#endif
