/* SPDX-License-Identifier: ISC
 *
 * NAME      golay - the Golay (24,12) code of the FICH
 * PURPOSE   twelve data bits to a 24-bit word and back, up to three wrong bits corrected
 * OWNER     ysf workers
 * CONTRACT  pure; ysf_tables_init() has run
 * LIMITS    the decoder always answers: four and more wrong bits give a wrong word, which the
 *           CRC of the FICH catches
 */
#ifndef SHACKD_WORKERS_YSF_GOLAY_H
#define SHACKD_WORKERS_YSF_GOLAY_H

#include <stdint.h>

/*
 * The code word of the lower twelve bits of `data`: data in the top twelve of 24 bits, eleven
 * check bits (generator 0xC75), one even-parity bit (YSF protocol).
 */
uint32_t golay_encode(uint16_t data);

/*
 * The twelve data bits of the lower 24 bits of `word`. As in G4KLX's decoder the parity bit is
 * dropped and up to three errors of the other 23 bits are corrected by syndrome.
 */
uint16_t golay_decode(uint32_t word);

#endif
