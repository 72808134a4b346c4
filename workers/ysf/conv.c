/* SPDX-License-Identifier: ISC
 *
 * NAME      conv - convolutional code and interleaver of the YSF radio frame
 * PURPOSE   data bytes to interleaved block and back, for all blocks of the frame
 * OWNER     ysf workers
 * CONTRACT  see conv.h
 * LIMITS    rows other than 5 and 9 are a caller's bug
 *
 * The interleaver writes the symbol pairs column by column into a block of `rows` rows and 20
 * columns. This file never undoes it. Row r of a block holds the symbols r, r + rows, r + 2 rows
 * ..., and we keep every bit stream in that shape: one 20-bit `lane` a row, column 0 in bit 19.
 * "The bit k steps earlier" then is the lane k rows above, or, past the top, a lower lane moved by
 * one column; so a whole lane is coded or inverted with a few XORs.
 */
#include "workers/ysf/conv.h"

#include <string.h>

#define ROWS_MAX	CONV_ROWS_LONG
#define COLUMNS		20
#define STEPS_MAX	(ROWS_MAX * COLUMNS)
#define ROW_BYTES	5
#define STATES		16
#define DATA_MAX	CONV_DATA_BYTES(ROWS_MAX)

/* The two coded bits of each step, or the lanes of a block's first and second symbols. */
struct coded {
	uint32_t g1[ROWS_MAX];
	uint32_t g2[ROWS_MAX];
};

/* Bits 0, 2, 4 ... 38 of x, moved together. */
static uint32_t
gather_even(uint64_t x)
{
	x &= 0x5555555555;
	x = (x | x >> 1) & 0x3333333333;
	x = (x | x >> 2) & 0x0F0F0F0F0F;
	x = (x | x >> 4) & 0xFF00FF00FF;
	x = (x | x >> 8) & 0xFF0000FFFF;
	return (uint32_t)((x | x >> 16) & 0xFFFFF);
}

/* The reverse: the 20 bits of x to bits 0, 2, 4 ... 38. */
static uint64_t
spread_even(uint64_t x)
{
	x = (x | x << 16) & 0xFF0000FFFF;
	x = (x | x << 8) & 0xFF00FF00FF;
	x = (x | x << 4) & 0x0F0F0F0F0F;
	x = (x | x << 2) & 0x3333333333;
	return (x | x << 1) & 0x5555555555;
}

static void
read_block(unsigned rows, const uint8_t *block, struct coded *coded_r)
{
	for (unsigned r = 0; r < rows; r++) {
		uint64_t row = 0;

		for (unsigned i = 0; i < ROW_BYTES; i++)
			row = row << 8 | block[r * ROW_BYTES + i];
		coded_r->g1[r] = gather_even(row >> 1);
		coded_r->g2[r] = gather_even(row);
	}
}

static void
write_block(unsigned rows, const struct coded *coded, uint8_t *block_r)
{
	for (unsigned r = 0; r < rows; r++) {
		uint64_t row = spread_even(coded->g1[r]) << 1 | spread_even(coded->g2[r]);

		for (unsigned i = 0; i < ROW_BYTES; i++)
			block_r[r * ROW_BYTES + i] = (uint8_t)(row >> 8 * (ROW_BYTES - 1 - i));
	}
}

/* What the stream had in lane r's place k steps (at most four) earlier; before the start, zeros. */
static inline uint32_t
earlier(const uint32_t *lanes, unsigned rows, unsigned r, unsigned k)
{
	return r >= k ? lanes[r - k] : lanes[r + rows - k] >> 1;
}

static inline uint32_t
code_g1(const uint32_t *bits, unsigned rows, unsigned r)
{
	return bits[r] ^ earlier(bits, rows, r, 3) ^ earlier(bits, rows, r, 4);
}

static inline uint32_t
code_g2(const uint32_t *bits, unsigned rows, unsigned r)
{
	return bits[r] ^ earlier(bits, rows, r, 1) ^ earlier(bits, rows, r, 2) ^
	    earlier(bits, rows, r, 4);
}

/* The four tail bits are the last column of the last four lanes. */
static uint32_t
tail_bits(const uint32_t *bits, unsigned rows)
{
	return (bits[rows - 1] | bits[rows - 2] | bits[rows - 3] | bits[rows - 4]) & 1;
}

static void
read_data(unsigned rows, const uint8_t *data, uint32_t *bits_r)
{
	uint8_t tailed[DATA_MAX + 1] = { 0 };
	unsigned i = 0;

	memcpy(tailed, data, CONV_DATA_BYTES(rows));
	memset(bits_r, 0, rows * sizeof(bits_r[0]));
	for (unsigned c = 0; c < COLUMNS; c++)
		for (unsigned r = 0; r < rows; r++, i++)
			bits_r[r] = bits_r[r] << 1 | (tailed[i / 8] >> (7 - i % 8) & 1);
}

