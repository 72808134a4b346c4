/* SPDX-License-Identifier: ISC
 *
 * NAME      known - calls that are known to be real
 * PURPOSE   See country.h.
 * OWNER     made by data, read by feed, spot and dxc
 * CONTRACT  one hash, and mostly one cache line
 * LIMITS    LIST_ENTRIES_MAX calls
 */
#include <errno.h>
#include <string.h>

#include "shm/list_layout.h"

static bool is_sound(const struct known *known)
{
	if (known->head.size < sizeof(*known) ||
	    !list_table_sound(&known->head, &known->table, CALL_TEXT_SIZE))
		return false;
	for (uint32_t i = 0; i < known->table.entries; i++)
		if (!list_text_sound(list_entry(&known->head, &known->table, CALL_TEXT_SIZE, i),
				     CALL_TEXT_SIZE))
			return false;
	return true;
}

struct known *known_map(int fd)
{
	const struct list_head *head = list_map(fd, LIST_KNOWN, KNOWN_VERSION);

	if (head == NULL || is_sound((const struct known *)head))
		return (struct known *)head;
	list_unmap(&head);
	errno = EINVAL;
	return NULL;
}

void known_unmap(struct known **known)
{
	list_unmap((const struct list_head **)known);
}

static bool has(const struct known *known, const char *call, size_t length)
{
	char key[CALL_TEXT_SIZE] = "";

	memcpy(key, call, length);
	return list_table_find(&known->head, &known->table, CALL_TEXT_SIZE, key, CALL_TEXT_SIZE) !=
	       NULL;
}

bool known_has(const struct known *known, const char *call)
{
	size_t length = strnlen(call, CALL_TEXT_SIZE), base_length;
	char base[CALL_TEXT_SIZE];

	if (known == NULL || length == 0 || length == CALL_TEXT_SIZE)
		return false;
	if (has(known, call, length))
		return true;
	call_base(call, base);
	base_length = strlen(base);
	return base_length > 0 && base_length < length && has(known, base, base_length);
}

uint32_t known_count(const struct known *known)
{
	return known != NULL ? known->table.entries : 0;
}
