/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_render - fuzz target of the layouts of spots
 * PURPOSE   any comment, any numbers: each line is one line of printable ASCII, as wide as its layout
 *           says, and nothing in it looks like the start of another
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of render.h does not hold
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shm/band.h"
#include "workers/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void check_line(const char *line, size_t length)
{
	demand(length >= 2 && length <= RENDER_MAX);
	for (size_t i = 0; i + 2 < length; i++)
		demand(line[i] >= ' ' && line[i] <= '~');
	demand(line[length - 2] == '\r' && line[length - 1] == '\n');
}

static void check(const struct spot *spot, unsigned width)
{
	for (unsigned format = 0; format < FORMATS; format++) {
		char line[RENDER_MAX], again[RENDER_MAX];
		size_t length = render_spot(format, 7, spot, false, line);

		check_line(line, length);
		demand(render_spot(format, 7, spot, false, again) == length);
		demand(memcmp(line, again, length) == 0);
		demand(format != FORMAT_SPIDER || (length == 77 && line[74] == 'Z'));
		demand(format != FORMAT_WIDE78 || (length == 80 && line[77] == 'Z'));
		demand(format == FORMAT_JSON || memmem(line + 1, length - 1, "DX de", 5) == NULL);
		demand(format != FORMAT_JSON || line[length - 3] == '}');
		check_line(line, render_history(format, 7, spot, width, line));
	}
}

/* Numbers first, then the comment. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const calls[] = {"W1AW",    "ABCDE1FGHI/JKLM", "PY0F/PY2ABC",
					    "W3LPL-#", "ABCDE1FGHIJ-1-#", "VK9/OH1ABC/P"};
	struct spot spot = {.version = SPOT_VERSION, .time = 1763769600};

	if (size < 12)
		return 0;
	spot.flags = data[0] & 127;
	spot.mode = data[1] % MODES;
	spot.glyph = (char)(data[2] >= ' ' && data[2] <= '~' ? data[2] : 0);
	spot.unit = data[3] % 3;
	spot.type = data[4] % 6;
	spot.source = data[5] % 6 + 1;
	spot.report = (int16_t)(data[6] << 8 | data[7]);
	spot.hz = 135700 + ((uint64_t)data[8] << 30);
	spot.speed = (uint16_t)(data[9] << 8 | data[10]);
	spot.time += data[9] * 60;
	strcpy(spot.dx, calls[data[10] % 6]);
	strcpy(spot.de, calls[data[11] % 6]);
	if (data[10] & 128)
		strcpy(spot.dx_side.grid, "FN31PR");
	spot.dx_side.derived = data[11] >> 7;
	size = size - 12 < SPOT_COMMENT_MAX ? size - 12 : SPOT_COMMENT_MAX;
	memcpy(spot.comment, data + 12, size);
	spot.comment_length = (uint8_t)size;
	check(&spot, data[11] * 2U);
	return 0;
}
