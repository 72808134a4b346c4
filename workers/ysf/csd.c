/* SPDX-License-Identifier: ISC
 *
 * NAME      csd - call sign data: the 45-byte blocks of a YSF payload
 * PURPOSE   see csd.h
 * OWNER     ysf workers
 * CONTRACT  see csd.h
 * LIMITS    none known
 */
#include "workers/ysf/csd.h"

#include <string.h>

#include "workers/ysf/conv.h"
#include "workers/ysf/frame.h"
#include "workers/ysf/whiten.h"

#define ROWS	   5
#define ROW_BYTES  18
#define PART_BYTES 9

_Static_assert(CSD_BLOCK_BYTES == CONV_BLOCK_BYTES(CONV_ROWS_LONG), "a block is a long one");
_Static_assert(CSD_BYTES == WHITEN_DATA_BYTES(CONV_ROWS_LONG), "it carries twenty bytes");

/* Where row ROW of BLOCK begins in the payload. */
static unsigned row_at(enum csd_block block, unsigned row)
{
	if (block == CSD_FRONT)
		return row * PART_BYTES;
	return row * ROW_BYTES + (block == CSD_RIGHT ? PART_BYTES : 0);
}

bool csd_read(const uint8_t payload[PAYLOAD_BYTES], enum csd_block block,
	      uint8_t data_r[CSD_BYTES])
{
	uint8_t coded[CSD_BLOCK_BYTES];

	for (unsigned row = 0; row < ROWS; row++)
		memcpy(coded + row * PART_BYTES, payload + row_at(block, row), PART_BYTES);
	return whiten_decode(CONV_ROWS_LONG, coded, data_r);
}

void csd_write(uint8_t payload[PAYLOAD_BYTES], enum csd_block block,
	       const uint8_t data[CSD_BYTES])
{
	uint8_t coded[CSD_BLOCK_BYTES];

	whiten_encode(CONV_ROWS_LONG, data, coded);
	for (unsigned row = 0; row < ROWS; row++)
		memcpy(payload + row_at(block, row), coded + row * PART_BYTES, PART_BYTES);
}

/* Two texts of ten characters out of one block. */
static bool read_texts(const uint8_t *payload, enum csd_block block, char first_r[CSD_TEXT],
		       char second_r[CSD_TEXT])
{
	uint8_t data[CSD_BYTES];

	if (!csd_read(payload, block, data))
		return false;
	ysf_clean(data, sizeof(data));
	memcpy(first_r, data, CSD_TEXT - 1);
	memcpy(second_r, data + CSD_TEXT - 1, CSD_TEXT - 1);
	return true;
}

static void write_texts(uint8_t *payload, enum csd_block block, const char *first,
			const char *second)
{
	uint8_t data[CSD_BYTES];

	memset(data, ' ', sizeof(data));
	memcpy(data, first, strnlen(first, CSD_TEXT - 1));
	memcpy(data + CSD_TEXT - 1, second, strnlen(second, CSD_TEXT - 1));
	csd_write(payload, block, data);
}

bool csd_decode(const uint8_t payload[PAYLOAD_BYTES], struct csd *csd_r)
{
	memset(csd_r, 0, sizeof(*csd_r));
	csd_r->calls = read_texts(payload, CSD_LEFT, csd_r->dest, csd_r->source);
	csd_r->routes = read_texts(payload, CSD_RIGHT, csd_r->downlink, csd_r->uplink);
	return csd_r->calls;
}

void csd_encode(uint8_t payload[PAYLOAD_BYTES], const struct csd *csd)
{
	write_texts(payload, CSD_LEFT, csd->dest, csd->source);
	write_texts(payload, CSD_RIGHT, csd->downlink, csd->uplink);
}
