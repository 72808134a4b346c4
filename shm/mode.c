/* SPDX-License-Identifier: ISC
 *
 * NAME      mode - modes, their names, and which one a frequency suggests
 * PURPOSE   See band.h.
 * OWNER     see band.h
 * CONTRACT  see band.h
 * LIMITS    a window is looked for in a table of about a hundred
 */
#include "shm/band.h"

#include <string.h>

#define KHZ	      UINT64_C(1000)
#define USB_FROM      (10000 * KHZ)
#define WORD	      8
#define BEACON_AROUND 300 /* Hz */
#define ROWS(a)	      (sizeof(a) / sizeof((a)[0]))

/* Padded with NULs: compared whole. */
static const char names[MODES][WORD] = {
	"",    "CW",  "LSB",  "USB", "RTTY",   "FT8",  "FT4", "MSK144", "PSK",	"JS8",	"JT65",
	"JT9", "Q65", "FST4", "FT2", "OLIVIA", "SSTV", "FM",  "AM",	"DIGI", "WSPR",
};

/* What else lines say. */
static const struct {
	char word[WORD];
	unsigned mode;
} words[] = {
	{"CWT", MODE_CW},	  {"FT-8", MODE_FT8},  {"FT-4", MODE_FT4},  {"MSK", MODE_MSK144},
	{"MSK-144", MODE_MSK144}, {"SSB", MODE_SSB},   {"PSK31", MODE_PSK}, {"PSK63", MODE_PSK},
	{"PSK125", MODE_PSK},	  {"DATA", MODE_DIGI},
};

const char *mode_name(unsigned mode)
{
	if (mode == MODE_SSB)
		return "SSB";
	return mode < MODES ? names[mode] : "";
}

static bool is_word(const char word[WORD], const char name[WORD])
{
	return memcmp(word, name, WORD) == 0;
}

unsigned mode_word(const char *text, size_t length)
{
	char word[WORD] = "";

	/* most words of a line are numbers, or longer */
	if (length == 0 || length >= WORD || (text[0] >= '0' && text[0] <= '9'))
		return MODE_NONE;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\0')
			return MODE_NONE;
		word[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
	}
	for (unsigned mode = MODE_NONE + 1; mode < MODES; mode++)
		if (is_word(word, names[mode]))
			return mode;
	for (unsigned i = 0; i < ROWS(words); i++)
		if (is_word(word, words[i].word))
			return words[i].mode;
	return MODE_NONE;
}

unsigned mode_resolve(unsigned mode, uint64_t hz)
{
	if (mode != MODE_SSB)
		return mode;
	if (hz >= USB_FROM || (hz >= 5330 * KHZ && hz <= 5410 * KHZ))
		return MODE_USB;
	return MODE_LSB;
}

enum mode_class mode_class(unsigned mode)
{
	switch (mode) {
	case MODE_CW:
	case MODE_RTTY:
		return MODE_CLASS_CW;
	case MODE_NONE:
	case MODE_LSB:
	case MODE_USB:
	case MODE_SSB:
	case MODE_SSTV:
	case MODE_FM:
	case MODE_AM:
		return MODE_CLASS_VOICE;
	default:
		return MODE_CLASS_DIGITAL;
	}
}

bool mode_is_digital(unsigned mode)
{
	return mode_class(mode) == MODE_CLASS_DIGITAL;
}

/* ---- the mode of a frequency: GoCluster's segments, refined, and the habits of digital modes ---- */

struct window {
	uint32_t dial;	/* Hz */
	uint16_t width; /* Hz, inclusive */
	uint8_t mode;
};

/* The first that fits decides. */
static const struct window windows[] = {
	{1840000, 3000, MODE_FT8},
	{3573000, 3000, MODE_FT8},
	{5357000, 3000, MODE_FT8},
	{7074000, 3000, MODE_FT8},
	{10136000, 3000, MODE_FT8},
	{14074000, 3000, MODE_FT8},
	{18100000, 3000, MODE_FT8},
	{21074000, 3000, MODE_FT8},
	{24915000, 3000, MODE_FT8},
	{28074000, 3000, MODE_FT8},
	{40680000, 3000, MODE_FT8},
	{50313000, 3000, MODE_FT8},
	{50323000, 3000, MODE_FT8},
	{70154000, 3000, MODE_FT8},
	{144174000, 3000, MODE_FT8},
	{222065000, 3000, MODE_FT8},
	{432174000, 3000, MODE_FT8},
	{1296174000, 3000, MODE_FT8},
	/* fox and hound */
	{1836000, 1500, MODE_FT8},
	{1845000, 1500, MODE_FT8},
	{3567000, 1500, MODE_FT8},
	{7056000, 1500, MODE_FT8},
	{10131000, 1500, MODE_FT8},
	{14090000, 1500, MODE_FT8},
	{18095000, 1500, MODE_FT8},
	{21091000, 1500, MODE_FT8},
	{24911000, 1500, MODE_FT8},
	{28091000, 1500, MODE_FT8},
	{50303000, 1500, MODE_FT8},
	{3575000, 2500, MODE_FT4},
	{7047500, 2500, MODE_FT4},
	{10140000, 2500, MODE_FT4},
	{14080000, 2500, MODE_FT4},
	{18104000, 2500, MODE_FT4},
	{21140000, 2500, MODE_FT4},
	{24919000, 2500, MODE_FT4},
	{28180000, 2500, MODE_FT4},
	{50318000, 2500, MODE_FT4},
	{144170000, 2500, MODE_FT4},
	{1836600, 1600, MODE_WSPR},
	{3568600, 1600, MODE_WSPR},
	{5364700, 1600, MODE_WSPR},
	{7038600, 1600, MODE_WSPR},
	{10138700, 1600, MODE_WSPR},
	{14095600, 1600, MODE_WSPR},
	{18104600, 1600, MODE_WSPR},
	{21094600, 1600, MODE_WSPR},
	{24924600, 1600, MODE_WSPR},
	{28124600, 1600, MODE_WSPR},
	{50293000, 1600, MODE_WSPR},
	{144489000, 1600, MODE_WSPR},
	{1842000, 2000, MODE_JS8},
	{3578000, 2000, MODE_JS8},
	{7078000, 2000, MODE_JS8},
	{10130000, 2000, MODE_JS8},
	{14078000, 2000, MODE_JS8},
	{18104000, 2000, MODE_JS8},
	{21078000, 2000, MODE_JS8},
	{24922000, 2000, MODE_JS8},
	{28078000, 2000, MODE_JS8},
	{50260000, 1000, MODE_MSK144},
	{50280000, 1000, MODE_MSK144},
	{144150000, 1000, MODE_MSK144},
	{144360000, 1000, MODE_MSK144},
	{3580000, 2500, MODE_PSK},
	{7040000, 2500, MODE_PSK},
	{7070000, 2500, MODE_PSK},
	{10142000, 2500, MODE_PSK},
	{14070000, 2500, MODE_PSK},
	{18100000, 2500, MODE_PSK},
	{21070000, 2500, MODE_PSK},
	{24920000, 2500, MODE_PSK},
	{28120000, 2500, MODE_PSK},
};

