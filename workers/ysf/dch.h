/* SPDX-License-Identifier: ISC
 *
 * NAME      dch - the data channel of V/D mode 2
 * PURPOSE   ten bytes to the 25 coded ones of a communication frame and back
 * OWNER     ysf workers
 * CONTRACT  pure; ysf_tables_init() has run. A block without a bit error takes the fast path. The
 *           voice beside it is never touched
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_YSF_DCH_H
#define SHACKD_WORKERS_YSF_DCH_H

#include <stdbool.h>
#include <stdint.h>

#include "workers/ysf/csd.h"

#define DCH_BYTES	10
#define DCH_BLOCK_BYTES 25 /* coded: columns 0..4 of each row of the payload */

/* What the frames of V/D mode 2 carry, by FN (YSF protocol). */
#define DCH_FN_DEST	0
#define DCH_FN_SOURCE	1
#define DCH_FN_DOWNLINK 2
#define DCH_FN_UPLINK	3
#define DCH_FN_REM12	4
#define DCH_FN_REM34	5
#define DCH_FN_GPS	6 /* and 7 */

/* False: beyond repair (its CRC is wrong), data_r is undefined. */
bool dch_read(const uint8_t payload[PAYLOAD_BYTES], uint8_t data_r[DCH_BYTES]);

/* Puts DATA into the data channel; the voice stays. */
void dch_write(uint8_t payload[PAYLOAD_BYTES], const uint8_t data[DCH_BYTES]);

#endif
