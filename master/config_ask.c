/* SPDX-License-Identifier: ISC
 *
 * NAME      config_ask - what the configuration says
 * PURPOSE   Hands out the effective configuration, value by value.
 * OWNER     master
 * CONTRACT  see master/config.h
 * LIMITS    see master/config.h
 */
#include "master/config.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "master/config_inside.h"
#include "shm/fault.h"

struct slot *config_slot(struct config *config, struct member *member, enum conf_key key)
{
	enum conf_group group = conf_key_group(key);

	assert((member == NULL) == (group == CONF_GROUPS));
	return member != NULL ? &member->slot[key - conf_group_first(group)] : &config->slot[key];
}

bool config_has_file(const struct config *config)
{
	return config->has_file;
}

const struct value *config_value(const struct config *config, enum conf_key key)
{
	assert(conf_key_group(key) == CONF_GROUPS);
	return &config->slot[key].value;
}

int64_t config_number(const struct config *config, enum conf_key key)
{
	return config_value(config, key)->number;
}

bool config_bool(const struct config *config, enum conf_key key)
{
	assert(option_table[key].type == CONF_BOOL);
	return config_number(config, key) != 0;
}

const char *config_text(const struct config *config, enum conf_key key)
{
	return config_value(config, key)->text;
}

const struct addr *config_listen(const struct config *config, enum conf_key key, size_t *count_r)
{
	assert(option_table[key].type == CONF_LISTEN);
	*count_r = config_value(config, key)->listens;
	return config_value(config, key)->listen;
}

const char *config_where(const struct config *config, enum conf_key key, char *buf, size_t size)
{
	const struct slot *slot = &config->slot[key];

	buf[0] = '\0';
	if (slot->source == SOURCE_FILE)
		snprintf(buf, size, "%s:%d: ", config->file, slot->line);
	else if (slot->source == SOURCE_SET)
		snprintf(buf, size, "-o ");
	return buf;
}

bool config_wants_cluster(const struct config *config)
{
	return !fault_is("before-cluster") && config_bool(config, CONF_DXC_ENABLED) &&
	       config_text(config, CONF_DXC_NODE_CALL)[0] != '\0';
}

bool config_is_open(const struct config *config, enum conf_key key)
{
	return config->slot[key].open;
}

void config_keep(struct config *config, const struct config *other, enum conf_key key)
{
	assert(conf_key_group(key) == CONF_GROUPS);
	config->slot[key] = other->slot[key];
}

void config_swap_group(struct config *config, struct config *other, enum conf_group group)
{
	struct group ours = config->group[group];

	config->group[group] = other->group[group];
	other->group[group] = ours;
}

size_t config_group_count(const struct config *config, enum conf_group group)
{
	return config->group[group].count;
}

const char *config_group_name(const struct config *config, enum conf_group group, size_t member)
{
	return config->group[group].member[member]->name;
}

const struct value *config_group_value(const struct config *config, size_t member,
				       enum conf_key key)
{
	enum conf_group group = conf_key_group(key);

	return &config->group[group].member[member]->slot[key - conf_group_first(group)].value;
}

/* The canonical text says it all, and unlike the struct has no bytes of no meaning. */
static bool same_value(enum conf_key key, const struct value *a, const struct value *b)
{
	char atext[2 * CONF_TEXT_MAX], btext[2 * CONF_TEXT_MAX];

	value_print(&option_table[key], a, atext, sizeof(atext));
	value_print(&option_table[key], b, btext, sizeof(btext));
	return strcmp(atext, btext) == 0;
}

static bool same_group(const struct config *a, const struct config *b, enum conf_group group,
		       enum conf_key key)
{
	size_t count = config_group_count(a, group);

	if (config_group_count(b, group) != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(config_group_name(a, group, i), config_group_name(b, group, i)) != 0 ||
		    !same_value(key, config_group_value(a, i, key), config_group_value(b, i, key)))
			return false;
	return true;
}

bool config_equal(const struct config *a, const struct config *b, enum conf_key key)
{
	enum conf_group group = conf_key_group(key);

	if (group != CONF_GROUPS)
		return same_group(a, b, group, key);
	return same_value(key, config_value(a, key), config_value(b, key));
}
