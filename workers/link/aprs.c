/* SPDX-License-Identifier: ISC
 *
 * NAME      aprs - what is said to APRS-IS
 * PURPOSE   See aprs.h.
 * OWNER     link
 * CONTRACT  see aprs.h
 * LIMITS    see aprs.h
 */
#include "workers/link/aprs.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "shm/clock.h"
#include "shm/radio.h"

#define MILLION	       1000000U
#define PASSCODE_SEED  0x73e2U
#define HUNDREDTHS     6000U /* of a minute, in a degree */
#define STATION_LEAST  3
#define ALTERNATE_NONE "-0"

/* Hundredths of minutes, rounded: what rounds up to sixty minutes is the next degree by itself. */
static unsigned hundredths(int32_t millionths)
{
	uint64_t value = (uint64_t)llabs(millionths);

	return (unsigned)((value * HUNDREDTHS + MILLION / 2) / MILLION);
}

const char *aprs_position(int32_t latitude, int32_t longitude, char symbol,
			  char buf[APRS_POSITION_MAX])
{
	unsigned lat = hundredths(latitude), lon = hundredths(longitude);

	snprintf(buf, APRS_POSITION_MAX, "%02u%02u.%02u%c/%03u%02u.%02u%c%c",
		 lat / HUNDREDTHS % 100, lat % HUNDREDTHS / 100, lat % 100,
		 latitude < 0 ? 'S' : 'N', lon / HUNDREDTHS % 1000, lon % HUNDREDTHS / 100,
		 lon % 100, longitude < 0 ? 'W' : 'E', symbol);
	return buf;
}

/* Is CALL one of LIST, "DL1ABC, IU5JAE"? */
static bool is_listed(const char *call, const char *list)
{
	size_t length = strlen(call);

	while (*list != '\0') {
		list += strspn(list, ", \t");
		if (strcspn(list, ", \t") == length && strncasecmp(list, call, length) == 0)
			return true;
		list += strcspn(list, ", \t");
	}
	return false;
}

bool aprs_station(const char *source, const char *opt_out, char call_r[CALL_MAX])
{
	size_t length = strcspn(source, "-/ ");

	if (length < STATION_LEAST || length >= CALL_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!isalnum((unsigned char)source[i]))
			return false;
		call_r[i] = (char)toupper((unsigned char)source[i]);
	}
	memset(call_r + length, 0, CALL_MAX - length);
	return !is_listed(call_r, opt_out);
}

size_t aprs_report(char buf[APRS_LINE_MAX], const struct aprs_report *report)
{
	time_t seconds = (time_t)(report->heard / NS_PER_SEC);
	const char *ssid = strcmp(report->ssid, ALTERNATE_NONE) != 0 ? report->ssid : "";
	char position[APRS_POSITION_MAX], radio[RADIO_NAME_MAX] = "", time[16];
	struct tm tm;
	int length;

	if (strlen(report->call) + strlen(ssid) > APRS_NAME_MAX)
		return 0;
	gmtime_r(&seconds, &tm);
	strftime(time, sizeof(time), "%d%H%M", &tm);
	if (report->radio != 0)
		radio_name(report->radio, radio);
	length = snprintf(buf, APRS_LINE_MAX, "%s%s>APRS,TCPIP*:@%sz%sYSF#%05u via %s%s%s\r\n",
			  report->call, ssid, time,
			  aprs_position(report->latitude, report->longitude,
					radio_symbol(report->radio), position),
			  report->reflector, report->via, radio[0] != '\0' ? " " : "", radio);
	return length > 0 && length < APRS_LINE_MAX ? (size_t)length : 0;
}

unsigned aprs_passcode(const char *call)
{
	unsigned code = PASSCODE_SEED;
	size_t length = strcspn(call, "-");

	for (size_t i = 0; i < length; i++) {
		unsigned letter = (unsigned)toupper((unsigned char)call[i]);

		code ^= i % 2 == 0 ? letter << 8 : letter;
	}
	return code & 0x7fff;
}

size_t aprs_login(char buf[APRS_LINE_MAX], uint32_t reflector, const char *version)
{
	char user[16];

	snprintf(user, sizeof(user), "YSF%05u", reflector);
	return (size_t)snprintf(buf, APRS_LINE_MAX, "user %s pass %u vers shackd %s\r\n", user,
				aprs_passcode(user), version);
}

size_t aprs_keepalive(char buf[APRS_LINE_MAX], const char *version)
{
	return (size_t)snprintf(buf, APRS_LINE_MAX, "# shackd %s\r\n", version);
}

/* The next word of a line, without a comma behind it; moves *AT beyond. */
static size_t next_word(const char **at, const char **word_r)
{
	*word_r = *at + strspn(*at, " ");
	*at = *word_r + strcspn(*word_r, " ,");
	return (size_t)(*at - *word_r);
}

static bool word_is(const char *word, size_t length, const char *text)
{
	return length == strlen(text) && strncasecmp(word, text, length) == 0;
}

enum aprs_said aprs_said(const char *line)
{
	const char *at = line, *word;
	size_t length;

	if (*at++ != '#')
		return APRS_NOTHING;
	length = next_word(&at, &word);
	if (word_is(word, length, "logresp")) {
		next_word(&at, &word);
		length = next_word(&at, &word);
		if (word_is(word, length, "verified"))
			return APRS_VERIFIED;
		return word_is(word, length, "unverified") ? APRS_UNVERIFIED : APRS_COMMENT;
	}
	if (word_is(word, length, "port") || word_is(word, length, "server")) {
		length = next_word(&at, &word);
		if (word_is(word, length, "full"))
			return APRS_FULL;
	}
	return APRS_COMMENT;
}
