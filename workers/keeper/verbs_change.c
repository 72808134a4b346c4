/* SPDX-License-Identifier: ISC
 *
 * NAME      verbs (changing) - block, unblock, kick
 * PURPOSE   What an operator does to callers and gateways.
 * OWNER     keeper
 * CONTRACT  The answer comes after the commit. A busy gate means: again at the next tick.
 * LIMITS    a block closes at most SLICE calls in its transaction; ysf workers refuse the rest at
 *           their next frame
 */
#include <string.h>

#include "shm/clock.h"
#include "shm/fault.h"
#include "shm/store/blocks.h"
#include "shm/text.h"
#include "workers/callsign.h"
#include "workers/keeper/request.h"
#include "workers/keeper/show.h"

/* Ten years: longer is "for ever". */
#define SECONDS_MAX 315360000

static bool is_printable(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

/* A base call as the streams have it: comparison on air is exact. */
static bool take_call(struct request *request, const char *word)
{
	struct callsign call;

	if (word[0] == '\0' || strlen(word) >= CALL_MAX || !is_printable(word)) {
		request_refuse(request, 2,
			       "a call sign has 1 to %d printable characters without blanks",
			       CALL_MAX - 1);
		return false;
	}
	callsign_split(word, &call);
	if (strcmp(callsign_blocked_as(&call), word) != 0) {
		request_refuse(request, 2, "\"%s\" has a suffix: blocks are for the base call%s%s",
			       word, call.base[0] != '\0' ? ", " : "", call.base);
		return false;
	}
	text_copy(request->call, sizeof(request->call), word);
	return true;
}

/* ---- block ---- */

static bool block_parse(struct request *request, const char *const words[], int count)
{
	int64_t ns = 0;

	if (count < 1) {
		request_refuse(request, 2, "block: whom?");
		return false;
	}
	if (count == 2 && (text_duration(words[1], &ns) != 0 || ns < (int64_t)NS_PER_SEC ||
			   ns > SECONDS_MAX * (int64_t)NS_PER_SEC)) {
		request_refuse(request, 2, "block: \"%.32s\" is no time of 1 to %d seconds",
			       words[1], SECONDS_MAX);
		return false;
	}
	request->until = request->until_real = BLOCK_FOREVER;
	if (count == 2) {
		request->until = clock_mono() + (uint64_t)ns;
		request->until_real = clock_real() + (uint64_t)ns;
	}
	return take_call(request, words[0]);
}

struct search {
	const char *call;
	unsigned found;
	struct stream_record stream[SLICE];
};

static bool find_stream(const struct stream_record *record, void *arg)
{
	struct search *search = arg;
	struct callsign call;

	callsign_split(record->source, &call);
	if (strcmp(callsign_blocked_as(&call), search->call) == 0)
		search->stream[search->found++] = *record;
	return search->found < SLICE;
}

/* Ends the calls that CALL has open. Returns how many. */
static unsigned close_calls(struct request *request, struct store_txn *txn)
{
	struct search search = {.call = request->call};
	unsigned closed = 0;

	streams_walk(txn, find_stream, &search);
	for (unsigned i = 0; i < search.found; i++) {
		const struct stream_record *stream = &search.stream[i];
		struct stream_totals totals;

		lanes_totals(request->keeper->worker, stream, &totals);
		if (streams_close(txn, stream->key, stream->id, REASON_BLOCKED, &totals) ==
		    STORE_OK)
			closed++;
	}
	return closed;
}

static json_t *block_answer(const struct request *request, const struct block_record *record,
			    unsigned closed)
{
	json_t *answer = show_block(request->call, record);

	if (answer != NULL)
		json_object_set_new(answer, "closed", json_integer(closed));
	return answer;
}

static enum answer block_step(struct request *request)
{
	struct block_record record = {
		.version = RECORD_VERSION,
		.reason = BLOCK_OPERATOR,
		.until = request->until,
		.until_real = request->until_real,
		.by = "operator",
	};
	struct store_txn txn;
	enum store_error error;
	unsigned closed;

	if (store_write(request->keeper->worker->voice, &txn) == STORE_BUSY)
		return ANSWER_WAIT;
	blocks_add(&txn, request->call, &record);
	closed = close_calls(request, &txn);
	error = store_end(&txn);
	if (error != STORE_OK)
		return request_failed(request, error);
	fault_point(FAULT_KEEPER_ACTED);
	worker_ring(request->keeper->worker);
	fault_point(FAULT_KEEPER_RUNG);
	request_line(request, block_answer(request, &record, closed));
	return ANSWER_DONE;
}

const struct verb verb_block = {
	.name = "block",
	.words = 3,
	.parse = block_parse,
	.step = block_step,
};

/* ---- unblock ---- */

static bool unblock_parse(struct request *request, const char *const words[], int count)
{
	if (count < 1) {
		request_refuse(request, 2, "unblock: whom?");
		return false;
	}
	return take_call(request, words[0]);
}

static enum answer unblock_step(struct request *request)
{
	struct store_txn txn;
	enum store_error error, found;

	if (store_write(request->keeper->worker->voice, &txn) == STORE_BUSY)
		return ANSWER_WAIT;
	found = blocks_remove(&txn, request->call);
	error = store_end(&txn);
	if (error != STORE_OK)
		return request_failed(request, error);
	if (found == STORE_NOT_FOUND) {
		request_refuse(request, 1, "%s is not blocked", request->call);
		return ANSWER_DONE;
	}
	worker_ring(request->keeper->worker);
	request_line(request, json_pack("{s:s}", "call", request->call));
	return ANSWER_DONE;
}

const struct verb verb_unblock = {
	.name = "unblock",
	.words = 2,
	.parse = unblock_parse,
	.step = unblock_step,
};

/* ---- kick ---- */

static bool kick_parse(struct request *request, const char *const words[], int count)
{
	int64_t number;

	if (count < 1 || (words[0][0] != 'c' && words[0][0] != 's') ||
	    text_number(words[0] + 1, &number) != 0 || number < 1 || number > UINT32_MAX) {
		request_refuse(request, 2,
			       "kick: give the id of a gateway as `clients` shows it, such as c12, "
			       "or of a session as `sessions` does, such as s34");
		return false;
	}
	request->number = (uint64_t)number;
	request->of_session = words[0][0] == 's';
	return true;
}

static enum answer kick_step(struct request *request)
{
	const struct show_more more = {.blocked = false};
	uint32_t id = (uint32_t)request->number;
	struct client_record record;
	struct client_key key;
	struct store_txn txn;
	enum store_error error, found;

	if (request->of_session)
		return kick_session(request);
	if (store_write(request->keeper->worker->voice, &txn) == STORE_BUSY)
		return ANSWER_WAIT;
	found = clients_by_id(&txn, id, &key);
	if (found == STORE_OK)
		found = clients_get(&txn, &key, &record);
	if (found == STORE_OK) {
		lanes_close_client(request->keeper->worker, &txn, id, REASON_KICK);
		found = clients_unlink(&txn, &key, REASON_KICK);
	}
	error = store_end(&txn);
	if (error != STORE_OK)
		return request_failed(request, error);
	if (found != STORE_OK) {
		request_refuse(request, 1, "no gateway c%u is linked", id);
		return ANSWER_DONE;
	}
	worker_ring(request->keeper->worker);
	request_line(request, show_client(&key, &record, &more, clock_mono()));
	return ANSWER_DONE;
}

const struct verb verb_kick = {
	.name = "kick",
	.words = 2,
	.parse = kick_parse,
	.step = kick_step,
};
