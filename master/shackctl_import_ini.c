/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_import_ini - configuration files of other reflectors
 * PURPOSE   See shackctl_import_ini.h.
 * OWNER     shackctl
 * CONTRACT  see shackctl_import_ini.h
 * LIMITS    see shackctl_import_ini.h
 */
#include "master/shackctl_import_ini.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "shm/text.h"

/* The C reader takes longer lines apart. */
#define MMDVM_LINE 498

struct reading {
	struct peer_ini *ini;
	struct outcome *out;
	int line;
	bool in_section;
	char section[PEER_WORD];
	/* configparser */
	struct peer_pair *pair; /* that a continuation belongs to */
	size_t indent;
};

/* ---- lines ---- */

/* LENGTH bytes of Latin-1 (or ASCII) at LINE as UTF-8; as much as fits. */
static void from_latin1(char *text, size_t size, const char *line, size_t length)
{
	size_t at = 0;

	for (size_t i = 0; i < length && at + 3 < size; i++) {
		unsigned char c = (unsigned char)line[i];

		if (c >= 0x80)
			text[at++] = (char)(0xc0 | c >> 6);
		text[at++] = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
	}
	text[at] = '\0';
}

/* One line as UTF-8 without its end. */
static void copy_line(struct reading *reading, char *text, size_t size, const char *line,
		      size_t length)
{
	if (length > 0 && line[length - 1] == '\r')
		length--;
	if (length >= size / 2) {
		outcome_remark(reading->out, OUTCOME_GENERAL,
			       "Line %d is longer than any value: the rest of it is left out.",
			       reading->line);
		length = size / 2 - 1;
	}
	if (!text_is_utf8(line, length)) {
		outcome_remark(reading->out, OUTCOME_GENERAL,
			       "Line %d is not UTF-8: it is read as Latin-1.", reading->line);
		from_latin1(text, size, line, length);
		return;
	}
	memcpy(text, line, length);
	text[length] = '\0';
}

static void remark_line(struct reading *reading, const char *what, const char *line)
{
	outcome_remark(reading->out, OUTCOME_GENERAL, "Line %d is left out, %s: %.100s",
		       reading->line, what, line);
}

/* ---- pairs ---- */

static struct peer_pair *find(struct peer_ini *ini, const char *section, const char *key)
{
	for (size_t i = 0; i < ini->count; i++)
		if (strcmp(ini->pair[i].section, section) == 0 &&
		    strcmp(ini->pair[i].key, key) == 0)
			return &ini->pair[i];
	return NULL;
}

/* The pair that KEY has now; NULL when it is not taken. */
static struct peer_pair *add(struct reading *reading, const char *key, const char *value)
{
	struct peer_ini *ini = reading->ini;
	struct peer_pair *pair = find(ini, reading->section, key);

	if (pair != NULL && ini->grammar == PEER_CONFIGPARSER) {
		remark_line(reading, "its key was given before", key);
		return NULL;
	}
	if (pair == NULL && ini->count == PEER_PAIRS) {
		remark_line(reading, "there are too many", key);
		return NULL;
	}
	/* of a key that is given twice the C reader takes the last */
	if (pair == NULL)
		pair = &ini->pair[ini->count++];
	pair->line = reading->line;
	if (!text_copy(pair->section, PEER_WORD, reading->section) ||
	    !text_copy(pair->key, PEER_WORD, key))
		pair->used = true; /* nobody knows such words: cut or not is the same */
	text_copy(pair->value, PEER_VALUE, value);
	return pair;
}

/* ---- configparser ---- */

static void lower(char *text)
{
	for (; *text != '\0'; text++)
		*text = (char)tolower((unsigned char)*text);
}

static void continue_value(struct reading *reading, const char *text)
{
	char *value = reading->pair->value;
	size_t length = strlen(value);

	if (length + strlen(text) + 2 > PEER_VALUE) {
		remark_line(reading, "the value is too long", text);
		return;
	}
	snprintf(value + length, PEER_VALUE - length, "%s%s", length > 0 ? "\n" : "", text);
}

static void take_option(struct reading *reading, char *text)
{
	char *delimiter = strpbrk(text, "=:");
	char *key;

	reading->pair = NULL;
	if (!reading->in_section || delimiter == NULL || delimiter == text) {
		remark_line(reading, "pYSFReflector would not start with it", text);
		return;
	}
	*delimiter = '\0';
	key = text_trim(text);
	lower(key);
	reading->pair = add(reading, key, text_trim(delimiter + 1));
}

