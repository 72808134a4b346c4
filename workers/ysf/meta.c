/* SPDX-License-Identifier: ISC
 *
 * NAME      meta - what the frames of a call tell beside the voice
 * PURPOSE   see meta.h
 * OWNER     ysf workers
 * CONTRACT  see meta.h
 * LIMITS    see meta.h
 *
 * A position block is spread over frames that follow each other by number. Only bytes that came in
 * such a row, from the first frame of the block on, are ever read.
 */
#include "workers/ysf/meta.h"

#include <string.h>

#include "workers/ysf/dch.h"
#include "workers/ysf/frame.h"
#include "workers/ysf/gps.h"

#define VD1_FN_REMARKS 2
#define VD1_FN_GPS     3

void meta_begin(struct meta *meta)
{
	*meta = (struct meta){.facts = {.latitude = META_NOWHERE, .longitude = META_NOWHERE}};
}

static bool note_remark(char kept[CSD_TEXT], const uint8_t *text)
{
	char remark[CSD_TEXT];

	memcpy(remark, text, CSD_TEXT - 1);
	remark[CSD_TEXT - 1] = '\0';
	ysf_clean((uint8_t *)remark, CSD_TEXT - 1);
	if (remark[strspn(remark, " ")] == '\0' || strcmp(remark, kept) == 0)
		return false;
	memcpy(kept, remark, CSD_TEXT);
	return true;
}

static bool note_position(struct meta_facts *facts, const uint8_t *block, size_t length)
{
	bool news = false;
	struct gps gps;

	if (!gps_decode(block, length, &gps))
		return false;
	if (gps.radio != 0 && gps.radio != facts->radio) {
		facts->radio = gps.radio;
		news = true;
	}
	if (gps.position && facts->latitude == META_NOWHERE) {
		facts->latitude = gps.latitude;
		facts->longitude = gps.longitude;
		news = true;
	}
	return news;
}

/* Frame number N (from 0) of a position block brings LENGTH bytes (NULL: they are damaged). LAST: the
 * block ends with it. */
static bool collect(struct meta *meta, unsigned n, const uint8_t *data, uint8_t length, bool last)
{
	bool follows = data != NULL && meta->gathered == n * length &&
		       meta->gathered + length <= META_BLOCK_BYTES;

	if (!follows && (n > 0 || data == NULL)) {
		meta->gathered = 0;
		return false;
	}
	memcpy(meta->block + n * length, data, length);
	meta->gathered = (uint8_t)((n + 1) * length);
	return last && note_position(&meta->facts, meta->block, meta->gathered);
}

static bool gather_vd2(struct meta *meta, const uint8_t *payload, const struct fich *fich)
{
	uint8_t data[DCH_BYTES];

	if (fich->fn < DCH_FN_GPS)
		meta->gathered = 0;
	if (fich->fn < DCH_FN_REM12)
		return false;
	bool good = dch_read(payload, data);
	if (fich->fn >= DCH_FN_GPS)
		return collect(meta, fich->fn - DCH_FN_GPS, good ? data : NULL, DCH_BYTES,
			       fich->fn == fich->ft);
	if (!good)
		return false;
	return note_remark(fich->fn == DCH_FN_REM12 ? meta->facts.rem12 : meta->facts.rem34, data);
}

static bool gather_vd1(struct meta *meta, const uint8_t *payload, const struct fich *fich)
{
	uint8_t data[CSD_BYTES];

	if (fich->fn < VD1_FN_GPS)
		meta->gathered = 0;
	if (fich->fn < VD1_FN_REMARKS)
		return false;
	bool good = csd_read(payload, CSD_LEFT, data);
	if (fich->fn >= VD1_FN_GPS)
		return collect(meta, fich->fn - VD1_FN_GPS, good ? data : NULL, CSD_BYTES,
			       fich->fn == fich->ft);
	if (!good)
		return false;
	bool first = note_remark(meta->facts.rem12, data);
	return note_remark(meta->facts.rem34, data + DCH_BYTES) || first;
}

bool meta_gather(struct meta *meta, const uint8_t payload[PAYLOAD_BYTES], const struct fich *fich)
{
	if (fich->fi != FICH_FI_COMMUNICATION)
		return false;
	if (fich->dt == FICH_DT_VD2)
		return gather_vd2(meta, payload, fich);
	if (fich->dt == FICH_DT_VD1)
		return gather_vd1(meta, payload, fich);
	return false;
}
