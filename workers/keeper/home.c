/* SPDX-License-Identifier: ISC
 *
 * NAME      home - gateways go back to their home DG-ID
 * PURPOSE   Sends those back that have not transmitted for the time of their home, and forgets the
 *           transmissions and stations that count no more.
 * OWNER     keeper
 * CONTRACT  Only the table of those who are away is walked. Nobody is moved while he talks, nor
 *           while a call is on where he is: he may be listening to it.
 * LIMITS    none known
 */
#include <string.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "shm/store/away.h"
#include "shm/store/clients.h"
#include "shm/store/metas.h"
#include "shm/store/ptts.h"
#include "shm/store/stations.h"
#include "workers/keeper/keeper.h"

/* A station that was silent for longer is of no use to anybody. */
#define STATION_AGE (3600 * NS_PER_SEC)

bool home_is_talking(struct store_txn *txn, const struct client_record *record)
{
	struct stream_record stream;

	return streams_get(txn, STREAM_PRIVATE | record->id, &stream) == STORE_OK ||
	       (streams_get(txn, record->dgid, &stream) == STORE_OK && stream.client == record->id);
}

struct search {
	struct keeper *keeper;
	struct store_txn *txn;
	struct conf_dgids list;
	uint64_t now;
	unsigned found;
	struct client_key key[SLICE];
};

enum verdict { STAYS, GOES, GONE };

/* Is it time for the gateway with KEY? GONE: what is noted of it is of no use. */
static enum verdict judge(const struct search *search, struct store_txn *txn,
			  const struct client_key *key, struct client_record *client_r)
{
	struct stream_record stream;
	struct away_record away;

	switch (clients_get(txn, key, client_r)) {
	case STORE_OK:
		break;
	case STORE_NOT_FOUND:
		return GONE;
	default:
		return STAYS;
	}
	if (away_get(txn, key, &away) != STORE_OK || client_r->home_dgid == 0 ||
	    client_r->home_dgid == client_r->dgid || away.client != client_r->id)
		return GONE;
	if (clock_age(search->now, away.heard) <= client_r->home_time * NS_PER_SEC ||
	    !conf_dgid_in(&search->list, client_r->home_dgid) ||
	    home_is_talking(txn, client_r) ||
	    streams_get(txn, client_r->dgid, &stream) == STORE_OK)
		return STAYS;
	return GOES;
}

static bool find(const struct client_key *key, const struct away_record *record, void *arg)
{
	struct search *search = arg;
	struct client_record client;

	(void)record;
	if (judge(search, search->txn, key, &client) != STAYS)
		search->key[search->found++] = *key;
	return true;
}

static void say(const struct client_record *client)
{
	log_info("gateway %s goes back to its home DG-ID %u", client->name, client->home_dgid);
}

static enum store_error send_home(struct keeper *keeper, struct search *search)
{
	struct client_record client;
	struct store_txn txn;
	unsigned homed = 0;

	if (search->found == 0)
		return STORE_OK;
	if (store_write(keeper->worker->voice, &txn) == STORE_BUSY)
		return STORE_BUSY;
	for (unsigned i = 0; i < search->found; i++) {
		const struct client_key *key = &search->key[i];
		enum verdict verdict = judge(search, &txn, key, &client);

		if (verdict == GONE)
			away_del(&txn, key);
		if (verdict != GOES ||
		    clients_move(&txn, key, client.home_dgid, REASON_HOME) != STORE_OK)
			continue;
		say(&client);
		homed++;
	}
	enum store_error error = store_end(&txn);
	if (error == STORE_OK && homed > 0) {
		page_count_by(keeper->worker->page, COUNT_KEEPER_HOMED, homed);
		worker_ring(keeper->worker);
	}
	return error;
}

enum step home_round(struct keeper *keeper, uint64_t now)
{
	struct client_key key = keeper->away;
	struct store_txn txn;
	struct search search = {
		.keeper = keeper,
		.txn = &txn,
		.list = conf_dgids(keeper->worker->conf, CONF_DGID_LIST),
		.now = now,
	};
	enum store_error error;
	unsigned seen = 0;

	if (store_read(keeper->worker->voice, &txn) == STORE_OK)
		seen = away_walk(&txn, &key, SLICE, find, &search);
	error = store_end(&txn);
	if (error == STORE_OK)
		error = send_home(keeper, &search);
	if (error != STORE_OK)
		return keeper_step(keeper, error, "sending gateways home");
	if (seen < SLICE)
		memset(&key, 0, sizeof(key));
	keeper->away = key;
	return seen < SLICE ? STEP_DONE : STEP_AGAIN;
}

/* ---- what counts no more ---- */

/* Asks whether there is anything before the gate is taken for nothing. */
static bool any(struct keeper *keeper)
{
	struct store_txn txn;
	bool some = false;

	if (store_read(keeper->worker->voice, &txn) == STORE_OK)
		some = ptts_count(&txn) > 0 || stations_count(&txn) > 0 ||
		       (metas_count(&txn) > 0 && streams_count(&txn) == 0);
	store_end(&txn);
	return some;
}

enum step home_expire(struct keeper *keeper, uint64_t now)
{
	const struct conf *conf = keeper->worker->conf;
	uint64_t window = (uint64_t)conf_number(conf, CONF_PROTECTION_WILD_PTT_TIME);
	uint64_t interval = (uint64_t)conf_number(conf, CONF_APRS_INTERVAL);
	uint64_t before = 0;
	unsigned ptts, stations;
	struct store_txn txn;
	enum store_error error;

	/* once in a while is enough: what is too old counts no more anyway */
	if (now < keeper->next_forget || !any(keeper))
		return STEP_DONE;
	if (store_write(keeper->worker->voice, &txn) == STORE_BUSY)
		return STEP_BUSY;
	ptts = ptts_expire(&txn, now > window ? now - window : 0, SLICE);
	/* BEFORE 0 expires none */
	if (!judge_doubts(keeper))
		before = clock_age(judge_now(keeper), interval + STATION_AGE);
	stations = stations_expire(&txn, before, SLICE);
	metas_tidy(&txn);
	error = store_end(&txn);
	if (error != STORE_OK)
		return keeper_step(keeper, error, "forgetting transmissions and stations");
	page_count_by(keeper->worker->page, COUNT_KEEPER_PTTS_EXPIRED, ptts);
	page_count_by(keeper->worker->page, COUNT_KEEPER_STATIONS_EXPIRED, stations);
	if (ptts == SLICE || stations == SLICE)
		return STEP_AGAIN;
	keeper->next_forget = now + 10 * NS_PER_SEC;
	return STEP_DONE;
}
