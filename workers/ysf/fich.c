/* SPDX-License-Identifier: ISC
 *
 * NAME      fich - the frame information channel of a YSF frame
 * PURPOSE   25 coded bytes that say what kind of frame this is, its number and its DG-ID
 * OWNER     ysf workers
 * CONTRACT  see fich.h
 * LIMITS    none known
 */
#include "workers/ysf/fich.h"

#include <stdbool.h>
#include <string.h>

#include "workers/ysf/conv.h"
#include "workers/ysf/crc.h"
#include "workers/ysf/golay.h"

#define CHECKED_BYTES	(FICH_INFO_BYTES + 2)	/* information and CRC */
#define GOLAY_BYTES	12			/* the same as four Golay words */
#define RESERVED_BIT	0x80			/* in information byte 2 */

/* Three bytes carry two groups of twelve bits. */
static void
protect(const uint8_t checked[CHECKED_BYTES], uint8_t words_r[GOLAY_BYTES])
{
	for (int i = 0; i < 4; i++) {
		const uint8_t *at = checked + i / 2 * 3;
		int data = i % 2 ? (at[1] & 0x0F) << 8 | at[2] : at[0] << 4 | at[1] >> 4;
		uint32_t word = golay_encode((uint16_t)data);

		words_r[3 * i] = (uint8_t)(word >> 16);
		words_r[3 * i + 1] = (uint8_t)(word >> 8);
		words_r[3 * i + 2] = (uint8_t)word;
	}
}

/* Returns true if the four words were code words as they are. */
static bool
repair(const uint8_t words[GOLAY_BYTES], uint8_t checked_r[CHECKED_BYTES])
{
	uint16_t data[4];
	bool clean = true;

	for (int i = 0; i < 4; i++) {
		const uint8_t *at = words + 3 * i;
		uint32_t word = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];

		data[i] = golay_decode(word);
		clean = clean && golay_encode(data[i]) == word;
	}
	for (int i = 0; i < 2; i++) {
		uint8_t *at = checked_r + 3 * i;

		at[0] = (uint8_t)(data[2 * i] >> 4);
		at[1] = (uint8_t)(data[2 * i] << 4 | data[2 * i + 1] >> 8);
		at[2] = (uint8_t)data[2 * i + 1];
	}
	return clean;
}

/* The information bytes of a coded FICH; FICH_BAD leaves info_r alone. */
static enum fich_result
read_info(const uint8_t in[FICH_BYTES], uint8_t info_r[FICH_INFO_BYTES])
{
	uint8_t words[GOLAY_BYTES];
	uint8_t checked[CHECKED_BYTES];
	bool clean = conv_decode(CONV_ROWS_SHORT, in, words);

	clean = repair(words, checked) && clean;
	if (crc16(checked, FICH_INFO_BYTES) != (checked[4] << 8 | checked[5]))
		return FICH_BAD;
	memcpy(info_r, checked, FICH_INFO_BYTES);
	return clean ? FICH_OK : FICH_CORRECTED;
}

static void
write_info(const uint8_t info[FICH_INFO_BYTES], uint8_t out_r[FICH_BYTES])
{
	uint8_t checked[CHECKED_BYTES];
	uint8_t words[GOLAY_BYTES];
	uint16_t crc = crc16(info, FICH_INFO_BYTES);

	memcpy(checked, info, FICH_INFO_BYTES);
	checked[4] = (uint8_t)(crc >> 8);
	checked[5] = (uint8_t)crc;
	protect(checked, words);
	conv_encode(CONV_ROWS_SHORT, words, out_r);
}

void
fich_unpack(const uint8_t info[FICH_INFO_BYTES], struct fich *fich_r)
{
	fich_r->fi = info[0] >> 6;
	fich_r->cs = info[0] >> 4 & 3;
	fich_r->cm = info[0] >> 2 & 3;
	fich_r->bn = info[0] & 3;
	fich_r->bt = info[1] >> 6;
	fich_r->fn = info[1] >> 3 & 7;
	fich_r->ft = info[1] & 7;
	fich_r->dev = info[2] >> 6 & 1;
	fich_r->mr = info[2] >> 3 & 7;
	fich_r->voip = info[2] >> 2 & 1;
	fich_r->dt = info[2] & 3;
	fich_r->sql = info[3] >> 7;
	fich_r->sq = info[3] & 0x7F;
	memcpy(fich_r->info, info, FICH_INFO_BYTES);
}

void
fich_pack(const struct fich *fich, uint8_t info_r[FICH_INFO_BYTES])
{
	info_r[0] = (uint8_t)((fich->fi & 3) << 6 | (fich->cs & 3) << 4 | (fich->cm & 3) << 2 |
	    (fich->bn & 3));
	info_r[1] = (uint8_t)((fich->bt & 3) << 6 | (fich->fn & 7) << 3 | (fich->ft & 7));
	info_r[2] = (uint8_t)((fich->info[2] & RESERVED_BIT) | (fich->dev & 1) << 6 |
	    (fich->mr & 7) << 3 | (fich->voip & 1) << 2 | (fich->dt & 3));
	info_r[3] = (uint8_t)((fich->sql & 1) << 7 | (fich->sq & 0x7F));
}

enum fich_result
fich_decode(const uint8_t in[FICH_BYTES], struct fich *fich_r)
{
	uint8_t info[FICH_INFO_BYTES];
	enum fich_result result = read_info(in, info);

	if (result == FICH_BAD)
		memset(fich_r, 0, sizeof(*fich_r));
	else
		fich_unpack(info, fich_r);
	return result;
}

void
fich_encode(const struct fich *fich, uint8_t out_r[FICH_BYTES])
{
	uint8_t info[FICH_INFO_BYTES];

	fich_pack(fich, info);
	write_info(info, out_r);
}

enum fich_result
fich_set_fi(uint8_t coded[FICH_BYTES], uint8_t fi)
{
	struct fich fich;
	enum fich_result result = fich_decode(coded, &fich);

	if (result == FICH_BAD)
		return result;
	fich.fi = fi;
	fich_encode(&fich, coded);
	return result;
}
