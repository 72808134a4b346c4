/* SPDX-License-Identifier: ISC
 *
 * NAME      verbs (lists) - what the compiled lists and the saved DG-IDs hold
 * PURPOSE   `lists`: each with its age and how much is in it; `lists access|homes|saved`: the
 *           entries; `import dgid`: saved DG-IDs from elsewhere.
 * OWNER     keeper
 * CONTRACT  a slice at a time; a list that is replaced while it is being read goes on with the new
 *           one
 * LIMITS    IMPORT_PAIRS names in one request
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/list_layout.h"
#include "shm/store/saved.h"
#include "shm/text.h"
#include "workers/keeper/control.h"
#include "workers/keeper/request.h"
#include "workers/keeper/show.h"

enum list { LIST_OVERVIEW, LIST_OF_ACCESS, LIST_OF_HOMES, LIST_OF_SAVED };

/* ---- lists ---- */

/* When the list was compiled, in seconds since the epoch; null: there is none. */
static json_t *made(const struct keeper *keeper, enum list_kind kind)
{
	struct list_head head;
	int fd = keeper->worker->list_fd[kind];

	if (fd < 0 || pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return json_null();
	return json_integer((json_int_t)(head.made / NS_PER_SEC));
}

static json_t *overview_of(const struct keeper *keeper, enum list_kind kind, uint32_t entries)
{
	return json_pack("{s:s, s:o, s:I}", "list", list_name(kind), "made", made(keeper, kind),
			 "entries", (json_int_t)entries);
}

static json_t *access_overview(const struct keeper *keeper)
{
	json_t *sets = json_object(), *object;
	uint32_t entries = 0;

	for (unsigned set = 0; set < ACCESS_SETS; set++) {
		uint32_t count = access_count(keeper->access, (enum access_set)set);

		json_object_set_new(sets, access_set_name((enum access_set)set),
				    json_integer(count));
		entries += count;
	}
	object = overview_of(keeper, LIST_ACCESS, entries);
	json_object_set_new(object, "sets", sets);
	return object;
}

/* The beginning of a list, without a look at what is in it. */
static bool beginning(const struct keeper *keeper, enum list_kind kind, void *head_r, size_t size)
{
	int fd = keeper->worker->list_fd[kind];

	return fd >= 0 && pread(fd, head_r, size, 0) == (ssize_t)size;
}

static json_t *countries_overview(const struct keeper *keeper)
{
	struct countries list = {0};
	json_t *object;

	if (!beginning(keeper, LIST_COUNTRIES, &list, sizeof(list)))
		list = (struct countries){0};
	list.version[sizeof(list.version) - 1] = '\0';
	object = overview_of(keeper, LIST_COUNTRIES, list.entities);
	json_object_set_new(object, "prefixes", json_integer(list.prefixes));
	json_object_set_new(object, "calls", json_integer(list.calls.entries));
	json_object_set_new(object, "version", json_string(list.version));
	return object;
}

static json_t *known_overview(const struct keeper *keeper)
{
	struct known list = {0};

	if (!beginning(keeper, LIST_KNOWN, &list, sizeof(list)))
		list = (struct known){0};
	return overview_of(keeper, LIST_KNOWN, list.table.entries);
}

static enum answer overview_step(struct request *request)
{
	struct keeper *keeper = request->keeper;
	uint64_t saved = 0;
	struct store_txn txn;

	if (store_read(keeper->worker->voice, &txn) == STORE_OK)
		saved = saved_count(&txn);
	enum store_error error = store_end(&txn);
	if (error != STORE_OK)
		return request_failed(request, error);
	request_element(request, access_overview(keeper));
	request_element(request, overview_of(keeper, LIST_HOMES, homes_count(keeper->homes)));
	request_element(request, json_pack("{s:s, s:n, s:I}", "list", "saved", "made", "entries",
					   (json_int_t)saved));
	request_element(request, countries_overview(keeper));
	request_element(request, known_overview(keeper));
	request_array_end(request);
	return ANSWER_DONE;
}

static void add_access(struct request *request, enum access_set set, uint32_t n)
{
	char text[64] = "";

	access_entry(request->keeper->access, set, n, text);
	request_element(request,
			json_pack("{s:s, s:s}", "set", access_set_name(set), "entry", text));
}

/* request->set is where we are, request->count the only one that is wanted (ACCESS_SETS: all). */
static enum answer access_step(struct request *request)
{
	const struct access *access = request->keeper->access;

	for (unsigned step = 0; step < SLICE; step++) {
		while (request->set < ACCESS_SETS &&
		       (request->number >= access_count(access, (enum access_set)request->set) ||
			(request->count != ACCESS_SETS && request->set != request->count))) {
			request->set++;
			request->number = 0;
		}
		if (request->set == ACCESS_SETS) {
			request_array_end(request);
			return ANSWER_DONE;
		}
		add_access(request, (enum access_set)request->set, (uint32_t)request->number++);
	}
	return ANSWER_MORE;
}

static enum answer homes_step(struct request *request)
{
	const struct homes *homes = request->keeper->homes;

	for (unsigned step = 0; step < SLICE; step++) {
		struct home_rule rule;
		const char *name;

		if (request->number >= homes_count(homes)) {
			request_array_end(request);
			return ANSWER_DONE;
		}
		name = homes_entry(homes, (uint32_t)request->number++, &rule);
		request_element(request, json_pack("{s:s, s:i, s:b, s:I}", "gateway", name, "dgid",
						   (int)rule.dgid, "fixed", (int)rule.fixed,
						   "seconds", (json_int_t)rule.seconds));
	}
	return ANSWER_MORE;
}

static bool add_saved(const struct saved_key *key, const struct saved_record *record, void *arg)
{
	request_element(arg, show_saved(key, record));
	return true;
}

static enum answer saved_step(struct request *request)
{
	struct store *voice = request->keeper->worker->voice;
	struct store_txn txn;
	unsigned seen = 0;

	if (store_read(voice, &txn) == STORE_OK)
		seen = saved_walk(&txn, &request->saved, SLICE, add_saved, request);
	enum store_error error = store_end(&txn);
	if (error != STORE_OK)
		return request_failed(request, error);
	if (seen == SLICE)
		return ANSWER_MORE;
	request_array_end(request);
	store_forget_pages(voice);
	return ANSWER_DONE;
}

static enum answer lists_step(struct request *request)
{
	switch (request->list) {
	case LIST_OF_ACCESS:
		return access_step(request);
	case LIST_OF_HOMES:
		return homes_step(request);
	case LIST_OF_SAVED:
		return saved_step(request);
	default:
		return overview_step(request);
	}
}

static bool take_set(struct request *request, const char *word)
{
	for (unsigned set = 0; set < ACCESS_SETS; set++) {
		if (strcmp(word, access_set_name((enum access_set)set)) != 0)
			continue;
		request->count = set;
		return true;
	}
	request_refuse(request, 2,
		       "lists access: there is no set \"%.32s\" (CS AL SB GW GWB SN "
		       "SUB IP IPB)",
		       word);
	return false;
}

static bool lists_parse(struct request *request, const char *const words[], int count)
{
	static const char *const names[] = {"access", "homes", "saved"};

	request->count = ACCESS_SETS;
	if (count == 0)
		return true;
	for (unsigned i = 0; i < 3; i++)
		if (strcmp(words[0], names[i]) == 0)
			request->list = LIST_OF_ACCESS + i;
	if (request->list == LIST_OVERVIEW || (count == 2 && request->list != LIST_OF_ACCESS)) {
		request_refuse(request, 2, "lists: access [SET], homes or saved, not \"%.32s\"",
			       words[count - 1]);
		return false;
	}
	return count < 2 || take_set(request, words[1]);
}

const struct verb verb_lists = {
	.name = "lists",
	.words = 3,
	.parse = lists_parse,
	.step = lists_step,
};

/* ---- import ---- */

static bool take_pair(struct request *request, unsigned n, const char *name, const char *dgid)
{
	int64_t number;

	if (name[0] == '\0' || strlen(name) >= CALL_MAX) {
		request_refuse(request, 2, "import: a gateway's name has 1 to %d characters",
			       CALL_MAX - 1);
		return false;
	}
	if (text_number(dgid, &number) != 0 || number < 1 || number > 99) {
		request_refuse(request, 2, "import: \"%.32s\" is no DG-ID (1 to 99)", dgid);
		return false;
	}
	text_copy(request->import[n].name, sizeof(request->import[n].name), name);
	request->import[n].dgid = (uint8_t)number;
	return true;
}

static bool import_parse(struct request *request, const char *const words[], int count)
{
	if (count < 3 || count % 2 == 0 || count > 1 + 2 * IMPORT_PAIRS ||
	    strcmp(words[0], "dgid") != 0) {
		request_refuse(request, 2, "import: dgid NAME DGID [NAME DGID]..., up to %d",
			       IMPORT_PAIRS);
		return false;
	}
	for (int i = 1; i < count; i += 2)
		if (!take_pair(request, request->count++, words[i], words[i + 1]))
			return false;
	return true;
}

/* The durable store first: what is in there comes into the other one at the next start. */
static enum store_error import_to(struct request *request, struct store *store)
{
	struct store_txn txn;

	if (store_write(store, &txn) == STORE_BUSY)
		return STORE_BUSY;
	for (unsigned i = 0; i < request->count; i++)
		saved_put(&txn, request->import[i].name, NULL, request->import[i].dgid,
			  request->until_real);
	return store_end(&txn);
}

static enum answer import_step(struct request *request)
{
	struct worker *worker = request->keeper->worker;
	enum store_error error;

	/* older than whatever a gateway chooses from now on */
	if (request->until_real == 0)
		request->until_real = clock_real();
	error = import_to(request, worker->state);
	if (error == STORE_OK)
		error = import_to(request, worker->voice);
	if (error != STORE_OK)
		return request_failed(request, error);
	request_line(request, json_pack("{s:i}", "saved", (int)request->count));
	return ANSWER_DONE;
}

const struct verb verb_import = {
	.name = "import",
	.words = 2 + 2 * IMPORT_PAIRS,
	.parse = import_parse,
	.step = import_step,
};
