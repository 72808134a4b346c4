/* SPDX-License-Identifier: ISC
 *
 * NAME      gps - position and model of a radio
 * PURPOSE   read the block that a radio sends beside its voice: FN 6 and 7 of V/D mode 2, FN 3 and
 *           up of V/D mode 1
 * OWNER     ysf workers
 * CONTRACT  pure; reads nothing behind the bytes given, however few
 * LIMITS    speed, course and what else follows the position are not read
 */
#ifndef SHACKD_WORKERS_YSF_GPS_H
#define SHACKD_WORKERS_YSF_GPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gps {
	uint8_t radio;	 /* code of the model; 0: not told */
	bool position;	 /* the two below are true */
	int32_t latitude; /* millionths of a degree, north is positive */
	int32_t longitude; /* likewise, east is positive */
};

/*
 * Reads LENGTH bytes. False: there is no block in them (no end marker with a right sum), *gps_r is
 * all zero. A block that only tells the model, or whose position is impossible, is a block without
 * a position (YSF protocol).
 */
bool gps_decode(const uint8_t *data, size_t length, struct gps *gps_r);

#endif
