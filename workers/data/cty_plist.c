/* SPDX-License-Identifier: ISC
 *
 * NAME      cty (plist) - the country file as a property list
 * PURPOSE   See cty.h. A key for every prefix and call, and a small dictionary for each.
 * OWNER     data
 * CONTRACT  see cty.h. This is a scanner of tags, no parser of XML: declarations are refused, so
 *           that nothing can grow, and attributes are passed over.
 * LIMITS    CTY_DEPTH_MAX elements inside one another; VALUE_MAX bytes a value
 */
#include <string.h>

#include "workers/data/cty.h"

#define VALUE_MAX   64
#define ELEMENT_MAX 16 /* of an element */
#define CQ_MAX	    40
#define ITU_MAX	    90
#define ADIF_MAX    9999
#define ENTRY	    2 /* depth between the entries: inside plist and dict */

enum token { TOKEN_END, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_EMPTY, TOKEN_REFUSED };

/* An element's name, and the text that stands before it. */
struct tag {
	enum token token;
	char name[ELEMENT_MAX];
	char value[VALUE_MAX];
	size_t value_length; /* VALUE_MAX: it was longer */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* ---- text ---- */

static char entity_of(const char *at, const char *end, size_t *used_r)
{
	static const struct {
		const char *name;
		char c;
	} known[] = {
		{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''},
	};

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t length = strlen(known[i].name);

		if ((size_t)(end - at) >= length && memcmp(at, known[i].name, length) == 0) {
			*used_r = length;
			return known[i].c;
		}
	}
	*used_r = 1;
	return '&';
}

/* What stands from AT to END, without blanks around it. */
static void take_value(struct tag *tag, const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	while (end > at && is_blank(end[-1]))
		end--;
	tag->value_length = 0;
	while (at < end && tag->value_length < VALUE_MAX) {
		size_t used = 1;

		tag->value[tag->value_length++] = *at == '&' ? entity_of(at, end, &used) : *at;
		at += used;
	}
}

/* ---- tags ---- */

/* Behind the next END_MARK; NULL: there is none. */
static const char *behind(const struct cty *cty, const char *at, const char *end_mark)
{
	size_t length = strlen(end_mark);
	const char *found = memmem(at, (size_t)(cty->end - at), end_mark, length);

	return found != NULL ? found + length : NULL;
}

static bool begins(const struct cty *cty, const char *at, const char *text)
{
	size_t length = strlen(text);

	return (size_t)(cty->end - at) >= length && memcmp(at, text, length) == 0;
}

/* Over a comment, a processing instruction, or the document type. False: refused. */
static bool skip_aside(struct cty *cty, const char *at)
{
	const char *end;

	if (begins(cty, at, "<!--"))
		end = behind(cty, at, "-->");
	else if (begins(cty, at, "<?"))
		end = behind(cty, at, "?>");
	else if (begins(cty, at, "<!DOCTYPE"))
		end = behind(cty, at, ">");
	else
		end = NULL;
	/* a document type with declarations of its own holds a bracket */
	if (end == NULL || (begins(cty, at, "<!DOCTYPE") && memchr(at, '[', (size_t)(end - at))))
		return false;
	cty->at = end;
	return true;
}

static void take_name(struct tag *tag, const char *at, const char *end)
{
	size_t n = 0;

	while (at < end && !is_blank(*at) && *at != '/' && n < sizeof(tag->name) - 1)
		tag->name[n++] = *at++;
}

static struct tag next_tag(struct cty *cty)
{
	struct tag tag = {.token = TOKEN_REFUSED};
	const char *at, *end;

	for (;;) {
		at = memchr(cty->at, '<', (size_t)(cty->end - cty->at));
		if (at == NULL || at + 1 == cty->end || (at[1] != '!' && at[1] != '?'))
			break;
		if (!skip_aside(cty, at))
			return tag;
	}
	end = at != NULL ? memchr(at, '>', (size_t)(cty->end - at)) : NULL;
	if (end == NULL) {
		cty->at = cty->end;
		tag.token = TOKEN_END;
		return tag;
	}
	take_value(&tag, cty->at, at);
	tag.token = at[1] == '/' ? TOKEN_CLOSE : end[-1] == '/' ? TOKEN_EMPTY : TOKEN_OPEN;
	take_name(&tag, at + 1 + (tag.token == TOKEN_CLOSE), end);
	cty->at = end + 1;
	return tag;
}

/* ---- an entry ---- */

struct entry {
	bool has_name, has_prefix, has_adif;
	struct country_entity entity;
	struct cty_alias alias;
};

static void take_number(const struct tag *tag, unsigned most, uint8_t *number_r)
{
	unsigned number;

	if (cty_number(tag->value, tag->value_length, most, &number))
		*number_r = (uint8_t)number;
}

