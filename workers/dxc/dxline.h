/* SPDX-License-Identifier: ISC
 *
 * NAME      dxline - what follows DX
 * PURPOSE   "[BY call] frequency call [comment]", or call and frequency the other way round.
 * OWNER     dxc workers
 * CONTRACT  pure; whatever the bytes are
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_DXC_DXLINE_H
#define SHACKD_WORKERS_DXC_DXLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/call.h"

enum dxline_error {
	DXLINE_OK,
	DXLINE_USAGE,	/* a frequency or a call is missing */
	DXLINE_INVALID, /* neither order gives a frequency and a call */
	DXLINE_BAND,	/* the frequency is in no amateur band; `frequency` says which */
	DXLINE_BY,	/* BY without a call */
};

struct dxline {
	char by[CALL_TEXT_SIZE]; /* empty: no BY */
	char call[CALL_TEXT_SIZE];
	uint64_t hz;
	char frequency[24];  /* as typed */
	const char *comment; /* inside ARGS, blanks before it skipped */
};

enum dxline_error dxline_parse(const char *args, struct dxline *line_r);

/* kHz, or MHz when kHz is in no band: 14025.3, 14.0253, 144.36. False: it is no number, or in no band.
 * IS_NUMBER_R: it is one. */
bool dxline_frequency(const char *text, size_t length, uint64_t *hz_r, bool *is_number_r);

#endif
