/* SPDX-License-Identifier: ISC
 *
 * NAME      settle - the gateways in line with the configuration
 * PURPOSE   Removes gateways of listeners that are others now, moves those whose DG-ID has left
 *           dgid.list to dgid.default, nails those to a DG-ID that has come to it whose port or name
 *           says so, and puts those where they belong that the home list names: at start, after
 *           every reload, and with every new home list.
 * OWNER     keeper
 * CONTRACT  Workers may be running: everything is looked at again inside the write. A listener that
 *           a reload has removed keeps its gateways until they run into ysf.client_timeout, for it
 *           may come back; at a start they are removed.
 * LIMITS    WORKER_LISTENERS listeners
 */
#include <stdio.h>
#include <string.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "shm/store/clients.h"
#include "workers/keeper/keeper.h"
#include "workers/placing.h"

/* A worker may obey the new configuration a little later than we do. */
#define ANOTHER_LOOK NS_PER_SEC

enum phase { PHASE_LISTENERS, PHASE_DGIDS, PHASE_HOMES, PHASES };

/* ---- listeners ---- */

/* FNV-1a: tells addresses apart, no enemy chooses them. */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t length)
{
	const uint8_t *byte = data;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3ULL;
	return hash;
}

/* Never 0, which stands for "no such listener". */
static uint64_t fingerprint(const struct worker *worker, const struct addr *addr, uint8_t dgid)
{
	uint64_t hash = hash_bytes(0xcbf29ce484222325ULL, addr->ip, sizeof(addr->ip));

	hash = hash_bytes(hash, &addr->port, sizeof(addr->port));
	/* who links at the port of another DG-ID has to link anew */
	if (dgid != 0)
		hash = hash_bytes(hash, &dgid, sizeof(dgid));
	/* the kernel chooses another port for each master */
	if (addr->port == 0)
		hash = hash_bytes(hash, &worker->master_pid, sizeof(worker->master_pid));
	return hash | 1;
}

static const char *meta_name(unsigned listener, char buf[24])
{
	snprintf(buf, 24, "listener.%u", listener);
	return buf;
}

struct listeners {
	uint64_t now[WORKER_LISTENERS]; /* 0: none */
	bool gone[WORKER_LISTENERS];
	bool any_gone;
	bool any_new;
};

static enum store_error compare(struct keeper *keeper, struct listeners *listeners_r)
{
	const struct worker *worker = keeper->worker;
	struct store_txn txn;

	memset(listeners_r, 0, sizeof(*listeners_r));
	store_read(worker->voice, &txn);
	for (unsigned i = 0; i < WORKER_LISTENERS; i++) {
		const struct addr *addr = conf_listener(worker->conf, i);
		char name[24];
		uint64_t before = store_meta_get(&txn, meta_name(i, name));

		if (addr != NULL)
			listeners_r->now[i] =
				fingerprint(worker, addr, conf_listener_dgid(worker->conf, i));
		else if (!keeper->settle.start)
			listeners_r->now[i] = before;
		listeners_r->gone[i] = before != 0 && before != listeners_r->now[i];
		listeners_r->any_gone |= listeners_r->gone[i];
		listeners_r->any_new |= before != listeners_r->now[i];
	}
	return store_end(&txn);
}

static enum store_error note_listeners(struct keeper *keeper, const struct listeners *listeners)
{
	struct store_txn txn;
	char name[24];

	if (store_write(keeper->worker->voice, &txn) == STORE_BUSY)
		return STORE_BUSY;
	for (unsigned i = 0; i < WORKER_LISTENERS; i++)
		store_meta_put(&txn, meta_name(i, name), listeners->now[i]);
	return store_end(&txn);
}

/* ---- gateways in slices ---- */

struct search {
	enum phase phase;
	const struct conf *conf;
	const struct listeners *listeners; /* gone ones */
	struct conf_dgids list;
	uint8_t fallback;
	const struct homes *homes;
	unsigned found;
	struct client_key key[SLICE];
};

/* Where the home list wants a gateway. What it got by an auxiliary port or its name stays, so does
 * a home that its options gave, unless the list names it. A DG-ID that is not in dgid.list counts
 * as not listed. */
