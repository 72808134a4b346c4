/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_print - answers for people
 * PURPOSE   See shackctl_print.h.
 * OWNER     shackctl
 * CONTRACT  see shackctl_print.h
 * LIMITS    see shackctl_print.h
 */
#include "master/shackctl_print.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define CELL_SIZE   64
#define COLUMNS_MAX 16

enum form {
	FORM_TEXT,
	FORM_NUMBER,
	FORM_YES,   /* "yes" or nothing */
	FORM_AGE,   /* seconds */
	FORM_SINCE, /* seconds since the epoch, shown as an age */
	FORM_UNTIL, /* seconds since the epoch; null is for ever */
	FORM_DGID,  /* 0 is none */
};

struct column {
	const char *title;
	const char *key;
	enum form form;
};

const char *print_age(double seconds, char buf[24])
{
	unsigned long s = seconds > 0 ? (unsigned long)seconds : 0;

	if (s < 60)
		snprintf(buf, 24, "%lus", s);
	else if (s < 3600)
		snprintf(buf, 24, "%lum%02lus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, 24, "%luh%02lum", s / 3600, s / 60 % 60);
	else
		snprintf(buf, 24, "%lud%02luh", s / 86400, s / 3600 % 24);
	return buf;
}

/* What others chose as their name must not steer a terminal. */
static void copy_printable(char cell[CELL_SIZE], const char *text)
{
	const char *last = &cell[CELL_SIZE - 1];

	for (; *text != '\0' && cell < last; text++)
		*cell++ = *text >= ' ' && *text <= '~' ? *text : '?';
	*cell = '\0';
}

static void print_safely(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		fputc(*text >= ' ' && *text <= '~' ? *text : '?', out);
}

static void print_until(char cell[CELL_SIZE], const json_t *value)
{
	time_t when = (time_t)json_integer_value(value);
	struct tm tm;

	if (json_is_null(value)) {
		copy_printable(cell, "for ever");
		return;
	}
	gmtime_r(&when, &tm);
	strftime(cell, CELL_SIZE, "%Y-%m-%d %H:%M:%S UTC", &tm);
}

/* Any value in its plainest form. */
static void print_plain(char cell[CELL_SIZE], const json_t *value)
{
	cell[0] = '\0';
	if (json_is_string(value))
		copy_printable(cell, json_string_value(value));
	else if (json_is_integer(value))
		snprintf(cell, CELL_SIZE, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		snprintf(cell, CELL_SIZE, "%.3f", json_real_value(value));
	else if (json_is_boolean(value))
		copy_printable(cell, json_is_true(value) ? "yes" : "");
}

static void print_cell(char cell[CELL_SIZE], const json_t *value, enum form form, time_t now)
{
	char age[24];

	switch (form) {
	case FORM_AGE:
		copy_printable(cell, print_age(json_number_value(value), age));
		break;
	case FORM_SINCE: /* null: never */
		copy_printable(cell, json_is_number(value)
					     ? print_age((double)now - json_number_value(value), age)
					     : "-");
		break;
	case FORM_UNTIL:
		print_until(cell, value);
		break;
	case FORM_DGID:
		print_plain(cell, value);
		if (json_integer_value(value) == 0)
			copy_printable(cell, "-");
		break;
	default:
		print_plain(cell, value);
	}
}

static bool is_right(enum form form)
{
	return form != FORM_TEXT && form != FORM_YES && form != FORM_UNTIL;
}

static void put_cell(FILE *out, const char *cell, size_t width, enum form form, bool last)
{
	if (is_right(form))
		fprintf(out, "%*s", (int)width, cell);
	else if (last)
		fputs(cell, out);
	else
		fprintf(out, "%-*s", (int)width, cell);
	fputs(last ? "\n" : "  ", out);
}

static void print_table(FILE *out, const json_t *rows, const struct column columns[], size_t count,
			const char *empty, time_t now)
{
	size_t width[COLUMNS_MAX], i, c;
	char cell[CELL_SIZE];
	json_t *row;

	if (json_array_size(rows) == 0) {
		fprintf(out, "%s\n", empty);
		return;
	}
	for (c = 0; c < count; c++) {
		width[c] = strlen(columns[c].title);
		json_array_foreach(rows, i, row)
		{
			print_cell(cell, json_object_get(row, columns[c].key), columns[c].form,
				   now);
			if (strlen(cell) > width[c])
				width[c] = strlen(cell);
		}
	}
	for (c = 0; c < count; c++)
		put_cell(out, columns[c].title, width[c], columns[c].form, c + 1 == count);
	json_array_foreach(rows, i, row)
	{
		for (c = 0; c < count; c++) {
			print_cell(cell, json_object_get(row, columns[c].key), columns[c].form,
				   now);
			put_cell(out, cell, width[c], columns[c].form, c + 1 == count);
		}
	}
}

#define PRINT_TABLE(out, rows, columns, empty, now)                                                \
	print_table(out, rows, columns, sizeof(columns) / sizeof((columns)[0]), empty, now)

/* One line: what a developer needs to begin. */
static void print_crash(FILE *out, const json_t *worker, time_t now)
{
	const json_t *crash = json_object_get(worker, "crash");
	const json_t *frames = json_object_get(crash, "frames");
	char slot[CELL_SIZE], number[CELL_SIZE], name[CELL_SIZE], build[CELL_SIZE], age[24];
	json_t *frame;
	size_t i;

	print_plain(slot, json_object_get(worker, "slot"));
	print_plain(number, json_object_get(crash, "generation"));
	print_plain(name, json_object_get(crash, "signal_name"));
	print_plain(build, json_object_get(crash, "build_id"));
	fprintf(out, "%s generation %s crashed %s ago: %s in", slot, number,
		print_age((double)now - json_number_value(json_object_get(crash, "when")), age),
		name);
	json_array_foreach(frames, i, frame)
	{
		print_plain(name, frame);
		fprintf(out, " %s", name);
	}
	fprintf(out, " (build %s)\n", build);
}

void print_workers(FILE *out, const json_t *answer, time_t now)
{
	static const struct column columns[] = {
		{"SLOT", "slot", FORM_TEXT},
		{"PID", "pid", FORM_NUMBER},
		{"GENERATION", "generation", FORM_NUMBER},
		{"STATE", "state", FORM_TEXT},
		{"DOING", "doing", FORM_TEXT},
		{"RESTARTS", "restarts", FORM_NUMBER},
		{"BEAT MS", "heartbeat_ms", FORM_NUMBER},
		{"RSS KB", "rss_kb", FORM_NUMBER},
		{"BREAKER", "breaker", FORM_TEXT},
		{"READ BY", "adopted_by", FORM_TEXT},
		{"LAST HANG", "last_hang", FORM_TEXT},
		{"LAST DEATH", "last_death", FORM_TEXT},
	};
	json_t *worker;
	size_t i;

	PRINT_TABLE(out, answer, columns, "no workers", now);
	json_array_foreach(answer, i, worker)
	{
		if (json_is_object(json_object_get(worker, "crash")))
			print_crash(out, worker, now);
	}
}

/* A quarantined datagram with its head, and its bytes as people read them. */
static void print_datagram(FILE *out, const json_t *object)
{
	const char *hex = json_string_value(json_object_get(object, "hex"));
	json_t *members = (json_t *)(uintptr_t)object; /* iterators want it so */
	char cell[CELL_SIZE];

	for (void *at = json_object_iter(members); at != NULL;
	     at = json_object_iter_next(members, at)) {
		const char *key = json_object_iter_key(at);

		if (strcmp(key, "hex") == 0)
			continue;
		print_plain(cell, json_object_iter_value(at));
		fprintf(out, "%s: %s\n", key,
			strcmp(key, "file") == 0 ? json_string_value(json_object_iter_value(at))
						 : cell);
	}
	for (size_t i = 0; hex != NULL && hex[2 * i] != '\0' && hex[2 * i + 1] != '\0'; i++)
		fprintf(out, "%s%.2s", i % 16 == 0 ? "\n" : " ", hex + 2 * i);
	fputc('\n', out);
}

void print_quarantine(FILE *out, const json_t *answer, time_t now)
{
	static const struct column columns[] = {
		{"ID", "id", FORM_TEXT},	   {"FROM", "from", FORM_TEXT},
		{"GATEWAY", "gateway", FORM_TEXT}, {"SIZE", "size", FORM_NUMBER},
		{"TRIES", "tries", FORM_NUMBER},   {"AGE", "when", FORM_SINCE},
	};

	if (json_is_object(answer))
		print_datagram(out, answer);
	else
		PRINT_TABLE(out, answer, columns, "no datagram is in quarantine", now);
}

void print_clients(FILE *out, const json_t *answer, time_t now)
{
	static const struct column columns[] = {
		{"ID", "id", FORM_TEXT},
		{"GATEWAY", "gateway", FORM_TEXT},
		{"ADDRESS", "address", FORM_TEXT},
		{"PORT", "port", FORM_NUMBER},
		{"DG-ID", "dgid", FORM_DGID},
		{"FIXED", "fixed", FORM_YES},
		{"AUX", "aux", FORM_YES},
		{"HOME", "home_dgid", FORM_DGID},
		{"LINKED", "connected", FORM_SINCE},
		{"IDLE", "idle", FORM_AGE},
		{"MUTED", "muted", FORM_YES},
		{"BLOCKED", "blocked", FORM_YES},
	};

	PRINT_TABLE(out, answer, columns, "no gateways are linked", now);
}

void print_streams(FILE *out, const json_t *answer, time_t now)
{
	static const struct column columns[] = {
		{"ID", "id", FORM_TEXT},	   {"DG-ID", "dgid", FORM_DGID},
		{"GATEWAY", "gateway", FORM_TEXT}, {"SOURCE", "source", FORM_TEXT},
		{"DEST", "dest", FORM_TEXT},	   {"SINCE", "started", FORM_SINCE},
		{"FRAMES", "frames", FORM_NUMBER}, {"LOST", "lost", FORM_NUMBER},
		{"MUTED", "muted", FORM_YES},	   {"LOCAL", "local", FORM_YES},
	};

	PRINT_TABLE(out, answer, columns, "nobody is talking", now);
}

void print_blocked(FILE *out, const json_t *answer, time_t now)
{
	static const struct column columns[] = {
		{"CALL", "call", FORM_TEXT},
		{"REASON", "reason", FORM_TEXT},
		{"BY", "by", FORM_TEXT},
		{"UNTIL", "until", FORM_UNTIL},
	};

	PRINT_TABLE(out, answer, columns, "nobody is blocked", now);
}

void print_sessions(FILE *out, const json_t *answer, time_t now)
{
	static const struct column columns[] = {
		{"ID", "id", FORM_TEXT},	       {"CALL", "call", FORM_TEXT},
		{"ADDRESS", "address", FORM_TEXT},     {"SLOT", "slot", FORM_TEXT},
		{"FORMAT", "format", FORM_TEXT},       {"CONNECTED", "connected", FORM_SINCE},
		{"IDLE", "idle", FORM_AGE},	       {"DELIVERED", "delivered", FORM_NUMBER},
		{"DROPPED", "dropped", FORM_NUMBER},   {"LAG", "lag", FORM_NUMBER},
	};

	PRINT_TABLE(out, answer, columns, "nobody is logged in", now);
}

void print_feeds(FILE *out, const json_t *answer, time_t now)
{
	static const struct column columns[] = {
		{"NAME", "name", FORM_TEXT},	       {"TYPE", "type", FORM_TEXT},
		{"STATE", "state", FORM_TEXT},	       {"RECEIVED", "received", FORM_NUMBER},
		{"ACCEPTED", "accepted", FORM_NUMBER}, {"DROPPED", "dropped", FORM_NUMBER},
		{"MALFORMED", "malformed", FORM_NUMBER}, {"QUEUE", "queue", FORM_NUMBER},
		{"CAPACITY", "capacity", FORM_NUMBER}, {"LAST", "last", FORM_SINCE},
	};

	PRINT_TABLE(out, answer, columns, "no feed is configured", now);
}

/* As the users of the cluster see them. */
void print_spots(FILE *out, const json_t *answer, time_t now)
{
	json_t *spot;
	size_t i;

	(void)now;
	json_array_foreach(answer, i, spot)
	{
		print_safely(out, json_string_value(json_object_get(spot, "line")));
		fputc('\n', out);
	}
	if (json_array_size(answer) == 0)
		fprintf(out, "no spots\n");
}

void print_passwd(FILE *out, const json_t *answer, time_t now)
{
	char call[CELL_SIZE];

	(void)now;
	print_plain(call, json_object_get(answer, "call"));
	fprintf(out, "%s has %s password\n", call,
		json_is_true(json_object_get(answer, "password")) ? "a new" : "no");
}

/* How much is in each set of the access list. */
static void print_sets(FILE *out, const json_t *sets)
{
	json_t *members = (json_t *)(uintptr_t)sets; /* iterators want it so */
	char cell[CELL_SIZE];

	if (sets == NULL)
		return;
	fputs("access:", out);
	for (void *at = json_object_iter(members); at != NULL;
	     at = json_object_iter_next(members, at)) {
		print_plain(cell, json_object_iter_value(at));
		fprintf(out, " %s %s", json_object_iter_key(at), cell);
	}
	fputc('\n', out);
}

/* The overview, or the entries of one list: told apart by what they have. */
void print_lists(FILE *out, const json_t *answer, time_t now)
{
	static const struct column lists[] = {
		{"LIST", "list", FORM_TEXT},
		{"ENTRIES", "entries", FORM_NUMBER},
		{"MADE", "made", FORM_SINCE},
	};
	static const struct column access[] = {
		{"SET", "set", FORM_TEXT},
		{"ENTRY", "entry", FORM_TEXT},
	};
	static const struct column homes[] = {
		{"GATEWAY", "gateway", FORM_TEXT},
		{"DG-ID", "dgid", FORM_DGID},
		{"FIXED", "fixed", FORM_YES},
		{"TIME", "seconds", FORM_AGE},
	};
	static const struct column saved[] = {
		{"GATEWAY", "gateway", FORM_TEXT},
		{"ADDRESS", "address", FORM_TEXT},
		{"DG-ID", "dgid", FORM_DGID},
		{"AGE", "when", FORM_SINCE},
	};
	const json_t *first = json_array_get(answer, 0);

	if (json_object_get(first, "set") != NULL)
		PRINT_TABLE(out, answer, access, "", now);
	else if (json_object_get(first, "seconds") != NULL)
		PRINT_TABLE(out, answer, homes, "", now);
	else if (json_object_get(first, "when") != NULL)
		PRINT_TABLE(out, answer, saved, "", now);
	else
		PRINT_TABLE(out, answer, lists, "the list is empty", now);
	for (size_t i = 0; i < json_array_size(answer); i++)
		print_sets(out, json_object_get(json_array_get(answer, i), "sets"));
}

/* ---- sentences ---- */

/* A member as text, in one of CELLS that the caller lends. */
static const char *member(const json_t *object, const char *key, char cell[CELL_SIZE])
{
	print_plain(cell, json_object_get(object, key));
	return cell;
}

static void print_service(FILE *out, const char *name, const json_t *service)
{
	char ready[CELL_SIZE], workers[CELL_SIZE], listen[CELL_SIZE];
	json_t *address;
	size_t i;

	fprintf(out, "%s: %s of %s workers ready, listening on", name,
		member(service, "ready", ready), member(service, "workers", workers));
	json_array_foreach(json_object_get(service, "listen"), i, address)
	{
		print_plain(listen, address);
		fprintf(out, "%s %s", i > 0 ? "," : "", listen);
	}
	fputc('\n', out);
}

void print_upgrade(FILE *out, const json_t *answer, time_t now)
{
	char from[CELL_SIZE], version[CELL_SIZE], pid[CELL_SIZE];

	(void)now;
	fprintf(out, "upgraded from %s to %s, still pid %s\n", member(answer, "from", from),
		member(answer, "version", version), member(answer, "pid", pid));
}

/* ---- reload ---- */

/* "TITLE: a, b", or nothing when there is none. */
static void print_list(FILE *out, const char *title, const json_t *list)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		fprintf(out, "%s%s", i == 0 ? title : "", i == 0 ? ": " : ", ");
		print_safely(out, json_string_value(item));
	}
	if (json_array_size(list) > 0)
		fputc('\n', out);
}

