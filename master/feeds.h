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

/* Of section MEMBER of the group in CONFIG. */
bool feeds_is_enabled(const struct config *config, size_t member);
unsigned feeds_buffer(const struct config *config, size_t member);

/* Makes SLOT a place of that section: page, bell, table and ring, as far as it lacks them. False with
 * errno. */
bool feeds_furnish(struct slot *slot, const struct config *config, size_t member);

/* An empty place again, as if it had never been used. Nobody may be there. */
void feeds_clear(struct slot *slot);

#endif
