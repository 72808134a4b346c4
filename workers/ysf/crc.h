/* SPDX-License-Identifier: ISC
 *
 * NAME      crc - the CRC-16 of the YSF radio frame
 * PURPOSE   guards FICH, call sign data and data channel
 * OWNER     ysf workers
 * CONTRACT  pure; ysf_tables_init() has run
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_YSF_CRC_H
#define SHACKD_WORKERS_YSF_CRC_H

#include <stddef.h>
#include <stdint.h>

/*
 * CRC of `len` bytes: polynomial 0x1021, initial value 0, no reflection, final XOR 0xFFFF.
 * On the air it follows the data, high byte first (YSF protocol).
 */
uint16_t crc16(const uint8_t *data, size_t len);

#endif
