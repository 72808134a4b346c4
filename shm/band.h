/* SPDX-License-Identifier: ISC
 *
 * NAME      band - amateur bands and modes
 * PURPOSE   Which band a frequency is in, what users call it, and which mode a spot without one has.
 * OWNER     feed, spot, dxc, keeper
 * CONTRACT  pure. Numbers of bands and modes are stored and for ever; filters keep a bit for each.
 * LIMITS    32 bands, 32 modes
 */
#ifndef SHACKD_SHM_BAND_H
#define SHACKD_SHM_BAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BAND_NONE 0 /* shown as "???" */
#define BANDS_MAX 32

enum band {
	BAND_2200M = 1, BAND_630M, BAND_160M, BAND_80M, BAND_60M, BAND_40M, BAND_30M, BAND_20M,
	BAND_17M, BAND_15M, BAND_12M, BAND_10M, BAND_8M, BAND_6M, BAND_5M, BAND_4M, BAND_2M,
	BAND_125CM /* "1.25m" */, BAND_70CM, BAND_33CM, BAND_23CM, BAND_13CM, BAND_9CM, BAND_6CM,
	BAND_3CM, BAND_12MM /* "1.25cm" */, BAND_6MM, BAND_4MM, BAND_2MM, BAND_1MM,
	BANDS
};

/* The band of a frequency, bounds inclusive; BAND_NONE. */
unsigned band_of(uint64_t hz);
const char *band_name(unsigned band); /* "20m", "???" */
/* What users write: "20", "20M", "20 meters", "70cm". BAND_NONE when it is no band. */
unsigned band_parse(const char *text, size_t length);
/* Ranges by name, as a set of bands (bit n: band n): hf vhf uhf shf warc contesthf all.
 * "all" has the bit of BAND_NONE too. 0: unknown. */
uint32_t band_class(const char *text, size_t length);

/* A frequency as people and feeds write it, kHz: [0-9]{1,9}([.][0-9]{0,4})?, nothing else. False: it
 * is none, or not within 135.7 kHz to 250 GHz. No band is looked at. */
bool band_frequency(const char *text, size_t length, uint64_t *hz_r);
/* The same of a person: below 100 it may be MHz, if that lies in a band. */
bool band_frequency_typed(const char *text, size_t length, uint64_t *hz_r);

enum spot_mode {
	MODE_NONE = 0,
	MODE_CW = 1, MODE_LSB = 2, MODE_USB = 3, MODE_RTTY = 4, MODE_FT8 = 5, MODE_FT4 = 6,
	MODE_MSK144 = 7, MODE_PSK = 8, MODE_JS8 = 9, MODE_JT65 = 10, MODE_JT9 = 11, MODE_Q65 = 12,
	MODE_FST4 = 13, MODE_FT2 = 14, MODE_OLIVIA = 15, MODE_SSTV = 16, MODE_FM = 17, MODE_AM = 18,
	MODE_DIGI = 19, MODE_WSPR = 20,
	MODES = 21,
	MODE_SSB = 31, /* a word of lines and of filters, never of a spot: LSB or USB by frequency */
};

/* How near two reports of one station must be to be the same (primary dedup). */
enum mode_class { MODE_CLASS_CW /* CW, RTTY: 300 Hz */, MODE_CLASS_DIGITAL /* 3 kHz */, MODE_CLASS_VOICE /* 1 kHz */ };

const char *mode_name(unsigned mode); /* "CW", "MSK144"; "" for MODE_NONE */
/* A mode word of a line, any case: CW CWT RTTY FT-8 PSK31 SSB ... MODE_NONE when it is none. */
unsigned mode_word(const char *text, size_t length);
/* SSB becomes USB or LSB by frequency (60 m is USB); others stay. */
unsigned mode_resolve(unsigned mode, uint64_t hz);
enum mode_class mode_class(unsigned mode);
bool mode_is_digital(unsigned mode);

/* The mode of a spot without one: digital windows, segments, else USB from 10 MHz on and CW below.
 * MACHINE: windows that count for skimmers only. Never MODE_NONE. */
unsigned mode_infer(uint64_t hz, bool machine);

#endif
