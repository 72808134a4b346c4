/* SPDX-License-Identifier: ISC
 *
 * NAME      prefix - the DG-ID in front of the caller
 * PURPOSE   Writes "22/IU5JAE" where radios show who talks, so that a user of several DG-IDs sees
 *           which one it is
 * OWNER     ysf workers
 * CONTRACT  pure; ysf_tables_init() has run. Only data of the payload changes: never bytes 0..64,
 *           never voice
 * LIMITS    V/D mode 1, Data FR and Voice FR show the caller of the header only
 */
#ifndef SHACKD_WORKERS_YSF_PREFIX_H
#define SHACKD_WORKERS_YSF_PREFIX_H

#include <stdbool.h>
#include <stdint.h>

#include "workers/ysf/fich.h"
#include "workers/ysf/frame.h"

/* DGID in decimal, a slash, and SOURCE (trimmed) up to the first '-' or '/'; cut or padded to ten
 * characters. DGID 0..127. */
void prefix_text(unsigned dgid, const char *source, char text_r[YSF_NAME_SIZE]);

/*
 * The frame that radios of movable gateways get: FRAME, whose FICH is FICH, with the network source
 * behind DGID as the caller: in CSD1 of a header or terminator whose CSD1 is good (both blocks are
 * made anew, a damaged CSD2 blank), in the data channel of V/D mode 2, FN 1, good or not. False:
 * nothing to rewrite in this one, out_r is untouched (YSF protocol: relay and prefix).
 */
bool prefix_frame(const uint8_t frame[YSF_FRAME_BYTES], const struct fich *fich, unsigned dgid,
		  uint8_t out_r[YSF_FRAME_BYTES]);

#endif
