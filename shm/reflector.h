/* SPDX-License-Identifier: ISC
 *
 * NAME      reflector - the number of a reflector
 * PURPOSE   The five digits by which registries and dashboards know a reflector.
 * OWNER     pure; ysf for status replies, link for dashboards and position reports
 * CONTRACT  the same name has the same number everywhere (YSF protocol)
 * LIMITS    the first sixteen bytes of a name count
 */
#ifndef SHACKD_SHM_REFLECTOR_H
#define SHACKD_SHM_REFLECTOR_H

#include <stdint.h>

#define REFLECTOR_IDS 100000

/* ID if it is one (1 .. 99999), else the hash of NAME. */
uint32_t reflector_id(uint32_t id, const char *name);

/* The hash of a name, trimmed on the left and padded with blanks to sixteen bytes. */
uint32_t reflector_hash(const char *name);

#endif
