/* SPDX-License-Identifier: ISC
 *
 * NAME      roster - who is linked, who is parked
 * PURPOSE   One picture of the store for all lists of one moment, so that a list that is sent
 *           slowly is still a list of that moment.
 * OWNER     link
 * CONTRACT  gateways in the order of their links, blocks in that of their calls
 * LIMITS    as many as the store has
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/log.h"
#include "shm/store/away.h"
#include "shm/store/blocks.h"
#include "shm/store/clients.h"
#include "workers/link/link.h"

#define STEP 1024

struct view {
	struct link *link;
	struct store_txn *txn;
	struct roster *roster;
	unsigned room;
	bool failed;
};

static bool is_muted(const struct access *access, const char *name, const uint8_t ip[16])
{
	return access_has(access, ACCESS_GW, name) || access_has_ip(access, ACCESS_IP, ip);
}

static bool is_locked(const struct access *access, const char *name, const uint8_t ip[16])
{
	return access_has(access, ACCESS_GWB, name) || access_has_ip(access, ACCESS_IPB, ip);
}

static int hold_of(const struct client_record *record)
{
	if (record->flags & CLIENT_FIXED)
		return -2;
	return record->flags & CLIENT_STATIC ? -1 : 0;
}

static uint32_t seconds_since(uint64_t now, uint64_t then)
{
	return (uint32_t)(clock_age(now, then) / NS_PER_SEC);
}

static void *grow(void *array, unsigned *room, unsigned count, size_t size)
{
	unsigned more = *room > 0 ? *room * 2 : 64;
	void *grown;

	if (count < *room)
		return array;
	grown = realloc(array, more * size);
	if (grown != NULL)
		*room = more;
	return grown;
}

static bool add_gateway(const struct client_key *key, const struct client_record *record, void *arg)
{
	struct view *view = arg;
	struct roster *roster = view->roster;
	const struct access *access = view->link->access;
	struct told_gateway *gateway;
	struct away_record away;
	void *grown = grow(roster->gateway, &view->room, roster->gateways, sizeof(*gateway));

	if (grown == NULL) {
		view->failed = true;
		return false;
	}
	roster->gateway = grown;
	gateway = &roster->gateway[roster->gateways++];
	*gateway = (struct told_gateway){
		.id = record->id,
		.linked = record->linked_real,
		.silent = seconds_since(view->link->now, record->polled),
		.home_time = record->home_time,
		.hold = hold_of(record),
		.dgid = record->dgid,
		.home_dgid = record->home_dgid,
		.locked = is_locked(access, record->name, key->ip),
	};
	gateway->muted = gateway->locked || is_muted(access, record->name, key->ip);
	memcpy(gateway->name, record->name, sizeof(gateway->name));
	client_key_addr(key, &gateway->addr);
	if (away_get(view->txn, key, &away) == STORE_OK)
		gateway->home_clock = seconds_since(view->link->now, away.heard);
	return true;
}

static bool add_parked(const char *call, const struct block_record *record, void *arg)
{
	struct view *view = arg;
	struct roster *roster = view->roster;
	struct told_parked *parked;
	void *grown;

	if (told_block(record->reason) == NULL || record->until <= view->link->now)
		return true;
	grown = grow(roster->parked, &view->room, roster->parkeds, sizeof(*parked));
	if (grown == NULL) {
		view->failed = true;
		return false;
	}
	roster->parked = grown;
	parked = &roster->parked[roster->parkeds++];
	*parked = (struct told_parked){.reason = record->reason, .until = record->until_real};
	snprintf(parked->call, sizeof(parked->call), "%s", call);
	return true;
}

static void walk_all(struct view *view)
{
	struct client_key key = {0};
	char call[CALL_MAX] = "";

	while (!view->failed && clients_walk(view->txn, &key, STEP, add_gateway, view) == STEP)
		;
	view->room = 0;
	while (!view->failed && blocks_walk(view->txn, call, STEP, add_parked, view) == STEP)
		;
}

static int by_id(const void *a, const void *b)
{
	const struct told_gateway *one = a, *other = b;

	return one->id < other->id ? -1 : one->id > other->id;
}

bool roster_take(struct link *link, struct roster *roster_r)
{
	struct store_txn txn;
	struct view view = {.link = link, .txn = &txn, .roster = roster_r};
	enum store_error error;

	*roster_r = (struct roster){.taken = clock_real()};
	if (store_read(link->store, &txn) == STORE_OK)
		walk_all(&view);
	error = store_end(&txn);
	if (error != STORE_OK)
		link_store_error(link, error, "list of gateways");
	if (view.failed)
		log_limited(LOG_LEVEL_ERROR, "no memory for a list of gateways");
	if (error == STORE_OK && !view.failed) {
		if (roster_r->gateways > 0)
			qsort(roster_r->gateway, roster_r->gateways, sizeof(*roster_r->gateway),
			      by_id);
		return true;
	}
	roster_drop(roster_r);
	return false;
}

void roster_drop(struct roster *roster)
{
	free(roster->gateway);
	free(roster->parked);
	*roster = (struct roster){0};
}
