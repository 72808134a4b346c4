/* SPDX-License-Identifier: ISC
 *
 * NAME      prefix - the DG-ID in front of the caller
 * PURPOSE   see prefix.h
 * OWNER     ysf workers
 * CONTRACT  see prefix.h
 * LIMITS    see prefix.h
 */
#include "workers/ysf/prefix.h"

#include <stdio.h>
#include <string.h>

#include "workers/ysf/csd.h"
#include "workers/ysf/dch.h"

void prefix_text(unsigned dgid, const char *source, char text_r[YSF_NAME_SIZE])
{
	char text[4 + YSF_NAME_SIZE];
	size_t length = (size_t)snprintf(text, sizeof(text), "%u/", dgid & 0x7F);

	length += (size_t)snprintf(text + length, sizeof(text) - length, "%.*s",
				   (int)strcspn(source, "-/"), source);
	if (length > YSF_NAME_BYTES)
		length = YSF_NAME_BYTES;
	memset(text_r, ' ', YSF_NAME_BYTES);
	memcpy(text_r, text, length);
	text_r[YSF_NAME_BYTES] = '\0';
}

static bool rewrite_calls(const uint8_t *frame, const char *text, uint8_t *out_r)
{
	struct csd csd;

	if (!csd_decode(frame + YSF_PAYLOAD_AT, &csd))
		return false;
	memcpy(csd.source, text, sizeof(csd.source));
	memcpy(out_r, frame, YSF_FRAME_BYTES);
	csd_encode(out_r + YSF_PAYLOAD_AT, &csd);
	return true;
}

static void rewrite_channel(const uint8_t *frame, const char *text, uint8_t *out_r)
{
	memcpy(out_r, frame, YSF_FRAME_BYTES);
	dch_write(out_r + YSF_PAYLOAD_AT, (const uint8_t *)text);
}

/* A terminator may be numbered 1 too, but it carries call sign data, not a data channel. */
static bool names_caller(const struct fich *fich)
{
	return fich->fi == FICH_FI_COMMUNICATION && fich->dt == FICH_DT_VD2 &&
	       fich->fn == DCH_FN_SOURCE;
}

bool prefix_frame(const uint8_t frame[YSF_FRAME_BYTES], const struct fich *fich, unsigned dgid,
		  uint8_t out_r[YSF_FRAME_BYTES])
{
	bool calls = fich->fi == FICH_FI_HEADER || fich->fi == FICH_FI_TERMINATOR;
	char source[YSF_NAME_SIZE], text[YSF_NAME_SIZE];

	if (!calls && !names_caller(fich))
		return false;
	ysf_source(frame, source);
	prefix_text(dgid, source, text);
	if (calls)
		return rewrite_calls(frame, text, out_r);
	rewrite_channel(frame, text, out_r);
	return true;
}
