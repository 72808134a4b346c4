/* SPDX-License-Identifier: ISC
 *
 * NAME      dx - spots that users type
 * PURPOSE   The DX command: from the words to a spot in the inbox of the pipeline.
 * OWNER     dxc workers
 * CONTRACT  one transaction puts the spot and notes that its line was acted upon, so that no death
 *           makes two of one. The line that comes back is the answer.
 * LIMITS    DX_MINUTE spots a minute of one user, in whatever sessions; DX_HOUR an hour of one session
 */
#include <stdio.h>
#include <string.h>

#include "shm/band.h"
#include "shm/clock.h"
#include "shm/fault.h"
#include "shm/store/inbox.h"
#include "workers/dxc/account.h"
#include "workers/dxc/again.h"
#include "workers/dxc/command.h"
#include "workers/dxc/dxline.h"
#include "workers/dxc/rate.h"
#include "workers/dxc/say.h"

#define DX_MINUTE 10
#define DX_HOUR	  60
#define MINUTE	  (60 * NS_PER_SEC)

/* ---- the spot ---- */

static void locate(const struct dxc *dxc, const char *call, struct spot_side *side)
{
	struct country country;

	if (dxc->countries == NULL || !country_of(dxc->countries, call, &country))
		return;
	side->adif = country.adif;
	side->cq = country.cq;
	side->itu = country.itu;
	side->continent = country.continent;
}

/* The first word of the comment that is one, or what the frequency lets expect. */
static void find_mode(struct spot *spot)
{
	const char *at = spot->comment;
	unsigned mode = MODE_NONE;

	while (mode == MODE_NONE && *at != '\0') {
		size_t length = strcspn(at, " ,;");

		mode = mode_word(at, length);
		at += length;
		at += strspn(at, " ,;");
	}
	if (mode == MODE_NONE) {
		spot->flags |= SPOT_MODE_INFERRED;
		mode = mode_infer(spot->hz, false);
	}
	spot->mode = (uint8_t)mode_resolve(mode, spot->hz);
}

static void add_flags(struct spot *spot)
{
	char dx[CALL_TEXT_SIZE], de[CALL_TEXT_SIZE];

	call_base(spot->dx, dx);
	call_base(spot->de, de);
	if (strcmp(dx, de) == 0)
		spot->flags |= SPOT_SELF;
}

static void make_spot(struct client *client, const struct dxline *line, struct spot *spot_r)
{
	const struct session *session = session_of(client);
	uint64_t real = clock_real();
	struct account account;

	memset(spot_r, 0, sizeof(*spot_r));
	spot_r->version = SPOT_VERSION;
	spot_r->source = SPOT_LOCAL;
	spot_r->flags = SPOT_HUMAN;
	spot_r->hz = spot_r->raw_hz = line->hz;
	spot_r->band = (uint8_t)band_of(line->hz);
	spot_r->time = (int64_t)(real / MINUTE * 60);
	spot_r->arrived = clock_mono();
	spot_r->arrived_real = real;
	spot_r->session = tcp_session(client->conn);
	memcpy(spot_r->ip, tcp_peer(client->conn)->ip, sizeof(spot_r->ip));
	memcpy(spot_r->dx, line->call, sizeof(spot_r->dx));
	memcpy(spot_r->dx_raw, line->call, sizeof(spot_r->dx_raw));
	memcpy(spot_r->de, line->by[0] != '\0' ? line->by : session->head.call, sizeof(spot_r->de));
	spot_set_comment(spot_r, line->comment, strlen(line->comment));
	find_mode(spot_r);
	add_flags(spot_r);
	locate(client->dxc, spot_r->dx, &spot_r->dx_side);
	locate(client->dxc, spot_r->de, &spot_r->de_side);
	account_read(client->dxc, spot_r->de, &account);
	memcpy(spot_r->de_side.grid, account.record.qra, strnlen(account.record.qra, 8));
}

/* ---- may it? ---- */

