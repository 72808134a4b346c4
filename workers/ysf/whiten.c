/* SPDX-License-Identifier: ISC
 *
 * NAME      whiten - what call sign data and data channel share
 * PURPOSE   data bytes with whitening, CRC and convolutional code to a block and back
 * OWNER     ysf workers
 * CONTRACT  see whiten.h
 * LIMITS    none known
 */
#include "workers/ysf/whiten.h"

#include <string.h>

#include "workers/ysf/conv.h"
#include "workers/ysf/crc.h"

#define CHECKED_MAX CONV_DATA_BYTES(CONV_ROWS_LONG)
#define DATA_MAX    WHITEN_DATA_BYTES(CONV_ROWS_LONG)

/* s[i] = s[i-5] ^ s[i-9], begun with 100100111: it keeps long runs of one bit off the air. */
static const uint8_t sequence[DATA_MAX] = {0x93, 0xD7, 0x51, 0x21, 0x9C, 0x2F, 0x6C,
					   0xD0, 0xEF, 0x0F, 0xF8, 0x3D, 0xF1, 0x73,
					   0x20, 0x94, 0xED, 0x1E, 0x7C, 0xD8};

void whiten_encode(unsigned rows, const uint8_t *data, uint8_t *block_r)
{
	unsigned length = WHITEN_DATA_BYTES(rows);
	uint8_t checked[CHECKED_MAX];
	uint16_t crc;

	for (unsigned i = 0; i < length; i++)
		checked[i] = data[i] ^ sequence[i];
	crc = crc16(checked, length);
	checked[length] = (uint8_t)(crc >> 8);
	checked[length + 1] = (uint8_t)crc;
	conv_encode(rows, checked, block_r);
}

bool whiten_decode(unsigned rows, const uint8_t *block, uint8_t *data_r)
{
	unsigned length = WHITEN_DATA_BYTES(rows);
	uint8_t checked[CHECKED_MAX];

	conv_decode(rows, block, checked);
	if (crc16(checked, length) != (checked[length] << 8 | checked[length + 1]))
		return false;
	for (unsigned i = 0; i < length; i++)
		data_r[i] = checked[i] ^ sequence[i];
	return true;
}
