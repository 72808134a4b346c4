/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_fich - fuzz target of the FICH, convolution and Golay decoders
 * PURPOSE   any 25 (or 45) bytes: no bad access, and what is decoded is what was encoded
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of fich.h or conv.h does not hold
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "workers/ysf/conv.h"
#include "workers/ysf/fich.h"
#include "workers/ysf/tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(int holds)
{
	if (!holds)
		abort();
}

static void
fill_tables_once(void)
{
	static int filled;

	if (!filled)
		ysf_tables_init();
	filled = 1;
}

/* A block without errors is one that the encoder makes, and both decoders agree on it. */
static void
check_block(unsigned rows, const uint8_t *block)
{
	uint8_t inverted[CONV_DATA_BYTES(CONV_ROWS_LONG)];
	uint8_t searched[CONV_DATA_BYTES(CONV_ROWS_LONG)];
	uint8_t again[CONV_BLOCK_BYTES(CONV_ROWS_LONG)];
	size_t len = CONV_DATA_BYTES(rows);

	conv_viterbi(rows, block, searched);
	conv_encode(rows, searched, again);
	if (conv_invert(rows, block, inverted)) {
		demand(memcmp(inverted, searched, len) == 0);
		demand(memcmp(again, block, CONV_BLOCK_BYTES(rows)) == 0);
	} else {
		demand(memcmp(again, block, CONV_BLOCK_BYTES(rows)) != 0);
	}
	demand(conv_invert(rows, again, inverted));
	demand(memcmp(inverted, searched, len) == 0);
}

/* What was decoded, encoded again, decodes to the same without a correction. */
static void
check_decoded(const uint8_t *coded)
{
	uint8_t again[FICH_BYTES];
	struct fich first, second;
	enum fich_result result = fich_decode(coded, &first);

	if (result == FICH_BAD)
		return;
	fich_encode(&first, again);
	demand((result == FICH_OK) == (memcmp(again, coded, FICH_BYTES) == 0));
	demand(fich_decode(again, &second) == FICH_OK);
	demand(memcmp(&first, &second, sizeof(first)) == 0);
}

/* Any four information bytes survive coding, two wrong bits and a change of FI. */
static void
check_information(const uint8_t *info, uint8_t error_a, uint8_t error_b)
{
	uint8_t coded[FICH_BYTES];
	struct fich fich, got;
	unsigned a = error_a % (8 * FICH_BYTES), b = error_b % (8 * FICH_BYTES);

	fich_unpack(info, &fich);
	fich_encode(&fich, coded);
	demand(fich_decode(coded, &got) == FICH_OK);
	demand(memcmp(&got, &fich, sizeof(fich)) == 0);

	coded[a / 8] ^= (uint8_t)(0x80 >> a % 8);
	coded[b / 8] ^= (uint8_t)(0x80 >> b % 8);
	demand(fich_decode(coded, &got) == (a == b ? FICH_OK : FICH_CORRECTED));
	demand(memcmp(&got, &fich, sizeof(fich)) == 0);

	demand(fich_set_fi(coded, FICH_FI_TERMINATOR) != FICH_BAD);
	demand(fich_decode(coded, &got) == FICH_OK);
	demand(got.fi == FICH_FI_TERMINATOR);
	got.fi = fich.fi;
	memcpy(got.info, fich.info, sizeof(got.info));
	demand(memcmp(&got, &fich, sizeof(fich)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fill_tables_once();
	if (size >= FICH_INFO_BYTES + 2)
		check_information(data, data[FICH_INFO_BYTES], data[FICH_INFO_BYTES + 1]);
	if (size >= FICH_BYTES) {
		check_decoded(data);
		check_block(CONV_ROWS_SHORT, data);
	}
	if (size >= CONV_BLOCK_BYTES(CONV_ROWS_LONG))
		check_block(CONV_ROWS_LONG, data);
	return 0;
}