void print_reload(FILE *out, const json_t *answer, time_t now)
{
	const json_t *problems = json_object_get(answer, "problems");
	json_t *changed = json_object_get(answer, "changed");

	(void)now;
	/* the first problem was said already: it is the reason of the refusal */
	for (size_t i = 1; i < json_array_size(problems); i++) {
		fputs("shackctl: ", stderr);
		print_safely(stderr, json_string_value(json_array_get(problems, i)));
		fputc('\n', stderr);
	}
	if (!json_is_true(json_object_get(answer, "ok"))) {
		fputs("shackctl: nothing was changed\n", stderr);
		return;
	}
	if (json_array_size(changed) == 0)
		fputs("reloaded, nothing has changed\n", out);
	print_list(out, "reloaded, changed", changed);
	print_list(out, "keeps its value until a restart", json_object_get(answer, "restart"));
}

static void print_last_reload(FILE *out, const json_t *last, time_t now)
{
	const json_t *problem = json_array_get(json_object_get(last, "problems"), 0);
	char age[24];

	if (!json_is_object(last))
		return;
	print_age((double)now - json_number_value(json_object_get(last, "when")), age);
	if (json_is_true(json_object_get(last, "ok"))) {
		fprintf(out, "reloaded %s ago\n", age);
	} else {
		fprintf(out, "reload refused %s ago: ", age);
		print_safely(out, problem != NULL ? json_string_value(problem) : "no reason");
		fputc('\n', out);
	}
	print_list(out, "keeps its value until a restart", json_object_get(last, "restart"));
}

