/* SPDX-License-Identifier: ISC
 *
 * NAME      value - one configuration value, from text and back
 * PURPOSE   Parses a text by the type and range of its option, and prints it.
 * OWNER     master
 * CONTRACT  see master/value.h
 * LIMITS    see master/value.h
 */
#include "master/value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "shm/text.h"

#define DGID_MIN 1
#define DGID_MAX 99

/* What is being parsed, for the small parsers below. */
struct work {
	const struct option_def *option;
	const char *text;
	struct value *value;
	char *why;
};

/* Always -1, so that a parser can say `return fail(...)`. */
static int __attribute__((format(printf, 2, 3)))
fail(const struct work *work, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(work->why, VALUE_WHY_MAX, format, args);
	va_end(args);
	return -1;
}

/* ---- types that are one number ------------------------------------------------------------- */

static int read_bool(const char *text, int64_t *value_r)
{
	bool value;

	if (text_bool(text, &value) < 0)
		return -1;
	*value_r = value;
	return 0;
}

/* Events a minute: "20/m", "1/s". */
static int read_rate(const char *text, int64_t *value_r)
{
	const char *slash = strchr(text, '/');
	char number[24];
	int64_t factor;

	if (slash == NULL || (size_t)(slash - text) >= sizeof(number))
		return -1;
	memcpy(number, text, (size_t)(slash - text));
	number[slash - text] = '\0';
	factor = strcmp(slash, "/s") == 0 ? 60 : strcmp(slash, "/m") == 0 ? 1 : 0;
	if (factor == 0 || text_number(number, value_r) < 0 || *value_r < 0 ||
	    *value_r > INT64_MAX / factor)
		return -1;
	*value_r *= factor;
	return 0;
}

static int read_workers(const char *text, int64_t *value_r)
{
	if (strcmp(text, "auto") == 0) {
		*value_r = 0;
		return 0;
	}
	/* 0 stands for auto and must not come in as a number. */
	return text_number(text, value_r) < 0 || *value_r == 0 ? -1 : 0;
}

struct number_type {
	int (*read)(const char *text, int64_t *value_r);
	const char *wrong;
};

static const struct number_type number_types[] = {
	[CONF_NUMBER] = {text_number, "is not a whole number"},
	[CONF_BOOL] = {read_bool, "is neither yes nor no (yes, on, true, 1; no, off, false, 0)"},
	[CONF_DURATION] = {text_duration,
			   "is not a duration (a number with ms, s, m, h or d; alone: seconds)"},
	[CONF_SIZE] = {text_size, "is not a size (a number with k, M or G; alone: bytes)"},
	[CONF_RATE] = {read_rate, "is not a rate (such as 20/m or 1/s)"},
	[CONF_WORKERS] = {read_workers, "is neither auto nor a number above 0"},
	[CONF_DGID] = {text_number, "is not a DG-ID (a number, 1 to 99)"},
};

/* The bound TEXT of an option; NONE when it has none. */
static int64_t read_bound(const struct number_type *type, const char *text, int64_t none)
{
	int64_t bound;

	return *text != '\0' && type->read(text, &bound) == 0 ? bound : none;
}

static int parse_number(const struct work *work)
{
	const struct option_def *option = work->option;
	const struct number_type *type = &number_types[option->type];
	bool dgid = option->type == CONF_DGID;
	int64_t least = read_bound(type, option->min, dgid ? DGID_MIN : INT64_MIN);
	int64_t most = read_bound(type, option->max, dgid ? DGID_MAX : INT64_MAX);
	int64_t number;

	if (type->read(work->text, &number) < 0)
		return fail(work, "\"%.60s\" %s", work->text, type->wrong);
	work->value->number = number;
	if (option->type == CONF_WORKERS && number == 0)
		return 0;
	if (number >= least && number <= most)
		return 0;
	return fail(work, "%.60s is out of range (%s to %s)", work->text, dgid ? "1" : option->min,
		    dgid ? "99" : option->max);
}

/* ---- texts --------------------------------------------------------------------------------- */

static int parse_text(const struct work *work)
{
	size_t len = strlen(work->text);
	int64_t most;

	if (text_number(work->option->max, &most) == 0 && (int64_t)len > most)
		return fail(work, "is %zu bytes long (at most %s)", len, work->option->max);
	text_copy(work->value->text, CONF_TEXT_MAX, work->text);
	return 0;
}

static int parse_path(const struct work *work)
{
	text_copy(work->value->text, CONF_TEXT_MAX, work->text);
	return 0;
}

/* A mistyped word must not become the name of a file. */
static int parse_log(const struct work *work)
{
	static const char *const words[] = {"stderr", "syslog"};

	for (size_t i = 0; i < 2; i++) {
		unsigned distance = text_distance(work->text, words[i]);

		if (distance > 0 && distance <= 2 && strpbrk(work->text, "./") == NULL)
			return fail(work,
				    "\"%.60s\" is neither stderr, syslog nor a path (nearest: "
				    "%s; a file of that name: ./%.60s)",
				    work->text, words[i], work->text);
	}
	return parse_path(work);
}

