/* SPDX-License-Identifier: ISC
 *
 * NAME      rules - what the access list says
 * PURPOSE   The questions of the access check that the compiled list answers (YSF protocol: access
 *           check): gateway and address, serial of the radio, caller.
 * OWNER     ysf workers
 * CONTRACT  pure; O(1), no allocation. ACCESS NULL is an empty list.
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_YSF_RULES_H
#define SHACKD_WORKERS_YSF_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/access.h"
#include "shm/store/schema.h"
#include "workers/callsign.h"

/* Why the gateway NAME at IP may only listen: REASON_GATEWAY, REASON_ADDRESS, or REASON_NONE.
 * LOCKED_R: it may not even do that. */
enum event_reason rules_gateway(const struct access *access, const char *name,
				const uint8_t ip[16], bool *locked_r);

/* May a radio transmit that DEST of a header names, in call mode CM? In CM 1 its last five of ten
 * characters are the radio's serial; a DEST of another length, or of asterisks, names none. */
bool rules_serial(const struct access *access, unsigned cm, const char *dest);

/* May SOURCE, which CALLER is split of, transmit? CHECK_RE says what becomes of a caller that the
 * list does not name: 1 it has to look like a call sign, 0 it may, -1 it may not. */
bool rules_source(const struct access *access, int check_re, const char *source,
		  const struct callsign *caller);

#endif