void print_status(FILE *out, const json_t *answer, time_t now)
{
	char version[CELL_SIZE], date[CELL_SIZE], pid[CELL_SIZE], state[CELL_SIZE], age[24];
	json_t *services = json_object_get(answer, "services");
	json_t *reason;
	size_t i;

	fprintf(out, "shackd %s (%s), pid %s: %s\n", member(answer, "version", version),
		member(answer, "date", date), member(answer, "pid", pid),
		member(answer, "state", state));
	fprintf(out, "up %s, configuration %s\n",
		print_age(json_number_value(json_object_get(answer, "uptime")), age),
		member(answer, "config_generation", version));
	print_last_reload(out, json_object_get(answer, "last_reload"), now);
	for (void *at = json_object_iter(services); at != NULL;
	     at = json_object_iter_next(services, at))
		print_service(out, json_object_iter_key(at), json_object_iter_value(at));
	json_array_foreach(json_object_get(answer, "reasons"), i, reason)
	{
		fputs("because: ", out);
		print_safely(out, json_is_string(reason) ? json_string_value(reason) : "?");
		fputc('\n', out);
	}
}

void print_block(FILE *out, const json_t *answer, time_t now)
{
	json_int_t closed = json_integer_value(json_object_get(answer, "closed"));
	char call[CELL_SIZE], until[CELL_SIZE];
	const json_t *end = json_object_get(answer, "until");

	(void)now;
	print_until(until, end);
	fprintf(out, "%s is blocked %s%s", member(answer, "call", call),
		json_is_null(end) ? "" : "until ", until);
	if (closed > 0)
		fprintf(out, ", %lld open call%s ended", (long long)closed, closed > 1 ? "s" : "");
	fputc('\n', out);
}

