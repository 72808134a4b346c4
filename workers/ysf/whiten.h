/* SPDX-License-Identifier: ISC
 *
 * NAME      whiten - what call sign data and data channel share
 * PURPOSE   data bytes with whitening, CRC and convolutional code to a block and back
 * OWNER     ysf workers: csd.c and dch.c
 * CONTRACT  pure; ysf_tables_init() has run
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_YSF_WHITEN_H
#define SHACKD_WORKERS_YSF_WHITEN_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes of data in a block of ROWS rows: what the code carries, less the CRC. */
#define WHITEN_DATA_BYTES(rows) (CONV_DATA_BYTES(rows) - 2)

/*
 * Whitens DATA, puts the CRC of the whitened bytes behind it (high byte first), encodes and
 * interleaves (YSF protocol). ROWS as for conv_encode().
 */
void whiten_encode(unsigned rows, const uint8_t *data, uint8_t *block_r);

/* The reverse. False: the CRC is wrong, data_r is undefined. */
bool whiten_decode(unsigned rows, const uint8_t *block, uint8_t *data_r);

#endif
