/* SPDX-License-Identifier: ISC
 *
 * NAME      placing - the DG-ID of a gateway that links
 * PURPOSE   Auxiliary port, name, home list, what it chose itself, default: in this order (YSF
 *           protocol: DG-ID at registration).
 * OWNER     ysf workers, keeper
 * CONTRACT  pure
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_PLACING_H
#define SHACKD_WORKERS_PLACING_H

#include "shm/conf.h"
#include "shm/homes.h"
#include "shm/store/clients.h"

/* What is known of the gateway. */
struct placing {
	const char *name; /* trimmed */
	uint8_t aux;	  /* DG-ID of its auxiliary port; 0: it is on a main one */
	const struct home_rule *home; /* NULL: not in the home list */
	uint8_t saved;		      /* DG-ID that it chose by radio; 0: none */
	const struct conf_dgids *list;
	uint8_t fallback; /* dgid.default */
};

/* A DG-ID of one or two significant digits, leading zeros allowed, and nothing else: 1..99, or 0. */
int placing_number(const char *text, size_t length);

/* The static DG-ID in a trimmed gateway name, 1..99, or 0: the name splits at '-' into exactly two
 * parts, and the second is such a number. "-22" is static 22. */
int placing_suffix(const char *name);

/* True when port or name nail its DG-ID: neither home list nor saved DG-ID count then. */
bool placing_static(const struct placing *what, struct client_place *place_r);

/* Where it goes. Returns the DG-ID that it should have had and that is not in the list (the default
 * takes its place), or 0. */
uint8_t placing_choose(const struct placing *what, struct client_place *place_r);

#endif
