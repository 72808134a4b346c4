/* SPDX-License-Identifier: ISC
 *
 * NAME      spot - one report: station A heard station B on frequency F at time T
 * PURPOSE   The one layout from the feed's parser through the pipeline to the log of spots.
 * OWNER     written by feed and dxc, completed by spot, read by dxc and keeper
 * CONTRACT  fixed layout; in the log it ends with its comment, so that short ones cost less
 *           (spot_size). What is read back is checked as if an enemy had written it. Texts are NUL
 *           padded, printable ASCII but for the comment, which may have bytes from 0x80 on.
 * LIMITS    SPOT_COMMENT_MAX bytes of comment
 */
#ifndef SHACKD_SHM_SPOT_H
#define SHACKD_SHM_SPOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/call.h"

#define SPOT_VERSION	 1
#define SPOT_COMMENT_MAX 120
#define SPOT_FEED_SIZE	 17 /* name of a feed and its NUL */

enum spot_source {
	SPOT_RBN = 1,
	SPOT_RBN_DIGITAL = 2,
	SPOT_PSKREPORTER = 3,
	SPOT_UPSTREAM = 4,
	SPOT_PEER = 5,
	SPOT_LOCAL = 6, /* typed by a user of ours */
};

enum spot_flag {
	SPOT_HUMAN = 1,	 /* typed by a person */
	SPOT_BEACON = 2,
	SPOT_MODE_INFERRED = 4,
	SPOT_HAS_REPORT = 8,
	SPOT_KEEP_SSID = 16, /* the feed's keep_ssid: its spotter is shown whole */
	SPOT_SELF = 32,	 /* spotter and DX are one station */
	SPOT_BAD_TIME = 64, /* the line's time made no sense: it is the time of arrival */
};

enum spot_unit { SPOT_UNIT_NONE, SPOT_UNIT_WPM, SPOT_UNIT_BPS };

/* What a skimmer says of the transmission; the words stay in the comment too. */
enum spot_type { SPOT_TYPE_NONE, SPOT_TYPE_CQ, SPOT_TYPE_DX, SPOT_TYPE_BEACON, SPOT_TYPE_NCDXF,
		 SPOT_TYPE_TEST };

struct spot_side {
	uint16_t adif;	   /* 0: unknown */
	uint8_t cq, itu;   /* 0: unknown */
	uint8_t continent; /* enum continent */
	uint8_t derived;   /* 1: the grid was not in the report */
	char grid[10];	   /* upper case, up to 8 signs, NUL-padded */
};

struct spot {
	uint8_t version;
	uint8_t source; /* enum spot_source */
	uint8_t mode;	/* enum spot_mode */
	uint8_t band;	/* enum band */
	uint8_t flags;	/* enum spot_flag */
	uint8_t type;	/* enum spot_type */
	uint8_t unit;	/* enum spot_unit */
	char glyph;	/* of the confidence, or NUL */
	int16_t report; /* dB */
	uint16_t speed;
	uint32_t reserved;
	uint64_t hz;	 /* as shown */
	uint64_t raw_hz; /* as reported */
	int64_t time;	 /* seconds since the epoch, of the report; whole minutes from lines */
	uint64_t arrived;      /* clock_mono: all windows count by this */
	uint64_t arrived_real; /* clock_real */
	uint64_t session; /* of the user who typed it here, else 0 */
	uint8_t ip[16];	  /* his address */
	struct spot_side dx_side, de_side;
	char dx[CALL_TEXT_SIZE];
	char dx_raw[CALL_TEXT_SIZE]; /* before correction */
	char de[CALL_TEXT_SIZE];     /* whole, with SSID and "-#" */
	char feed[SPOT_FEED_SIZE];   /* empty: local */
	uint8_t comment_length;
	char comment[SPOT_COMMENT_MAX + 2]; /* NUL-terminated */
};

/* Bytes of it in the log. */
size_t spot_size(const struct spot *spot);

/* Checks LENGTH bytes of the log, makes a whole spot of them; DATA may be SPOT_R. False: it is none,
 * and SPOT_R is zero. */
bool spot_check(const void *data, size_t length, struct spot *spot_r);

/* Sets the comment: TAB, CR, LF, VT and FF become blanks, escape sequences and other control bytes
 * vanish, runs of blanks become one, blanks at both ends go, bytes from 0x80 on stay; cut at
 * SPOT_COMMENT_MAX, before a character of UTF-8 that does not fit whole. */
void spot_set_comment(struct spot *spot, const char *text, size_t length);

/* Does the call or the comment say that it is a beacon? */
bool spot_says_beacon(const struct spot *spot);
/* Are spotter and DX one station? */
bool spot_says_self(const struct spot *spot);

const char *spot_source_name(unsigned source); /* "RBN", "RBN-DIGITAL" ... */
const char *spot_type_name(unsigned type);

/* Frequency in units of 100 Hz, rounded half up: what is shown. */
static inline uint64_t spot_decihertz(uint64_t hz)
{
	return (hz + 50) / 100;
}

#endif