static struct client_place home_place(const struct search *search,
				      const struct client_record *record)
{
	struct client_place place = client_place(record);
	struct home_rule rule;

	if (search->homes == NULL || place.flags & CLIENT_STATIC)
		return place;
	if (!homes_get(search->homes, record->name, &rule) ||
	    !conf_dgid_in(&search->list, rule.dgid)) {
		place.flags &= ~(unsigned)CLIENT_FIXED;
		if (!(place.flags & CLIENT_OPTIONED))
			place.home = 0, place.seconds = 0;
		return place;
	}
	if (rule.fixed)
		return (struct client_place){.dgid = rule.dgid, .flags = CLIENT_FIXED};
	return (struct client_place){
		.dgid = place.dgid, .home = rule.dgid, .seconds = rule.seconds};
}

/* A DG-ID that has come to the list nails those whose port or name asks for it; from one that has left
 * it they go to the default. */
static struct client_place listed_place(const struct search *search, const struct client_key *key,
					const struct client_record *record)
{
	uint16_t listener = client_key_listener(key);
	const struct placing what = {.name = record->name,
				     .aux = conf_listener_dgid(search->conf, listener),
				     .list = &search->list};
	struct client_place place;

	/* one that is gone may come back as what it was */
	if (conf_listener(search->conf, listener) != NULL && placing_static(&what, &place))
		return place;
	place = client_place(record);
	if (conf_dgid_in(&search->list, place.dgid))
		return place;
	place.dgid = search->fallback;
	place.flags &= ~(unsigned)(CLIENT_STATIC | CLIENT_FIXED);
	return place;
}

/* Where it belongs in this phase. */
static struct client_place wanted_place(const struct search *search, const struct client_key *key,
					const struct client_record *record)
{
	return search->phase == PHASE_HOMES ? home_place(search, record)
					    : listed_place(search, key, record);
}

static bool same_place(const struct client_place *one, const struct client_place *other)
{
	return one->dgid == other->dgid && one->home == other->home &&
	       one->seconds == other->seconds && one->flags == other->flags;
}

static bool is_wanted(const struct search *search, const struct client_key *key,
		      const struct client_record *record)
{
	uint16_t listener = client_key_listener(key);
	struct client_place now = client_place(record), wanted;

	if (search->phase == PHASE_LISTENERS)
		return listener >= WORKER_LISTENERS || search->listeners->gone[listener];
	wanted = wanted_place(search, key, record);
	return !same_place(&now, &wanted);
}

static bool find(const struct client_key *key, const struct client_record *record, void *arg)
{
	struct search *search = arg;

	if (is_wanted(search, key, record))
		search->key[search->found++] = *key;
	return true;
}

/* Changes one gateway. False: not now. */
static bool change(struct keeper *keeper, struct store_txn *txn, const struct search *search,
		   const struct client_key *key, const struct client_record *record)
{
	static const enum event_reason reasons[PHASES] = {REASON_LISTENERS, REASON_LIST,
							  REASON_LISTED};
	enum event_reason reason = reasons[search->phase];
	struct client_place place;

	if (search->phase == PHASE_LISTENERS) {
		lanes_close_client(keeper->worker, txn, record->id, reason);
		clients_unlink(txn, key, reason);
		return true;
	}
	place = wanted_place(search, key, record);
	if (!conf_dgid_in(&search->list, record->dgid)) {
		lanes_close_client(keeper->worker, txn, record->id, reason);
	} else if (place.dgid != record->dgid && home_is_talking(txn, record)) {
		keeper->settle.deferred = true; /* there is time until the call is over */
		return false;
	}
	clients_place(txn, key, &place, reason);
	return true;
}

static enum store_error change_slice(struct keeper *keeper, const struct search *search)
{
	struct worker *worker = keeper->worker;
	struct store_txn txn;
	unsigned changed = 0;

