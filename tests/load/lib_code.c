/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_code - the channel codes that a test frame needs
 * PURPOSE   CRC, Golay, convolution, interleaving and whitening, straight from their definitions
 * OWNER     the programs in tests/load and their unit tests
 * CONTRACT  see lib_code.h
 * LIMITS    bit by bit, so some microseconds a block: meant for once a call, not for once a frame
 */
#include "tests/load/lib_code.h"

#include <string.h>

#define GOLAY_POLY 0xC75u /* x^11 + x^10 + x^6 + x^5 + x^4 + x^2 + 1 */
#define TAIL_BITS  4	  /* zeros that bring the convolutional encoder home */

static unsigned code_bit(const uint8_t *data, unsigned i)
{
	return (data[i / 8] >> (7 - i % 8)) & 1u;
}

static void code_set(uint8_t *data, unsigned i, unsigned bit)
{
	data[i / 8] |= (uint8_t)(bit << (7 - i % 8));
}

uint16_t code_crc16(const uint8_t *data, size_t len)
{
	uint32_t crc = 0;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint32_t)data[i] << 8;
		for (int k = 0; k < 8; k++)
			crc = crc & 0x8000u ? (crc << 1) ^ 0x1021u : crc << 1;
		crc &= 0xFFFFu;
	}
	return (uint16_t)(crc ^ 0xFFFFu);
}

uint32_t code_golay(uint32_t data)
{
	uint32_t rest = (data & 0xFFFu) << 11;
	uint32_t word;

	for (int i = 22; i >= 11; i--) {
		if (rest & (1u << i))
			rest ^= GOLAY_POLY << (i - 11);
	}
	word = (data & 0xFFFu) << 11 | rest;
	return word << 1 | (uint32_t)__builtin_parity(word);
}

/* Convolve nbits of data plus the tail and spread the symbol pairs over rows * 20 columns. */
static void code_block(const uint8_t *data, unsigned nbits, unsigned rows, uint8_t *block)
{
	unsigned past[5] = {0};

	memset(block, 0, rows * 5);
	for (unsigned i = 0; i < nbits + TAIL_BITS; i++) {
		unsigned n = 40 * (i % rows) + 2 * (i / rows);

		past[0] = i < nbits ? code_bit(data, i) : 0;
		code_set(block, n, past[0] ^ past[3] ^ past[4]);
		code_set(block, n + 1, past[0] ^ past[1] ^ past[2] ^ past[4]);
		memmove(past + 1, past, 4 * sizeof(past[0]));
	}
}

/* Exclusive-or with the sequence s[i] = s[i-5] ^ s[i-9]. */
static void code_whiten(uint8_t *data, size_t len)
{
	uint8_t s[9 + 20 * 8] = {1, 0, 0, 1, 0, 0, 1, 1, 1};

	for (size_t i = 9; i < sizeof(s); i++)
		s[i] = s[i - 5] ^ s[i - 9];
	for (size_t i = 0; i < len * 8; i++)
		data[i / 8] ^= (uint8_t)(s[i] << (7 - i % 8));
}

void code_fich_info(const struct code_fich *f, uint8_t info_r[4])
{
	info_r[0] = (uint8_t)(f->fi << 6 | 2 << 4);
	info_r[1] = (uint8_t)(f->fn << 3 | f->ft);
	info_r[2] = f->dt;
	info_r[3] = f->sq & 0x7F;
}

void code_fich(const uint8_t info[4], uint8_t block_r[CODE_FICH_SIZE])
{
	uint16_t crc = code_crc16(info, 4);
	uint8_t b[6] = {info[0], info[1], info[2], info[3], (uint8_t)(crc >> 8), (uint8_t)crc};
	uint8_t coded[12];

	for (int i = 0; i < 4; i++) {
		const uint8_t *p = b + i / 2 * 3;
		uint32_t word = i % 2 == 0 ? (uint32_t)p[0] << 4 | p[1] >> 4
					   : (uint32_t)(p[1] & 0xF) << 8 | p[2];
		uint32_t golay = code_golay(word);

		coded[3 * i] = (uint8_t)(golay >> 16);
		coded[3 * i + 1] = (uint8_t)(golay >> 8);
		coded[3 * i + 2] = (uint8_t)golay;
	}
	code_block(coded, 96, 5, block_r);
}

/* Text of len bytes: whiten, append the CRC of the whitened bytes, convolve, interleave. */
static void code_text(const uint8_t *text, size_t len, unsigned rows, uint8_t *block)
{
	uint8_t data[22];
	uint16_t crc;

	memcpy(data, text, len);
	code_whiten(data, len);
	crc = code_crc16(data, len);
	data[len] = (uint8_t)(crc >> 8);
	data[len + 1] = (uint8_t)crc;
	code_block(data, (unsigned)(len + 2) * 8, rows, block);
}

void code_csd(const uint8_t text[20], uint8_t block_r[CODE_CSD_SIZE])
{
	code_text(text, 20, 9, block_r);
}

void code_dch(const uint8_t text[10], uint8_t block_r[CODE_DCH_SIZE])
{
	code_text(text, 10, 5, block_r);
}
