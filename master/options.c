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

const struct option_def *option_find(const char *section, const char *name)
{
	for (int i = 0; i < CONF_KEYS; i++) {
		const struct option_def *option = &option_table[i];

		if (strcmp(option->section, section) == 0 && strcmp(option->name, name) == 0)
			return option;
	}
	return NULL;
}

bool option_section_known(const char *section)
{
	for (int i = 0; i < CONF_KEYS; i++)
		if (strcmp(option_table[i].section, section) == 0)
			return true;
	return false;
}

const char *option_nearest_section(const char *section)
{
	const char *nearest = option_table[0].section;
	unsigned least = UINT_MAX;

	for (int i = 0; i < CONF_KEYS; i++) {
		unsigned distance = text_distance(section, option_table[i].section);

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
	bool known = option_section_known(section);
	unsigned least = UINT_MAX;

	for (int i = 0; i < CONF_KEYS; i++) {
		const struct option_def *option = &option_table[i];
		unsigned distance = text_distance(name, option->name);

		if (distance > 0 && known && strcmp(option->section, section) != 0)
			continue;
		/* Of keys that look equally alike the one in the more likely section. */
		distance = distance * 100 + text_distance(section, option->section);
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
