/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_import_dgid - dgid.json
 * PURPOSE   Reads the DG-IDs that pYSFReflector3 has saved (a TinyDB file) and hands them to the
 *           running daemon.
 * OWNER     shackctl
 * CONTRACT  what is good in a file is taken; of a gateway that is there twice the first counts, as
 *           for pYSFReflector. It goes over what the daemon has saved of the same gateways.
 * LIMITS    IMPORT_FILE_MAX bytes; SAVED_MAX gateways
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "master/shackctl_import.h"
#include "master/shackctl_talk.h"
#include "shm/text.h"

#define SAVED_MAX 100000
#define NAME_SIZE 11
#define BATCH	  16 /* the daemon takes no more at once */

struct loading {
	const char *socket;
	unsigned good, bad, taken;
	unsigned pending;
	char name[BATCH][NAME_SIZE], dgid[BATCH][8];
	json_t *seen;
	int code;
};

static bool ignore(const char *text, size_t length, void *arg)
{
	(void)text;
	(void)length;
	(void)arg;
	return true;
}

static void flush(struct loading *loading)
{
	const char *words[2 + 2 * BATCH] = {"import", "dgid"};
	struct talk request = {.socket = loading->socket, .repeatable = true, .piece = ignore};

	for (unsigned i = 0; i < loading->pending; i++) {
		words[2 + 2 * i] = loading->name[i];
		words[3 + 2 * i] = loading->dgid[i];
	}
	if (loading->pending > 0 && loading->code == EXIT_DONE)
		loading->code = talk(&request, words, 2 + 2 * (int)loading->pending);
	if (loading->code == EXIT_DONE)
		loading->taken += loading->pending;
	loading->pending = 0;
}

/* Printable, and no longer than a gateway can be called. */
static bool is_name(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length >= NAME_SIZE || name[0] == ' ' || name[length - 1] == ' ')
		return false;
	for (; *name != '\0'; name++)
		if (*name < ' ' || *name > '~')
			return false;
	return true;
}

/* DG-IDs are texts there; a number is understood, too. */
static int64_t dgid_of(const json_t *value)
{
	char copy[32];
	int64_t dgid = 0;

	if (json_is_integer(value))
		return json_integer_value(value);
	if (!json_is_string(value) || !text_copy(copy, sizeof(copy), json_string_value(value)) ||
	    text_number(text_trim(copy), &dgid) < 0)
		return 0;
	return dgid;
}

static void take(struct loading *loading, const json_t *record)
{
	const char *name = json_string_value(json_object_get(record, "gateway"));
	int64_t dgid = dgid_of(json_object_get(record, "dgid"));

	if (name == NULL || !is_name(name) || dgid < 1 || dgid > 99 || loading->good == SAVED_MAX) {
		loading->bad++;
		return;
	}
	if (json_object_get(loading->seen, name) != NULL)
		return;
	json_object_set_new(loading->seen, name, json_true());
	loading->good++;
	text_copy(loading->name[loading->pending], NAME_SIZE, name);
	snprintf(loading->dgid[loading->pending], sizeof(loading->dgid[0]), "%d", (int)dgid);
	if (++loading->pending == BATCH)
		flush(loading);
}

static int load_tables(struct loading *loading, const json_t *root, char *text, size_t size)
{
	json_t *table = json_object_get(root, "_default");

	if (!json_is_object(table) && !(json_is_object(root) && json_object_size(root) == 0)) {
		snprintf(text, size, "has no table \"_default\" of gateways");
		return EXIT_REFUSED;
	}
	for (void *at = json_object_iter(table); at != NULL; at = json_object_iter_next(table, at))
		take(loading, json_object_iter_value(at));
	flush(loading);
	if (loading->code != EXIT_DONE)
		snprintf(text, size,
			 "%u of %u saved DG-IDs were loaded: the daemon does not take "
			 "them",
			 loading->taken, loading->good);
	else
		snprintf(text, size, "%u saved DG-IDs were loaded, %u records are no such",
			 loading->taken, loading->bad);
	return loading->code;
}

int import_dgid(const char *socket, const char *path, char *text, size_t size)
{
	struct loading loading = {.socket = socket, .code = EXIT_DONE};
	json_error_t error = {.line = 0};
	size_t length;
	char *data = import_read(path, IMPORT_FILE_MAX, &length, text, size);
	json_t *root;
	int code;

	if (data == NULL)
		return EXIT_REFUSED;
	/* pYSFReflector leaves an empty file before the first change */
	root = length > 0 ? json_loadb(data, length, 0, &error) : json_object();
	free(data);
	if (root == NULL) {
		snprintf(text, size, "is not JSON, or not all of it (line %d: %.80s)", error.line,
			 error.text);
		return EXIT_REFUSED;
	}
	loading.seen = json_object();
	code = load_tables(&loading, root, text, size);
	json_decref(loading.seen);
	json_decref(root);
	return code;
}
