/* SPDX-License-Identifier: ISC
 *
 * NAME      locate - where a spot's two stations are
 * PURPOSE   See locate.h.
 * OWNER     feed
 * CONTRACT  see locate.h
 * LIMITS    see locate.h
 */
#include "workers/feed/locate.h"

#include <stddef.h>

/* False: nobody knows where it is, nor that it is. */
static bool locate_side(const struct countries *countries, const struct known *known,
			const char *call, struct spot_side *side)
{
	struct country country;

	if (!country_of(countries, call, &country))
		return side->adif != 0 || country.how == COUNTRY_MOBILE ||
		       (known != NULL && known_has(known, call));
	if (country.adif != 0)
		side->adif = country.adif;
	side->cq = country.cq;
	side->itu = country.itu;
	side->continent = country.continent;
	return true;
}

bool locate(const struct countries *countries, const struct known *known, struct spot *spot)
{
	bool dx, de;

	if (countries == NULL)
		return true;
	dx = locate_side(countries, known, spot->dx, &spot->dx_side);
	de = locate_side(countries, known, spot->de, &spot->de_side);
	return (dx && de) || (spot->flags & SPOT_HUMAN) != 0;
}
