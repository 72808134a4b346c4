/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_code - the channel codes that a test frame needs, written for the tests alone
 * PURPOSE   makes valid FICH, CSD and DCH blocks, so that a reflector under test accepts what the
 *           simulator sends. Deliberately shares nothing with the product: two codecs by two hands
 *           have to agree with the published vectors.
 * OWNER     the programs in tests/load and their unit tests
 * CONTRACT  pure: bytes in, bytes out; encode only; output equals the YSF protocol bit for bit
 * LIMITS    no decoder: the simulator compares what it hears with what it sent
 */
#ifndef SHACKD_TESTS_LOAD_LIB_CODE_H
#define SHACKD_TESTS_LOAD_LIB_CODE_H

#include <stddef.h>
#include <stdint.h>

#define CODE_FICH_SIZE 25
#define CODE_CSD_SIZE  45
#define CODE_DCH_SIZE  25

/* The fields of a FICH that a simulated radio sets (YSF protocol, FICH table). */
struct code_fich {
	uint8_t fi; /* 0 header, 1 communication, 2 terminator, 3 test */
	uint8_t fn; /* frame number 0..7 */
	uint8_t ft; /* frame total: the highest FN */
	uint8_t dt; /* data type; 2 is V/D mode 2 */
	uint8_t sq; /* DG-ID 0..127 */
};

/* CRC-16, polynomial 0x1021, initial 0, no reflection, final exclusive-or 0xFFFF. */
uint16_t code_crc16(const uint8_t *data, size_t len);

/* Golay (24,12) code word of 12 data bits: data, 11 check bits, even parity. */
uint32_t code_golay(uint32_t data);

/* The information bytes of a FICH with CS 2 and CM 0, as ordinary radios send. */
void code_fich_info(const struct code_fich *f, uint8_t info_r[4]);

/* Four information bytes to the 25 bytes on the wire. */
void code_fich(const uint8_t info[4], uint8_t block_r[CODE_FICH_SIZE]);

/* Twenty characters to a coded CSD block of 45 bytes. */
void code_csd(const uint8_t text[20], uint8_t block_r[CODE_CSD_SIZE]);

/* Ten characters to a coded V/D mode 2 data channel block of 25 bytes. */
void code_dch(const uint8_t text[10], uint8_t block_r[CODE_DCH_SIZE]);

#endif