	if (store_write(worker->voice, &txn) == STORE_BUSY)
		return STORE_BUSY;
	for (unsigned i = 0; i < search->found; i++) {
		const struct client_key *key = &search->key[i];
		struct client_record record;

		if (clients_get(&txn, key, &record) == STORE_OK && is_wanted(search, key, &record))
			changed += change(keeper, &txn, search, key, &record);
	}
	enum store_error error = store_end(&txn);
	if (error == STORE_OK) {
		keeper->settle.changed += changed;
		if (search->phase == PHASE_HOMES)
			page_count_by(worker->page, COUNT_KEEPER_PLACED, changed);
		worker_ring(worker);
	}
	return error;
}

/* Works off one slice from the place where we stand. LAST_R: it was the last one. */
static enum store_error next_slice(struct keeper *keeper, struct search *search, bool *last_r)
{
	struct client_key key = keeper->settle.key;
	struct store_txn txn;

	if (store_read(keeper->worker->voice, &txn) == STORE_OK) {
		/* before edition 3 nothing of what the home list says can be noted */
		if (search->phase != PHASE_HOMES || store_edition(&txn) >= 3)
			*last_r = clients_walk(&txn, &key, SLICE, find, search) < SLICE;
	}
	enum store_error error = store_end(&txn);
	if (error == STORE_OK && search->found > 0)
		error = change_slice(keeper, search);
	if (error == STORE_OK)
		keeper->settle.key = key;
	return error;
}

/* ---- the three things to do ---- */

static void say_changed(const struct keeper *keeper, unsigned changed)
{
	switch (keeper->settle.phase) {
	case PHASE_LISTENERS:
		log_info("%u gateways of listeners that are gone were removed", changed);
		break;
	case PHASE_DGIDS:
		log_info("dgid.list changed the place of %u gateways", changed);
		break;
	default:
		log_info("the home list changed the place of %u gateways", changed);
	}
}

static enum step next_phase(struct keeper *keeper)
{
	struct settle *settle = &keeper->settle;

	if (settle->changed > 0)
		say_changed(keeper, settle->changed);
	settle->changed = 0;
	memset(&settle->key, 0, sizeof(settle->key));
	settle->phase++;
	return settle->phase >= PHASES ? STEP_DONE : STEP_AGAIN;
}

static enum step settle_listeners(struct keeper *keeper)
{
	struct listeners listeners;
	enum store_error error = compare(keeper, &listeners);
	struct search search = {.phase = PHASE_LISTENERS, .listeners = &listeners};
	bool last = true;

	if (error == STORE_OK && listeners.any_gone)
		error = next_slice(keeper, &search, &last);
	if (error == STORE_OK && last && listeners.any_new)
		error = note_listeners(keeper, &listeners);
	if (error != STORE_OK)
		return keeper_step(keeper, error, "the gateways' listeners");
	return last ? next_phase(keeper) : STEP_AGAIN;
}

/* DG-IDs that are not in the list any more, and what the home list says. */
static enum step settle_places(struct keeper *keeper)
{
	const struct conf *conf = keeper->worker->conf;
	struct search search = {
		.phase = (enum phase)keeper->settle.phase,
		.conf = conf,
		.list = conf_dgids(conf, CONF_DGID_LIST),
		.fallback = (uint8_t)conf_number(conf, CONF_DGID_DEFAULT),
		.homes = keeper->homes,
	};
	bool last = true;
	enum store_error error = next_slice(keeper, &search, &last);

	if (error != STORE_OK)
		return keeper_step(keeper, error, "the gateways' places");
	return last ? next_phase(keeper) : STEP_AGAIN;
}

void settle_begin(struct keeper *keeper, bool start)
{
	keeper->settle = (struct settle){.looks = start ? 1 : 2, .start = start};
}

enum step settle_step(struct keeper *keeper, uint64_t now)
{
	struct settle *settle = &keeper->settle;
	enum step step;

	/* a change of the edition ends with a look of its own */
	if (settle->looks == 0 || now < settle->next || keeper->edition_wanted != 0)
		return STEP_DONE;
	step = settle->phase == PHASE_LISTENERS ? settle_listeners(keeper) : settle_places(keeper);
	if (step != STEP_DONE)
		return step;
	settle->looks -= !settle->deferred || settle->looks > 1;
	settle->deferred = settle->start = false;
	settle->phase = PHASE_LISTENERS;
	settle->next = now + ANOTHER_LOOK;
	return STEP_DONE;
}
