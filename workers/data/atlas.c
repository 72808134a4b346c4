/* SPDX-License-Identifier: ISC
 *
 * NAME      atlas - what a country file says, on its way into a list
 * PURPOSE   See atlas.h.
 * OWNER     data
 * CONTRACT  see atlas.h
 * LIMITS    see atlas.h
 */
#include "workers/data/atlas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "workers/data/image.h"

/* The prefix and its star. */
#define ENTITY_KEY offsetof(struct country_entity, reserved)

bool atlas_init(struct atlas *atlas)
{
	bool good;

	memset(atlas, 0, sizeof(*atlas));
	good = rows_init(&atlas->entities, sizeof(struct country_entity), ENTITY_KEY);
	good = rows_init(&atlas->rules, sizeof(struct country_rule), sizeof(struct country_rule)) &&
	       good;
	good = rows_init(&atlas->prefixes, sizeof(struct country_call), CALL_TEXT_SIZE) && good;
	return rows_init(&atlas->calls, sizeof(struct country_call), CALL_TEXT_SIZE) && good;
}

void atlas_free(struct atlas *atlas)
{
	rows_free(&atlas->entities);
	rows_free(&atlas->rules);
	rows_free(&atlas->prefixes);
	rows_free(&atlas->calls);
}

/* The entity's number; -1: no room. */
static int32_t put_entity(struct atlas *atlas, const struct country_entity *entity)
{
	uint32_t number;

	if (atlas->entities.count >= COUNTRY_ENTITIES_MAX &&
	    rows_find(&atlas->entities, entity) == NULL)
		return -1;
	return rows_put(&atlas->entities, entity, &number) != ROWS_FULL ? (int32_t)number : -1;
}

static int32_t put_rule(struct atlas *atlas, const struct country_rule *rule)
{
	uint32_t number;

	if (rows_put(&atlas->rules, rule, &number) == ROWS_FULL ||
	    atlas->rules.count > COUNTRY_RULES_MAX)
		return -1;
	return (int32_t)number;
}

static bool put_key(struct rows *rows, const char *key, uint16_t rule, uint32_t most)
{
	struct country_call call = {.rule = rule};
	struct country_call *former;

	memcpy(call.call, key, sizeof(call.call));
	former = rows_find(rows, call.call);
	if (former != NULL)
		former->rule = rule;
	return former != NULL || (rows->count < most && rows_put(rows, &call, NULL) == ROWS_NEW);
}

bool atlas_take(struct atlas *atlas, const struct cty *cty, enum cty_news news)
{
	struct country_rule rule = cty->alias.rule;
	int32_t entity, number;

	if (news == CTY_VERSION)
		memcpy(atlas->version, cty->version, sizeof(atlas->version));
	if (news != CTY_ENTITY && news != CTY_ALIAS)
		return true;
	entity = put_entity(atlas, &cty->entity);
	if (entity < 0 || news == CTY_ENTITY)
		return entity >= 0;
	rule.entity = (uint16_t)entity;
	number = put_rule(atlas, &rule);
	if (number < 0)
		return false;
	return cty->alias.exact
		       ? put_key(&atlas->calls, cty->alias.key, (uint16_t)number, COUNTRY_CALLS_MAX)
		       : put_key(&atlas->prefixes, cty->alias.key, (uint16_t)number,
				 COUNTRY_PREFIXES_MAX);
}

/* ---- the tree ---- */

struct tree {
	struct country_node *node;
	uint32_t count, room;
};

/* The number of a new node; 0: no room. */
static uint16_t add_node(struct tree *tree)
{
	if (tree->count == tree->room) {
		uint32_t room = tree->room != 0 ? tree->room * 2 : 64;
		struct country_node *node = realloc(tree->node, room * sizeof(*node));

		if (node == NULL || tree->count >= COUNTRY_NODES_MAX) {
			tree->node = node != NULL ? node : tree->node;
			return 0;
		}
		tree->node = node;
		tree->room = room;
	}
	memset(&tree->node[tree->count], 0, sizeof(*tree->node));
	return (uint16_t)tree->count++;
}

