/* SPDX-License-Identifier: ISC
 *
 * NAME      pskr - a reception report of PSKReporter as a spot
 * PURPOSE   Reads the JSON that comes over MQTT: who (sc, sl) was heard by whom (rc, rl), where (f), how
 *           (md, rp) and when (t).
 * OWNER     feed; tests generate data by it
 * CONTRACT  pure: bytes and the time of day in, a spot out; no allocation, no recursion. Unknown keys, any
 *           order, escapes, repeated keys (the last counts), numbers as 1.0 or in quotes are taken; a
 *           locator that is none is passed over. Every byte is hostile.
 * LIMITS    PSKR_PAYLOAD_MAX bytes; PSKR_DEPTH levels
 */
#ifndef SHACKD_WORKERS_FEED_PSKR_H
#define SHACKD_WORKERS_FEED_PSKR_H

#include <stddef.h>
#include <stdint.h>

#include "shm/spot.h"

#define PSKR_PAYLOAD_MAX 1024
#define PSKR_DEPTH	 4

enum pskr_error {
	PSKR_OK = 0,
	PSKR_JSON,  /* no flat object, too long, too deep */
	PSKR_FIELD, /* one that must be there is not, or is of the wrong kind */
	PSKR_CALL,  /* no call */
	PSKR_BAND,  /* outside the bands */
	PSKR_TIME,  /* 0, more than an hour ahead or a day ago */
	PSKR_ERRORS
};

/* Sets what the report says and what follows from it: calls (the receiver gets "-#"), frequency, band,
 * mode, report, time, comment, locators, ADIF numbers as the report has them; the rest is zero. NOW:
 * seconds since the epoch. */
enum pskr_error pskr_parse(const char *text, size_t length, int64_t now, struct spot *spot_r);

const char *pskr_error_text(enum pskr_error error);

#endif
