/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_dx - the spots that the cluster's simulator sends, and what must become of them
 * PURPOSE   see lib_dx.h
 * OWNER     the programs in tests/load
 * CONTRACT  see lib_dx.h
 * LIMITS    see lib_dx.h
 */
#include "tests/load/lib_dx.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LETTERS	 26
#define SUFFIXES (LETTERS * LETTERS * LETTERS)
#define BANDS	 5
#define MODES	 4

/* Entities whose calls may have any three letters behind the digit. */
static const char *const prefixes[] = {"DL", "K", "JA", "F", "G", "EA", "SM", "VE", "LU", "ZL"};
static const char *const skimmers[] = {"W3LPL-#", "DK9IP-#",  "S50ARX-#", "LZ3CB-#", "K9LC-#",
				       "F8DGY-#", "HB9DCO-#", "NU4F-#",	  "ES5PC-#", "JI1HFJ-#"};
static const char *const people[] = {"G4XYZ", "K4VTE", "OH0M", "DL1YAW"};

static const char *const bands[BANDS] = {"80m", "40m", "20m", "15m", "10m"};
static const char *const modes[MODES] = {"CW", "RTTY", "FT8", "FT4"};
/* Where each mode is at home, in Hz. */
static const uint32_t homes[BANDS][MODES] = {{3510000, 3585000, 3573000, 3575000},
					     {7010000, 7043000, 7074000, 7047500},
					     {14010000, 14085000, 14074000, 14080000},
					     {21010000, 21083000, 21074000, 21140000},
					     {28010000, 28085000, 28074000, 28180000}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A few bits that look random, the same for a serial number at any time. */
static uint32_t mix(uint32_t serial)
{
	serial = (serial ^ 61) ^ (serial >> 16);
	serial *= 9;
	serial ^= serial >> 4;
	serial *= 0x27d4eb2d;
	return serial ^ serial >> 15;
}

static void write_call(const char *prefix, uint32_t number, char call_r[16])
{
	uint32_t suffix = number % SUFFIXES;

	snprintf(call_r, 16, "%s%u%c%c%c", prefix, number / SUFFIXES % 10,
		 'A' + (int)(suffix / (LETTERS * LETTERS)), 'A' + (int)(suffix / LETTERS % LETTERS),
		 'A' + (int)(suffix % LETTERS));
}

void dx_spot(enum dx_feed feed, uint32_t serial, struct dx_spot *spot_r)
{
	uint32_t bits = mix(serial);

	spot_r->feed = feed;
	write_call(prefixes[serial / (SUFFIXES * 10) % COUNT(prefixes)], serial, spot_r->dx);
	if (feed == DX_CLUSTER)
		strcpy(spot_r->de, people[bits % COUNT(people)]);
	else
		strcpy(spot_r->de, skimmers[bits % COUNT(skimmers)]);
	spot_r->band = bits / 16 % BANDS;
	spot_r->mode = bits / 128 % 8 == 0; /* now and then the rarer mode of the feed */
	if (feed == DX_DIGITAL || feed == DX_MQTT)
		spot_r->mode += 2;
	spot_r->hz = homes[spot_r->band][spot_r->mode] + bits / 1024 % 20 * 100;
	spot_r->report = (int)(bits / 32768 % 30) - (spot_r->mode >= 2 ? 24 : 0);
}

static size_t write_payload(const struct dx_spot *spot, int64_t now, char text_r[DX_LINE])
{
	int receiver = (int)strcspn(spot->de, "-");

	return (size_t)snprintf(
		text_r, DX_LINE,
		"{\"sq\":%lld,\"f\":%llu,\"md\":\"%s\",\"rp\":%d,\"t\":%lld,\"sc\":\"%s\",\"sl\":"
		"\"JO31\",\"rc\":\"%.*s\",\"rl\":\"FM19LB\",\"sa\":230,\"ra\":291,\"b\":\"%s\"}",
		(long long)now, (unsigned long long)spot->hz, modes[spot->mode], spot->report,
		(long long)now, spot->dx, receiver, spot->de, bands[spot->band]);
}

size_t dx_write(const struct dx_spot *spot, int64_t now, char text_r[DX_LINE])
{
	time_t seconds = (time_t)now;
	struct tm tm;
	char front[64], middle[64];

	if (spot->feed == DX_MQTT)
		return write_payload(spot, now, text_r);
	gmtime_r(&seconds, &tm);
	snprintf(front, sizeof(front), "DX de %s:", spot->de);
	if (spot->feed == DX_CLUSTER)
		snprintf(middle, sizeof(middle), "%-4s worked by ear", modes[spot->mode]);
	else if (spot->mode >= 2)
		snprintf(middle, sizeof(middle), "%-5s %3d dB           CQ", modes[spot->mode],
			 spot->report);
	else
		snprintf(middle, sizeof(middle), "%-5s %2d dB  %2d %s  CQ", modes[spot->mode],
			 spot->report, spot->mode == 0 ? 22 : 45, spot->mode == 0 ? "WPM" : "BPS");
	return (size_t)snprintf(text_r, DX_LINE, "%-15s%9.1f  %-13s  %-29s %02d%02dZ\r\n", front,
				(double)spot->hz / 1000, spot->dx, middle, tm.tm_hour, tm.tm_min);
}

size_t dx_topic(const struct dx_spot *spot, char topic_r[DX_LINE])
{
	return (size_t)snprintf(topic_r, DX_LINE, "pskr/filter/v2/%s/%s/%s/%.*s/JO31/FM19/230/291",
				bands[spot->band], modes[spot->mode], spot->dx,
				(int)strcspn(spot->de, "-"), spot->de);
}

/* ---- reading ---- */

static bool read_call(const char *call, size_t length, uint32_t *serial_r)
{
	for (uint32_t i = 0; i < COUNT(prefixes); i++) {
		size_t n = strlen(prefixes[i]);
		const char *rest = call + n;

		if (length != n + 4 || memcmp(call, prefixes[i], n) != 0 || rest[0] < '0' ||
		    rest[0] > '9')
			continue;
		*serial_r = i * 10 + (uint32_t)(rest[0] - '0');
		for (unsigned k = 1; k < 4; k++) {
			if (rest[k] < 'A' || rest[k] > 'Z')
				return false;
			*serial_r = *serial_r * LETTERS + (uint32_t)(rest[k] - 'A');
		}
		return true;
	}
	return false;
}

/* "14025.3" in Hz; 0: it is none. */
static uint64_t read_khz(const char *text, size_t length)
{
	uint64_t tenths = 0;

	if (length < 3 || text[length - 2] != '.')
		return 0;
	for (size_t i = 0; i < length; i++) {
		if (i == length - 2)
			continue;
		if (!isdigit((unsigned char)text[i]))
			return 0;
		tenths = tenths * 10 + (uint64_t)(text[i] - '0');
	}
	return tenths * 100;
}

/* The next word from *AT on. */
static size_t next_word(const char *line, size_t length, size_t *at)
{
	size_t start;

	while (*at < length && line[*at] == ' ')
		++*at;
	start = *at;
	while (*at < length && line[*at] != ' ')
		++*at;
	return *at - start;
}

static bool read_text_line(const char *line, size_t length, struct dx_heard *heard_r)
{
	size_t at = 6, n = next_word(line, length, &at);

	if (n < 2 || n > sizeof(heard_r->de) || line[at - 1] != ':')
		return false;
	memcpy(heard_r->de, line + at - n, n - 1);
	heard_r->de[n - 1] = '\0';
	n = next_word(line, length, &at);
	heard_r->hz = read_khz(line + at - n, n);
	n = next_word(line, length, &at);
	return read_call(line + at - n, n, &heard_r->serial);
}

/* What stands behind "KEY": in LINE, without quotes. */
static const char *find_value(const char *line, size_t length, const char *key, size_t *length_r)
{
	const char *at = memmem(line, length, key, strlen(key));
	const char *end = line + length;

	if (at == NULL)
		return NULL;
	at += strlen(key);
	while (at < end && (*at == ' ' || *at == '"'))
		at++;
	*length_r = 0;
	while (at + *length_r < end && strchr("\",} ", at[*length_r]) == NULL)
		++*length_r;
	return at;
}

static bool read_object(const char *line, size_t length, struct dx_heard *heard_r)
{
	size_t n = 0;
	const char *text = find_value(line, length, "\"dx\":", &n);

	if (text == NULL || !read_call(text, n, &heard_r->serial))
		return false;
	text = find_value(line, length, "\"de\":", &n);
	if (text == NULL || n >= sizeof(heard_r->de))
		return false;
	memcpy(heard_r->de, text, n);
	heard_r->de[n] = '\0';
	heard_r->hz = 0;
	text = find_value(line, length, "\"freq_hz\":", &n);
	for (size_t i = 0; text != NULL && i < n && isdigit((unsigned char)text[i]); i++)
		heard_r->hz = heard_r->hz * 10 + (uint64_t)(text[i] - '0');
	heard_r->hz = (heard_r->hz + 50) / 100 * 100;
	return true;
}

bool dx_read(const char *line, size_t length, struct dx_heard *heard_r)
{
	if (length > 6 && memcmp(line, "DX de ", 6) == 0)
		return read_text_line(line, length, heard_r);
	return length > 2 && line[0] == '{' && read_object(line, length, heard_r);
}

/* ---- filters ---- */

/* Bits of what filter N lets through; filter 0 lets all through. */
static unsigned bands_of(unsigned filter)
{
	return filter == 0 ? 31 : filter * 7 % 31 + 1;
}

static unsigned modes_of(unsigned filter)
{
	return filter == 0 ? 15 : filter * 4 % 15 + 1;
}

static bool skimmers_only(unsigned filter)
{
	return filter % 5 == 4;
}

static size_t add_list(char *text, size_t at, const char *what, const char *const *names,
		       unsigned count, unsigned bits)
{
	const char *comma = "";

	at += (size_t)snprintf(text + at, DX_LINE - at, "pass %s ", what);
	for (unsigned i = 0; i < count; i++) {
		if (!(bits >> i & 1))
			continue;
		at += (size_t)snprintf(text + at, DX_LINE - at, "%s%s", comma, names[i]);
		comma = ",";
	}
	return at + (size_t)snprintf(text + at, DX_LINE - at, "\n");
}

size_t dx_filter_commands(unsigned filter, char text_r[DX_LINE])
{
	size_t at = (size_t)snprintf(text_r, DX_LINE,
				     "pass source all\npass mode all\npass band all\n");

	if (filter == 0)
		return at;
	at = add_list(text_r, at, "band", bands, BANDS, bands_of(filter));
	at = add_list(text_r, at, "mode", modes, MODES, modes_of(filter));
	if (skimmers_only(filter))
		at += (size_t)snprintf(text_r + at, DX_LINE - at, "pass source skimmer\n");
	return at;
}

bool dx_filter_passes(unsigned filter, const struct dx_spot *spot)
{
	if (skimmers_only(filter) && spot->feed == DX_CLUSTER)
		return false;
	return (bands_of(filter) >> spot->band & 1) && (modes_of(filter) >> spot->mode & 1);
}

void dx_user(unsigned session, char call_r[16])
{
	/* all end in A: a prompt with a call that ends in "DX" would look like a spot */
	write_call("W", session * LETTERS, call_r);
}

void dx_retime(char *line, size_t length, int64_t now)
{
	time_t seconds = (time_t)now;
	struct tm tm;
	char text[8];

	gmtime_r(&seconds, &tm);
	snprintf(text, sizeof(text), "%02d%02d", tm.tm_hour % 24, tm.tm_min % 60);
	for (size_t i = length; i >= 5; i--) {
		const char *at = line + i - 5;

		if (at[4] == 'Z' && isdigit((unsigned char)at[0]) &&
		    isdigit((unsigned char)at[1]) && isdigit((unsigned char)at[2]) &&
		    isdigit((unsigned char)at[3])) {
			memcpy(line + i - 5, text, 4);
			return;
		}
	}
}
