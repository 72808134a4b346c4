/* SPDX-License-Identifier: ISC
 *
 * NAME      dump - the option table and the configuration as text
 * PURPOSE   `shackd -T`, the sample shackd.ini and the list of keys in shackd.ini(5).
 * OWNER     master; also the build-time program mkdoc
 * CONTRACT  see master/dump.h
 * LIMITS    see master/dump.h
 */
#include "master/dump.h"

#include <stdbool.h>
#include <string.h>

#include "master/options.h"
#include "master/value.h"
#include "shm/fault.h"

/* Columns of the sample file's comments. */
#define COLUMNS 78

static bool is_first_of_section(const struct option_def *option)
{
	return option == option_table || strcmp(option->section, option[-1].section) != 0;
}

static bool is_last_of_section(const struct option_def *option)
{
	return option == &option_table[CONF_KEYS - 1] ||
	       strcmp(option->section, option[1].section) != 0;
}

/* "", "1 to 64", "text, json" ...: what may be said beyond the type. */
static const char *range_text(const struct option_def *option, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	if (option_may_be_empty(option) && option->min[0] != '\0')
		snprintf(buf, size, "may be empty");
	else if (option->type == CONF_TEXT && option->max[0] != '\0')
		snprintf(buf, size, "up to %s bytes", option->max);
	else if (option->max[0] != '\0')
		snprintf(buf, size, "%s to %s", option->min, option->max);
	if (option->type != CONF_LEVEL && option->type != CONF_CHOICE)
		return buf;
	for (const char *at = option->min; *at != '\0' && len + 2 < size; at++) {
		if (*at == ' ')
			buf[len++] = ',';
		buf[len++] = *at;
	}
	buf[len] = '\0';
	return buf;
}

static void print_key(FILE *out, const struct option_def *option, const struct value *value)
{
	char text[2 * CONF_TEXT_MAX];

	value_print(option, value, text, sizeof(text));
	fprintf(out, "%s =%s%s\n", option->name, text[0] != '\0' ? " " : "", text);
}

static void print_members(FILE *out, const struct config *config, enum conf_group group)
{
	for (size_t i = 0; i < config_group_count(config, group); i++) {
		char section[OPTION_NAME_SIZE];

		option_section_text(group_table[group].section, config_group_name(config, group, i),
				    section, sizeof(section));
		fprintf(out, "\n[%s]\n", section);
		for (unsigned k = 0; k < conf_group_keys(group); k++) {
			enum conf_key key = (enum conf_key)(conf_group_first(group) + k);

			print_key(out, &option_table[key], config_group_value(config, i, key));
		}
	}
}

/* Of a build made to be one of before the cluster. */
static bool is_unknown(const struct option_def *option)
{
	return fault_is("before-cluster") && (strcmp(option->section, "dxc") == 0 ||
					      conf_key_group(option->key) == CONF_GROUP_FEED);
}

void dump_config(FILE *out, const struct config *config)
{
	for (int key = 0; key < CONF_KEYS; key++) {
		const struct option_def *option = &option_table[key];
		enum conf_group group = conf_key_group(option->key);

		if (is_unknown(option))
			continue;
		if (group != CONF_GROUPS) {
			if (is_first_of_section(option))
				print_members(out, config, group);
			continue;
		}
		if (is_first_of_section(option))
			fprintf(out, "%s[%s]\n", key > 0 ? "\n" : "", option->section);
		print_key(out, option, config_value(config, option->key));
	}
}

/* ---- the sample file ----------------------------------------------------------------------- */

/* TEXT as comment lines, broken at blanks. */
static void print_comment(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t word = strcspn(text, " ");

		if (column > 0 && column + 1 + word > COLUMNS) {
			fputc('\n', out);
			column = 0;
		}
		column += (size_t)fprintf(out, "%s%.*s", column == 0 ? "# " : " ", (int)word, text);
		text += word + (text[word] == ' ');
	}
	fputc('\n', out);
}

