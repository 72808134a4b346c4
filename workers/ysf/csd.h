/* SPDX-License-Identifier: ISC
 *
 * NAME      csd - call sign data: the 45-byte blocks of a YSF payload
 * PURPOSE   20 bytes to a coded block and back: CSD1 and CSD2 of header and terminator, the data
 *           channel of V/D mode 1, both blocks of a Data FR frame, the data of a Voice FR frame
 * OWNER     ysf workers
 * CONTRACT  pure; ysf_tables_init() has run. A block without a bit error takes the fast path. The
 *           payload is the 90 bytes behind the FICH, always all of them
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_YSF_CSD_H
#define SHACKD_WORKERS_YSF_CSD_H

#include <stdbool.h>
#include <stdint.h>

#define PAYLOAD_BYTES	90 /* five rows of 18 */
#define CSD_BYTES	20 /* data of a block */
#define CSD_BLOCK_BYTES 45 /* coded */
#define CSD_TEXT	11 /* ten characters and the NUL */

/* Where a block lies (YSF protocol: layout). */
enum csd_block {
	CSD_LEFT,  /* columns 0..8 of each row: CSD1, V/D mode 1, first block of Data FR */
	CSD_RIGHT, /* columns 9..17: CSD2, second block of Data FR */
	CSD_FRONT, /* the first 45 bytes as they are: Voice FR, FN 0 of FT 1 */
};

/* The data of a block. False: beyond repair (its CRC is wrong), data_r is undefined. */
bool csd_read(const uint8_t payload[PAYLOAD_BYTES], enum csd_block block,
	      uint8_t data_r[CSD_BYTES]);

/* Puts DATA into a block; the rest of the payload stays. */
void csd_write(uint8_t payload[PAYLOAD_BYTES], enum csd_block block,
	       const uint8_t data[CSD_BYTES]);

/* What header and terminator say. A text is empty when its block was damaged, else ten characters,
 * not trimmed; what is not printable ASCII is a blank. */
struct csd {
	bool calls;  /* CSD1 is good: the header counts as good */
	bool routes; /* CSD2 is good */
	char dest[CSD_TEXT], source[CSD_TEXT];
	char downlink[CSD_TEXT], uplink[CSD_TEXT];
};

/* Reads both blocks of a header or terminator; returns csd_r->calls. */
bool csd_decode(const uint8_t payload[PAYLOAD_BYTES], struct csd *csd_r);

/* Writes both blocks. Texts shorter than ten characters are padded with blanks. */
void csd_encode(uint8_t payload[PAYLOAD_BYTES], const struct csd *csd);

#endif