static void
write_data(unsigned rows, const uint32_t *bits, uint8_t *data_r)
{
	uint32_t byte = 0;
	unsigned i = 0;

	for (unsigned c = 0; c < COLUMNS; c++)
		for (unsigned r = 0; r < rows; r++) {
			byte = byte << 1 | (bits[r] >> (COLUMNS - 1 - c) & 1);
			if (++i % 8 == 0)
				data_r[i / 8 - 1] = (uint8_t)byte;
		}
}

void
conv_encode(unsigned rows, const uint8_t *data, uint8_t *block_r)
{
	uint32_t bits[ROWS_MAX];
	struct coded coded;

	read_data(rows, data, bits);
	for (unsigned r = 0; r < rows; r++) {
		coded.g1[r] = code_g1(bits, rows, r);
		coded.g2[r] = code_g2(bits, rows, r);
	}
	write_block(rows, &coded, block_r);
}

/*
 * g1 and g2 have no common factor: D^2 g1 + (1+D+D^2) g2 = 1. So the data is the same sum of the
 * coded streams, and if coding it again gives the block, a Viterbi decoder would find the same path
 * with metric zero, and no other.
 */
bool
conv_invert(unsigned rows, const uint8_t *block, uint8_t *data_r)
{
	uint32_t bits[ROWS_MAX] = { 0 };
	uint32_t wrong = 0;
	struct coded coded;

	read_block(rows, block, &coded);
	for (unsigned r = 0; r < rows; r++)
		bits[r] = earlier(coded.g1, rows, r, 2) ^ coded.g2[r] ^
		    earlier(coded.g2, rows, r, 1) ^ earlier(coded.g2, rows, r, 2);
	for (unsigned r = 0; r < rows; r++)
		wrong |= (code_g1(bits, rows, r) ^ coded.g1[r]) |
		    (code_g2(bits, rows, r) ^ coded.g2[r]);
	if (wrong || tail_bits(bits, rows))
		return false;
	write_data(rows, bits, data_r);
	return true;
}

/*
 * One Viterbi step. A state holds the last four bits, newest in bit 3. The states 2j and 2j+1 both
 * lead to j (bit 0) and j+8 (bit 1). Both generators contain the newest and the oldest bit, so
 * changing either inverts both coded bits: one distance serves all four branches, as d or 2 - d.
 * Returns one bit a new state: the oldest bit of the predecessor chosen.
 */
static inline unsigned
viterbi_step(uint16_t *restrict metrics, unsigned g1, unsigned g2)
{
	uint16_t old[STATES];
	unsigned chosen = 0;

	memcpy(old, metrics, sizeof(old));
	for (unsigned j = 0; j < STATES / 2; j++) {
		unsigned d1 = j >> 2, d2 = j >> 1 & 1, d3 = j & 1;
		unsigned d = (d3 ^ g1) + (d1 ^ d2 ^ g2);
		unsigned even0 = old[2 * j] + d, odd0 = old[2 * j + 1] + 2 - d;
		unsigned even1 = old[2 * j] + 2 - d, odd1 = old[2 * j + 1] + d;

		metrics[j] = (uint16_t)(odd0 <= even0 ? odd0 : even0);
		metrics[j + 8] = (uint16_t)(odd1 <= even1 ? odd1 : even1);
		chosen |= (unsigned)(odd0 <= even0) << j | (unsigned)(odd1 <= even1) << (j + 8);
	}
	return chosen;
}

void
conv_viterbi(unsigned rows, const uint8_t *block, uint8_t *data_r)
{
	uint16_t metrics[STATES] = { 0 };
	uint16_t chosen[STEPS_MAX] = { 0 };
	uint32_t bits[ROWS_MAX] = { 0 };
	struct coded coded;
	unsigned state = 0;

	read_block(rows, block, &coded);
	for (unsigned c = 0, i = 0; c < COLUMNS; c++)
		for (unsigned r = 0; r < rows; r++, i++)
			chosen[i] = (uint16_t)viterbi_step(metrics,
			    coded.g1[r] >> (COLUMNS - 1 - c) & 1,
			    coded.g2[r] >> (COLUMNS - 1 - c) & 1);
	for (unsigned c = COLUMNS, i = rows * COLUMNS; c-- > 0;)
		for (unsigned r = rows; r-- > 0;) {
			i--;
			bits[r] |= (state >> 3) << (COLUMNS - 1 - c);
			state = (state << 1 & (STATES - 1)) | (chosen[i] >> state & 1);
		}
	write_data(rows, bits, data_r);
}

bool
conv_decode(unsigned rows, const uint8_t *block, uint8_t *data_r)
{
	if (conv_invert(rows, block, data_r))
		return true;
	conv_viterbi(rows, block, data_r);
	return false;
}
