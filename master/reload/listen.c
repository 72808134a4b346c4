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

/* Was listener INDEX asked for as ADDR, or has it got that address? */
static bool is_same(const struct listen_now *now, unsigned index, const struct addr *addr,
		    bool as_asked)
{
	return addr_equal(as_asked ? &now->asked[index] : &now->bound[index], addr);
}

/* A known listener with that address; USED says whether it is one now. As it was asked for goes
 * before what came of it: "port 0" stays "port 0". */
static unsigned find(const struct search *search, const struct addr *addr, bool used)
{
	const struct listen_now *now = search->now;

	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < CONF_LISTEN_MAX; i++)
			if (now->known[i] && now->used[i] == used && !is_taken(search, i) &&
			    is_same(now, i, addr, round == 0))
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

bool listen_compare(const struct listen_now *now, const struct addr *wanted, size_t count,
		    struct listen_plan *plan_r)
{
	struct search search = {.now = now};
	bool all = true;

	memset(plan_r, 0, sizeof(*plan_r));
	/* those that stay first: nobody else may get their index */
	for (size_t i = 0; i < count; i++) {
		struct listen_entry *entry = &plan_r->entry[plan_r->entries++];

		entry->asked = wanted[i];
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