static bool add_prefix(struct tree *tree, const struct country_call *prefix)
{
	size_t length = strlen(prefix->call);
	uint16_t at = 0;

	for (size_t i = 0; i + 1 < length; i++) {
		unsigned sign = country_sign(prefix->call[i]);
		uint16_t next = tree->node[at].edge[sign].node;

		if (next == 0) {
			next = add_node(tree);
			if (next == 0)
				return false;
			tree->node[at].edge[sign].node = next;
		}
		at = next;
	}
	tree->node[at].edge[country_sign(prefix->call[length - 1])].rule =
		(uint16_t)(prefix->rule + 1);
	return true;
}

static bool grow_tree(struct tree *tree, const struct rows *prefixes)
{
	*tree = (struct tree){0};
	add_node(tree);
	if (tree->count == 0)
		return false;
	for (uint32_t i = 0; i < prefixes->count; i++)
		if (!add_prefix(tree, rows_at(prefixes, i)))
			return false;
	return true;
}

/* ---- the list ---- */

/* Copies COUNT things of SIZE bytes into the image. Returns where, 0: no memory. */
static uint64_t lay(struct image *image, const void *things, uint32_t count, size_t size)
{
	size_t at = image_space(image, count * size);

	if (at != 0 && count > 0)
		memcpy(image->data + at, things, count * size);
	return at;
}

static enum laid lay_out(struct image *image, const struct atlas *atlas, const struct tree *tree,
			 unsigned try, const struct compile_help *help)
{
	struct list_table calls;
	enum laid laid = image_table(image, &atlas->calls, try, &calls, help);
	uint64_t entities = lay(image, atlas->entities.entry, atlas->entities.count,
				sizeof(struct country_entity));
	uint64_t rules =
		lay(image, atlas->rules.entry, atlas->rules.count, sizeof(struct country_rule));
	uint64_t nodes = lay(image, tree->node, tree->count, sizeof(struct country_node));
	struct countries *list = (void *)image->data;

	if (entities == 0 || rules == 0 || nodes == 0)
		return LAID_NO_MEMORY;
	list->calls = calls;
	list->entities = atlas->entities.count;
	list->rules = atlas->rules.count;
	list->nodes = tree->count;
	list->prefixes = atlas->prefixes.count;
	list->entities_at = entities;
	list->rules_at = rules;
	list->nodes_at = nodes;
	memcpy(list->version, atlas->version, sizeof(list->version));
	return laid;
}

static int compile_with(const struct atlas *atlas, const struct tree *tree,
			const struct list_source *source, const struct compile_help *help)
{
	struct image image;

	for (unsigned try = 0; try < IMAGE_TRIES; try++) {
		enum laid laid;

		if (!image_begin(&image, sizeof(struct countries)))
			return image_give_up(&image, ENOMEM);
		image_head(&image, LIST_COUNTRIES, COUNTRIES_VERSION);
		((struct countries *)(void *)image.data)->source = *source;
		laid = lay_out(&image, atlas, tree, try, help);
		if (laid == LAID)
			return image_seal(&image, LIST_COUNTRIES);
		image_give_up(&image, laid == LAID_NO_MEMORY ? ENOMEM : ELOOP);
		if (laid == LAID_NO_MEMORY)
			return -1;
	}
	return -1;
}

int atlas_compile(const struct atlas *atlas, const struct list_source *source,
		  const struct compile_help *help)
{
	struct tree tree;
	int fd = -1, error;

	if (grow_tree(&tree, &atlas->prefixes))
		fd = compile_with(atlas, &tree, source, help);
	else
		errno = ENOMEM;
	error = errno;
	free(tree.node);
	errno = error;
	return fd;
}

/* Two calls that any country file must know. */
static bool knows(const struct countries *countries, const char *call, unsigned adif)
{
	struct country country;

	return country_of(countries, call, &country) && country.adif == adif;
}

const char *atlas_objection(const struct countries *countries)
{
	struct countries_counts counts = countries_count(countries);

	if (counts.entities < ATLAS_ENTITIES_MIN)
		return "has fewer than 300 entities";
	if (counts.prefixes < ATLAS_PREFIXES_MIN)
		return "has fewer than 5000 prefixes";
	if (!knows(countries, "W1AW", 291) || !knows(countries, "DL1AA", 230))
		return "does not know W1AW or DL1AA";
	return NULL;
}
