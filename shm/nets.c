/* SPDX-License-Identifier: ISC
 *
 * NAME      nets - a list of networks in one key
 * PURPOSE   See nets.h.
 * OWNER     master, link
 * CONTRACT  see nets.h
 * LIMITS    see nets.h
 */
#include "shm/nets.h"

#include <string.h>

#include "shm/denylist.h"
#include "shm/text.h"

#define V4_BITS 96 /* of the mapped prefix */

static bool bad(struct nets *nets, const char *item, char bad_r[ADDR_TEXT_MAX])
{
	strncpy(bad_r, item, ADDR_TEXT_MAX - 1);
	bad_r[ADDR_TEXT_MAX - 1] = '\0';
	nets->count = 0;
	return false;
}

bool nets_parse(const char *text, struct nets *nets_r, char bad_r[ADDR_TEXT_MAX])
{
	char copy[CONF_TEXT_MAX], *rest = copy, *item;

	memset(nets_r, 0, sizeof(*nets_r));
	if (!text_copy(copy, sizeof(copy), text))
		return bad(nets_r, text, bad_r);
	item = text_trim(copy);
	nets_r->all = strcmp(item, "*") == 0;
	if (nets_r->all || *item == '\0')
		return true;
	for (rest = item; (item = strsep(&rest, ",")) != NULL; nets_r->count++) {
		item = text_trim(item);
		if (nets_r->count == NETS_MAX || !denylist_net(item, &nets_r->net[nets_r->count]))
			return bad(nets_r, item, bad_r);
	}
	return true;
}

static bool same_bits(const uint8_t a[16], const uint8_t b[16], unsigned bits)
{
	unsigned bytes = bits / 8, more = bits % 8;

	return memcmp(a, b, bytes) == 0 &&
	       (more == 0 || ((a[bytes] ^ b[bytes]) & (0xff00U >> more) & 0xffU) == 0);
}

static bool holds(const struct access_net *net, const struct addr *addr)
{
	struct addr base = {0}, seen = *addr;

	memcpy(base.ip, net->ip, sizeof(base.ip));
	if ((net->length >= V4_BITS && addr_is_ipv4(&base)) != addr_is_ipv4(addr))
		return false;
	/* a scope is in bytes 2 and 3 (addr.h) */
	if (seen.ip[0] == 0xfe && (seen.ip[1] & 0xc0) == 0x80 && base.ip[2] == 0 && base.ip[3] == 0)
		memset(seen.ip + 2, 0, 2);
	return same_bits(base.ip, seen.ip, net->length);
}

bool nets_hold(const struct nets *nets, const struct addr *addr)
{
	for (unsigned i = 0; i < nets->count; i++)
		if (holds(&nets->net[i], addr))
			return true;
	return nets->all;
}
