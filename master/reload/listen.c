/* SPDX-License-Identifier: ISC
 *
 * NAME      listen - which listeners stay, come and go
 * PURPOSE   See master/reload/listen.h.
 * OWNER     master
 * CONTRACT  see master/reload/listen.h
 * LIMITS    see master/reload/listen.h
 */
#include "master/reload/listen.h"

#include <string.h>

#define NONE CONF_LISTEN_MAX

struct search {
	const struct listen_now *now;
	uint64_t taken; /* indices that stand in the plan */
};

static bool is_taken(const struct search *search, unsigned index)
{
	return search->taken >> index & 1;
}

/* How a listener may be the one that is wanted, the surest first. As it was asked for goes before
 * what came of it: "port 0" stays "port 0", each DG-ID with its own. */
enum likeness {
	ASKED_SO,
	BOUND_SO,
	OTHER_DGID, /* the port is the same */
	LIKENESSES
};

static bool is_same(const struct listen_now *now, unsigned index,
		    const struct config_listener *wanted, enum likeness how)
{
	bool asked = addr_equal(&now->asked[index], &wanted->addr);
	bool bound = addr_equal(&now->bound[index], &wanted->addr);

	if (how == OTHER_DGID)
		return wanted->addr.port != 0 && (asked || bound);
	return now->dgid[index] == wanted->dgid && (how == ASKED_SO ? asked : bound);
}

/* A known listener with that address; USED says whether it is one now. */
static unsigned find(const struct search *search, const struct config_listener *wanted, bool used)
{
	const struct listen_now *now = search->now;

	for (unsigned how = 0; how < LIKENESSES; how++)
		for (unsigned i = 0; i < CONF_LISTEN_MAX; i++)
			if (now->known[i] && now->used[i] == used && !is_taken(search, i) &&
			    is_same(now, i, wanted, (enum likeness)how))
				return i;
	return NONE;
}

static unsigned find_vacant(const struct search *search)
{
	const struct listen_now *now = search->now;

	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < CONF_LISTEN_MAX; i++)
			if (!now->used[i] && !is_taken(search, i) && (round == 1 || !now->known[i]))
				return i;
	return NONE;
}

static void take(struct search *search, struct listen_entry *entry, unsigned index)
{
	entry->index = index;
	if (index != NONE)
		search->taken |= 1ULL << index;
}

bool listen_compare(const struct listen_now *now, const struct config_listener *wanted,
		    size_t count, struct listen_plan *plan_r)
{
	struct search search = {.now = now};
	bool all = true;

	memset(plan_r, 0, sizeof(*plan_r));
	/* those that stay first: nobody else may get their index */
	for (size_t i = 0; i < count; i++) {
		struct listen_entry *entry = &plan_r->entry[plan_r->entries++];

		entry->asked = wanted[i].addr;
		entry->dgid = wanted[i].dgid;
		take(&search, entry, find(&search, &wanted[i], true));
		entry->kept = entry->index != NONE;
	}
	for (size_t i = 0; i < count; i++)
		if (plan_r->entry[i].index == NONE)
			take(&search, &plan_r->entry[i], find(&search, &wanted[i], false));
	for (size_t i = 0; i < count; i++) {
		if (plan_r->entry[i].index == NONE)
			take(&search, &plan_r->entry[i], find_vacant(&search));
		all = all && plan_r->entry[i].index != NONE;
	}
	for (unsigned i = 0; i < CONF_LISTEN_MAX; i++)
		if (now->used[i] && !is_taken(&search, i))
			plan_r->gone |= 1ULL << i;
	return all;
}
