/* SPDX-License-Identifier: ISC
 *
 * NAME      band - amateur bands
 * PURPOSE   See band.h; the modes are in mode.c.
 * OWNER     see band.h
 * CONTRACT  see band.h
 * LIMITS    see band.h
 */
#include "shm/band.h"

#include <assert.h>
#include <string.h>

#define KHZ	      1000
#define HZ_MIN	      UINT64_C(135700)
#define HZ_MAX	      UINT64_C(250000000000)
#define DIGITS	      9
#define DECIMALS      4
#define WRITTEN	      32    /* of a band's name as people write it */
#define UNITS	      10000 /* of the fourth decimal make one */
#define UNITS_A_HZ    (UNITS / KHZ)
#define MHZ_BELOW     100
#define HZ_A_UNIT_MHZ (KHZ * KHZ / UNITS)

static_assert(BANDS <= BANDS_MAX, "a filter has a bit for each band");

static const struct {
	const char *name;
	uint64_t low, high; /* Hz, inclusive */
} bands[BANDS] = {
	[BAND_NONE] = {"???", 1, 0},
	[BAND_2200M] = {"2200m", 135700, 137800},
	[BAND_630M] = {"630m", 472000, 479000},
	[BAND_160M] = {"160m", 1800000, 2000000},
	[BAND_80M] = {"80m", 3500000, 4000000},
	[BAND_60M] = {"60m", 5060000, 5450000},
	[BAND_40M] = {"40m", 7000000, 7300000},
	[BAND_30M] = {"30m", 10100000, 10150000},
	[BAND_20M] = {"20m", 14000000, 14350000},
	[BAND_17M] = {"17m", 18068000, 18168000},
	[BAND_15M] = {"15m", 21000000, 21450000},
	[BAND_12M] = {"12m", 24890000, 24990000},
	[BAND_10M] = {"10m", 28000000, 29700000},
	[BAND_8M] = {"8m", 40000000, 44000000},
	[BAND_6M] = {"6m", 50000000, 54000000},
	[BAND_5M] = {"5m", 58000000, 60100000},
	[BAND_4M] = {"4m", 69900000, 70500000},
	[BAND_2M] = {"2m", 144000000, 148000000},
	[BAND_125CM] = {"1.25m", 222000000, 225000000},
	[BAND_70CM] = {"70cm", 420000000, 450000000},
	[BAND_33CM] = {"33cm", 902000000, 928000000},
	[BAND_23CM] = {"23cm", 1240000000, 1300000000},
	[BAND_13CM] = {"13cm", 2300000000, 2450000000},
	[BAND_9CM] = {"9cm", 3300000000, 3500000000},
	[BAND_6CM] = {"6cm", 5650000000, 5925000000},
	[BAND_3CM] = {"3cm", 10000000000, 10500000000},
	[BAND_12MM] = {"1.25cm", 24000000000, 24250000000},
	[BAND_6MM] = {"6mm", 47000000000, 47200000000},
	[BAND_4MM] = {"4mm", 75500000000, 81500000000},
	[BAND_2MM] = {"2mm", 134000000000, 141000000000},
	[BAND_1MM] = {"1mm", 241000000000, 250000000000},
};

unsigned band_of(uint64_t hz)
{
	/* they ascend and don't overlap */
	for (unsigned band = BAND_NONE + 1; band < BANDS; band++)
		if (hz <= bands[band].high)
			return hz >= bands[band].low ? band : BAND_NONE;
	return BAND_NONE;
}

const char *band_name(unsigned band)
{
	return bands[band < BANDS ? band : BAND_NONE].name;
}

/* ---- what people write ---- */

