/* SPDX-License-Identifier: ISC
 *
 * NAME      told - the words of pYSFReflector3
 * PURPOSE   See told.h.
 * OWNER     link
 * CONTRACT  see told.h
 * LIMITS    see told.h
 */
#include "workers/link/told.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shm/clock.h"

#define MILLION 1000000

const char *told_second(uint64_t real, char buf[TOLD_TIME_MAX])
{
	time_t seconds = (time_t)(real / NS_PER_SEC);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(buf, TOLD_TIME_MAX, "%Y-%m-%d %H:%M:%S", &tm);
	return buf;
}

const char *told_time(uint64_t real, char buf[TOLD_TIME_MAX])
{
	size_t length = strlen(told_second(real, buf));

	snprintf(buf + length, TOLD_TIME_MAX - length, ".%03u",
		 (unsigned)(real % NS_PER_SEC / NS_PER_MS));
	return buf;
}

void told_fich(const uint8_t info[4], struct told_fich *fich_r)
{
	fich_r->cs = info[0] >> 4 & 3;
	fich_r->cm = info[0] >> 2 & 3;
	fich_r->ft = info[1] & 7;
	fich_r->dev = info[2] >> 6 & 1;
	fich_r->mr = info[2] >> 3 & 3;
	fich_r->voip = info[2] >> 2 & 1;
	fich_r->dt = info[2] & 3;
	fich_r->sql = info[3] >> 7;
	fich_r->sqc = info[3] & 0x7f;
}

const char *told_bool(bool value)
{
	return value ? "True" : "False";
}

const char *told_refusal(unsigned reason)
{
	switch (reason) {
	case REASON_DATA:
		return "DT";
	case REASON_GATEWAY:
		return "GW";
	case REASON_ADDRESS:
		return "IP";
	case REASON_SERIAL:
		return "SN";
	case REASON_CALL:
		return "CS";
	default:
		return NULL;
	}
}

const char *told_end(const struct event_record *end)
{
	if (end->reason == REASON_TIMEOUT)
		return NULL;
	if (end->reason != REASON_TERMINATOR)
		return "WD";
	return end->flags & STREAM_MUTED ? "TD" : "TC";
}

const char *told_block(unsigned reason)
{
	switch (reason) {
	case BLOCK_TIMEOUT:
		return "RCT";
	case BLOCK_WILD_PTT:
		return "RCW";
	default:
		return NULL;
	}
}

static bool says_something(const char *dest)
{
	return dest[strspn(dest, " ")] != '\0' && strcmp(dest, "**********") != 0;
}

const char *told_target(const struct event_record *start, const struct event_record *calls)
{
	return calls != NULL && says_something(calls->text[0]) ? calls->text[0] : start->dest;
}

bool told_damaged(const struct event_record *calls)
{
	return calls != NULL && calls->text[0][0] == '\0' && calls->text[1][0] == '\0';
}

bool told_position(int32_t latitude, int32_t longitude)
{
	return latitude != POSITION_NONE && longitude != POSITION_NONE &&
	       (latitude != 0 || longitude != 0);
}

const char *told_degrees(int32_t millionths, bool known, char buf[16])
{
	uint32_t value = known ? (uint32_t)labs(millionths) : 999U * MILLION;

	snprintf(buf, 16, "%s%" PRIu32 ".%06" PRIu32, known && millionths < 0 ? "-" : "",
		 value / MILLION, value % MILLION);
	return buf;
}

const char *told_name(const char *name)
{
	return name[0] != '\0' ? name : "??????????";
}
