/* SPDX-License-Identifier: ISC
 *
 * NAME      dch - the data channel of V/D mode 2
 * PURPOSE   see dch.h
 * OWNER     ysf workers
 * CONTRACT  see dch.h
 * LIMITS    none known
 */
#include "workers/ysf/dch.h"

#include <string.h>

#include "workers/ysf/conv.h"
#include "workers/ysf/whiten.h"

#define ROWS	   5
#define ROW_BYTES  18
#define PART_BYTES 5

_Static_assert(DCH_BLOCK_BYTES == CONV_BLOCK_BYTES(CONV_ROWS_SHORT), "a block is a short one");
_Static_assert(DCH_BYTES == WHITEN_DATA_BYTES(CONV_ROWS_SHORT), "it carries ten bytes");

bool dch_read(const uint8_t payload[PAYLOAD_BYTES], uint8_t data_r[DCH_BYTES])
{
	uint8_t coded[DCH_BLOCK_BYTES];

	for (unsigned row = 0; row < ROWS; row++)
		memcpy(coded + row * PART_BYTES, payload + row * ROW_BYTES, PART_BYTES);
	return whiten_decode(CONV_ROWS_SHORT, coded, data_r);
}

void dch_write(uint8_t payload[PAYLOAD_BYTES], const uint8_t data[DCH_BYTES])
{
	uint8_t coded[DCH_BLOCK_BYTES];

	whiten_encode(CONV_ROWS_SHORT, data, coded);
	for (unsigned row = 0; row < ROWS; row++)
		memcpy(payload + row * ROW_BYTES, coded + row * PART_BYTES, PART_BYTES);
}
