/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_filter_stored - fuzz target of filters as a store gives them
 * PURPOSE   any bytes: no bad access; what passes the check can be shown, changed and evaluated
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of filter.h does not hold
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "workers/dxc/filter_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void use(struct filter *filter)
{
	struct spot spot = {.mode = MODE_CW, .band = BAND_20M, .dx = "LZ5VV", .de = "W3LPL-2-#"};
	struct filter_program program;
	char shown[4096], reply[FILTER_REPLY];

	spot.dx_side.cq = 255;
	spot.dx_side.adif = 65535;
	memcpy(spot.de_side.grid, "zz", 2);
	filter_compile(filter, &program);
	filter_passes(&program, &spot);
	filter_show(filter, "", shown, sizeof(shown));
	demand(strnlen(shown, sizeof(shown)) < sizeof(shown));
	filter_reject_words(filter, "DXCALL LZ*", reply);
	filter_pass_words(filter, "DECALL W3LPL*", reply);
	filter_reject_words(filter, "DECALL", reply);
	filter_pass_words(filter, "BAND 20m,40m", reply);
	filter_compile(filter, &program);
	filter_passes(&program, &spot);
}

/* The bytes themselves, and laid over a filter that is one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct filter filter, over;

	if (filter_check(data, size, &filter))
		use(&filter);
	filter_clear(&over);
	memcpy(&over, data, size < sizeof(over) ? size : sizeof(over));
	over.version = FILTER_VERSION;
	if (filter_check(&over, sizeof(over), &filter)) {
		demand(memcmp(&over, &filter, sizeof(filter)) == 0);
		use(&filter);
	} else {
		filter_clear(&over);
		demand(memcmp(&over, &filter, sizeof(filter)) == 0);
	}
	return 0;
}
