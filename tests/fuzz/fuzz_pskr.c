/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_pskr - fuzz target of the parser of PSKReporter's reports
 * PURPOSE   any bytes: no bad access; what is taken for a spot is one
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of pskr.h does not hold
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shm/band.h"
#include "workers/feed/pskr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1762369020

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void check(const struct spot *spot)
{
	struct spot copy;

	demand(call_valid(spot->dx) && call_valid(spot->de));
	demand(spot->band != BAND_NONE && spot->band == band_of(spot->hz));
	demand(spot->mode != MODE_NONE && spot->mode < MODES);
	demand(spot->time > 0 && spot->time <= NOW + 3600 && spot->time >= NOW - 86400);
	demand(strlen(spot->comment) == spot->comment_length);
	for (size_t i = 0; i < spot->comment_length; i++)
		demand(spot->comment[i] > 0x20 && spot->comment[i] < 0x7f);
	demand(spot->report >= -60 && spot->report <= 120);
	demand(!(spot->flags & (SPOT_HUMAN | SPOT_MODE_INFERRED)));
	copy = *spot;
	copy.source = SPOT_PSKREPORTER;
	demand(spot_check(&copy, spot_size(&copy), &copy));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct spot nothing;
	struct spot spot;
	enum pskr_error error = pskr_parse((const char *)data, size, NOW, &spot);

	demand(error < PSKR_ERRORS);
	demand(size <= PSKR_PAYLOAD_MAX || error == PSKR_JSON);
	if (error == PSKR_OK)
		check(&spot);
	else
		demand(memcmp(&spot, &nothing, sizeof(spot)) == 0);
	return 0;
}
