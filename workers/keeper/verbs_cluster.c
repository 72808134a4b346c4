/* SPDX-License-Identifier: ISC
 *
 * NAME      verbs (cluster) - sessions, feeds, spots; the end of a session
 * PURPOSE   What the DX cluster does, as JSON.
 * OWNER     keeper
 * CONTRACT  What another process is writing meanwhile (a session's words, a feed's page) is believed
 *           for what it is: numbers of about now.
 * LIMITS    SPOTS_MOST spots an answer
 */
#include <string.h>

#include "shm/clock.h"
#include "shm/store/sessions.h"
#include "shm/store/spots.h"
#include "shm/text.h"
#include "workers/keeper/cluster.h"
#include "workers/keeper/request.h"
#include "workers/keeper/show_cluster.h"
#include "workers/render.h"
#include "workers/session.h"

#define SPOTS_DEFAULT 20
#define SPOTS_MOST    10000
#define SPOTS_STEP    64 /* each some hundred bytes */

static enum answer no_cluster(struct request *request)
{
	request_refuse(request, 1, "no DX cluster is running (dxc.node_call is not set)");
	return ANSWER_DONE;
}

/* ---- sessions ---- */

/* What its worker wrote last. False: it is another's place by now. */
static bool read_head(const struct worker *worker, const struct session_record *record,
		      struct session_head *head_r)
{
	const struct table *table = NULL;

	for (unsigned i = 0; i < worker->slot_tables; i++)
		if (strcmp(worker->slot_table[i].slot, record->slot) == 0)
			table = &worker->slot_table[i].table;
	if (table == NULL || record->index >= table->entries)
		return false;
	memcpy(head_r, table_now(&table->block->entry[record->index])->own, sizeof(*head_r));
	return session_head_sound(head_r) && cluster_is_held(worker, record);
}

struct listing {
	struct request *request;
	uint64_t newest;
	uint64_t now;
};

static bool add_session(const char *call, const struct session_record *record, void *arg)
{
	const struct listing *listing = arg;
	struct session_head head;

	if (read_head(listing->request->keeper->worker, record, &head))
		request_element(listing->request,
				show_session(call, record, &head, listing->newest, listing->now));
	return true;
}

static enum answer sessions_step(struct request *request)
{
	struct worker *worker = request->keeper->worker;
	struct listing listing = {.request = request, .now = clock_mono()};
	enum store_error error;
	struct store_txn txn;
	unsigned seen = 0;

	if (worker->spots == NULL)
		return no_cluster(request);
	if (store_read(worker->spots, &txn) == STORE_OK) {
		listing.newest = spots_newest(&txn);
		seen = sessions_walk(&txn, request->user, SLICE, add_session, &listing);
	}
	error = store_end(&txn);
	if (error != STORE_OK)
		return request_failed(request, error);
	if (seen == SLICE)
		return ANSWER_MORE;
	request_array_end(request);
	return ANSWER_DONE;
}

const struct verb verb_sessions = {.name = "sessions", .words = 1, .step = sessions_step};

/* ---- kick ---- */

struct search {
	uint32_t id;
	char call[CALL_TEXT_SIZE];
	struct session_record record;
};

static bool find_session(const char *call, const struct session_record *record, void *arg)
{
	struct search *search = arg;

	if (record->id != search->id)
		return true;
	memcpy(search->call, call, sizeof(search->call));
	search->record = *record;
	return false;
}

/* The worker that finds its session's record gone ends the connection. */
enum answer kick_session(struct request *request)
{
	struct worker *worker = request->keeper->worker;
	struct search search = {.id = (uint32_t)request->number};
	char cursor[CALL_TEXT_SIZE] = "";
	enum store_error error, found = STORE_NOT_FOUND;
	struct store_txn txn;

