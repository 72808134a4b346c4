/* SPDX-License-Identifier: ISC
 *
 * NAME      quarantine - datagrams that crashed workers, and the reports of those crashes
 * PURPOSE   See quarantine.h. Here is also the verb that shows and drops them.
 * OWNER     keeper
 * CONTRACT  a file's name without its ending is its id; heads are lines `key: value`, shown as
 *           they are, so that whoever writes them may say more
 * LIMITS    see quarantine.h
 */
#include "workers/keeper/quarantine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "shm/text.h"
#include "workers/keeper/request.h"
#include "workers/keeper/shelf.h"

#define ENDING	  ".dgram"
#define ID_MAX	  (SHELF_NAME - sizeof(ENDING) + 1)
#define HEAD_KEYS 24
#define VALUE_MAX 128

static const char *folder_of(const struct keeper *keeper, unsigned option, const char *name,
			     char path_r[PATH_MAX])
{
	snprintf(path_r, PATH_MAX, "%s/%s", conf_text(keeper->worker->conf, option), name);
	return path_r;
}

static const char *kept_in(const struct keeper *keeper, char path_r[PATH_MAX])
{
	return folder_of(keeper, CONF_SERVER_STATE_DIR, "quarantine", path_r);
}

static void count_gone(struct keeper *keeper, int gone)
{
	if (gone > 0)
		page_count_by(keeper->worker->page, COUNT_KEEPER_FILES_DROPPED, (uint64_t)gone);
}

/* ---- files come ---- */

/* "ysf.0-17.dgram", and nothing else */
static bool is_datagram(const char *name)
{
	size_t length = strlen(name);

	return length > strlen(ENDING) && strcmp(name + length - strlen(ENDING), ENDING) == 0;
}

/* False: it stays where it is. */
static bool carry(struct keeper *keeper, const char *from, const char *name)
{
	char data[SHELF_BYTES + 1], to[PATH_MAX];
	uint64_t when;
	int length = shelf_get(from, name, data, &when), gone;

	if (length >= 0) {
		gone = shelf_put(kept_in(keeper, to), name, data, (size_t)length, when,
				 QUARANTINE_FILES);
		if (gone < 0) {
			log_limited(LOG_LEVEL_ERROR,
				    "can't keep the quarantined datagram %s/%s: %s", to, name,
				    strerror(errno));
			return false;
		}
		count_gone(keeper, gone);
		page_count(keeper->worker->page, COUNT_KEEPER_QUARANTINED);
		log_warning("a datagram that crashed workers is in quarantine: %s/%s", to, name);
	}
	return shelf_drop(from, name) == 0;
}

enum step quarantine_collect(struct keeper *keeper, uint64_t now)
{
	struct shelf_file files[SHELF_FILES];
	char from[PATH_MAX];
	int count = shelf_list(folder_of(keeper, CONF_SERVER_SHM_DIR, "quarantine", from), files);

	(void)now;
	for (int i = 0; i < count; i++)
		if (is_datagram(files[i].name) && !carry(keeper, from, files[i].name))
			break; /* a full disk: it may have room in the next round */
	return STEP_DONE;
}

/* Generations begin anew with each start: a report of an earlier one is not written over. */
static void name_report(const char *folder, const struct msg_crash *head, char name_r[SHELF_NAME])
{
	char path[PATH_MAX + SHELF_NAME], more[8] = "";
	struct stat st;

	for (unsigned i = 2; i < 2 + CRASH_FILES; i++) {
		snprintf(name_r, SHELF_NAME, "%s-%llu%s.txt", head->slot,
			 (unsigned long long)head->generation, more);
		snprintf(path, sizeof(path), "%s/%s", folder, name_r);
		if (lstat(path, &st) != 0)
			return;
		snprintf(more, sizeof(more), ".%u", i);
	}
}

void quarantine_crash(struct keeper *keeper, const struct msg *msg)
{
	char folder[PATH_MAX], name[SHELF_NAME];
	struct msg_crash head;
	int gone;

	memcpy(&head, msg->body, sizeof(head));
	head.slot[sizeof(head.slot) - 1] = '\0';
	name_report(folder_of(keeper, CONF_SERVER_STATE_DIR, "crash", folder), &head, name);
	gone = shelf_put(folder, name, msg->body + sizeof(head), msg->length - sizeof(head), 0,
			 CRASH_FILES);
	if (gone < 0)
		log_limited(LOG_LEVEL_ERROR, "can't write the crash report %s/%s: %s", folder, name,
			    strerror(errno));
	count_gone(keeper, gone);
}

/* ---- their heads ---- */

size_t quarantine_body(const char *data, size_t length)
{
	const char *end = memmem(data, length, "\n\n", 2);

	return end != NULL ? (size_t)(end - data) + 2 : length;
}

