/* SPDX-License-Identifier: ISC
 *
 * NAME      snapshot - write side of the configuration snapshot
 * PURPOSE   Turns the effective configuration into the sealed memfd that workers map (shm/conf.h).
 * OWNER     master
 * CONTRACT  the memfd can be neither written nor resized nor unsealed any more
 * LIMITS    none known
 */
#ifndef SHACKD_MASTER_SNAPSHOT_H
#define SHACKD_MASTER_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "master/config.h"

/* The listeners by index, as configured. */
struct snapshot_listeners {
	const struct addr *addr; /* CONF_LISTEN_MAX of them */
	const bool *used;
	const uint8_t *dgid; /* of auxiliary ports, 0 of ysf.listen */
};

/* A new descriptor (close-on-exec), or -1 with errno. GENERATION is 1 for the first. LISTENERS may
 * be NULL: then they are those of config_listeners, in that order. */
int snapshot_build(const struct config *config, uint64_t generation,
		   const struct snapshot_listeners *listeners);

#endif