/* LEVEL and CHOICE: the words stand in the option's MIN, separated by blanks. */
static int parse_word(const struct work *work)
{
	const char *at = work->option->min;
	size_t len = strlen(work->text);

	for (int64_t index = 0; *at != '\0'; index++) {
		size_t word = strcspn(at, " ");

		if (word == len && strncmp(at, work->text, len) == 0) {
			work->value->number = index;
			text_copy(work->value->text, CONF_TEXT_MAX, work->text);
			return 0;
		}
		at += word + (at[word] == ' ');
	}
	return fail(work, "\"%.60s\" is none of the words that are known here (%s)", work->text,
		    work->option->min);
}

/* ---- lists --------------------------------------------------------------------------------- */

/* Calls EACH for every item between commas, trimmed; stops at the first failure. */
static int parse_list(const struct work *work, int (*each)(const struct work *work, char *item))
{
	char copy[CONF_TEXT_MAX];
	char *rest = copy, *item;

	text_copy(copy, sizeof(copy), work->text);
	while ((item = strsep(&rest, ",")) != NULL) {
		item = text_trim(item);
		if (*item == '\0')
			return fail(work, "has an empty item (a list with commas between)");
		if (each(work, item) < 0)
			return -1;
	}
	return 0;
}

static bool dgid_read(const char *text, int64_t *dgid_r)
{
	return text_number(text, dgid_r) == 0 && *dgid_r >= DGID_MIN && *dgid_r <= DGID_MAX;
}

static int add_dgids(const struct work *work, char *item)
{
	char *dash = strchr(item, '-');
	int64_t first, last;
	bool ok;

	if (dash != NULL)
		*dash = '\0';
	ok = dgid_read(text_trim(item), &first);
	last = first;
	if (dash != NULL) {
		ok = ok && dgid_read(text_trim(dash + 1), &last);
		*dash = '-';
	}
	if (!ok)
		return fail(work,
			    "\"%.60s\" is neither a DG-ID nor a range (1 to 99, such as 40-49)",
			    item);
	if (last < first)
		return fail(work, "the range %.20s runs backwards", item);
	for (int64_t dgid = first; dgid <= last; dgid++)
		work->value->dgids.bits[dgid / 64] |= UINT64_C(1) << (dgid % 64);
	return 0;
}

/* The port of an address that was written without: that of the default. */
static uint16_t default_port(const struct option_def *option)
{
	struct addr addr[2];

	return addr_parse_listen(option->fallback, 0, addr) > 0 ? addr[0].port : 0;
}

bool value_collide(const struct addr *a, const struct addr *b)
{
	return a->port != 0 && a->port == b->port && addr_family(a) == addr_family(b) &&
	       (addr_same_ip(a, b) || addr_is_any(a) || addr_is_any(b));
}

static int add_listener(const struct work *work, const struct addr *addr)
{
	struct value *value = work->value;
	char text[ADDR_TEXT_MAX], other[ADDR_TEXT_MAX];

	for (size_t i = 0; i < value->listens; i++)
		if (value_collide(&value->listen[i], addr))
			return fail(work, "%s and %s can't both be bound (duplicate)",
				    addr_text(&value->listen[i], other), addr_text(addr, text));
	if (value->listens == CONF_LISTEN_MAX)
		return fail(work, "has more than %d addresses", CONF_LISTEN_MAX);
	value->listen[value->listens++] = *addr;
	return 0;
}

static int add_listeners(const struct work *work, char *item)
{
	struct addr addr[2];
	int count = addr_parse_listen(item, default_port(work->option), addr);

	if (count < 0)
		return fail(work,
			    "\"%.60s\" is not an address (ADDRESS:PORT, [IPV6]:PORT or *:PORT)",
			    item);
	for (int i = 0; i < count; i++)
		if (add_listener(work, &addr[i]) < 0)
			return -1;
	return 0;
}

/* DG-ID:PORT. */
static int add_aux(const struct work *work, char *item)
{
	struct value *value = work->value;
	char *colon = strchr(item, ':');
	int64_t dgid, port;
	bool ok = colon != NULL;

	if (ok)
		*colon = '\0';
	ok = ok && dgid_read(text_trim(item), &dgid) &&
	     text_number(text_trim(colon + 1), &port) == 0 && port >= 0 && port <= UINT16_MAX;
	if (colon != NULL)
		*colon = ':';
	if (!ok)
		return fail(work, "\"%.60s\" is not DG-ID:PORT (such as 41:42397)", item);
	for (size_t i = 0; i < value->auxes; i++) {
		if (value->aux[i].dgid == dgid)
			return fail(work, "DG-ID %d has two ports (give it one)", (int)dgid);
		if (value->aux[i].port == port && port != 0)
			return fail(work, "port %d has two DG-IDs (give it one)", (int)port);
	}
	if (value->auxes == CONF_AUX_MAX)
		return fail(work, "has more than %d ports", CONF_AUX_MAX);
	value->aux[value->auxes++] =
		(struct conf_aux){.dgid = (uint16_t)dgid, .port = (uint16_t)port};
	return 0;
}

