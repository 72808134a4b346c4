/* SPDX-License-Identifier: ISC
 *
 * NAME      gps - position and model of a radio
 * PURPOSE   see gps.h
 * OWNER     ysf workers
 * CONTRACT  see gps.h
 * LIMITS    see gps.h
 *
 * A position is written in ASCII digits whose high nibbles carry the hemispheres and the hundreds,
 * followed by three bytes of longitude that are moved into the printable range.
 */
#include "workers/ysf/gps.h"

#include <string.h>

#define END_MARK       0x03
#define RADIO_AT       4
#define LATITUDE_AT    5
#define LONGITUDE_AT   11
#define POSITION_BYTES 14	/* bytes before the end mark that hold a position */
#define HUNDREDTHS     6000	/* of a minute in a degree */
#define MICRO	       1000000

/* The last 03 whose sum is right: its index, or 0. */
static size_t find_end(const uint8_t *data, size_t length)
{
	uint8_t sum = 0;
	size_t end = 0;

	for (size_t i = 0; i + 1 < length; i++) {
		sum = (uint8_t)(sum + data[i]);
		if (data[i] == END_MARK && data[i + 1] == sum)
			end = i;
	}
	return end;
}

/* DEGREES and so many hundredths of a minute, rounded to millionths of a degree. */
static int32_t micro_degrees(int degrees, int hundredths)
{
	int64_t micro = ((int64_t)hundredths * MICRO + HUNDREDTHS / 2) / HUNDREDTHS;

	return (int32_t)(degrees * (int64_t)MICRO + micro);
}

/* Two digits in the low nibbles of DATA, the second at most UNITS_MOST; -1: above MOST or no digits. */
static int two_digits(const uint8_t *data, int most, int units_most)
{
	int tens = data[0] & 0x0F, units = data[1] & 0x0F;
	int value = 10 * tens + units;

	return tens > 9 || units > units_most || value > most ? -1 : value;
}

static bool read_latitude(const uint8_t *data, int32_t *latitude_r)
{
	int degrees, minutes, hundredths;

	for (unsigned i = 0; i < 6; i++)
		if (data[LATITUDE_AT + i] >> 4 != 3 && data[LATITUDE_AT + i] >> 4 != 5)
			return false;
	degrees = two_digits(data + LATITUDE_AT, 89, 9);
	minutes = two_digits(data + LATITUDE_AT + 2, 59, 9);
	hundredths = two_digits(data + LATITUDE_AT + 4, 99, 10); /* there are radios that say ten */
	if (degrees < 0 || minutes < 0 || hundredths < 0)
		return false;
	*latitude_r = micro_degrees(degrees, 100 * minutes + hundredths);
	if (data[8] >> 4 == 3)
		*latitude_r = -*latitude_r;
	return true;
}

/* Ranges of a byte, each with the value of its first. */
struct range {
	uint8_t first, last;
	int value;
};

static int in_range(uint8_t byte, const struct range *range, size_t ranges)
{
	for (size_t i = 0; i < ranges; i++)
		if (byte >= range[i].first && byte <= range[i].last)
			return range[i].value + byte - range[i].first;
	return -1;
}

static bool read_longitude(const uint8_t *data, int32_t *longitude_r)
{
	static const struct range outer[] = {{0x76, 0x7F, 0}, {0x6C, 0x75, 100}, {0x26, 0x6B, 110}};
	static const struct range inner[] = {{0x26, 0x7F, 10}};
	static const struct range minute[] = {{0x58, 0x61, 0}, {0x26, 0x57, 10}};
	static const struct range hundredth[] = {{0x1C, 0x7F, 0}};
	int degrees = data[9] >> 4 == 5 ? in_range(data[LONGITUDE_AT], outer, 3)
					: in_range(data[LONGITUDE_AT], inner, 1);
	int minutes = in_range(data[LONGITUDE_AT + 1], minute, 2);
	int hundredths = in_range(data[LONGITUDE_AT + 2], hundredth, 1);

	if (degrees < 0 || minutes < 0 || hundredths < 0)
		return false;
	*longitude_r = micro_degrees(degrees, 100 * minutes + hundredths);
	if (data[10] >> 4 == 5)
		*longitude_r = -*longitude_r;
	return true;
}

static bool has_position(const uint8_t *data)
{
	return (data[1] == 0x22 && data[2] == 0x62) || (data[1] == 0x47 && data[2] == 0x64);
}

bool gps_decode(const uint8_t *data, size_t length, struct gps *gps_r)
{
	size_t end = find_end(data, length);
	int32_t latitude, longitude;

	memset(gps_r, 0, sizeof(*gps_r));
	if (end == 0)
		return false;
	if (end > RADIO_AT)
		gps_r->radio = data[RADIO_AT];
	if (end < POSITION_BYTES || !has_position(data) || !read_latitude(data, &latitude) ||
	    !read_longitude(data, &longitude))
		return true;
	gps_r->position = true;
	gps_r->latitude = latitude;
	gps_r->longitude = longitude;
	return true;
}
