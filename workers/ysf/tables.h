/* SPDX-License-Identifier: ISC
 *
 * NAME      tables - the look-up tables of the YSF channel codes
 * PURPOSE   fill, once and from their definitions, the tables that CRC and Golay use
 * OWNER     ysf workers, unit tests and fuzz targets
 * CONTRACT  call ysf_tables_init() before the first CRC, Golay or FICH call of the process;
 *           afterwards the tables are only read
 * LIMITS    not thread safe while filling; 5 KiB of memory
 */
#ifndef SHACKD_WORKERS_YSF_TABLES_H
#define SHACKD_WORKERS_YSF_TABLES_H

#include <stdint.h>

/* Remainder of each byte shifted in on top of a 16-bit CRC register (polynomial 0x1021). */
extern uint16_t ysf_crc_table[256];

/* The 11 Golay check bits and the parity bit, for the upper and the lower six data bits; the code
 * is linear, so the two are XORed. */
extern uint16_t ysf_golay_check[2][64];

/* For each of the 2,048 syndromes of the 23-bit Golay word: the data bits that are wrong. */
extern uint16_t ysf_golay_fix[2048];

/* Fills all tables. May be called again without harm. Takes about 60 us. */
void ysf_tables_init(void);

#endif
