/* SPDX-License-Identifier: ISC
 *
 * NAME      conv - convolutional code and interleaver of the YSF radio frame
 * PURPOSE   data bytes to interleaved block and back, for all blocks of the frame
 * OWNER     ysf workers
 * CONTRACT  pure; needs no tables. A block has `rows` rows of 40 bits: CONV_ROWS_SHORT (FICH, short
 *           data channel: 12 bytes in 25) or CONV_ROWS_LONG (call sign data: 22 bytes in 45)
 * LIMITS    rows other than those two are a caller's bug
 */
#ifndef SHACKD_WORKERS_YSF_CONV_H
#define SHACKD_WORKERS_YSF_CONV_H

#include <stdbool.h>
#include <stdint.h>

#define CONV_ROWS_SHORT		5
#define CONV_ROWS_LONG		9

/* Bytes of an interleaved block, and of the data in it (four tail bits are not data). */
#define CONV_BLOCK_BYTES(rows)	(5 * (rows))
#define CONV_DATA_BYTES(rows)	((20 * (rows) - 4) / 8)

/*
 * Encodes CONV_DATA_BYTES(rows) bytes with four zero bits behind them (rate 1/2, constraint length
 * 5, g1 = 1+D^3+D^4, g2 = 1+D+D^2+D^4) and interleaves into CONV_BLOCK_BYTES(rows) bytes.
 */
void conv_encode(unsigned rows, const uint8_t *data, uint8_t *block_r);

/*
 * The fast path: recovers the data of a block without a bit error by inverting the code, encodes
 * it again and compares. True: the block is exactly conv_encode() of data_r. False: it has errors
 * and data_r is undefined.
 */
bool conv_invert(unsigned rows, const uint8_t *block, uint8_t *data_r);

/*
 * Hard-decision Viterbi: start state unknown, end state 0, equal metrics go to the predecessor
 * whose oldest bit is 1 (so that blocks beyond repair decode as they do elsewhere). Always gives
 * an answer; the CRC inside tells whether it is right.
 */
void conv_viterbi(unsigned rows, const uint8_t *block, uint8_t *data_r);

/* conv_invert(), else conv_viterbi(). True if the block had no error. */
bool conv_decode(unsigned rows, const uint8_t *block, uint8_t *data_r);

#endif
