/* SPDX-License-Identifier: ISC
 *
 * NAME      typed - when two spots of people are the same
 * PURPOSE   The one rule for the pipeline, which drops the second, and for the DX command, which says so.
 * OWNER     spot and dxc workers
 * CONTRACT  pure; equal bytes mean the same spot. The rule is DXSpider's.
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_TYPED_H
#define SHACKD_WORKERS_TYPED_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/spot.h"

#define TYPED_LETTERS 20 /* of the comment: clusters cut it at different places */

/* What makes them the same. No byte of it is left unset. */
struct typed {
	char dx[CALL_TEXT_SIZE]; /* as heard */
	char de[CALL_TEXT_SIZE]; /* without SSID */
	uint64_t khz;
	int64_t minute;
	char letters[TYPED_LETTERS];
	char zero[4];
};

void typed_of(const struct spot *spot, struct typed *typed_r);

#endif