/* One line `key: value` at LINE; returns the next one, or NULL. */
static const char *split_line(const char *line, char key[VALUE_MAX], char value[VALUE_MAX])
{
	const char *end = strchr(line, '\n'), *colon;

	if (end == NULL || end == line)
		return NULL;
	colon = memchr(line, ':', (size_t)(end - line));
	key[0] = value[0] = '\0';
	if (colon != NULL && colon - line < VALUE_MAX && end - colon < VALUE_MAX) {
		text_from_field(key, line, (size_t)(colon - line));
		text_from_field(value, colon + 1, (size_t)(end - colon - 1));
	}
	return end + 1;
}

/* ---- the verb ---- */

/* Numbers as numbers; keys with underscores for blanks, as everywhere in JSON here. */
static void show_head(json_t *object, const char *head)
{
	char key[VALUE_MAX], value[VALUE_MAX];
	const char *line = head;
	int64_t number;

	for (unsigned i = 0; i < HEAD_KEYS; i++) {
		line = split_line(line, key, value);
		if (line == NULL)
			return;
		for (char *at = key; *at != '\0'; at++)
			if (*at == ' ')
				*at = '_';
		if (key[0] != '\0')
			json_object_set_new(object, key,
					    text_number(value, &number) == 0
						    ? json_integer((json_int_t)number)
						    : json_string(value));
	}
}

/* The file NAME as an object, with the datagram in hexadecimal if BODY. NULL: it is gone. */
static json_t *show_file(const char *folder, const char *name, bool body)
{
	char data[SHELF_BYTES + 1], hex[2 * SHELF_BYTES + 1], path[PATH_MAX];
	int length, id = (int)(strlen(name) - strlen(ENDING));
	json_t *object;
	uint64_t when;
	size_t begin;

	length = shelf_get(folder, name, data, &when);
	if (length < 0)
		return NULL;
	begin = quarantine_body(data, (size_t)length);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	object = json_object();
	data[begin > 0 ? begin - 1 : 0] = '\0'; /* the head, with its last line end */
	show_head(object, data);
	snprintf(hex, sizeof(hex), "%.*s", id, name);
	json_object_set_new(object, "id", json_string(hex));
	json_object_set_new(object, "size", json_integer((json_int_t)((size_t)length - begin)));
	json_object_set_new(object, "when", json_integer((json_int_t)(when / NS_PER_SEC)));
	json_object_set_new(object, "file", json_string(path));
	hex[0] = '\0';
	for (size_t i = begin; i < (size_t)length; i++)
		snprintf(hex + 2 * (i - begin), 3, "%02x", (uint8_t)data[i]);
	if (body)
		json_object_set_new(object, "hex", json_string(hex));
	return object;
}

static bool parse(struct request *request, const char *const words[], int count)
{
	bool show = count > 0 && strcmp(words[0], "show") == 0;

	if (count == 0)
		return true;
	if (!show && strcmp(words[0], "drop") != 0) {
		request_refuse(request, 2, "quarantine: show, drop or nothing, not \"%s\"",
			       words[0]);
		return false;
	}
	if (count != 2 || strlen(words[1]) >= ID_MAX || !shelf_name_ok(words[1])) {
		request_refuse(request, 2, "quarantine %s: an id such as ysf.0-17", words[0]);
		return false;
	}
	request->follow = show; /* else: drop */
	snprintf(request->name, sizeof(request->name), "%s%s", words[1], ENDING);
	return true;
}

static enum answer list(struct request *request, const char *folder)
{
	struct shelf_file files[SHELF_FILES];
	int count = shelf_list(folder, files);

	for (int i = 0; i < count; i++) {
		json_t *object =
			is_datagram(files[i].name) ? show_file(folder, files[i].name, false) : NULL;

		if (object != NULL)
			request_element(request, object);
	}
	request_array_end(request);
	return ANSWER_DONE;
}

static enum answer step(struct request *request)
{
	char folder[PATH_MAX];
	json_t *object;

	/* what was put aside a moment ago belongs to it */
	quarantine_collect(request->keeper, 0);
	kept_in(request->keeper, folder);
	if (request->name[0] == '\0')
		return list(request, folder);
	object = show_file(folder, request->name, true);
	if (object == NULL || (!request->follow && shelf_drop(folder, request->name) != 0))
		request_refuse(request, 1, "no such datagram in quarantine: %s", strerror(errno));
	else
		request_line(request, json_incref(object));
	json_decref(object);
	return ANSWER_DONE;
}

const struct verb verb_quarantine = {
	.name = "quarantine", .words = 3, .parse = parse, .step = step};
