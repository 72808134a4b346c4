/* SPDX-License-Identifier: ISC
 *
 * NAME      misbehave - datagrams that a test build dies of
 * PURPOSE   Shows what becomes of a datagram that crashes or hangs whoever handles it.
 * OWNER     ysf workers of a test build (SHACKD_TEST) that fails at "by-callsign"
 * CONTRACT  by the source callsign of a frame: CRASHME aborts, SPINME spins, BLOCKME waits in a
 *           system call for ever, HOLDME spins with the gate of the voice store in its hand
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_YSF_MISBEHAVE_H
#define SHACKD_WORKERS_YSF_MISBEHAVE_H

#include "workers/ysf/ysf.h"

#ifdef SHACKD_TEST
void misbehave(struct ysf *ysf, const struct ring_entry *in);
#else
static inline void misbehave(struct ysf *ysf, const struct ring_entry *in)
{
	(void)ysf;
	(void)in;
}
#endif

#endif
