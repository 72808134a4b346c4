/* SPDX-License-Identifier: ISC
 *
 * NAME      homes - the compiled home list
 * PURPOSE   Which gateway belongs on which DG-ID, for ever or to come back to.
 * OWNER     made by data, read by ysf and keeper
 * CONTRACT  as access.h; names compare byte for byte
 * LIMITS    names of up to ten bytes
 */
#ifndef SHACKD_SHM_HOMES_H
#define SHACKD_SHM_HOMES_H

#include "shm/list.h"

struct home_rule {
	uint8_t dgid;	  /* 1..99, in dgid.list when the list was compiled: ask again */
	bool fixed;	  /* nailed there; `seconds` is 0 */
	uint32_t seconds; /* without own transmissions, then back home */
};

struct homes;

struct homes *homes_map(int fd);
void homes_unmap(struct homes **homes);
/* False: not listed (or HOMES is NULL). */
bool homes_get(const struct homes *homes, const char *name, struct home_rule *rule_r);
uint32_t homes_count(const struct homes *homes);
const char *homes_entry(const struct homes *homes, uint32_t n, struct home_rule *rule_r);

#endif