/* ---- all ----------------------------------------------------------------------------------- */

/* What no value may be, whatever its type: it could not be written into a file and read back. */
static int check_form(const struct work *work)
{
	const char *text = work->text;
	size_t len = strlen(text);

	if (len >= CONF_TEXT_MAX)
		return fail(work, "is %zu bytes long (at most %d)", len, CONF_TEXT_MAX - 1);
	if (!text_is_utf8(text, len))
		return fail(work, "is not valid UTF-8");
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == 0x7f || (c < ' ' && c != '\t'))
			return fail(work, "holds a control character");
		if (c == ';' && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t'))
			return fail(work, "holds a blank and a semicolon (that begins a comment)");
	}
	if (len > 0 && (strchr(" \t", text[0]) != NULL || strchr(" \t", text[len - 1]) != NULL))
		return fail(work, "begins or ends with a blank");
	return 0;
}

static int parse_by_type(const struct work *work)
{
	switch (work->option->type) {
	case CONF_TEXT:
		return parse_text(work);
	case CONF_PATH:
		return parse_path(work);
	case CONF_LOG:
		return parse_log(work);
	case CONF_LEVEL:
	case CONF_CHOICE:
		return parse_word(work);
	case CONF_DGID_SET:
		return parse_list(work, add_dgids);
	case CONF_LISTEN:
		return parse_list(work, add_listeners);
	case CONF_AUX:
		return parse_list(work, add_aux);
	default:
		return parse_number(work);
	}
}

int value_parse(const struct option_def *option, const char *text, struct value *value_r,
		char why[VALUE_WHY_MAX])
{
	struct work work = {.option = option, .text = text, .value = value_r, .why = why};
	size_t len;

	memset(value_r, 0, sizeof(*value_r));
	if (check_form(&work) < 0)
		return -1;
	if (*text == '\0' && option_may_be_empty(option))
		return 0;
	if (*text == '\0')
		return fail(&work, "must not be empty (%s)", option_type_name(option->type));
	if (parse_by_type(&work) == 0)
		return 0;
	len = strlen(why);
	if (strstr(text, " #") != NULL && len < VALUE_WHY_MAX)
		snprintf(why + len, VALUE_WHY_MAX - len,
			 "; a comment behind a value begins with \" ;\"");
	return -1;
}

static void print_dgids(const struct conf_dgids *set, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned dgid = DGID_MIN; dgid <= DGID_MAX && len < size; dgid++) {
		unsigned last = dgid;

		if (!conf_dgid_in(set, dgid))
			continue;
		while (last < DGID_MAX && conf_dgid_in(set, last + 1))
			last++;
		/* A range of two is better read as two. */
		if (last < dgid + 2)
			last = dgid;
		len += (size_t)snprintf(buf + len, size - len, last > dgid ? "%s%u-%u" : "%s%u",
					len > 0 ? "," : "", dgid, last);
		dgid = last;
	}
}

static bool is_both_wildcards(const struct addr pair[2])
{
	return addr_is_any(&pair[0]) && addr_is_any(&pair[1]) && addr_is_ipv4(&pair[0]) &&
	       !addr_is_ipv4(&pair[1]) && pair[0].port == pair[1].port;
}

static void print_listens(const struct value *value, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < value->listens && len < size; i++) {
		const struct addr *addr = &value->listen[i];
		const char *comma = i > 0 ? "," : "";
		char text[ADDR_TEXT_MAX];

		if (i + 1 < value->listens && is_both_wildcards(addr)) {
			len += (size_t)snprintf(buf + len, size - len, "%s*:%u", comma, addr->port);
			i++;
			continue;
		}
		len += (size_t)snprintf(buf + len, size - len, "%s%s", comma,
					addr_text(addr, text));
	}
}

static void print_auxes(const struct value *value, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < value->auxes && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%u:%u", i > 0 ? "," : "",
					value->aux[i].dgid, value->aux[i].port);
}

const char *value_print(const struct option_def *option, const struct value *value, char *buf,
			size_t size)
{
	switch (option->type) {
	case CONF_BOOL:
		text_copy(buf, size, value->number != 0 ? "yes" : "no");
		break;
	case CONF_DURATION:
		return text_duration_print(value->number, buf, size);
	case CONF_SIZE:
		return text_size_print(value->number, buf, size);
	case CONF_RATE:
		snprintf(buf, size, "%" PRId64 "/m", value->number);
		break;
	case CONF_WORKERS:
		snprintf(buf, size, value->number == 0 ? "auto" : "%" PRId64, value->number);
		break;
	case CONF_NUMBER:
	case CONF_DGID:
		snprintf(buf, size, "%" PRId64, value->number);
		break;
	case CONF_DGID_SET:
		print_dgids(&value->dgids, buf, size);
		break;
	case CONF_LISTEN:
		print_listens(value, buf, size);
		break;
	case CONF_AUX:
		print_auxes(value, buf, size);
		break;
	default:
		text_copy(buf, size, value->text);
		break;
	}
	return buf;
}
