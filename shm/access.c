/* SPDX-License-Identifier: ISC
 *
 * NAME      access - the compiled access list
 * PURPOSE   See access.h.
 * OWNER     made by data (workers/data), read by ysf, keeper, link and data
 * CONTRACT  what a set holds is found with one hash and, mostly, one cache line; an address with
 *           one such look-up for each prefix length that occurs
 * LIMITS    see list_layout.h
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shm/addr.h"
#include "shm/list_layout.h"

#define V4_BITS 96 /* of the mapped prefix */

static const char *const set_names[ACCESS_SETS] = {
	[ACCESS_CS] = "CS",   [ACCESS_AL] = "AL",   [ACCESS_SB] = "SB",
	[ACCESS_GW] = "GW",   [ACCESS_GWB] = "GWB", [ACCESS_SN] = "SN",
	[ACCESS_SUB] = "SUB", [ACCESS_IP] = "IP",   [ACCESS_IPB] = "IPB",
};

static bool is_net_set(enum access_set set)
{
	return set == ACCESS_IP || set == ACCESS_IPB;
}

static size_t entry_size(enum access_set set)
{
	return is_net_set(set) ? sizeof(struct access_net) : LIST_TEXT;
}

static const struct access_lengths *lengths_of(const struct access *access, enum access_set set)
{
	return &access->lengths[set == ACCESS_IPB];
}

/* ---- the check ---- */

static bool texts_sound(const struct access *access, enum access_set set)
{
	const struct list_table *table = &access->table[set];

	for (uint32_t i = 0; i < table->entries; i++)
		if (!list_text_sound(list_entry(&access->head, table, LIST_TEXT, i), LIST_TEXT))
			return false;
	return true;
}

static bool nets_sound(const struct access *access, enum access_set set)
{
	const struct list_table *table = &access->table[set];
	const struct access_lengths *lengths = lengths_of(access, set);

	for (uint32_t i = 0; i < table->entries; i++) {
		const struct access_net *net = list_entry(&access->head, table, sizeof(*net), i);

		if (net->length > 128)
			return false;
	}
	if (lengths->v4_count > sizeof(lengths->v4) || lengths->v6_count > sizeof(lengths->v6))
		return false;
	for (unsigned i = 0; i < lengths->v4_count; i++)
		if (lengths->v4[i] < V4_BITS || lengths->v4[i] > 128)
			return false;
	for (unsigned i = 0; i < lengths->v6_count; i++)
		if (lengths->v6[i] > 128)
			return false;
	return access->literal[set == ACCESS_IPB] <= table->entries;
}

static bool names_sound(const struct access *access)
{
	const struct access_name *name;

	if (access->names > LIST_ENTRIES_MAX ||
	    !list_inside(&access->head, access->names_at, access->names, sizeof(*name)))
		return false;
	name = (const void *)((const uint8_t *)access + access->names_at);
	for (uint32_t i = 0; i < access->names; i++)
		if (!list_text_sound(name[i].host, LIST_HOST) || !is_net_set(name[i].set))
			return false;
	return true;
}

static bool is_sound(const struct access *access)
{
	if (access->head.size < sizeof(*access))
		return false;
	for (unsigned set = 0; set < ACCESS_SETS; set++) {
		if (!list_table_sound(&access->head, &access->table[set], entry_size(set)))
			return false;
		if (is_net_set(set) ? !nets_sound(access, set) : !texts_sound(access, set))
			return false;
	}
	return names_sound(access);
}

struct access *access_map(int fd)
{
	const struct list_head *head = list_map(fd, LIST_ACCESS, ACCESS_VERSION);

	if (head == NULL || is_sound((const struct access *)head))
		return (struct access *)head;
	list_unmap(&head);
	errno = EINVAL;
	return NULL;
}

void access_unmap(struct access **access)
{
	list_unmap((const struct list_head **)access);
}

/* ---- questions ---- */

bool access_has(const struct access *access, enum access_set set, const char *text)
{
	char key[LIST_TEXT] = "";
	size_t length = strnlen(text, LIST_TEXT);

	if (access == NULL || length == 0 || length == LIST_TEXT || is_net_set(set))
		return false;
	memcpy(key, text, length);
	return list_table_find(&access->head, &access->table[set], LIST_TEXT, key, LIST_TEXT) !=
	       NULL;
}

/* The network of LENGTH bits that IP lies in. */
static struct access_net net_of(const uint8_t ip[16], unsigned length)
{
	struct access_net net = {.length = (uint8_t)length};

	memcpy(net.ip, ip, length / 8);
	if (length % 8 != 0)
		net.ip[length / 8] = (uint8_t)(ip[length / 8] & (0xff00U >> (length % 8)));
	return net;
}

bool access_has_ip(const struct access *access, enum access_set set, const uint8_t ip[16])
{
	struct addr addr = {0};

	if (access == NULL || !is_net_set(set) || access->table[set].entries == 0)
		return false;
	memcpy(addr.ip, ip, 16);
	const struct access_lengths *lengths = lengths_of(access, set);
	bool v4 = addr_is_ipv4(&addr);
	const uint8_t *length = v4 ? lengths->v4 : lengths->v6;
	unsigned count = v4 ? lengths->v4_count : lengths->v6_count;
	for (unsigned i = 0; i < count; i++) {
		struct access_net net = net_of(ip, length[i]);

		if (list_table_find(&access->head, &access->table[set], sizeof(net), &net,
				    sizeof(net)) != NULL)
			return true;
	}
	return false;
}

bool access_has_part(const struct access *access, const char *source)
{
	char upper[LIST_TEXT] = "", part[LIST_TEXT];
	size_t size = 0;

	if (access == NULL || access->table[ACCESS_SUB].entries == 0)
		return false;
	for (; size < LIST_TEXT - 2 && source[size] != '\0'; size++)
		upper[size] = (char)toupper((unsigned char)source[size]);
	for (size_t length = 1; length <= size; length++) {
		if (!access->part_lengths[length])
			continue;
		for (size_t at = 0; at + length <= size; at++) {
			memcpy(part, upper + at, length);
			part[length] = '\0';
			if (access_has(access, ACCESS_SUB, part))
				return true;
		}
	}
	return false;
}

uint32_t access_count(const struct access *access, enum access_set set)
{
	return access != NULL && set < ACCESS_SETS ? access->table[set].entries : 0;
}

static const char *net_text(const struct access_net *net, char text_r[64])
{
	struct addr addr = {0};
	char ip[ADDR_TEXT_MAX];

	memcpy(addr.ip, net->ip, sizeof(addr.ip));
	unsigned bits = net->length;
	if (addr_is_ipv4(&addr) && bits >= V4_BITS)
		bits -= V4_BITS;
	addr_ip_text(&addr, ip);
	if (net->length == 128)
		snprintf(text_r, 64, "%s", ip);
	else
		snprintf(text_r, 64, "%.54s/%u", ip, bits);
	return text_r;
}

const char *access_entry(const struct access *access, enum access_set set, uint32_t n,
			 char text_r[64])
{
	text_r[0] = '\0';
	if (n >= access_count(access, set))
		return text_r;
	const void *entry = list_entry(&access->head, &access->table[set], entry_size(set), n);
	if (is_net_set(set))
		return net_text(entry, text_r);
	snprintf(text_r, 64, "%s", (const char *)entry);
	return text_r;
}

const char *access_set_name(enum access_set set)
{
	return set < ACCESS_SETS ? set_names[set] : "?";
}