/* A value of the dictionary under KEY. What is unknown is passed over. */
static void take_pair(struct entry *entry, const char *key, const struct tag *tag)
{
	struct country_rule *rule = &entry->alias.rule;
	unsigned adif;
	int32_t west;

	if (strcmp(key, "Country") == 0) {
		entry->has_name = cty_entity_name(&entry->entity, tag->value, tag->value_length);
	} else if (strcmp(key, "Prefix") == 0) {
		entry->has_prefix =
			cty_entity_prefix(&entry->entity, tag->value, tag->value_length);
	} else if (strcmp(key, "ADIF") == 0) {
		entry->has_adif = cty_number(tag->value, tag->value_length, ADIF_MAX, &adif);
		if (entry->has_adif)
			entry->entity.adif = (uint16_t)adif;
	} else if (strcmp(key, "CQZone") == 0) {
		take_number(tag, CQ_MAX, &rule->cq);
	} else if (strcmp(key, "ITUZone") == 0) {
		take_number(tag, ITU_MAX, &rule->itu);
	} else if (strcmp(key, "Continent") == 0) {
		rule->continent = (uint8_t)continent_parse(tag->value, tag->value_length);
	} else if (strcmp(key, "Latitude") == 0) {
		cty_degrees(tag->value, tag->value_length, 90, &rule->latitude);
	} else if (strcmp(key, "Longitude") == 0) {
		if (cty_degrees(tag->value, tag->value_length, 180, &west))
			rule->longitude = -west;
	} else if (strcmp(key, "ExactCallsign") == 0) {
		entry->alias.exact = strcmp(tag->name, "true") == 0;
	}
}

static enum cty_news finish_entry(struct cty *cty, struct entry *entry)
{
	struct country_entity *entity = &entry->entity;
	const struct country_rule *rule = &entry->alias.rule;

	if (!entry->has_name || !entry->has_prefix || !entry->has_adif ||
	    rule->continent == CONTINENT_NONE)
		return cty_bad(cty, "is without name, prefix, number or continent");
	entity->cq = rule->cq;
	entity->itu = rule->itu;
	entity->continent = rule->continent;
	entity->latitude = rule->latitude;
	entity->longitude = rule->longitude;
	cty->entity = *entity;
	cty->alias = entry->alias;
	return cty_mark(cty);
}

#define REFUSED_XML  "has declarations of its own, or is no plist"
#define REFUSED_CUT  "ends in the middle of the list: it was cut off"
#define REFUSED_DEEP "has elements too deep inside one another"

static enum cty_news refused(struct cty *cty, const struct tag *tag)
{
	return cty_refuse(cty, tag->token == TOKEN_REFUSED ? REFUSED_XML : REFUSED_CUT);
}

/* False: too deep, or closed more than opened. */
static bool count_depth(struct cty *cty, const struct tag *tag)
{
	if (tag->token == TOKEN_CLOSE)
		return cty->depth-- > 0;
	cty->depth += tag->token == TOKEN_OPEN;
	return cty->depth <= CTY_DEPTH_MAX;
}

/* The dictionary of the alias whose key was read, from behind its opening tag. */
static enum cty_news take_dict(struct cty *cty, struct entry *entry)
{
	char key[VALUE_MAX + 1] = "";

	for (;;) {
		struct tag tag = next_tag(cty);

		if (tag.token == TOKEN_END || tag.token == TOKEN_REFUSED)
			return refused(cty, &tag);
		if (!count_depth(cty, &tag))
			return cty_refuse(cty, REFUSED_DEEP);
		if (cty->depth == ENTRY)
			return finish_entry(cty, entry);
		/* an element closes: the text before it is its own */
		if (tag.token == TOKEN_OPEN || cty->depth != ENTRY + 1)
			continue;
		if (strcmp(tag.name, "key") == 0) {
			size_t length = tag.value_length < VALUE_MAX ? tag.value_length : 0;

			memcpy(key, tag.value, length);
			key[length] = '\0';
		} else {
			take_pair(entry, key, &tag);
		}
	}
}

enum cty_news cty_plist_next(struct cty *cty)
{
	struct entry entry = {0};
	bool has_key = false;

	for (;;) {
		struct tag tag = next_tag(cty);

		if (tag.token == TOKEN_REFUSED || (tag.token == TOKEN_END && cty->depth > 0))
			return refused(cty, &tag);
		if (tag.token == TOKEN_END)
			return CTY_END;
		if (!count_depth(cty, &tag))
			return cty_refuse(cty, REFUSED_DEEP);
		if (tag.token == TOKEN_CLOSE && cty->depth == ENTRY &&
		    strcmp(tag.name, "key") == 0) {
			has_key = cty_key(entry.alias.key, tag.value, tag.value_length);
			if (!has_key)
				return cty_bad(cty, "is neither a prefix nor a call");
		}
		if (tag.token == TOKEN_OPEN && cty->depth == ENTRY + 1 &&
		    strcmp(tag.name, "dict") == 0) {
			enum cty_news news = take_dict(cty, &entry);

			/* without a key it is the one of a bad key, which was named */
			if (news != CTY_END && (has_key || news != CTY_ALIAS))
				return news;
			entry = (struct entry){0};
			has_key = false;
		}
	}
}
