/* SPDX-License-Identifier: ISC
 *
 * NAME      rehearse - could our workers go on with the stores that are there?
 * PURPOSE   The part of an upgrade's rehearsal that needs the stores, which the master never opens.
 * OWNER     a build that is asked whether it could take over, in a process of its own
 * CONTRACT  see shm/role.h; nothing is written
 * LIMITS    none known
 */
#include <stdio.h>

#include "shm/conf.h"
#include "shm/fault.h"
#include "shm/role.h"
#include "shm/store/env.h"
#include "workers/rights.h"

void role_editions(unsigned *oldest_r, unsigned *newest_r)
{
	store_editions(oldest_r, newest_r);
	if (fault_is("wrong-schema"))
		*oldest_r = *newest_r = 99;
}

/* Reads what a cache reads first. */
static bool read_store(struct store *store, char error_r[256])
{
	struct store_generations generations;
	struct store_txn txn;

	if (store_read(store, &txn) == STORE_OK)
		store_generations(&txn, &generations);
	enum store_error error = store_end(&txn);
	if (error != STORE_OK)
		snprintf(error_r, 256, "the store can't be read: %s", store_error_text(error));
	return error == STORE_OK;
}

static bool look_at(enum store_kind kind, const char *dir, int gate, unsigned *edition_r,
		    char error_r[256])
{
	char path[CONF_TEXT_MAX + 16];
	struct store_config config = {
		.kind = kind, .path = path, .gate_fd = gate, .slot = "rehearsal"};
	unsigned oldest, newest;
	struct store *store;
	bool good;

	snprintf(path, sizeof(path), "%s/%s", dir, kind == STORE_VOICE ? "voice" : "state");
	if (store_peek(&config, edition_r, error_r) != STORE_OK)
		return false;
	role_editions(&oldest, &newest);
	if (*edition_r < oldest) {
		snprintf(error_r, 256, "%.120s has schema %u, this build serves %u to %u", path,
			 *edition_r, oldest, newest);
		return false;
	}
	if (*edition_r > newest)
		return true;
	if (store_open(&store, &config, NULL, error_r) != STORE_OK)
		return false;
	good = read_store(store, error_r);
	store_close(&store);
	return good;
}

bool role_rehearse(const struct role_place *place, unsigned *edition_r, char error_r[256])
{
	unsigned state;

	/* workers can write to the stores: root must not read what they wrote */
	if (!rights_drop(place->uid, place->gid, error_r) ||
	    !look_at(STORE_VOICE, place->shm_dir, place->gate_voice, edition_r, error_r) ||
	    !look_at(STORE_STATE, place->state_dir, place->gate_state, &state, error_r))
		return false;
	if (state > *edition_r)
		*edition_r = state;
	return true;
}
