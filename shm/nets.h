/* SPDX-License-Identifier: ISC
 *
 * NAME      nets - a list of networks in one key
 * PURPOSE   Whom a key of the configuration lets in: checked by the master, obeyed by a worker.
 * OWNER     master, link
 * CONTRACT  pure. A network of one family never holds an address of the other: "::/0" is not IPv4,
 *           although we keep IPv4 addresses in their mapped form.
 * LIMITS    as many as a text of the configuration holds
 */
#ifndef SHACKD_SHM_NETS_H
#define SHACKD_SHM_NETS_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/addr.h"
#include "shm/conf.h"
#include "shm/list_layout.h"

#define NETS_MAX (CONF_TEXT_MAX / 3) /* the shortest one is "::", and a comma */

struct nets {
	bool all; /* "*" */
	unsigned count;
	struct access_net net[NETS_MAX];
};

/* "127.0.0.0/8, 2001:db8::1"; "*" alone is everybody, an empty text is nobody. Forms of a network:
 * denylist_net. False: BAD_R is the (beginning of the) one that is none, and NETS_R is nobody. */
bool nets_parse(const char *text, struct nets *nets_r, char bad_r[ADDR_TEXT_MAX]);

/* Is ADDR in one of them? Its port does not matter, nor the scope of a link-local address unless
 * the network has one. */
bool nets_hold(const struct nets *nets, const struct addr *addr);

#endif
