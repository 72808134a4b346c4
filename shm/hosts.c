/* SPDX-License-Identifier: ISC
 *
 * NAME      hosts - host names, resolved
 * PURPOSE   See hosts.h.
 * OWNER     see hosts.h
 * CONTRACT  see hosts.h; names compare without regard to case
 * LIMITS    see list_layout.h
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "shm/list_layout.h"

static bool is_sound(const struct hosts *hosts)
{
	const struct hosts_entry *entry;

	if (hosts->head.size < sizeof(*hosts) ||
	    !list_table_sound(&hosts->head, &hosts->table, sizeof(*entry)))
		return false;
	for (uint32_t i = 0; i < hosts->table.entries; i++) {
		entry = list_entry(&hosts->head, &hosts->table, sizeof(*entry), i);
		if (!list_text_sound(entry->host, LIST_HOST) || entry->count > HOSTS_ADDRS)
			return false;
	}
	return true;
}

struct hosts *hosts_map(int fd)
{
	const struct list_head *head = list_map(fd, LIST_HOSTS, HOSTS_VERSION);

	if (head == NULL || is_sound((const struct hosts *)head))
		return (struct hosts *)head;
	list_unmap(&head);
	errno = EINVAL;
	return NULL;
}

void hosts_unmap(struct hosts **hosts)
{
	list_unmap((const struct list_head **)hosts);
}

unsigned hosts_get(const struct hosts *hosts, const char *name, uint8_t ip_r[HOSTS_ADDRS][16])
{
	char key[LIST_HOST] = "";
	const struct hosts_entry *entry;

	if (hosts == NULL || strnlen(name, LIST_HOST) == LIST_HOST)
		return 0;
	for (size_t i = 0; name[i] != '\0'; i++)
		key[i] = (char)tolower((unsigned char)name[i]);
	entry = list_table_find(&hosts->head, &hosts->table, sizeof(*entry), key, LIST_HOST);
	if (entry == NULL)
		return 0;
	memcpy(ip_r, entry->ip, entry->count * sizeof(entry->ip[0]));
	return entry->count;
}

bool hosts_address(const struct hosts *hosts, const char *name, uint16_t port, unsigned *turn,
		   struct addr *addr_r)
{
	uint8_t ip[HOSTS_ADDRS][16];
	unsigned found;

	if (addr_parse(name, port, addr_r) == 0)
		return true;
	found = hosts_get(hosts, name, ip);
	if (found == 0)
		return false;
	*addr_r = (struct addr){.port = port};
	memcpy(addr_r->ip, ip[(*turn)++ % found], 16);
	return true;
}
