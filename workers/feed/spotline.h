/* SPDX-License-Identifier: ISC
 *
 * NAME      spotline - a line of a feed as a spot
 * PURPOSE   Reads what skimmers and other clusters send: "DX de W3LPL-#: 14025.3 LZ5VV CW 24 dB ...".
 * OWNER     feed; tests generate data by it
 * CONTRACT  pure: bytes and the time of day in, a spot out; one pass over the words, no allocation.
 *           Columns are not believed: long calls shift them. Every byte is hostile.
 * LIMITS    SPOTLINE_MAX bytes a line
 */
#ifndef SHACKD_WORKERS_FEED_SPOTLINE_H
#define SHACKD_WORKERS_FEED_SPOTLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/spot.h"

#define SPOTLINE_MAX 512

enum spotline_error {
	SPOTLINE_OK = 0,
	SPOTLINE_OTHER,	    /* text that is no spot: a greeting, an announcement, a prompt */
	SPOTLINE_GARBAGE,   /* not even text */
	SPOTLINE_SPOTTER,   /* none, or no call */
	SPOTLINE_FREQUENCY, /* none */
	SPOTLINE_CALL,	    /* no station that was heard */
	SPOTLINE_BAND,	    /* of a skimmer, and in no amateur band */
	SPOTLINE_LONG,
	SPOTLINE_ERRORS
};

/* Reads LENGTH bytes without their line end; what stands before "DX de " is passed over (a prompt has
 * no line end). LENIENT: of a cluster, where people type; else of skimmers. NOW: seconds since the
 * epoch. Sets in SPOT_R what the line says and what follows from it: calls, frequency, band, mode, report,
 * speed, type, time, comment, flags; the rest is zero. */
enum spotline_error spotline_parse(const char *text, size_t length, bool lenient, int64_t now,
				   struct spot *spot_r);

/* The moment that HOUR and MINUTE (UTC) mean at NOW: the nearest. False: there is no such time of day. */
bool spotline_time(unsigned hour, unsigned minute, int64_t now, int64_t *time_r);

const char *spotline_error_text(enum spotline_error error);

#endif