/* Lower case without blanks. False: too long to be a name. */
static bool squeeze(const char *text, size_t length, char word_r[WRITTEN])
{
	size_t n = 0;

	memset(word_r, 0, WRITTEN);
	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (c == ' ' || c == '\t')
			continue;
		if (n == WRITTEN - 1 || c == '\0')
			return false;
		word_r[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	return true;
}

/* "20meters": "20m"; "20": "20m". */
static void shorten(char word[WRITTEN])
{
	static const struct {
		const char *unit, *brief;
	} units[] = {
		{"centimeters", "cm"},
		{"centimeter", "cm"},
		{"centimetres", "cm"},
		{"centimetre", "cm"},
		{"millimeters", "mm"},
		{"millimeter", "mm"},
		{"millimetres", "mm"},
		{"millimetre", "mm"},
		{"meters", "m"},
		{"meter", "m"},
		{"metres", "m"},
		{"metre", "m"},
		{"", "m"},
	};
	size_t number = strspn(word, "0123456789.");

	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(word + number, units[i].unit) != 0)
			continue;
		if (number + strlen(units[i].brief) < WRITTEN)
			memcpy(word + number, units[i].brief, strlen(units[i].brief) + 1);
		return;
	}
}

unsigned band_parse(const char *text, size_t length)
{
	char word[WRITTEN];

	if (!squeeze(text, length, word))
		return BAND_NONE;
	shorten(word);
	for (unsigned band = BAND_NONE + 1; band < BANDS; band++)
		if (strcmp(word, bands[band].name) == 0)
			return band;
	return BAND_NONE;
}

/* The bands that lie wholly from LOW to HIGH, kHz. */
static uint32_t within(uint64_t low, uint64_t high)
{
	uint32_t set = 0;

	for (unsigned band = BAND_NONE + 1; band < BANDS; band++)
		if (bands[band].low >= low * KHZ && bands[band].high <= high * KHZ)
			set |= UINT32_C(1) << band;
	return set;
}

uint32_t band_class(const char *text, size_t length)
{
	char word[WRITTEN];

	if (!squeeze(text, length, word))
		return 0;
	if (strcmp(word, "hf") == 0)
		return within(1800, 30000);
	if (strcmp(word, "vhf") == 0)
		return within(30000, 300000);
	if (strcmp(word, "uhf") == 0)
		return within(300000, 3000000);
	if (strcmp(word, "shf") == 0)
		return within(3000000, HZ_MAX / KHZ);
	if (strcmp(word, "warc") == 0)
		return 1U << BAND_30M | 1U << BAND_17M | 1U << BAND_12M;
	if (strcmp(word, "contesthf") == 0)
		return 1U << BAND_160M | 1U << BAND_80M | 1U << BAND_40M | 1U << BAND_20M |
		       1U << BAND_15M | 1U << BAND_10M;
	if (strcmp(word, "all") == 0)
		return (uint32_t)((UINT64_C(1) << BANDS) - 1);
	return 0;
}

/* ---- frequencies ---- */

/* The number in units of its fourth decimal. */
static bool read_number(const char *text, size_t length, uint64_t *units_r)
{
	size_t i = 0, decimals = 0;

	*units_r = 0;
	while (i < length && text[i] >= '0' && text[i] <= '9' && i <= DIGITS)
		*units_r = *units_r * 10 + (uint64_t)(text[i++] - '0');
	if (i == 0 || i > DIGITS)
		return false;
	if (i < length && text[i] == '.') {
		for (i++; i < length && text[i] >= '0' && text[i] <= '9'; i++) {
			if (++decimals > DECIMALS)
				return false;
			*units_r = *units_r * 10 + (uint64_t)(text[i] - '0');
		}
	}
	for (; decimals < DECIMALS; decimals++)
		*units_r *= 10;
	return i == length;
}

static bool in_range(uint64_t hz)
{
	return hz >= HZ_MIN && hz <= HZ_MAX;
}

bool band_frequency(const char *text, size_t length, uint64_t *hz_r)
{
	uint64_t units, hz;

	*hz_r = 0;
	if (!read_number(text, length, &units))
		return false;
	hz = (units + UNITS_A_HZ / 2) / UNITS_A_HZ;
	if (!in_range(hz))
		return false;
	*hz_r = hz;
	return true;
}

bool band_frequency_typed(const char *text, size_t length, uint64_t *hz_r)
{
	uint64_t units;

	if (read_number(text, length, &units) && units < MHZ_BELOW * UNITS &&
	    band_of(units * HZ_A_UNIT_MHZ) != BAND_NONE) {
		*hz_r = units * HZ_A_UNIT_MHZ;
		return true;
	}
	return band_frequency(text, length, hz_r);
}
