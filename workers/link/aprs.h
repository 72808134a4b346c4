/* SPDX-License-Identifier: ISC
 *
 * NAME      aprs - what is said to APRS-IS
 * PURPOSE   Position reports, logins and pass codes as lines; what a server's line means.
 * OWNER     link
 * CONTRACT  pure; nothing that came over the air gets into a line but letters and digits
 * LIMITS    APRS_LINE_MAX bytes a line, as APRS-IS has it
 */
#ifndef SHACKD_WORKERS_LINK_APRS_H
#define SHACKD_WORKERS_LINK_APRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/store/schema.h"

#define APRS_LINE_MAX	  512 /* with CR LF */
#define APRS_POSITION_MAX 24
#define APRS_NAME_MAX	  9 /* characters of a station with its SSID, as APRS-IS has it */

/* "4346.73N/01114.07E" with SYMBOL between and behind as APRS wants it: "4346.73N/01114.07E[".
 * Millionths of a degree, rounded to hundredths of minutes; 60.00 minutes are a degree. */
const char *aprs_position(int32_t latitude, int32_t longitude, char symbol,
			  char buf[APRS_POSITION_MAX]);

/* Whose position SOURCE is: the part before '-' or '/'. False: it is not to be reported (shorter
 * than three, not letters and digits alone, or one of OPT_OUT, which are separated by commas). */
bool aprs_station(const char *source, const char *opt_out, char call_r[CALL_MAX]);

struct aprs_report {
	const char *call; /* of aprs_station */
	const char *ssid; /* "-10"; "" or "-0": none */
	const char *via;
	uint32_t reflector; /* five digits */
	int32_t latitude, longitude;
	uint8_t radio;	/* code of the model, 0: unknown */
	uint64_t heard; /* clock_real */
};

/* The report as a line with CR LF. Returns its length, 0 when it does not fit, or the station's name
 * does not. */
size_t aprs_report(char buf[APRS_LINE_MAX], const struct aprs_report *report);

/* Pass code of a login (APRS-IS): of the call without its SSID, in capitals. */
unsigned aprs_passcode(const char *call);

/* "user YSF12345 pass 27270 vers shackd 20261121" with CR LF. */
size_t aprs_login(char buf[APRS_LINE_MAX], uint32_t reflector, const char *version);

/* "# shackd 20261121" with CR LF: so that the way stays open. */
size_t aprs_keepalive(char buf[APRS_LINE_MAX], const char *version);

enum aprs_said {
	APRS_NOTHING,	 /* traffic of others, or an empty line */
	APRS_COMMENT,	 /* "# ...": the banner, a sign of life */
	APRS_VERIFIED,	 /* "# logresp CALL verified, ..." */
	APRS_UNVERIFIED, /* "# logresp CALL unverified, ..." */
	APRS_FULL,	 /* "# Port full", "# Server full" */
};

/* What a line of a server says (without its line end). */
enum aprs_said aprs_said(const char *line);

#endif
