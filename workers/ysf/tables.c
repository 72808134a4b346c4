/* SPDX-License-Identifier: ISC
 *
 * NAME      tables - the look-up tables of the YSF channel codes
 * PURPOSE   fill, once and from their definitions, the tables that CRC and Golay use
 * OWNER     ysf workers, unit tests and fuzz targets
 * CONTRACT  see tables.h
 * LIMITS    not thread safe while filling
 */
#include "workers/ysf/tables.h"

#define CRC_POLYNOMIAL		0x1021
#define GOLAY_GENERATOR		0xC75	/* x^11+x^10+x^6+x^5+x^4+x^2+1 */
#define GOLAY_CHECK_BITS	11
#define GOLAY_WORD_BITS		23	/* without the parity bit */

uint16_t ysf_crc_table[256];
uint16_t ysf_golay_check[2][64];
uint16_t ysf_golay_fix[2048];

static void
fill_crc(void)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		unsigned crc = byte << 8;

		for (int bit = 0; bit < 8; bit++)
			crc = crc & 0x8000 ? crc << 1 ^ CRC_POLYNOMIAL : crc << 1;
		ysf_crc_table[byte] = (uint16_t)crc;
	}
}

/* The remainder of a 23-bit word by the generator. */
static unsigned
golay_remainder(unsigned word)
{
	for (int bit = GOLAY_WORD_BITS - 1; bit >= GOLAY_CHECK_BITS; bit--)
		if (word >> bit & 1)
			word ^= (unsigned)GOLAY_GENERATOR << (bit - GOLAY_CHECK_BITS);
	return word;
}

static uint16_t
golay_check_and_parity(unsigned data)
{
	unsigned word = data << GOLAY_CHECK_BITS;
	unsigned check = golay_remainder(word);
	unsigned parity = (unsigned)__builtin_parity(word | check);

	return (uint16_t)(check << 1 | parity);
}

static void
fill_golay_check(void)
{
	for (unsigned half = 0; half < 64; half++) {
		ysf_golay_check[0][half] = golay_check_and_parity(half << 6);
		ysf_golay_check[1][half] = golay_check_and_parity(half);
	}
}

static void
note_error(unsigned error)
{
	ysf_golay_fix[golay_remainder(error)] = (uint16_t)(error >> GOLAY_CHECK_BITS);
}

/* The code is perfect: the patterns of up to three errors and the syndromes pair off one to one. */
static void
fill_golay_fix(void)
{
	note_error(0);
	for (int a = 0; a < GOLAY_WORD_BITS; a++) {
		note_error(1U << a);
		for (int b = 0; b < a; b++) {
			note_error(1U << a | 1U << b);
			for (int c = 0; c < b; c++)
				note_error(1U << a | 1U << b | 1U << c);
		}
	}
}

void
ysf_tables_init(void)
{
	fill_crc();
	fill_golay_check();
	fill_golay_fix();
}