/* Where the beacons of the International Beacon Project are. */
static const uint32_t beacons[] = {14100000, 18110000, 21150000, 24930000, 28200000};

struct range {
	uint32_t low, high; /* kHz, inclusive */
};

/* Of skimmers only: people who are here may be anything. */
static const struct range rtty[] = {
	{3580, 3600},	{7040, 7050},	{10140, 10150}, {14083, 14099},
	{18100, 18109}, {21080, 21110}, {24910, 24930}, {28080, 28110},
};

/* What a part of a band is for, up to a frequency; DIGI lies between CW and voice. */
static const struct {
	uint64_t low, high; /* Hz, inclusive */
	uint8_t mode;
} segments[] = {
	{1800000, 1838000, MODE_CW},	  {1838001, 2000000, MODE_LSB},
	{3500000, 3600000, MODE_CW},	  {3600001, 4000000, MODE_LSB},
	{5351500, 5354000, MODE_CW},	  {5354001, 5366500, MODE_USB},
	{7000000, 7040000, MODE_CW},	  {7040001, 7049999, MODE_DIGI},
	{7050000, 7300000, MODE_LSB},	  {10100000, 10130000, MODE_CW},
	{10130001, 10150000, MODE_DIGI},  {14000000, 14070000, MODE_CW},
	{14070001, 14100499, MODE_DIGI},  {14100500, 14350000, MODE_USB},
	{18068000, 18095000, MODE_CW},	  {18095001, 18110499, MODE_DIGI},
	{18110500, 18168000, MODE_USB},	  {21000000, 21070000, MODE_CW},
	{21070001, 21150499, MODE_DIGI},  {21150500, 21450000, MODE_USB},
	{24890000, 24915000, MODE_CW},	  {24915001, 24930499, MODE_DIGI},
	{24930500, 24990000, MODE_USB},	  {28000000, 28070000, MODE_CW},
	{28070001, 28200499, MODE_DIGI},  {28200500, 29509999, MODE_USB},
	{29510000, 29700000, MODE_FM},	  {50000000, 50100000, MODE_CW},
	{50100001, 50300000, MODE_USB},	  {70000000, 70500000, MODE_USB},
	{144050000, 144110000, MODE_CW},  {144150000, 144399000, MODE_USB},
	{145206000, 146000000, MODE_FM},  {432000000, 432100000, MODE_CW},
	{432100001, 432400000, MODE_USB},
};

static unsigned by_window(uint64_t hz)
{
	for (unsigned i = 0; i < ROWS(windows); i++)
		if (hz >= windows[i].dial && hz <= windows[i].dial + (uint64_t)windows[i].width)
			return windows[i].mode;
	return MODE_NONE;
}

static bool is_beacon(uint64_t hz)
{
	for (unsigned i = 0; i < ROWS(beacons); i++)
		if (hz >= beacons[i] - BEACON_AROUND && hz <= beacons[i] + BEACON_AROUND)
			return true;
	return false;
}

static bool is_rtty(uint64_t hz)
{
	for (unsigned i = 0; i < ROWS(rtty); i++)
		if (hz >= rtty[i].low * KHZ && hz <= rtty[i].high * KHZ)
			return true;
	return false;
}

static unsigned by_segment(uint64_t hz)
{
	for (unsigned i = 0; i < ROWS(segments); i++)
		if (hz >= segments[i].low && hz <= segments[i].high)
			return segments[i].mode;
	return MODE_NONE;
}

unsigned mode_infer(uint64_t hz, bool machine)
{
	unsigned mode = by_window(hz);

	if (mode != MODE_NONE)
		return mode;
	if (is_beacon(hz))
		return MODE_CW;
	if (machine && is_rtty(hz))
		return MODE_RTTY;
	mode = by_segment(hz);
	if (mode != MODE_NONE)
		return mode;
	return hz >= USB_FROM ? MODE_USB : MODE_CW;
}
