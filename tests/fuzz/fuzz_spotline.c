/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_spotline - fuzz target of the parser of feeds' lines
 * PURPOSE   any bytes: no bad access; what is taken for a spot is one, and its comment one line of text
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of spotline.h does not hold
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shm/band.h"
#include "workers/feed/spotline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1763812800

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void check(const struct spot *spot, int lenient)
{
	struct spot copy;

	demand(call_valid(spot->dx) && call_valid(spot->de));
	demand(strcmp(spot->dx, spot->dx_raw) == 0);
	demand(spot->hz >= 135700 && spot->hz <= 250000000000);
	demand(spot->mode != MODE_NONE && spot->mode < MODES);
	demand(spot->band == band_of(spot->hz));
	demand(lenient || (spot->band != BAND_NONE && !(spot->flags & SPOT_HUMAN)));
	demand(spot->time % 60 == 0 && spot->time >= NOW - 43200 && spot->time <= NOW + 43200);
	demand(spot->comment_length <= SPOT_COMMENT_MAX);
	demand(strlen(spot->comment) == spot->comment_length);
	for (size_t i = 0; i < spot->comment_length; i++)
		demand((unsigned char)spot->comment[i] >= 0x20 && spot->comment[i] != 0x7f);
	demand(spot->report >= -60 && spot->report <= 120);
	demand((spot->speed != 0) <= (spot->unit != SPOT_UNIT_NONE));
	/* what we make the log takes */
	copy = *spot;
	copy.source = lenient ? SPOT_UPSTREAM : SPOT_RBN;
	demand(spot_check(&copy, spot_size(&copy), &copy));
}

/* The first byte chooses the kind of feed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct spot nothing;
	struct spot spot;
	enum spotline_error error;
	int lenient;

	if (size == 0)
		return 0;
	lenient = data[0] & 1;
	error = spotline_parse((const char *)data + 1, size - 1, lenient, NOW, &spot);
	demand(error < SPOTLINE_ERRORS);
	demand((error == SPOTLINE_LONG) == (size - 1 > SPOTLINE_MAX));
	if (error == SPOTLINE_OK)
		check(&spot, lenient);
	else
		demand(memcmp(&spot, &nothing, sizeof(spot)) == 0);
	return 0;
}
