/* SPDX-License-Identifier: ISC
 *
 * NAME      shdx - SHOW/DX
 * PURPOSE   The answer of SHOW/DX as steps of a session; see workers/dxc/shdx.h.
 * OWNER     dxc workers
 * CONTRACT  a slice of the answer and the place behind it become visible in one step
 * LIMITS    ROWS_A_STEP bytes of rows a step, so that a prompt fits behind them
 */
#include "workers/dxc/shdx.h"

#include <ev.h>
#include <string.h>

#include "shm/clock.h"
#include "workers/dxc/account.h"
#include "workers/dxc/filter_inside.h"
#include "workers/dxc/search.h"

#define ROWS_A_STEP 1408
#define WIDTH	    80 /* of who never said */
_Static_assert(ROWS_A_STEP >= RENDER_MAX, "each step gives a row at least");

static void aim(struct client *client, const struct query *query, struct search *search_r)
{
	const struct session *session = session_of(client);

	*search_r = (struct search){
		.spots = client->dxc->worker->spots,
		.state = client->dxc->worker->state,
		.query = query,
		.format = session->head.format < FORMATS ? session->head.format : FORMAT_SPIDER,
		.width = session->width > 0 ? session->width : WIDTH,
	};
}

void shdx_start(struct client *client, const char *arguments)
{
	struct session *session = session_of(client);
	size_t length = strlen(arguments);
	struct search search;
	struct query query;
	char why[QUERY_WHY];

	if (length >= SESSION_QUERY) {
		tcp_printf(client->conn, "sh/dx: at most %d characters\r\n", SESSION_QUERY - 1);
		return;
	}
	if (!query_parse(arguments, client->dxc->countries, &query, why)) {
		tcp_printf(client->conn, "%s\r\n", why);
		return;
	}
	aim(client, &query, &search);
	if (search_begin(&search, &session->shdx) != SEARCH_MORE) {
		tcp_printf(client->conn, "sh/dx: the spots can't be read now\r\n");
		return;
	}
	memset(session->query, 0, sizeof(session->query));
	memcpy(session->query, arguments, length);
	session->query_length = (uint16_t)length;
	session->more = MORE_SHDX;
	page_count(client->dxc->worker->page, COUNT_SHDX_ANSWERS);
	tcp_more(client->conn);
}

/* Until when this turn of the loop may search; all sessions of the worker share it. False: its time
 * is up, the next turn goes on. */
static bool may_search(struct dxc *dxc, uint64_t *until_r)
{
	unsigned turn = ev_iteration(dxc->worker->loop);
	uint64_t now = clock_mono();

	if (dxc->search_until == 0 || turn != dxc->search_turn) {
		dxc->search_turn = turn;
		dxc->search_until = now + SHDX_SLICE;
	}
	*until_r = dxc->search_until;
	return now < dxc->search_until;
}

/* Nothing was found: what, is said as it was asked for. */
static void say_none(struct client *client, const struct query *query)
{
	const struct session *session = session_of(client);
	char shown[SESSION_QUERY];

	if (!query->chosen) {
		tcp_printf(client->conn, "No spots available.\r\n");
		return;
	}
	for (size_t i = 0; i < sizeof(shown); i++)
		shown[i] = session->query[i] == '\0' ||
					   (session->query[i] >= ' ' && session->query[i] <= '~')
				   ? session->query[i]
				   : '?';
	shown[sizeof(shown) - 1] = '\0';
	tcp_printf(client->conn, "sh/dx: '%s' not found\r\n", shown);
}

static bool finish(struct client *client)
{
	session_of(client)->more = MORE_NONE;
	return false;
}

bool shdx_more(struct client *client)
{
	struct session *session = session_of(client);
	struct worker *worker = client->dxc->worker;
	char rows[ROWS_A_STEP], why[QUERY_WHY];
	struct search_slice slice = {.rows = rows, .room = sizeof(rows)};
	struct filter_program program;
	enum search_result result;
	struct search search;
	struct filter own;
	struct query query;

	if (!may_search(client->dxc, &slice.until))
		return true;
	session->query[SESSION_QUERY - 1] = '\0';
	if (!query_parse(session->query, client->dxc->countries, &query, why))
		return finish(client);
	aim(client, &query, &search);
	if (query.filter) {
		account_filter(client->dxc, session->head.call, &own);
		filter_compile(&own, &program);
		search.own = &program;
	}
	result = search_slice(&search, &session->shdx, &slice);
	page_count(worker->page, COUNT_SHDX_SLICES);
	page_count_by(worker->page, COUNT_SHDX_LOOKED, slice.looked);
	tcp_put(client->conn, rows, slice.length);
	if (result == SEARCH_MORE)
		return true;
	if (session->shdx.found == 0)
		say_none(client, &query);
	return finish(client);
}
