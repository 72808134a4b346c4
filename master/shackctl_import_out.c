/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_import_out - the file that an import makes
 * PURPOSE   See shackctl_import_out.h.
 * OWNER     shackctl
 * CONTRACT  see shackctl_import_out.h
 * LIMITS    see shackctl_import_out.h
 */
#include "master/shackctl_import_out.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "master/inifile.h"
#include "master/value.h"
#include "shm/clock.h"
#include "shm/text.h"

#define COLUMNS 78

void outcome_remark(struct outcome *out, int key, const char *format, ...)
{
	char text[PROBLEM_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (out->remarks.count < PROBLEMS_MAX)
		out->about[out->remarks.count] = key;
	problems_add(&out->remarks, "%s", text);
}

/* What stands in one line of a file and is not taken for a comment. */
static void make_writable(char *text)
{
	for (char *at = text; *at != '\0'; at++) {
		if (*at == '\n' || *at == '\t')
			*at = ' ';
		if (*at == ';' && (at == text || at[-1] == ' '))
			*at = ',';
	}
}

bool outcome_text(struct outcome *out, int key, const char *origin, const char *text)
{
	const struct option_def *option = &option_table[key];
	char why[VALUE_WHY_MAX], copy[CONF_TEXT_MAX] = "";
	struct value value;

	if (value_parse(option, text, &value, why) < 0) {
		outcome_remark(out, key, "%s = %.100s is not taken over: it %s", origin, text, why);
		return false;
	}
	value_print(option, &value, copy, sizeof(copy));
	if (strlen(option->name) + strlen(" = ") + strlen(copy) > INIFILE_LINE_MAX) {
		outcome_remark(out, key, "%s is not taken over: it is too long", origin);
		return false;
	}
	text_copy(out->value[key], CONF_TEXT_MAX, copy);
	out->set[key] = true;
	return true;
}

/* A bound of OPTION, NONE when it has none; of a duration in nanoseconds. */
static int64_t read_bound(const struct option_def *option, const char *text, int64_t none)
{
	int64_t bound = none;
	int found = option->type == CONF_DURATION ? text_duration(text, &bound)
						  : text_number(text, &bound);

	return found == 0 ? bound : none;
}

static int64_t bring_into_range(const struct option_def *option, int64_t number)
{
	int64_t least = read_bound(option, option->min, INT64_MIN);
	int64_t most = read_bound(option, option->max, INT64_MAX);

	return number < least ? least : number > most ? most : number;
}

void outcome_number(struct outcome *out, int key, const char *origin, int64_t number)
{
	int64_t ours = bring_into_range(&option_table[key], number);
	char text[32];

	if (ours != number)
		outcome_remark(out, key, "%s = %" PRId64 " is out of our range (%s to %s)", origin,
			       number, option_table[key].min, option_table[key].max);
	snprintf(text, sizeof(text), "%" PRId64, ours);
	outcome_text(out, key, origin, text);
}

void outcome_seconds(struct outcome *out, int key, const char *origin, double seconds)
{
	int64_t most = INT64_MAX / (int64_t)NS_PER_SEC - 1, ns, ours;
	char text[32];

	if (seconds > (double)most)
		seconds = (double)most;
	if (seconds < 0)
		seconds = -1;
	/* whole milliseconds are what can be written */
	ns = (int64_t)llround(seconds * 1000) * (int64_t)(NS_PER_SEC / 1000);
	ours = bring_into_range(&option_table[key], ns);
	if (ours != ns)
		outcome_remark(out, key, "%s of %g seconds is out of our range (%s to %s)", origin,
			       seconds, option_table[key].min, option_table[key].max);
	outcome_text(out, key, origin, text_duration_print(ours, text, sizeof(text)));
}

bool outcome_fit(char *text, size_t length)
{
	size_t cut = strlen(text);

	if (cut <= length)
		return false;
	cut = length;
	while (cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80)
		cut--;
	while (cut > 0 && text[cut - 1] == ' ')
		cut--;
	text[cut] = '\0';
	return true;
}

void outcome_cut(struct outcome *out, int key, const char *origin, const char *text)
{
	const struct option_def *option = &option_table[key];
	char copy[CONF_TEXT_MAX];
	int64_t most = INIFILE_LINE_MAX - 3 - (int64_t)strlen(option->name), length;
	bool whole = text_copy(copy, sizeof(copy), text);

	if (text_number(option->max, &length) == 0 && length < most)
		most = length;
	make_writable(copy);
	if (outcome_fit(copy, (size_t)most) || !whole)
		outcome_remark(out, key, "%s had more than our %d bytes", origin, (int)most);
	else if (strcmp(copy, text) != 0)
		outcome_remark(out, key, "%s = %.100s can't be written here as it was", origin,
			       text);
	outcome_text(out, key, origin, text_trim(copy));
}

/* ---- the file ---- */

/* How much of WORD goes on one line; the rest of a longer one on the next. */
static size_t piece_of(const char *word, size_t length)
{
	if (length <= COLUMNS - 2)
		return length;
	length = COLUMNS - 2;
	while (length > 1 && ((unsigned char)word[length] & 0xc0) == 0x80)
		length--;
	return length;
}

static void print_comment(FILE *file, const char *text)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t word = piece_of(text, strcspn(text, " "));

		if (column > 0 && column + 1 + word > COLUMNS) {
			fputc('\n', file);
			column = 0;
		}
		fprintf(file, "%s%.*s", column == 0 ? "# " : " ", (int)word, text);
		column += (column == 0 ? 2 : 1) + word;
		text += word + (text[word] == ' ');
	}
	fputc('\n', file);
}

