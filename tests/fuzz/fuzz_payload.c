/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_payload - fuzz target of call sign data, data channel, positions and the prefix
 * PURPOSE   any payload, any order of frames: no bad access, and what is decoded is what was encoded
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of csd.h, dch.h, gps.h or prefix.h does not hold. The input is a
 *           frame, or as much of one as there is
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "workers/ysf/csd.h"
#include "workers/ysf/dch.h"
#include "workers/ysf/gps.h"
#include "workers/ysf/meta.h"
#include "workers/ysf/prefix.h"
#include "workers/ysf/tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void fill_tables_once(void)
{
	static int filled;

	if (!filled)
		ysf_tables_init();
	filled = 1;
}

/* What was read, written, reads the same; and three wrong bits far from each other do no harm. */
static void check_blocks(const uint8_t *payload)
{
	uint8_t data[CSD_BYTES], again[CSD_BYTES], copy[PAYLOAD_BYTES];

	for (enum csd_block block = CSD_LEFT; block <= CSD_FRONT; block++) {
		if (!csd_read(payload, block, data))
			memcpy(data, payload, sizeof(data));
		memcpy(copy, payload, sizeof(copy));
		csd_write(copy, block, data);
		demand(csd_read(copy, block, again));
		demand(memcmp(data, again, sizeof(data)) == 0);
	}
	if (!dch_read(payload, data))
		memcpy(data, payload, DCH_BYTES);
	memcpy(copy, payload, sizeof(copy));
	dch_write(copy, data);
	copy[0] ^= 0x80;
	copy[36] ^= 0x01;
	demand(dch_read(copy, again));
	demand(memcmp(data, again, DCH_BYTES) == 0);
}

static void check_text(const char *text, int holds)
{
	demand(strlen(text) == (holds ? CSD_TEXT - 1 : 0));
	for (; *text != '\0'; text++)
		demand(*text >= 0x20 && *text <= 0x7E);
}

static void check_texts(const uint8_t *payload)
{
	struct csd csd, again;
	uint8_t copy[PAYLOAD_BYTES];

	demand(csd_decode(payload, &csd) == csd.calls);
	check_text(csd.dest, csd.calls);
	check_text(csd.source, csd.calls);
	check_text(csd.downlink, csd.routes);
	check_text(csd.uplink, csd.routes);
	memcpy(copy, payload, sizeof(copy));
	csd_encode(copy, &csd);
	demand(csd_decode(copy, &again) && again.routes);
	if (csd.calls)
		demand(strcmp(csd.dest, again.dest) == 0 && strcmp(csd.source, again.source) == 0);
}

static void check_position(const uint8_t *data, size_t size)
{
	struct gps gps;

	if (!gps_decode(data, size, &gps))
		demand(!gps.position && gps.radio == 0);
	if (gps.position)
		demand(labs(gps.latitude) < 90000000 && labs(gps.longitude) < 180000000);
	else
		demand(gps.latitude == 0 && gps.longitude == 0);
}

static void check_prefix(const uint8_t *frame)
{
	uint8_t out[YSF_FRAME_BYTES];
	struct fich fich;

	if (fich_decode(frame + YSF_FICH_AT, &fich) == FICH_BAD)
		fich_unpack(frame, &fich);
	if (prefix_frame(frame, &fich, frame[0], out))
		demand(memcmp(out, frame, YSF_PAYLOAD_AT) == 0);
}

/* A call: four information bytes of a FICH and ten of data for each frame, coded as that kind of frame
 * has them, so that numbers and totals come in any order. */
static void check_call(const uint8_t *data, size_t size)
{
	uint8_t payload[PAYLOAD_BYTES] = {0}, block[CSD_BYTES] = {0};
	struct meta_facts before;
	struct meta meta;
	struct fich fich;

	meta_begin(&meta);
	for (; size >= FICH_INFO_BYTES + DCH_BYTES;
	     data += FICH_INFO_BYTES + DCH_BYTES, size -= FICH_INFO_BYTES + DCH_BYTES) {
		fich_unpack(data, &fich);
		memcpy(block, data + FICH_INFO_BYTES, DCH_BYTES);
		if (fich.dt == FICH_DT_VD1)
			csd_write(payload, CSD_LEFT, block);
		else
			dch_write(payload, block);
		before = meta.facts;
		bool news = meta_gather(&meta, payload, &fich);
		demand(news == (memcmp(&before, &meta.facts, sizeof(before)) != 0));
		demand(meta.gathered <= META_BLOCK_BYTES);
		demand(before.latitude == META_NOWHERE || before.latitude == meta.facts.latitude);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fill_tables_once();
	check_position(data, size);
	check_call(data, size);
	if (size >= PAYLOAD_BYTES) {
		check_blocks(data);
		check_texts(data);
	}
	if (size >= YSF_FRAME_BYTES) {
		check_prefix(data);
		check_texts(data + YSF_PAYLOAD_AT);
	}
	return 0;
}
