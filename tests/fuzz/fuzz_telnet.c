/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_telnet - fuzz target of options and line editing
 * PURPOSE   any bytes, cut in any way: no bad access, bounded pieces, lines of text alone
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of telnet.h does not hold
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "workers/dxc/telnet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void check(const struct telnet_piece *piece, size_t most)
{
	demand(piece->length <= most && piece->text[piece->length] == '\0');
	demand(!(piece->line && piece->too_long));
	demand(piece->answers_length <= TELNET_ANSWERS && piece->answers_length % 3 == 0);
	for (size_t i = 0; i < piece->length; i++)
		demand((uint8_t)piece->text[i] >= ' ' && piece->text[i] != 0x7f);
	for (size_t i = 0; i < piece->answers_length; i += 3)
		demand(piece->answers[i] == 0xff && piece->answers[i + 1] >= 0xfb);
}

/* The first byte says how the bytes come, the second how long a line may be. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct telnet telnet = {0};
	struct telnet_piece piece;
	size_t part, most, seen = 2, done = 2, answers = 0;

	if (size < 2)
		return 0;
	part = data[0] + 1U;
	most = 16 + data[1] * 4U;
	while (seen < size) {
		size_t length;

		seen = size - seen < part ? size : seen + part;
		while ((length = telnet_find(&telnet, data + done, seen - done)) > 0) {
			demand(length <= TELNET_PIECE && length <= seen - done);
			telnet_take(&telnet, data + done, length, most, &piece);
			check(&piece, most < TELNET_LINE ? most : TELNET_LINE);
			answers += piece.answers_length;
			done += length;
		}
		demand(seen - done < TELNET_PIECE);
	}
	demand(answers <= 3 * 256); /* each option once each way */
	return 0;
}
