/* SPDX-License-Identifier: ISC
 *
 * NAME      locate - where a spot's two stations are
 * PURPOSE   Fills in entity, zones and continent of both sides, and says whether a skimmer's spot may be
 *           believed: a call of no country is mostly a bad decode.
 * OWNER     feed; tests generate data by it
 * CONTRACT  pure; the maps are read only
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_FEED_LOCATE_H
#define SHACKD_WORKERS_FEED_LOCATE_H

#include <stdbool.h>

#include "shm/country.h"
#include "shm/spot.h"

/* ADIF numbers that the report brought stay where the country file has none. False: of a skimmer, and a
 * side has no entity, is not known to be real and not mobile at sea or in the air. COUNTRIES NULL: there
 * is no country file, every spot passes. KNOWN may be NULL. */
bool locate(const struct countries *countries, const struct known *known, struct spot *spot);

#endif
