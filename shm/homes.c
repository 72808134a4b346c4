/* SPDX-License-Identifier: ISC
 *
 * NAME      homes - the compiled home list
 * PURPOSE   See homes.h.
 * OWNER     made by data, read by ysf and keeper
 * CONTRACT  see homes.h
 * LIMITS    see list_layout.h
 */
#include <errno.h>
#include <string.h>

#include "shm/list_layout.h"

#define DGID_MAX 99

static bool is_sound(const struct homes *homes)
{
	const struct homes_entry *entry;

	if (homes->head.size < sizeof(*homes) ||
	    !list_table_sound(&homes->head, &homes->table, sizeof(*entry)))
		return false;
	for (uint32_t i = 0; i < homes->table.entries; i++) {
		entry = list_entry(&homes->head, &homes->table, sizeof(*entry), i);
		if (!list_text_sound(entry->name, LIST_TEXT) || entry->dgid < 1 ||
		    entry->dgid > DGID_MAX || entry->fixed > 1)
			return false;
	}
	return true;
}

struct homes *homes_map(int fd)
{
	const struct list_head *head = list_map(fd, LIST_HOMES, HOMES_VERSION);

	if (head == NULL || is_sound((const struct homes *)head))
		return (struct homes *)head;
	list_unmap(&head);
	errno = EINVAL;
	return NULL;
}

void homes_unmap(struct homes **homes)
{
	list_unmap((const struct list_head **)homes);
}

static void rule_of(const struct homes_entry *entry, struct home_rule *rule_r)
{
	*rule_r = (struct home_rule){.dgid = entry->dgid,
				     .fixed = entry->fixed != 0,
				     .seconds = entry->fixed ? 0 : entry->seconds};
}

bool homes_get(const struct homes *homes, const char *name, struct home_rule *rule_r)
{
	char key[LIST_TEXT] = "";
	size_t length = strnlen(name, LIST_TEXT);
	const struct homes_entry *entry;

	if (homes == NULL || length == 0 || length == LIST_TEXT)
		return false;
	memcpy(key, name, length);
	entry = list_table_find(&homes->head, &homes->table, sizeof(*entry), key, LIST_TEXT);
	if (entry == NULL)
		return false;
	rule_of(entry, rule_r);
	return true;
}

uint32_t homes_count(const struct homes *homes)
{
	return homes != NULL ? homes->table.entries : 0;
}

const char *homes_entry(const struct homes *homes, uint32_t n, struct home_rule *rule_r)
{
	const struct homes_entry *entry;

	*rule_r = (struct home_rule){0};
	if (n >= homes_count(homes))
		return "";
	entry = list_entry(&homes->head, &homes->table, sizeof(*entry), n);
	rule_of(entry, rule_r);
	return entry->name;
}
