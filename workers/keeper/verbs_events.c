/* SPDX-License-Identifier: ISC
 *
 * NAME      verbs (events) - what changed
 * PURPOSE   The event logs of the voice store and of the spots store as one, by time.
 * OWNER     keeper
 * CONTRACT  a reader that is overtaken is told by how many events, and goes on with the oldest
 * LIMITS    SLICE events of each log a step
 */
#include <string.h>

#include "shm/text.h"
#include "workers/keeper/control.h"
#include "workers/keeper/request.h"
#include "workers/keeper/show.h"

#define EVENTS_DEFAULT 100

static bool events_parse(struct request *request, const char *const words[], int count)
{
	int64_t number = EVENTS_DEFAULT;

	for (int i = 0; i < count; i++) {
		if (strcmp(words[i], "-f") == 0) {
			request->follow = true;
		} else if (text_number(words[i], &number) != 0 || number < 0 ||
			   number > UINT32_MAX) {
			request_refuse(request, 2, "events: \"%.32s\" is no number of events",
				       words[i]);
			return false;
		}
	}
	request->count = (unsigned)number;
	return true;
}

/* What one log has next. */
struct piece {
	const char *name;
	struct store *store; /* NULL: there is no such log */
	uint64_t *cursor;
	unsigned count, shown;
	bool more;     /* there may be others behind the last of these */
	uint64_t upto; /* where they end, damaged ones included */
	struct {
		uint64_t number;
		struct event_record event;
	} entry[SLICE];
};

static void gather(uint64_t number, const struct event_record *event, void *arg)
{
	struct piece *piece = arg;

	piece->entry[piece->count].number = number;
	piece->entry[piece->count++].event = *event;
}

/* The number after which the log as it is begins; an empty log begins after its newest. */
static uint64_t log_begin(struct store_txn *txn)
{
	uint64_t oldest = events_oldest(txn);

	return oldest > 0 ? oldest - 1 : events_newest(txn);
}

/* The first of the last so many. */
static void begin(struct request *request, struct piece *piece, struct store_txn *txn)
{
	uint64_t newest = events_newest(txn), first = log_begin(txn);

	*piece->cursor = newest > request->count ? newest - request->count : 0;
	if (*piece->cursor < first)
		*piece->cursor = first;
	request->skip += newest - *piece->cursor;
}

/* Tells how many are missing, and goes on with the oldest. */
static void lapped(struct request *request, struct piece *piece, struct store_txn *txn)
{
	uint64_t first = log_begin(txn);

	request_text(request, "{\"lapped\":%llu}\n", (unsigned long long)(first - *piece->cursor));
	*piece->cursor = first;
	piece->more = true;
}

static enum store_error read_piece(struct request *request, struct piece *piece)
{
	struct store_txn txn;
	bool was_lapped = false;

	if (piece->store == NULL)
		return STORE_OK;
	if (store_read(piece->store, &txn) == STORE_OK) {
		if (!request->started)
			begin(request, piece, &txn);
		piece->upto = *piece->cursor;
		piece->more = events_follow(&txn, &piece->upto, SLICE, &was_lapped, gather,
					    piece) == SLICE;
		if (was_lapped)
			lapped(request, piece, &txn);
		piece->upto = was_lapped ? *piece->cursor : piece->upto;
	}
	return store_end(&txn);
}

static void show_next(struct request *request, struct piece *piece)
{
	const struct event_record *event = &piece->entry[piece->shown].event;
	uint64_t number = piece->entry[piece->shown++].number;

	*piece->cursor = number;
	if (request->skip > 0)
		request->skip--;
	else
		request_line(request,
			     show_event(piece->name, store_id(piece->store), number, event));
}

/* The older one first, as long as both tell; who has more to come than was read ends the step. */
static void merge(struct request *request, struct piece *one, struct piece *other)
{
	while (one->shown < one->count || other->shown < other->count) {
		struct piece *next = one;

		if (one->shown == one->count) {
			if (one->more)
				return;
			next = other;
		} else if (other->shown == other->count) {
			if (other->more)
				return;
		} else if (other->entry[other->shown].event.time <
			   one->entry[one->shown].event.time) {
			next = other;
		}
		show_next(request, next);
	}
}

static enum answer events_step(struct request *request)
{
	struct worker *worker = request->keeper->worker;
	struct piece voice = {.name = "voice", .store = worker->voice, .cursor = &request->number};
	struct piece spots = {.name = "spots", .store = worker->spots, .cursor = &request->spots};
	enum store_error error;

	if (!request->started)
		request->skip = 0;
	error = read_piece(request, &voice);
	if (error == STORE_OK)
		error = read_piece(request, &spots);
	if (error != STORE_OK)
		return request_failed(request, error);
	if (!request->started)
		request->skip = request->skip > request->count ? request->skip - request->count : 0;
	request->started = true;
	merge(request, &voice, &spots);
	if (voice.shown == voice.count)
		request->number = voice.upto;
	if (spots.shown == spots.count)
		request->spots = spots.upto;
	if (voice.more || spots.more)
		return ANSWER_MORE;
	if (request->follow)
		return ANSWER_WAIT;
	store_forget_pages(worker->voice);
	return ANSWER_DONE;
}

const struct verb verb_events = {
	.name = "events",
	.words = 3,
	.parse = events_parse,
	.step = events_step,
};
