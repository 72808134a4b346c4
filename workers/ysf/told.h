/* SPDX-License-Identifier: ISC
 *
 * NAME      told - what goes on is told about once
 * PURPOSE   A refused transmission is ten frames a second: the first of them is worth a line, the
 *           others only say that it goes on.
 * OWNER     ysf workers
 * CONTRACT  pure; the few things that went on last are remembered, the quietest makes room
 * LIMITS    two sources whose hashes agree count as one
 */
#ifndef SHACKD_WORKERS_YSF_TOLD_H
#define SHACKD_WORKERS_YSF_TOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/clock.h"

#define TOLD_QUIET (1500 * NS_PER_MS) /* after such a pause it is something new */

struct told {
	uint32_t of;
	bool said;     /* false: it could not be told yet */
	uint64_t last; /* clock_mono; 0: vacant */
};

/* Notes at NOW that OF goes on, or begins, among COUNT entries. Returns its entry: whoever tells of
 * it sets `said`. */
struct told *told_note(struct told *told, unsigned count, uint32_t of, uint64_t now);

/* Does OF go on at NOW? */
bool told_goes_on(const struct told *told, uint32_t of, uint64_t now);

/* What a text is remembered by (FNV-1a). */
uint32_t told_hash(const char *text);

#endif
