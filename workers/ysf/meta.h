/* SPDX-License-Identifier: ISC
 *
 * NAME      meta - what the frames of a call tell beside the voice
 * PURPOSE   gather remarks, model and position of a radio from the data channels of its frames
 * OWNER     ysf workers
 * CONTRACT  pure but for the struct that belongs to one call; ysf_tables_init() has run. Reads
 *           nothing that did not come, whatever the numbers of the frames say
 * LIMITS    V/D mode 1 and 2; the data modes carry other things
 */
#ifndef SHACKD_WORKERS_YSF_META_H
#define SHACKD_WORKERS_YSF_META_H

#include <stdbool.h>
#include <stdint.h>

#include "workers/ysf/csd.h"
#include "workers/ysf/fich.h"

#define META_NOWHERE	 INT32_MAX /* no position yet */
#define META_BLOCK_BYTES 100	   /* the longest position block: five frames of V/D mode 1 */

/* Texts are empty, or ten characters, not trimmed. */
struct meta_facts {
	uint8_t radio; /* code of the model; 0: unknown */
	int32_t latitude, longitude; /* millionths of a degree; META_NOWHERE */
	char rem12[CSD_TEXT], rem34[CSD_TEXT];
};

struct meta {
	struct meta_facts facts;
	uint8_t gathered; /* bytes of `block` that came in one go */
	uint8_t block[META_BLOCK_BYTES];
};

/* A call begins: nothing is known. */
void meta_begin(struct meta *meta);

/*
 * Takes in a communication frame of the call. True: the facts have changed. A remark counts when it
 * is not blank; the model may change; the first valid position stays (YSF protocol: call life
 * cycle).
 */
bool meta_gather(struct meta *meta, const uint8_t payload[PAYLOAD_BYTES], const struct fich *fich);

#endif
