/* SPDX-License-Identifier: ISC
 *
 * NAME      placing - the DG-ID of a gateway that links
 * PURPOSE   see placing.h
 * OWNER     ysf workers, keeper
 * CONTRACT  see placing.h
 * LIMITS    none known
 */
#include "workers/placing.h"

#include <string.h>

int placing_number(const char *text, size_t length)
{
	int dgid = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9' || dgid > 9)
			return 0;
		dgid = dgid * 10 + (text[i] - '0');
	}
	return dgid;
}

int placing_suffix(const char *name)
{
	const char *dash = strchr(name, '-');

	if (dash == NULL || strchr(dash + 1, '-') != NULL)
		return 0;
	return placing_number(dash + 1, strlen(dash + 1));
}

bool placing_static(const struct placing *what, struct client_place *place_r)
{
	int dgid = what->aux != 0 ? what->aux : placing_suffix(what->name);

	if (dgid <= 0 || !conf_dgid_in(what->list, (unsigned)dgid))
		return false;
	*place_r = (struct client_place){.dgid = (uint8_t)dgid, .flags = CLIENT_STATIC};
	return true;
}

/* Where home list, own choice and default put it, whatever the list of DG-IDs says. */
static struct client_place wanted(const struct placing *what)
{
	const struct home_rule *home = what->home;

	if (home != NULL && home->fixed)
		return (struct client_place){.dgid = home->dgid, .flags = CLIENT_FIXED};
	if (home != NULL)
		return (struct client_place){
			.dgid = home->dgid, .home = home->dgid, .seconds = home->seconds};
	return (struct client_place){.dgid = what->saved != 0 ? what->saved : what->fallback};
}

uint8_t placing_choose(const struct placing *what, struct client_place *place_r)
{
	uint8_t invalid;

	if (placing_static(what, place_r))
		return 0;
	*place_r = wanted(what);
	if (conf_dgid_in(what->list, place_r->dgid))
		return 0;
	invalid = place_r->dgid;
	/* a home that can't be entered is none: nobody is sent back there */
	*place_r = (struct client_place){.dgid = what->fallback};
	return invalid;
}
