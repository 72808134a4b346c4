/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_dx - the spots that the cluster's simulator sends, and what must become of them
 * PURPOSE   Every spot has a serial number that is written into the call of its DX station, so that
 *           whoever reads a line anywhere knows which one it is, and what else must be in it.
 * OWNER     the programs in tests/load
 * CONTRACT  pure: the serial number decides everything but the time of day. Written from the protocol's
 *           description, with no part of the product
 * LIMITS    DX_SERIALS spots a run; DX_FILTERS filters
 */
#ifndef SHACKD_TESTS_LOAD_LIB_DX_H
#define SHACKD_TESTS_LOAD_LIB_DX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DX_SERIALS 1757600
#define DX_FILTERS 50
#define DX_LINE	   256

enum dx_feed { DX_RBN, DX_DIGITAL, DX_CLUSTER, DX_MQTT, DX_FEEDS };

struct dx_spot {
	enum dx_feed feed;
	char de[16]; /* as users see it */
	char dx[16];
	unsigned band; /* 0..4: 80m 40m 20m 15m 10m */
	unsigned mode; /* 0..3: CW RTTY FT8 FT4 */
	uint64_t hz;
	int report;
};

void dx_spot(enum dx_feed feed, uint32_t serial, struct dx_spot *spot_r);

/* The line, or for DX_MQTT the payload, at UNIX time NOW. Returns its length; lines end in CR LF. */
size_t dx_write(const struct dx_spot *spot, int64_t now, char text_r[DX_LINE]);
/* The topic of a DX_MQTT payload. */
size_t dx_topic(const struct dx_spot *spot, char topic_r[DX_LINE]);

/* Which spot is in a line of any layout (DX de ..., or a JSON object)? False: in none. FEED tells which
 * kinds there can be: the mode in the line is held against it later. HZ_R is rounded to 100. */
struct dx_heard {
	uint32_t serial;
	char de[16];
	uint64_t hz;
};
bool dx_read(const char *line, size_t length, struct dx_heard *heard_r);

/* The commands that set filter N of a new user, lines with LF, and whether it passes a spot. */
size_t dx_filter_commands(unsigned filter, char text_r[DX_LINE]);
bool dx_filter_passes(unsigned filter, const struct dx_spot *spot);

/* The call that session N logs in with; 6,760 different ones. */
void dx_user(unsigned session, char call_r[16]);

/* Writes the time of day (HHMM) over the last "dddd" followed by 'Z' of a captured line. */
void dx_retime(char *line, size_t length, int64_t now);

#endif
