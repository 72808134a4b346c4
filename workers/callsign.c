/* SPDX-License-Identifier: ISC
 *
 * NAME      callsign - what a source text says about who is talking
 * PURPOSE   split a source into base call and suffix; tell a call sign from anything else
 * OWNER     ysf workers, and other kinds that meet call signs
 * CONTRACT  see callsign.h
 * LIMITS    a part longer than 15 characters is cut
 */
#include "workers/callsign.h"

#include <string.h>

static const char separators[] = "-/' ";

/* Copies the part at `from` up to the next separator; returns where it ended. */
static const char *
take_part(const char *from, char part_r[CALLSIGN_SIZE])
{
	size_t len = strcspn(from, separators);
	size_t kept = len < CALLSIGN_SIZE ? len : CALLSIGN_SIZE - 1;

	memcpy(part_r, from, kept);
	part_r[kept] = '\0';
	return from + len;
}

void
callsign_split(const char *source, struct callsign *call_r)
{
	const char *end = take_part(source, call_r->base);

	call_r->suffix[0] = '\0';
	if (*end)
		take_part(end + 1, call_r->suffix);
}

/* Not isalpha() and isdigit(): the locale has no say in this. */
static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Skips what `is` accepts and says how much that was. */
static size_t
skip(const char **at, bool (*is)(char))
{
	const char *from = *at;

	while (is(**at))
		(*at)++;
	return (size_t)(*at - from);
}

static bool
between(size_t n, size_t least, size_t most)
{
	return n >= least && n <= most;
}

const char *
callsign_blocked_as(const struct callsign *call)
{
	return call->base[0] != '\0' ? call->base : "-";
}

/*
 * Digits and letters never overlap and each group must meet the other kind, so every group is as
 * long as it can be and nothing needs to be tried twice.
 */
bool
callsign_valid(const char *base)
{
	const char *at = base;

	return skip(&at, is_digit) <= 1 &&
	    between(skip(&at, is_letter), 1, 2) &&
	    between(skip(&at, is_digit), 1, 4) &&
	    between(skip(&at, is_letter), 1, 3) &&
	    *at == '\0' && at - base <= CALLSIGN_MAX;
}