void print_unblock(FILE *out, const json_t *answer, time_t now)
{
	char call[CELL_SIZE];

	(void)now;
	fprintf(out, "%s may transmit again\n", member(answer, "call", call));
}

void print_kick(FILE *out, const json_t *answer, time_t now)
{
	char id[CELL_SIZE], gateway[CELL_SIZE], address[CELL_SIZE], port[CELL_SIZE];

	(void)now;
	if (json_object_get(answer, "call") != NULL) {
		fprintf(out, "%s ended: %s at %s\n", member(answer, "id", id),
			member(answer, "call", gateway), member(answer, "address", address));
		return;
	}
	fprintf(out, "%s unlinked: %s at %s port %s\n", member(answer, "id", id),
		member(answer, "gateway", gateway), member(answer, "address", address),
		member(answer, "port", port));
}

static bool is_in(const char *key, const char *const keys[])
{
	for (; *keys != NULL; keys++)
		if (strcmp(*keys, key) == 0)
			return true;
	return false;
}

/* Time, type, and whatever else is set. */
void print_event(FILE *out, const json_t *answer, time_t now)
{
	static const char *const shown[] = {"id", "number", "type", "time", "generation", NULL};
	char time[CELL_SIZE], type[CELL_SIZE], cell[CELL_SIZE];
	json_t *object = (json_t *)(uintptr_t)answer; /* iterators want it so, and change nothing */

	(void)now;
	fprintf(out, "%s  %-14s", member(answer, "time", time), member(answer, "type", type));
	for (void *at = json_object_iter(object); at != NULL;
	     at = json_object_iter_next(object, at)) {
		const char *key = json_object_iter_key(at);
		const json_t *value = json_object_iter_value(at);

		if (is_in(key, shown) || json_is_false(value))
			continue;
		print_cell(cell, value, strcmp(key, "until") == 0 ? FORM_UNTIL : FORM_TEXT, 0);
		if (cell[0] != '\0')
			fprintf(out, " %s=%s", key, cell);
	}
	fputc('\n', out);
}
