/* SPDX-License-Identifier: ISC
 *
 * NAME      listen - which listeners stay, come and go
 * PURPOSE   Compares ysf.listen and ysf.aux_ports with what is bound and gives every address its
 *           index.
 * OWNER     master
 * CONTRACT  pure. An address that stays keeps its index, whatever becomes of its DG-ID; one that
 * was there before gets its old index back; indices that were never used go before those of others.
 * LIMITS    CONF_LISTEN_MAX listeners, those that go included until they are gone
 */
#ifndef SHACKD_MASTER_RELOAD_LISTEN_H
#define SHACKD_MASTER_RELOAD_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/config.h"

struct listen_entry {
	struct addr asked; /* as configured: the port may be 0 */
	uint8_t dgid;	   /* of its auxiliary port; 0: of ysf.listen */
	unsigned index;
	bool kept;
	bool bound; /* bind_listeners has made its sockets */
};

struct listen_plan {
	struct listen_entry entry[CONF_LISTEN_MAX]; /* in the order of the configuration */
	unsigned entries;
	uint64_t gone;	 /* bit n: listener n goes */
	bool aux_failed; /* bind_listeners has failed at an auxiliary port */
};

/* What is there: CONF_LISTEN_MAX of each. */
struct listen_now {
	const struct addr *bound, *asked;
	const uint8_t *dgid;
	const bool *used;  /* is a listener */
	const bool *known; /* is or was one: its addresses mean something */
};

/* False when there is no index for all of them. */
bool listen_compare(const struct listen_now *now, const struct config_listener *wanted,
		    size_t count, struct listen_plan *plan_r);

#endif
