/* SPDX-License-Identifier: ISC
 *
 * NAME      crc - the CRC-16 of the YSF radio frame
 * PURPOSE   guards FICH, call sign data and data channel
 * OWNER     ysf workers
 * CONTRACT  see crc.h
 * LIMITS    none known
 */
#include "workers/ysf/crc.h"

#include "workers/ysf/tables.h"

uint16_t
crc16(const uint8_t *data, size_t len)
{
	unsigned crc = 0;

	for (size_t i = 0; i < len; i++)
		crc = (crc << 8 & 0xFFFF) ^ ysf_crc_table[crc >> 8 ^ data[i]];
	return (uint16_t)(crc ^ 0xFFFF);
}
