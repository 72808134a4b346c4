/* SPDX-License-Identifier: ISC
 *
 * NAME      options - the option table and how to find something in it
 * PURPOSE   What shm/options.def says, as data.
 * OWNER     master; also the build-time program mkdoc
 * CONTRACT  see master/options.h
 * LIMITS    see master/options.h
 */
#include "master/options.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "shm/text.h"

const struct option_def option_table[CONF_KEYS] = {
#define OPTION(id, section_, key_, type_, fallback_, min_, max_, reload_, help_)                   \
	{                                                                                          \
		.key = CONF_##id,                                                                  \
		.section = section_,                                                               \
		.name = key_,                                                                      \
		.type = CONF_##type_,                                                              \
		.fallback = fallback_,                                                             \
		.min = min_,                                                                       \
		.max = max_,                                                                       \
		.reload = OPTION_##reload_,                                                        \
		.help = help_,                                                                     \
	},
#include "shm/options.def"
#undef OPTION
};

const struct group_def group_table[CONF_GROUPS] = {
#define GROUP(id, section_, first, last, name_max_, help_)                                         \
	{.section = section_, .name_max = name_max_, .help = help_},
#include "shm/groups.def"
#undef GROUP
};

/* Length of what stands before the name: "ysf alias " of "ysf alias *". */
static size_t head_length(const char *section)
{
	size_t len = strlen(section);

	return len >= 2 && strcmp(section + len - 2, " *") == 0 ? len - 1 : 0;
}

const char *option_section(const char *section, char name_r[OPTION_NAME_SIZE])
{
	char name[OPTION_NAME_SIZE];

	name_r[0] = '\0';
	for (int i = 0; i < CONF_KEYS; i++)
		if (strcmp(option_table[i].section, section) == 0 && head_length(section) == 0)
			return option_table[i].section;
	for (int i = 0; i < CONF_GROUPS; i++) {
		size_t head = head_length(group_table[i].section);

		/* the blank before the name may be missing with it */
		if (strncmp(section, group_table[i].section, head - 1) != 0 ||
		    (section[head - 1] != ' ' && section[head - 1] != '\0'))
			continue;
		text_copy(name, sizeof(name), section + head - 1);
		text_copy(name_r, OPTION_NAME_SIZE, text_trim(name));
		return group_table[i].section;
	}
	return NULL;
}

const char *option_section_text(const char *section, const char *name, char *buf, size_t size)
{
	size_t head = head_length(section);

	if (head == 0)
		text_copy(buf, size, section);
	else
		snprintf(buf, size, "%.*s%s", (int)head - (name != NULL && name[0] == '\0'),
			 section, name != NULL ? name : "NAME");
	return buf;
}

bool option_is_required(const struct option_def *option)
{
	return option->fallback[0] == '\0' && !option_may_be_empty(option);
}

const struct option_def *option_find(const char *section, const char *name)
{
	for (int i = 0; i < CONF_KEYS; i++) {
		const struct option_def *option = &option_table[i];

		if (strcmp(option->section, section) == 0 && strcmp(option->name, name) == 0)
			return option;
	}
	return NULL;
}

/* How unlike GIVEN, from a file, and SECTION, from the table, are. The name is left out of it. */
static unsigned section_distance(const char *given, const char *section)
{
	size_t head = head_length(section), cut = 0;
	char given_head[OPTION_NAME_SIZE], table_head[OPTION_NAME_SIZE];

	if (head == 0)
		return text_distance(given, section);
	for (const char *at = section; at < section + head; at++)
		if (*at == ' ')
			cut += strcspn(given + cut, " ") + (strchr(given + cut, ' ') != NULL);
	snprintf(given_head, sizeof(given_head), "%.*s", (int)cut, given);
	snprintf(table_head, sizeof(table_head), "%.*s", (int)head, section);
	return text_distance(given_head, table_head);
}

const char *option_nearest_section(const char *section)
{
	const char *nearest = option_table[0].section;
	unsigned least = UINT_MAX;

	for (int i = 0; i < CONF_KEYS; i++) {
		unsigned distance = section_distance(section, option_table[i].section);

		if (distance < least) {
			least = distance;
			nearest = option_table[i].section;
		}
	}
	return nearest;
}

const struct option_def *option_nearest(const char *section, const char *name)
{
	const struct option_def *nearest = &option_table[0];
	char member[OPTION_NAME_SIZE];
	const char *known = option_section(section, member);
	unsigned least = UINT_MAX;

	for (int i = 0; i < CONF_KEYS; i++) {
		const struct option_def *option = &option_table[i];
		unsigned distance = text_distance(name, option->name);

		if (distance > 0 && known != NULL && strcmp(option->section, known) != 0)
			continue;
		/* Of keys that look equally alike the one in the more likely section. */
		distance = distance * 100 + section_distance(section, option->section);
		if (distance < least) {
			least = distance;
			nearest = option;
		}
	}
	return nearest;
}

bool option_may_be_empty(const struct option_def *option)
{
	if (option->type == CONF_PATH || option->type == CONF_LISTEN)
		return strcmp(option->min, "empty") == 0;
	return option->type == CONF_TEXT || option->type == CONF_AUX;
}

const char *option_type_name(enum conf_type type)
{
	static const char *const names[] = {
		[CONF_TEXT] = "text",
		[CONF_PATH] = "path",
		[CONF_NUMBER] = "number",
		[CONF_BOOL] = "boolean",
		[CONF_DURATION] = "duration",
		[CONF_SIZE] = "size",
		[CONF_RATE] = "rate",
		[CONF_WORKERS] = "number or auto",
		[CONF_LOG] = "destination",
		[CONF_LEVEL] = "word",
		[CONF_CHOICE] = "word",
		[CONF_DGID] = "DG-ID",
		[CONF_DGID_SET] = "list of DG-IDs",
		[CONF_LISTEN] = "list of addresses",
		[CONF_AUX] = "list of DG-IDs with ports",
	};

	return names[type];
}