/* False: it was refused, which was said. */
static bool is_right(struct client *client, enum dxline_error error, const struct dxline *line)
{
	bool sysop = session_of(client)->head.flags & SESSION_SYSOP;

	switch (error) {
	case DXLINE_OK:
		break;
	case DXLINE_USAGE:
		say(client, "DX needs a frequency and a call\n"
			    "Usage: DX frequency call comment, as DX 14025.3 LZ5VV up 2");
		return false;
	case DXLINE_BAND:
		say(client,
		    "Frequency %s not in band\n"
		    "Usage: DX frequency call comment, as DX 14025.3 LZ5VV up 2",
		    line->frequency);
		return false;
	case DXLINE_BY:
		say(client, sysop ? "Usage: DX BY call frequency call comment" : "Not Allowed");
		return false;
	default:
		say(client, "The callsign or frequency is invalid");
		return false;
	}
	if (line->by[0] != '\0' && !sysop) {
		say(client, "Not Allowed");
		return false;
	}
	return true;
}

/* ---- the command ---- */

/* What became of a spot: in the inbox, by now or by a predecessor; or why not. */
enum fate { FATE_TAKEN, FATE_DUPLICATE, FATE_RATE, FATE_FULL, FATE_FAILED };

static bool is_in_time(struct client *client)
{
	uint64_t *bucket = session_of(client)->bucket, now = client->dxc->now;

	return rate_take(&bucket[RATE_DX_MINUTE], now, MINUTE / DX_MINUTE, DX_MINUTE) &&
	       rate_take(&bucket[RATE_DX_HOUR], now, 60 * MINUTE / DX_HOUR, DX_HOUR);
}

/* Inside the transaction, and after it is known that the line was not acted upon before: a line that has
 * to come again, for whatever reason, neither is its own duplicate nor costs anything. */
static enum fate judge(struct client *client, struct store_txn *txn, const struct spot *spot,
		       struct again *again, enum store_error *error_r)
{
	*error_r = sessions_act(txn, session_of(client)->head.call, spot->session,
				client->dxc->line_end);
	if (*error_r)
		return *error_r == STORE_EXISTS ? FATE_TAKEN : FATE_FAILED;
	if (again_is(txn, again))
		return FATE_DUPLICATE;
	if (again->lately >= DX_MINUTE || !is_in_time(client))
		return FATE_RATE;
	*error_r = inbox_put(txn, spot->session, client->dxc->line_end, spot);
	if (*error_r == STORE_LIMIT)
		return FATE_FULL;
	return *error_r ? FATE_FAILED : FATE_TAKEN;
}

static enum fate put_spot(struct client *client, const struct spot *spot, enum store_error *error_r)
{
	struct store_txn txn;
	struct again again;
	enum fate fate;

	again_look(client->dxc, spot, &again);
	*error_r = store_write(client->dxc->worker->spots, &txn);
	if (*error_r)
		return FATE_FAILED;
	fate = judge(client, &txn, spot, &again, error_r);
	if (*error_r || fate != FATE_TAKEN) {
		store_abort(&txn);
		return fate;
	}
	*error_r = store_end(&txn);
	fault_point(FAULT_DX_PUT);
	return *error_r ? FATE_FAILED : FATE_TAKEN;
}

static void answer(struct client *client, enum fate fate, enum store_error error)
{
	struct page *page = client->dxc->worker->page;

	switch (fate) {
	case FATE_DUPLICATE:
		page_count(page, COUNT_DXC_DX_DUPLICATE);
		say(client, "Sorry, this is a duplicate");
		break;
	case FATE_RATE:
		page_count(page, COUNT_DXC_DX_RATE);
		say(client, "Too many spots from you, please wait a while");
		break;
	case FATE_FULL:
		page_count(page, COUNT_DXC_DX_FULL);
		say(client, "Too many spots wait, please try again");
		break;
	case FATE_FAILED:
		account_failed(client, error);
		break;
	default:
		page_count(page, COUNT_DXC_DX);
		worker_ring_spots(client->dxc->worker, "spot");
		command_prompt_later(client);
	}
}

void command_dx(struct client *client, const char *args)
{
	enum store_error error;
	struct dxline line;
	struct spot spot;
	enum fate fate;

	if (!is_right(client, dxline_parse(args, &line), &line)) {
		page_count(client->dxc->worker->page, COUNT_DXC_DX_BAD);
		return;
	}
	make_spot(client, &line, &spot);
	fate = put_spot(client, &spot, &error);
	answer(client, fate, error);
}
