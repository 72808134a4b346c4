/* SPDX-License-Identifier: ISC
 *
 * NAME      feeds - a slot for each feed of the configuration
 * PURPOSE   Which section [feed NAME] has which place in the table of slots.
 * OWNER     master
 * CONTRACT  A feed keeps its place as long as it is there, and gets it back when it was away. There
 *           are as many places as there may be feeds; an empty one is a retired slot that was never
 *           furnished. Disabled sections have none.
 * LIMITS    MASTER_FEEDS_MAX places
 */
#ifndef SHACKD_MASTER_FEEDS_H
#define SHACKD_MASTER_FEEDS_H

#include "master/master.h"

/* The places, at the end of the table, and the feeds of master->config in them. False after
 * master_why. */
bool feeds_make(struct master *master);

/* The places alone: for an image that takes feeds over. False: no room. */
bool feeds_make_places(struct master *master);

#endif
