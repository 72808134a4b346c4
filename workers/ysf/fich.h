/* SPDX-License-Identifier: ISC
 *
 * NAME      fich - the frame information channel of a YSF frame
 * PURPOSE   25 coded bytes that say what kind of frame this is, its number and its DG-ID
 * OWNER     ysf workers
 * CONTRACT  pure; ysf_tables_init() has run
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_YSF_FICH_H
#define SHACKD_WORKERS_YSF_FICH_H

#include <stdint.h>

#define FICH_BYTES		25	/* coded, as in the frame */
#define FICH_INFO_BYTES		4	/* the information bits */

/* Values of fi. */
#define FICH_FI_HEADER		0
#define FICH_FI_COMMUNICATION	1
#define FICH_FI_TERMINATOR	2
#define FICH_FI_TEST		3

/* Values of dt. */
#define FICH_DT_VD1		0
#define FICH_DT_DATA_FR		1
#define FICH_DT_VD2		2
#define FICH_DT_VOICE_FR	3

/* A DG-ID that opens no call (Wires-X equipment sends it). */
#define FICH_SQ_WIRESX		127

enum fich_result {
	FICH_OK,		/* not one wrong bit (fast path) */
	FICH_CORRECTED,		/* wrong bits, all corrected, the CRC agrees */
	FICH_BAD		/* beyond repair */
};

struct fich {
	uint8_t fi;		/* frame information, 0..3 */
	uint8_t cs;		/* call sign information, 0..3 */
	uint8_t cm;		/* call mode, 0..3 */
	uint8_t bn;		/* block number, 0..3 */
	uint8_t bt;		/* block total, 0..3 */
	uint8_t fn;		/* frame number, 0..7 */
	uint8_t ft;		/* frame total (the highest number), 0..7 */
	uint8_t dev;		/* narrow deviation, 0..1 */
	uint8_t mr;		/* message route, all three bits, 0..7 */
	uint8_t voip;		/* came by network, 0..1 */
	uint8_t dt;		/* data type, 0..3 */
	uint8_t sql;		/* DG-ID squelch used, 0..1 */
	uint8_t sq;		/* DG-ID, 0..127; 0 means not set */
	uint8_t info[FICH_INFO_BYTES];	/* as received: keeps the reserved bit for fich_encode() */
};

/*
 * Decodes 25 bytes. On FICH_BAD *fich_r is all zero. On FICH_OK fich_encode() gives back exactly
 * the bytes of `in`.
 */
enum fich_result fich_decode(const uint8_t in[FICH_BYTES], struct fich *fich_r);

/* Takes the fields apart / puts them together; info[] is the reserved bit's source. */
void fich_unpack(const uint8_t info[FICH_INFO_BYTES], struct fich *fich_r);
void fich_pack(const struct fich *fich, uint8_t info_r[FICH_INFO_BYTES]);

/*
 * Encodes the fields; values wider than a field are cut to it. The reserved bit comes from
 * fich->info, so a FICH made from nothing must start as all zero.
 */
void fich_encode(const struct fich *fich, uint8_t out_r[FICH_BYTES]);

/*
 * Rewrites the frame information of a coded FICH in place (a header's becomes a terminator's) and
 * keeps every other bit. FICH_BAD: nothing was changed.
 */
enum fich_result fich_set_fi(uint8_t coded[FICH_BYTES], uint8_t fi);

#endif