static void take_configparser(struct reading *reading, char *line)
{
	size_t indent = strspn(line, " \t\v\f");
	char *text = text_trim(line), *end;

	if (*text == '\0' || *text == '#' || *text == ';')
		return;
	if (reading->in_section && indent > reading->indent) {
		if (reading->pair != NULL)
			continue_value(reading, text);
		else
			remark_line(reading, "it continues nothing", text);
		return;
	}
	reading->indent = indent;
	end = strrchr(text, ']');
	if (*text != '[' || end == NULL || end == text + 1) {
		take_option(reading, text);
		return;
	}
	*end = '\0';
	reading->in_section = true;
	reading->pair = NULL;
	reading->indent = INT_MAX; /* nothing to continue yet */
	text_copy(reading->section, PEER_WORD, text + 1);
}

/* "%%" stands for "%". */
static void undouble(struct peer_ini *ini, struct outcome *out)
{
	for (size_t i = 0; i < ini->count; i++) {
		char *to = ini->pair[i].value;

		for (const char *from = to; *from != '\0'; from++) {
			if (from[0] == '%' && from[1] == '%')
				from++;
			else if (from[0] == '%')
				outcome_remark(out, OUTCOME_GENERAL,
					       "Line %d has a single %%, with which pYSFReflector "
					       "would not start: it is taken as it stands.",
					       ini->pair[i].line);
			*to++ = *from;
		}
		*to = '\0';
	}
}

/* ---- the reader of the G4KLX programs ---- */

static void take_mmdvm(struct reading *reading, char *line)
{
	char *key, *value, *end;

	if (strlen(line) > MMDVM_LINE)
		remark_line(reading, "it is longer than YSFReflector reads", line);
	if (line[0] == '#' || strlen(line) > MMDVM_LINE)
		return;
	end = strchr(line, ']');
	if (line[0] == '[' && end != NULL) {
		*end = '\0';
		text_copy(reading->section, PEER_WORD, line + 1);
	}
	if (line[0] == '[')
		return;
	key = line + strspn(line, " \t=\r");
	end = key + strcspn(key, " \t=\r");
	value = *end != '\0' ? end + 1 : end;
	*end = '\0';
	value[strcspn(value, "\r")] = '\0';
	if (*key == '\0' || *value == '\0')
		return;
	end = value + strlen(value);
	if (end > value + 1 && *value == '"' && end[-1] == '"') {
		end[-1] = '\0';
		value++;
	} else {
		value[strcspn(value, "#")] = '\0';
		end = value + strlen(value);
		while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
			*--end = '\0';
	}
	add(reading, key, value);
}

/* ---- all ---- */

struct peer_ini *peer_ini_parse(enum peer_grammar grammar, const char *data, size_t size,
				struct outcome *out)
{
	struct peer_ini *ini = calloc(1, sizeof(*ini));
	struct reading reading = {.ini = ini, .out = out, .indent = INT_MAX};
	const char *end = data + size;
	char line[2 * PEER_VALUE];

	if (ini == NULL)
		return NULL;
	ini->grammar = grammar;
	if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
		data += 3;
	while (data < end) {
		const char *stop = memchr(data, '\n', (size_t)(end - data));
		size_t length = (size_t)((stop != NULL ? stop : end) - data);

		reading.line++;
		copy_line(&reading, line, sizeof(line), data, length);
		if (grammar == PEER_CONFIGPARSER)
			take_configparser(&reading, line);
		else
			take_mmdvm(&reading, line);
		data += length + (stop != NULL);
	}
	if (grammar == PEER_CONFIGPARSER)
		undouble(ini, out);
	return ini;
}

const char *peer_ini_get(struct peer_ini *ini, const char *section, const char *key)
{
	char word[PEER_WORD];
	struct peer_pair *pair;

	text_copy(word, sizeof(word), key);
	if (ini->grammar == PEER_CONFIGPARSER)
		lower(word);
	pair = find(ini, section, word);
	if (pair == NULL && ini->grammar == PEER_CONFIGPARSER)
		pair = find(ini, "DEFAULT", word);
	if (pair == NULL)
		return NULL;
	pair->used = true;
	return pair->value;
}

bool peer_ini_has(const struct peer_ini *ini, const char *section)
{
	for (size_t i = 0; i < ini->count; i++)
		if (strcmp(ini->pair[i].section, section) == 0)
			return true;
	return false;
}