static void print_type_comment(FILE *out, const struct option_def *option)
{
	char range[128], text[256];

	range_text(option, range, sizeof(range));
	snprintf(text, sizeof(text), "(%s%s%s%s%s)", option_type_name(option->type),
		 range[0] != '\0' ? ", " : "", range,
		 option_is_required(option) ? "; must be given" : "",
		 option->reload == OPTION_RESTART ? "; a change needs a restart" : "");
	print_comment(out, text);
}

/* A section of a group is an example, and so a comment as a whole. */
static void print_section_comment(FILE *out, const struct option_def *option)
{
	enum conf_group group = conf_key_group(option->key);
	char section[OPTION_NAME_SIZE];

	option_section_text(option->section, NULL, section, sizeof(section));
	fputc('\n', out);
	if (group != CONF_GROUPS)
		print_comment(out, group_table[group].help);
	fprintf(out, "%s[%s]\n", group != CONF_GROUPS ? "#" : "", section);
}

void dump_sample(FILE *out)
{
	fputs("# shackd.ini - configuration of shackd(8); the format is told in shackd.ini(5)\n"
	      "#\n"
	      "# Every key stands here with its default. Remove the \"#\" before a key to change "
	      "it,\n"
	      "# then look at the result with: shackd -t -c FILE\n",
	      out);
	for (int key = 0; key < CONF_KEYS; key++) {
		const struct option_def *option = &option_table[key];

		if (is_first_of_section(option))
			print_section_comment(out, option);
		fputc('\n', out);
		print_comment(out, option->help);
		print_type_comment(out, option);
		fprintf(out, "#%s =%s%s\n", option->name, option->fallback[0] != '\0' ? " " : "",
			option->fallback);
	}
}

/* ---- the manual ---------------------------------------------------------------------------- */

/* One line of text in mdoc(7): nothing of it may be taken for a macro or an escape. */
static void print_escaped(FILE *out, const char *text, size_t len)
{
	if (len > 0 && (text[0] == '.' || text[0] == '\''))
		fputs("\\&", out);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\')
			fputs("\\e", out);
		else if (text[i] == '-' && (i == 0 || strchr(" (", text[i - 1]) != NULL))
			fputs("\\-", out);
		else
			fputc(text[i], out);
	}
	fputc('\n', out);
}

/* mdoc(7) wants every sentence to begin a line. */
static void print_sentences(FILE *out, const char *text)
{
	while (*text != '\0') {
		const char *end = strstr(text, ". ");
		size_t len = end != NULL ? (size_t)(end - text) + 1 : strlen(text);

		print_escaped(out, text, len);
		text += len + (end != NULL);
	}
}

static void print_item(FILE *out, const struct option_def *option)
{
	char range[128];

	fprintf(out, ".It Ic %s Pq %s\n", option->name, option_type_name(option->type));
	print_sentences(out, option->help);
	if (option_is_required(option))
		fputs("Must be given.\n", out);
	else if (option->fallback[0] != '\0')
		fprintf(out, "Default:\n.Ql \"%s\" .\n", option->fallback);
	else
		fputs("Default: empty.\n", out);
	range_text(option, range, sizeof(range));
	if (range[0] != '\0')
		fprintf(out, "Allowed: %s.\n", range);
	if (option->reload == OPTION_RESTART)
		fputs("A change needs a restart.\n", out);
}

static void print_heading(FILE *out, const struct option_def *option)
{
	enum conf_group group = conf_key_group(option->key);
	char section[OPTION_NAME_SIZE];

	option_section_text(option->section, NULL, section, sizeof(section));
	fprintf(out, ".Ss [%s]\n", section);
	if (group != CONF_GROUPS)
		print_sentences(out, group_table[group].help);
	fputs(".Bl -tag -width Ds\n", out);
}

void dump_manual(FILE *out)
{
	for (int key = 0; key < CONF_KEYS; key++) {
		const struct option_def *option = &option_table[key];

		if (is_first_of_section(option))
			print_heading(out, option);
		print_item(out, option);
		if (is_last_of_section(option))
			fputs(".El\n", out);
	}
}