	if (worker->spots == NULL)
		return no_cluster(request);
	if (store_write(worker->spots, &txn) == STORE_BUSY)
		return ANSWER_WAIT;
	sessions_walk(&txn, cursor, UINT32_MAX, find_session, &search);
	if (search.call[0] != '\0')
		found = sessions_del(&txn, search.call, search.record.session, REASON_KICK);
	error = store_end(&txn);
	if (error != STORE_OK)
		return request_failed(request, error);
	if (found != STORE_OK) {
		request_refuse(request, 1, "there is no session s%u", search.id);
		return ANSWER_DONE;
	}
	worker_ring_spots(worker, NULL);
	request_line(request, show_session(search.call, &search.record, NULL, 0, clock_mono()));
	return ANSWER_DONE;
}

/* ---- spots ---- */

static bool spots_parse(struct request *request, const char *const words[], int count)
{
	int64_t number = SPOTS_DEFAULT;

	if (count == 1 &&
	    (text_number(words[0], &number) != 0 || number < 1 || number > SPOTS_MOST)) {
		request_refuse(request, 2, "spots: \"%.32s\" is no number of 1 to %d", words[0],
			       SPOTS_MOST);
		return false;
	}
	request->count = (unsigned)number;
	return true;
}

static bool add_spot(uint64_t number, const struct spot *spot, void *arg)
{
	struct request *request = arg;

	request->number = number + 1;
	if (request->count == 0)
		return false;
	request->count--;
	request_element(request, show_spot(number, spot));
	return true;
}

static enum answer spots_step(struct request *request)
{
	struct worker *worker = request->keeper->worker;
	enum store_error error;
	struct store_txn txn;
	unsigned seen = 0;

	if (worker->spots == NULL)
		return no_cluster(request);
	if (store_read(worker->spots, &txn) == STORE_OK) {
		uint64_t newest = spots_newest(&txn);

		if (request->number == 0)
			request->number = newest > request->count ? newest - request->count + 1 : 1;
		seen = spots_each(&txn, request->number, SPOTS_STEP, add_spot, request);
	}
	error = store_end(&txn);
	if (error != STORE_OK)
		return request_failed(request, error);
	if (seen == SPOTS_STEP && request->count > 0)
		return ANSWER_MORE;
	request_array_end(request);
	return ANSWER_DONE;
}

const struct verb verb_spots = {
	.name = "spots",
	.words = 2,
	.parse = spots_parse,
	.step = spots_step,
};

/* ---- feeds ---- */

/* The page of the slot that serves the section; NULL: none does. */
static const struct page *feed_page(const struct worker *worker, const char *name)
{
	for (unsigned i = 0; i < worker->slot_pages; i++) {
		const struct page *page = worker->slot_page[i].page;
		char there[3 * sizeof(uint64_t) + 1] = "";

		if (strncmp(worker->slot_page[i].slot, "feed.", 5) != 0 ||
		    atomic_load_explicit(&page->pid, memory_order_relaxed) == 0)
			continue;
		memcpy(there, &page->spare[PAGE_FEED_NAME], sizeof(there) - 1);
		if (strcmp(there, name) == 0)
			return page;
	}
	return NULL;
}

static enum answer feeds_step(struct request *request)
{
	struct worker *worker = request->keeper->worker;
	const struct conf *conf = worker->conf;

	if (worker->spots == NULL)
		return no_cluster(request);
	for (size_t i = 0; i < conf_group_count(conf, CONF_GROUP_FEED); i++) {
		const char *name = conf_group_name(conf, CONF_GROUP_FEED, i);
		struct show_feed feed = {
			.name = name,
			.type = conf_group_text(conf, CONF_GROUP_FEED, i, CONF_FEED_TYPE),
			.enabled =
				conf_group_number(conf, CONF_GROUP_FEED, i, CONF_FEED_ENABLED) != 0,
			.capacity = (uint64_t)conf_group_number(conf, CONF_GROUP_FEED, i,
								CONF_FEED_SLOT_BUFFER),
			.page = feed_page(worker, name),
		};

		request_element(request, show_feed(&feed));
	}
	request_array_end(request);
	return ANSWER_DONE;
}

const struct verb verb_feeds = {.name = "feeds", .words = 1, .step = feeds_step};
