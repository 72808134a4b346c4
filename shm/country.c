/* SPDX-License-Identifier: ISC
 *
 * NAME      country - whose call is it?
 * PURPOSE   See country.h. Here the list is mapped and checked; country_find.c looks calls up.
 * OWNER     see country.h
 * CONTRACT  after the check nothing in the list can lead a look-up out of it
 * LIMITS    see list_layout.h
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "shm/list_layout.h"

static_assert(sizeof(struct country_entity) == 72 && sizeof(struct country_rule) == 16 &&
		      sizeof(struct country_edge) == 4 && sizeof(struct country_call) == 24,
	      "these are laid out in lists");

static const char *const continents[CONTINENTS] = {"", "AF", "AN", "AS", "EU", "NA", "OC", "SA"};

const char *continent_name(unsigned continent)
{
	return continent < CONTINENTS ? continents[continent] : "";
}

unsigned continent_parse(const char *text, size_t length)
{
	char word[2];

	if (length != sizeof(word))
		return CONTINENT_NONE;
	for (unsigned i = 0; i < sizeof(word); i++)
		word[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];
	for (unsigned continent = CONTINENT_NONE + 1; continent < CONTINENTS; continent++)
		if (memcmp(word, continents[continent], sizeof(word)) == 0)
			return continent;
	return CONTINENT_NONE;
}

/* ---- is it one? ---- */

static const void *at(const struct countries *list, uint64_t offset)
{
	return (const uint8_t *)list + offset;
}

static bool entities_sound(const struct countries *list)
{
	const struct country_entity *entity = at(list, list->entities_at);

	for (uint32_t i = 0; i < list->entities; i++)
		if (!list_text_sound(entity[i].prefix, sizeof(entity[i].prefix)) ||
		    !list_text_sound(entity[i].name, sizeof(entity[i].name)))
			return false;
	return true;
}

static bool rules_sound(const struct countries *list)
{
	const struct country_rule *rule = at(list, list->rules_at);

	for (uint32_t i = 0; i < list->rules; i++)
		if (rule[i].entity >= list->entities || rule[i].continent >= CONTINENTS)
			return false;
	return true;
}

static bool nodes_sound(const struct countries *list)
{
	const struct country_node *node = at(list, list->nodes_at);

	for (uint32_t i = 0; i < list->nodes; i++)
		for (unsigned sign = 0; sign < COUNTRY_SIGNS; sign++)
			if (node[i].edge[sign].rule > list->rules ||
			    node[i].edge[sign].node >= list->nodes)
				return false;
	return true;
}

static bool calls_sound(const struct countries *list)
{
	for (uint32_t i = 0; i < list->calls.entries; i++) {
		const struct country_call *call =
			list_entry(&list->head, &list->calls, sizeof(*call), i);

		if (!list_text_sound(call->call, sizeof(call->call)) || call->rule >= list->rules)
			return false;
	}
	return true;
}

static bool is_sound(const struct countries *list)
{
	const struct list_head *head = &list->head;

	return head->size >= sizeof(*list) && list->entities <= COUNTRY_ENTITIES_MAX &&
	       list->rules <= COUNTRY_RULES_MAX && list->nodes >= 1 &&
	       list->nodes <= COUNTRY_NODES_MAX &&
	       list_inside(head, list->entities_at, list->entities,
			   sizeof(struct country_entity)) &&
	       list_inside(head, list->rules_at, list->rules, sizeof(struct country_rule)) &&
	       list_inside(head, list->nodes_at, list->nodes, sizeof(struct country_node)) &&
	       list_table_sound(head, &list->calls, sizeof(struct country_call)) &&
	       memchr(list->version, '\0', sizeof(list->version)) != NULL && entities_sound(list) &&
	       rules_sound(list) && nodes_sound(list) && calls_sound(list);
}

struct countries *countries_map(int fd)
{
	const struct list_head *head = list_map(fd, LIST_COUNTRIES, COUNTRIES_VERSION);

	if (head == NULL || is_sound((const struct countries *)head))
		return (struct countries *)head;
	list_unmap(&head);
	errno = EINVAL;
	return NULL;
}

void countries_unmap(struct countries **countries)
{
	list_unmap((const struct list_head **)countries);
}

const char *countries_version(const struct countries *countries)
{
	return countries != NULL ? countries->version : "";
}

struct countries_counts countries_count(const struct countries *countries)
{
	if (countries == NULL)
		return (struct countries_counts){0};
	return (struct countries_counts){.entities = countries->entities,
					 .prefixes = countries->prefixes,
					 .calls = countries->calls.entries};
}