static unsigned print_remarks(FILE *file, const struct outcome *out, int key)
{
	unsigned count = 0;

	for (size_t i = 0; i < out->remarks.count && i < PROBLEMS_MAX; i++)
		if (out->about[i] == key) {
			if (key == OUTCOME_GENERAL)
				fputs("#\n", file);
			print_comment(file, out->remarks.text[i]);
			count++;
		}
	return count;
}

static bool is_in(const struct outcome *out, int key)
{
	for (size_t i = 0; i < out->remarks.count && i < PROBLEMS_MAX; i++)
		if (out->about[i] == key)
			return true;
	return out->set[key];
}

static void print_aliases(FILE *file, const struct outcome *out)
{
	for (size_t i = 0; i < out->aliases; i++) {
		const struct outcome_alias *alias = &out->alias[i];

		fprintf(file, "\n[ysf alias %s]\ndgid = %d\nid = %" PRId64 "\ndescription =%s%s\n",
			alias->name, alias->dgid, alias->id,
			alias->description[0] != '\0' ? " " : "", alias->description);
	}
}

static void print_keys(FILE *file, const struct outcome *out)
{
	const char *section = "";

	for (int key = 0; key < CONF_KEYS; key++) {
		const struct option_def *option = &option_table[key];
		enum conf_group group = conf_key_group(option->key);

		if (group == CONF_GROUP_YSF_ALIAS && conf_group_first(group) == option->key)
			print_aliases(file, out);
		if (group != CONF_GROUPS || !is_in(out, key))
			continue;
		if (strcmp(section, option->section) != 0)
			fprintf(file, "\n[%s]\n", option->section);
		section = option->section;
		print_remarks(file, out, key);
		fprintf(file, "%s%s =%s%s\n", out->set[key] ? "" : "#", option->name,
			out->value[key][0] != '\0' ? " " : "", out->value[key]);
	}
}

void outcome_print(FILE *file, const struct outcome *out, const char *from)
{
	char head[2 * CONF_TEXT_MAX];

	snprintf(head, sizeof(head),
		 "shackd.ini, made of %s. Keys that are not here have their "
		 "default, see shackd.ini(5).",
		 from);
	print_comment(file, head);
	print_remarks(file, out, OUTCOME_GENERAL);
	if (out->remarks.count > PROBLEMS_MAX)
		fprintf(file, "#\n# and %zu more remarks\n", out->remarks.count - PROBLEMS_MAX);
	print_keys(file, out);
}
