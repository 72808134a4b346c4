/* SPDX-License-Identifier: ISC
 *
 * NAME      golay - the Golay (24,12) code of the FICH
 * PURPOSE   twelve data bits to a 24-bit word and back, up to three wrong bits corrected
 * OWNER     ysf workers
 * CONTRACT  see golay.h
 * LIMITS    four and more wrong bits give a wrong word
 */
#include "workers/ysf/golay.h"

#include "workers/ysf/tables.h"

/* The low twelve bits of the code word: eleven check bits, one parity bit. */
static unsigned
check_and_parity(unsigned data)
{
	return (unsigned)(ysf_golay_check[0][data >> 6] ^ ysf_golay_check[1][data & 0x3F]);
}

uint32_t
golay_encode(uint16_t data)
{
	unsigned bits = data & 0xFFF;

	return bits << 12 | check_and_parity(bits);
}

uint16_t
golay_decode(uint32_t word)
{
	unsigned data = word >> 12 & 0xFFF;
	unsigned syndrome = (check_and_parity(data) ^ (word & 0xFFF)) >> 1;

	return (uint16_t)(data ^ ysf_golay_fix[syndrome]);
}
